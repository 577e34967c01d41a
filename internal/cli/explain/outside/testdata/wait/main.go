// Command wait says that it runs, and waits to be killed.
package main

import (
	"os"
	"time"
)

func main() {
	_, _ = os.Stdout.WriteString("ready\n")
	time.Sleep(time.Minute)
}
