package chain_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

const loginSession = "arn:aws:iam::111122223333:user/ada"

func TestLoginSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config string
		// environ may name the service as URL.
		environ []string
		dir     string
		want    string
	}{
		"endpoint from the environment":  {"", []string{"AWS_ENDPOINT_URL_SIGNIN=URL"}, ".aws/login/cache", ""},
		"the general endpoint":           {"", []string{"AWS_ENDPOINT_URL=URL"}, ".aws/login/cache", ""},
		"endpoint of the profile":        {"endpoint_url = URL", nil, ".aws/login/cache", ""},
		"endpoint of a services section": {"services = s\n[services s]\nsignin =\n  endpoint_url = URL\n", nil, ".aws/login/cache", ""},
		"another cache":                  {"", []string{"AWS_ENDPOINT_URL_SIGNIN=URL", "AWS_LOGIN_CACHE_DIRECTORY=HOME/elsewhere"}, "elsewhere", ""},
		"another cache below home":       {"", []string{"AWS_ENDPOINT_URL_SIGNIN=URL", "AWS_LOGIN_CACHE_DIRECTORY=~/elsewhere"}, "elsewhere", ""},
		"endpoint and FIPS":              {"use_fips_endpoint = true", []string{"AWS_ENDPOINT_URL_SIGNIN=URL"}, ".aws/login/cache", "FIPS endpoints are asked for"},
		"endpoint and dual stack":        {"", []string{"AWS_ENDPOINT_URL_SIGNIN=URL", "AWS_USE_DUALSTACK_ENDPOINT=true"}, ".aws/login/cache", "dual-stack endpoints are asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := signin.New()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			m := newMachine(t, newFakeSTS(t), "")
			r := strings.NewReplacer("URL", s.URL, "HOME", m.home)
			m.write(t, ".aws/config", "[profile p]\nlogin_session = "+loginSession+"\n"+r.Replace(tc.config)+"\n")
			for _, kv := range tc.environ {
				name, value, _ := strings.Cut(kv, "=")
				m.options.Environ = append(m.options.Environ, name+"="+r.Replace(value))
			}
			token, err := json.Marshal(s.Token(time.Now().Add(-time.Hour), true))
			if err != nil {
				t.Fatal(err)
			}
			m.write(t, strings.TrimPrefix(signin.Path(filepath.Join("/", tc.dir), loginSession), "/"), string(token))
			creds, err := m.retrieve(t)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) || s.Calls() != 0 {
					t.Errorf("got %v, want %s", err, tc.want)
				}
				return
			}
			if err != nil || creds.AccessKeyID != signin.AccessKeyID(1) || len(s.Faults()) > 0 {
				t.Errorf("%s, %v, %v", creds.AccessKeyID, err, s.Faults())
			}
		})
	}
}

// TestLoginAsASource: a role is assumed with the session's credentials, which the SDK for Go forgets to allow.
func TestLoginAsASource(t *testing.T) {
	t.Parallel()
	s, err := signin.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fake := newFakeSTS(t)
	m := newMachine(t, fake, "[profile p]\nrole_arn = arn:aws:iam::111122223333:role/R\nsource_profile = ada\n[profile ada]\nlogin_session = "+loginSession+"\n")
	m.options.Environ = append(m.options.Environ, "AWS_ENDPOINT_URL_SIGNIN="+s.URL)
	_, err = m.retrieve(t)
	var again *login.SignInError
	if !errors.As(err, &again) || again.Command() != "aws login --profile ada" {
		t.Errorf("nobody is signed in: %v", err)
	}
	token, err := json.Marshal(s.Token(time.Now().Add(-time.Hour), false))
	if err != nil {
		t.Fatal(err)
	}
	path := m.write(t, strings.TrimPrefix(signin.Path("/.aws/login/cache", loginSession), "/"), string(token))
	creds, err := m.retrieve(t)
	if err != nil || creds.AccessKeyID != "ASIAR" {
		t.Fatalf("%s, %v", creds.AccessKeyID, err)
	}
	trail := creds.Origin.Trail()
	if len(trail) != 3 || trail[1].Source != "login" || trail[2].Source != "login-token" || trail[2].Location != path {
		t.Errorf("origin %s", creds.Origin)
	}
}

// TestLoginIsExplained without a call, and without touching the file.
func TestLoginIsExplained(t *testing.T) {
	t.Parallel()
	s, err := signin.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := newMachine(t, newFakeSTS(t), "[profile p]\nlogin_session = "+loginSession+"\n")
	token := s.Token(time.Now().Add(-time.Hour), false)
	text, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	path := m.write(t, strings.TrimPrefix(signin.Path("/.aws/login/cache", loginSession), "/"), string(text))
	c, err := chain.New(m.options)
	if err != nil {
		t.Fatal(err)
	}
	steps := c.Steps(c.Links()[c.Winner()])
	if len(steps) == 0 || steps[0].Source != "login" || steps[0].ExpiresFrom != path || !steps[0].Renews || steps[0].Fault != nil || steps[0].Expires.IsZero() {
		t.Errorf("%+v", steps)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(text) || s.Calls() != 0 {
		t.Errorf("%d calls, %v", s.Calls(), err)
	}
}
