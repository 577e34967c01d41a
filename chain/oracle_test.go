package chain

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

// situation is a made-up machine on which the SDKs agree: every profile is of one kind, and only one source of
// each kind is there.
type situation struct {
	Env                 map[string]string `json:"env"`
	Config, Credentials string
	Profile             string `json:"profile"`
}

// randomSituation makes profiles p0…p5 of random kinds in random spellings. Sources point to earlier
// profiles only, so that there are no loops.
func randomSituation(r *rand.Rand) situation {
	s := situation{Env: map[string]string{}}
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	var conf, creds strings.Builder
	eq := func() string { return pick("=", " = ", "= ", "  =\t") }
	for i := range 6 {
		name := fmt.Sprintf("p%d", i)
		if i == 5 {
			name = "default"
		}
		head := "[profile " + name + "]"
		if name == "default" {
			head = pick("[default]", "[profile default]")
		}
		conf.WriteString(pick("", "\n", "# c\n", "; c\n") + head + pick("", " # c") + "\n")
		static := func(w *strings.Builder) {
			fmt.Fprintf(w, "%s%sAK%d\n%s%sSK%d\n", pick("aws_access_key_id", "AWS_ACCESS_KEY_ID"), eq(), i, "aws_secret_access_key", eq(), i)
			if r.IntN(2) == 0 {
				fmt.Fprintf(w, "aws_session_token%sST%d\n", eq(), i)
			}
		}
		kind := r.IntN(6)
		switch {
		case kind == 0:
			static(&conf)
		case kind == 1:
			creds.WriteString("[" + name + "]\n")
			static(&creds)
		case kind == 2:
			fmt.Fprintf(&conf, "credential_process%sprintf '{\"Version\":1,\"AccessKeyId\":\"AKPROC%d\",\"SecretAccessKey\":\"S\"}'\n", eq(), i)
		case i > 0:
			fmt.Fprintf(&conf, "role_arn%sarn:aws:iam::111122223333:role/R%d\nsource_profile%sp%d\n", eq(), i, eq(), r.IntN(min(i, 5)))
			if r.IntN(2) == 0 {
				fmt.Fprintf(&conf, "external_id%sx%d\n", eq(), i)
			}
		default:
			static(&conf)
		}
		if r.IntN(2) == 0 {
			conf.WriteString("s3 =\n  addressing_style = path\nregion = eu-west-1\n")
		}
	}
	s.Config, s.Credentials = conf.String(), creds.String()
	switch r.IntN(4) {
	case 0:
		s.Profile = fmt.Sprintf("p%d", r.IntN(6)) // p5 does not exist
	case 1:
		s.Env["AWS_PROFILE"] = fmt.Sprintf("p%d", r.IntN(6))
	case 2:
		s.Env["AWS_ACCESS_KEY_ID"], s.Env["AWS_SECRET_ACCESS_KEY"] = "AKENV", "SKENV"
	}
	return s
}

// stage writes the situation's files and returns its environment; STS is the world's.
func stage(t *testing.T, s situation, w *world) (environ []string) {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": s.Config, "credentials": s.Credentials} {
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_STS=" + w.URL, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true"}
	for k, v := range s.Env {
		environ = append(environ, k+"="+v)
	}
	return environ
}

// ours is what this chain makes of a situation.
func ours(t *testing.T, s situation, environ []string) string {
	t.Helper()
	c, err := New(Options{Environ: environ, Profile: s.Profile, Sessions: NoSessions{}})
	if err != nil {
		t.Fatal(err)
	}
	creds, err := c.Retrieve(t.Context())
	if err != nil {
		return "fails"
	}
	return creds.AccessKeyID
}

// TestAgainstGoSDK compares the chain with the SDK for Go v2 on random situations of the kind on which
// the SDKs agree. Where they do not, TestVectors has the recorded outcomes.
func TestAgainstGoSDK(t *testing.T) {
	w := newWorld(t, vector{})
	r := rand.New(rand.NewPCG(20261122, 1)) //nolint:gosec // reproducible situations
	found := 0
	for n := range 150 {
		s := randomSituation(r)
		environ := stage(t, s, w)
		got := ours(t, s, environ)
		if got != "fails" {
			found++
		}
		if want := goSDK(t, s, environ); got != want {
			t.Errorf("situation %d: got %s, the SDK for Go %s\nenv %v, profile %q\nconfig:\n%s\ncredentials:\n%s", n, got, want, s.Env, s.Profile, s.Config, s.Credentials)
		}
	}
	if found < 75 {
		t.Errorf("only %d situations yield credentials: they test nothing", found)
	}
}

func goSDK(t *testing.T, s situation, environ []string) string {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	home := os.Getenv("HOME")
	options := []func(*config.LoadOptions) error{
		// The SDK fixed the files' places when the program started.
		config.WithSharedConfigFiles([]string{filepath.Join(home, ".aws", "config")}),
		config.WithSharedCredentialsFiles([]string{filepath.Join(home, ".aws", "credentials")}),
		config.WithAssumeRoleCredentialOptions(func(*stscreds.AssumeRoleOptions) {}),
	}
	if s.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.Profile))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return "fails"
	}
	creds, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		return "fails"
	}
	return creds.AccessKeyID
}
