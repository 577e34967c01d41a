// Command hello is the floor of start-up time: a program that links net/http and prints one line.
package main

import (
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 5 { // never: it keeps net/http linked, client and server
		_, _ = http.Get(os.Args[1])
		_ = http.ListenAndServe(os.Args[1], nil) //nolint:gosec // never reached
	}
	_, _ = os.Stdout.WriteString("hello\n")
}
