package cmdutil

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// ChooseDevice returns a function that asks, by prompt, which of several second factors is at hand. An empty answer
// is the first one.
func ChooseDevice(prompt func(ctx context.Context, question string, secret bool) (string, error)) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, serials []string) (string, error) {
		var names []string
		for i, serial := range serials {
			names = append(names, strconv.Itoa(i+1)+" "+serial)
		}
		question := "MFA device: " + strings.Join(names, ", ") + " [1]: "
		for range 3 {
			answer, err := prompt(ctx, question, false)
			if err != nil {
				return "", err
			}
			if answer == "" {
				return serials[0], nil
			}
			for i, serial := range serials {
				if answer == strconv.Itoa(i+1) || answer == serial {
					return serial, nil
				}
			}
		}
		return "", fmt.Errorf("no device was chosen: answer with a number from 1 to %d", len(serials))
	}
}
