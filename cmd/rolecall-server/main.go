// Command rolecall-server is the identity plane, and `demo`: plane, agent and client together.
package main

import (
	"os"

	"github.com/rolecall-dev/rolecall/internal/cli/server"
)

func main() { os.Exit(server.Main()) }
