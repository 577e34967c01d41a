// Command rolecall is the client and the agent.
package main

import (
	"os"

	"github.com/rolecall-dev/rolecall/internal/cli"
)

func main() { os.Exit(cli.Main()) }
