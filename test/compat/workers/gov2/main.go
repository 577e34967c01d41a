// Command gov2 is the AWS SDK for Go v2: it reads situations as JSON lines and answers each with a JSON line.
// HOME must not change between them, since the SDK looks at it once.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

type answer struct {
	Kind   string `json:"kind"`
	AKID   string `json:"akid,omitempty"`
	Source string `json:"source,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var s struct {
			Env     map[string]string
			Profile string
		}
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Clearenv()
		for name, value := range s.Env {
			if err := os.Setenv(name, value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err := out.Encode(resolve(s.Profile)); err != nil {
			os.Exit(1)
		}
	}
}

func resolve(profile string) answer {
	var options []func(*config.LoadOptions) error
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return answer{Kind: "error", Detail: "load: " + err.Error()}
	}
	credentials, err := cfg.Credentials.Retrieve(context.Background())
	switch {
	case err == nil:
		return answer{Kind: "ok", AKID: credentials.AccessKeyID, Source: source(credentials.Source)}
	case strings.Contains(err.Error(), "no EC2 IMDS role found"):
		return answer{Kind: "none", Detail: err.Error()}
	}
	return answer{Kind: "error", Detail: err.Error()}
}

// source is the kind that the SDK's name for a provider tells, "" if it tells none.
func source(name string) string {
	name, _, _ = strings.Cut(name, ":")
	return map[string]string{
		"EnvConfigCredentials": "env", "SharedConfigCredentials": "static", "ProcessProvider": "process", "SSOProvider": "sso",
		"LoginProvider": "login", "CredentialsEndpointProvider": "container", "EC2RoleProvider": "imds", "WebIdentityCredentials": "webid",
	}[name]
}
