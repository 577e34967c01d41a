package cmdutil

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

func prompt(ctx context.Context, io *iostreams.IOStreams, question string, secret bool) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	tty, err := io.OpenTTY()
	if err != nil {
		return "", fmt.Errorf("%q needs an answer: %w", strings.TrimRight(question, ": "), err)
	}
	defer func() { _ = tty.Close() }()
	if _, err := fmt.Fprint(tty, question); err != nil {
		return "", fmt.Errorf("writing to the terminal: %w", err)
	}
	if secret {
		answer, err := tty.ReadSecret()
		return strings.TrimSpace(answer), err
	}
	answer, err := bufio.NewReader(tty).ReadString('\n')
	if err != nil && answer == "" {
		return "", fmt.Errorf("reading from the terminal: %w", err)
	}
	return strings.TrimSpace(answer), nil
}
