package chain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
)

const canary = "CANARYSECRET"

// fakeSTS answers every call that issues a session, and remembers what it was asked.
type fakeSTS struct {
	*httptest.Server
	mu    sync.Mutex
	forms []url.Values
	// refuse is an error code to answer with.
	refuse string
}

func newFakeSTS(t *testing.T) *fakeSTS {
	t.Helper()
	s := &fakeSTS{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)           //nolint:errcheck // the form tells
	form, _ := url.ParseQuery(string(body)) //nolint:errcheck // the form tells
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forms = append(s.forms, form)
	if s.refuse != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>The requested DurationSeconds exceeds the 1 hour session limit</Message></Error></ErrorResponse>", s.refuse)
		return
	}
	_, role, _ := strings.Cut(form.Get("RoleArn"), "role/")
	_, _ = fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]s</AccessKeyId><SecretAccessKey>%[3]s</SecretAccessKey><SessionToken>T</SessionToken><Expiration>%[4]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		form.Get("Action"), role, canary, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// last is the newest request without what every one has.
func (s *fakeSTS) last(t *testing.T) url.Values {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forms) == 0 {
		t.Fatal("STS was not asked")
	}
	form := s.forms[len(s.forms)-1]
	form.Del("Version")
	return form
}

func (s *fakeSTS) calls() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.forms) }

// machine is a home folder with a config file.
type machine struct {
	home    string
	options chain.Options
	log     *bytes.Buffer
}

func newMachine(t *testing.T, s *fakeSTS, config string) *machine {
	t.Helper()
	m := &machine{home: t.TempDir(), log: &bytes.Buffer{}}
	m.write(t, ".aws/config", config)
	m.options = chain.Options{
		Environ: []string{
			"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_STS=" + s.URL, "AWS_REGION=us-east-1",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_PROFILE=p",
		},
		Sessions: chain.NoSessions{}, Logger: slog.New(slog.NewTextHandler(m.log, nil)),
	}
	return m
}

func (m *machine) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(m.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *machine) retrieve(t *testing.T) (rolecall.Credentials, error) {
	t.Helper()
	c, err := chain.New(m.options)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := c.Retrieve(t.Context())
	if err != nil && errors.Is(err, rolecall.ErrNotHere) {
		t.Errorf("a source that is there is taken for absent: %v", err)
	}
	if err != nil && strings.Contains(err.Error()+m.log.String(), canary) {
		t.Errorf("a secret shows: %v\n%s", err, m.log)
	}
	return creds, err
}

const base = `
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = ` + canary + `
[profile p]
role_arn = arn:aws:iam::111122223333:role/R
source_profile = base
role_session_name = me
`

func TestSettingsOfARole(t *testing.T) {
	t.Parallel()
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}`
	compact := strings.ReplaceAll(policy, ": ", ":")
	compact = strings.ReplaceAll(compact, ", ", ",")
	for name, tc := range map[string]struct {
		settings string
		want     url.Values
	}{
		"none":           {"", url.Values{}},
		"the AWS files'": {"external_id = x\nduration_seconds = 900\n", url.Values{"ExternalId": {"x"}, "DurationSeconds": {"900"}}},
		"rolecall's own": {"source_identity = ada@example.com\nsession_tags = team = a, cost=1=2,empty=\ntransitive_session_tags = Team\nsession_policy_arns = arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B\nsession_policy = " + policy + "\n", url.Values{
			"SourceIdentity": {"ada@example.com"}, "Policy": {compact},
			"Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"a"}, "Tags.member.2.Key": {"cost"}, "Tags.member.2.Value": {"1=2"},
			"Tags.member.3.Key": {"empty"}, "Tags.member.3.Value": {""}, "TransitiveTagKeys.member.1": {"Team"},
			"PolicyArns.member.1.arn": {"arn:aws:iam::aws:policy/A"}, "PolicyArns.member.2.arn": {"arn:aws:iam::aws:policy/B"},
		}},
		"a policy in a file": {"session_policy = file://~/policy.json\n", url.Values{"Policy": {compact}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeSTS(t)
			m := newMachine(t, s, base+tc.settings)
			m.write(t, "policy.json", "\n"+policy+"\n")
			creds, err := m.retrieve(t)
			if err != nil || creds.AccessKeyID != "ASIAR" {
				t.Fatalf("%s, %v", creds.AccessKeyID, err)
			}
			tc.want["Action"], tc.want["RoleArn"], tc.want["RoleSessionName"] = []string{"AssumeRole"}, []string{"arn:aws:iam::111122223333:role/R"}, []string{"me"}
			if d := cmp.Diff(tc.want, s.last(t)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("k%d=v", i))
	}
	for name, tc := range map[string]struct{ setting, want string }{
		"source identity with a blank": {"source_identity = a b", "source_identity of profile \"p\" is not 2 to 64"},
		"source identity, one letter":  {"source_identity = a", "is not 2 to 64"},
		"tags without values":          {"session_tags = a,b", "are not written key=value,key=value"},
		"tags without a key":           {"session_tags = =b", "are not written key=value,key=value"},
		"a tag twice":                  {"session_tags = Team=a,team=b", `name "team" twice`},
		"a long tag":                   {"session_tags = " + strings.Repeat("k", 129) + "=b", "keys have at most 128 characters"},
		"many tags":                    {"session_tags = " + strings.Join(many, ","), "are more than 50"},
		"transitive, no tag":           {"transitive_session_tags = team", `names "team", which is none of its session_tags`},
		"a policy that is no JSON":     {"session_policy = Allow *", "is no policy in JSON"},
		"a policy that is a list":      {"session_policy = []", "is no policy in JSON"},
		"a policy cut off":             {`session_policy = {"Version":`, "is no policy in JSON"},
		"a policy file that is not":    {"session_policy = file:///nonexistent/policy.json", "no such file"},
		"a policy file that is a door": {"session_policy = file:///dev/zero", "is no regular file"},
		"a security key":               {"mfa_serial = arn:aws:iam::111122223333:u2f/user/ada/key", "STS takes codes of virtual and hardware devices only"},
		"a security key among others":  {"mfa_devices = GAHT12345678, arn:aws:iam::111122223333:u2f/user/ada/key", "names the security key arn:aws:iam::111122223333:u2f/user/ada/key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeSTS(t)
			m := newMachine(t, s, base+tc.setting+"\n")
			_, err := m.retrieve(t)
			line := fmt.Sprintf("%s:%d: ", filepath.Join(m.home, ".aws", "config"), strings.Count(base, "\n")+1)
			if err == nil || !strings.HasPrefix(err.Error(), line) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant %s… %s", err, line, tc.want)
			}
			if s.calls() != 0 {
				t.Error("STS was asked")
			}
		})
	}
}

func TestSecondFactors(t *testing.T) {
	t.Parallel()
	const phone, token = "arn:aws:iam::111122223333:mfa/phone", "GAHT12345678"
	asks := func(m *machine) {
		m.options.TokenCode = func(_ context.Context, serial string) (string, error) {
			return map[string]string{phone: "111111", token: "222222"}[serial], nil
		}
		m.options.Device = func(_ context.Context, serials []string) (string, error) {
			if d := cmp.Diff([]string{phone, token}, serials); d != "" {
				return "", errors.New(d)
			}
			return token, nil
		}
	}
	for name, tc := range map[string]struct {
		settings     string
		change       func(*machine)
		serial, code string
		fault        string
	}{
		"a person":          {"mfa_serial = " + phone, asks, phone, "111111", ""},
		"a person with two": {"mfa_serial = " + phone + "\nmfa_devices = " + token + ", " + phone, asks, token, "222222", ""},
		"rolecall's own alone": {"mfa_devices = " + phone + "," + token, func(m *machine) {
			asks(m)
			m.options.Sessions = &kept{map[string]rolecall.Credentials{}} // takes none that the AWS CLI is said to share
		}, token, "222222", ""},
		"a command":                  {"mfa_serial = " + phone + "\nmfa_process = echo 333333", nil, phone, "333333", ""},
		"a command told the device":  {"mfa_serial = " + phone + "\nmfa_process = test \"$ROLECALL_MFA_SERIAL\" = " + phone + " && echo ' 444444 '", nil, phone, "444444", ""},
		"a command wins over people": {"mfa_devices = " + phone + "," + token + "\nmfa_process = echo 555555", asks, phone, "555555", ""},
		"nobody":                     {"mfa_serial = " + phone, nil, "", "", "needs a code of " + phone + ", and there is no one to ask"},
		"a command that fails":       {"mfa_serial = " + phone + "\nmfa_process = echo " + canary + "; false", nil, "", "", "mfa_process of profile \"p\" failed: exit status 1"},
		"a command without a word":   {"mfa_serial = " + phone + "\nmfa_process = true", nil, "", "", "printed what is no code of six digits"},
		"a command that talks":       {"mfa_serial = " + phone + "\nmfa_process = echo " + canary, nil, "", "", "printed what is no code of six digits"},
		"a command without an end":   {"mfa_serial = " + phone + "\nmfa_process = yes 1", nil, "", "", "printed more than 1024 bytes"},
		"a command within itself": {"mfa_serial = " + phone + "\nmfa_process = echo 1", func(m *machine) {
			m.options.Environ = append(m.options.Environ, "ROLECALL_PROCESS_CHAIN=p")
		}, "", "", "runs itself: the command asks for the profile that it belongs to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeSTS(t)
			m := newMachine(t, s, base+tc.settings+"\n")
			if tc.change != nil {
				tc.change(m)
			}
			_, err := m.retrieve(t)
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) || s.calls() != 0 {
					t.Errorf("got %v after %d calls, want %s", err, s.calls(), tc.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c, err := chain.New(m.options)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{phone}
			if strings.Contains(tc.settings, token) {
				want = append(want, token)
			}
			step := c.Steps(c.Links()[c.Winner()])[0]
			if d := cmp.Diff(want, step.MFA); d != "" || step.MFACommand != strings.Contains(tc.settings, "mfa_process") {
				t.Errorf("to be expected: by a command %v, %s", step.MFACommand, d)
			}
			form := s.last(t)
			if form.Get("SerialNumber") != tc.serial || form.Get("TokenCode") != tc.code {
				t.Errorf("%s with %s", form.Get("SerialNumber"), form.Get("TokenCode"))
			}
		})
	}
}

// TestCapOfChains: a role that is assumed with a role's session lives an hour at most. It is told before STS is asked.
func TestCapOfChains(t *testing.T) {
	t.Parallel()
	chained := base + "duration_seconds = 7200\n" + `
[profile outer]
role_arn = arn:aws:iam::111122223333:role/Outer
source_profile = p
role_session_name = me
duration_seconds = 7200
`
	s := newFakeSTS(t)
	m := newMachine(t, s, chained)
	if _, err := m.retrieve(t); err != nil || m.log.Len() > 0 {
		t.Fatalf("a user's own role: %v, %s", err, m.log)
	}
	m.options.Profile = "outer"
	if _, err := m.retrieve(t); err != nil || s.last(t).Get("DurationSeconds") != "7200" {
		t.Fatalf("%v, %v", err, s.last(t))
	}
	if at := m.home + "/.aws/config:12"; !strings.Contains(m.log.String(), "lives one hour at most") || !strings.Contains(m.log.String(), at) {
		t.Errorf("no warning with %s: %s", at, m.log)
	}
	s.refuse = "ValidationError"
	// The inner role is refused too, and is no chain: the sentence is for the outer one only.
	_, err := m.retrieve(t)
	if err == nil || strings.Contains(err.Error(), "lives one hour") {
		t.Errorf("%v", err)
	}
	m = newMachine(t, s, `
[profile p]
role_arn = arn:aws:iam::111122223333:role/Outer
credential_source = EcsContainer
duration_seconds = 3601
`)
	container := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"AccessKeyId":"ASIAECS","SecretAccessKey":"`+canary+`","Token":"T","Expiration":"2036-01-01T00:00:00Z"}`)
	}))
	defer container.Close()
	m.options.Environ = append(m.options.Environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+container.URL)
	_, err = m.retrieve(t)
	if err == nil || !strings.Contains(err.Error(), "(asked for 1h0m1s, and a role that is assumed with a role's session lives one hour at most") {
		t.Errorf("%v", err)
	}
}
