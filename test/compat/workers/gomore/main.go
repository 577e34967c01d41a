// Command gomore is three more Go programs' ways to credentials, chosen by the argument: the AWS SDK for Go v1 ("go-v1"), Terraform's
// aws-sdk-go-base ("terraform") and minio-go's usual chain ("minio-go"). It reads situations as JSON lines and answers each with
// a JSON line. HOME must not change between them, since some look at it once.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type answer struct {
	Kind   string `json:"kind"`
	AKID   string `json:"akid,omitempty"`
	Source string `json:"source,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func failed(err error) answer    { return answer{Kind: "error", Detail: err.Error()} }
func nothing(err error) answer   { return answer{Kind: "none", Detail: err.Error()} }
func got(id, kind string) answer { return answer{Kind: "ok", AKID: id, Source: kind} }

func main() {
	if len(os.Args) != 2 {
		fatal("want one argument")
	}
	ask := map[string]func(profile string) answer{"go-v1": goV1, "terraform": terraform, "minio-go": minioGo}[os.Args[1]]
	if ask == nil {
		fatal(os.Args[1] + " is not known")
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var s struct {
			Env     map[string]string
			Profile string
		}
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			fatal(err.Error())
		}
		os.Clearenv()
		for name, value := range s.Env {
			if err := os.Setenv(name, value); err != nil {
				fatal(err.Error())
			}
		}
		if err := out.Encode(ask(s.Profile)); err != nil {
			os.Exit(1)
		}
	}
}

func fatal(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}
