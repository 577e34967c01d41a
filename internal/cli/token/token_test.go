package token_test

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the AWS CLI's naming scheme
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/token"
)

const (
	session  = "[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-north-1\n"
	profile  = "[profile app]\nsso_session = corp\n" + session
	legacy   = "[profile app]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-north-1\n"
	startURL = "https://x.awsapps.com/start"
	canary   = "CANARYSECRET"
)

// now is the tests' clock.
func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// oidc is a CreateToken that answers as it is told to, and keeps what it was asked.
type oidc struct {
	status int
	body   string
	asked  []map[string]string
	path   string
}

func (o *oidc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := map[string]string{}
	_ = json.NewDecoder(r.Body).Decode(&in)
	o.asked, o.path = append(o.asked, in), r.Method+" "+r.URL.Path
	if o.body == "" {
		o.body = `{"accessToken":"new` + canary + `","tokenType":"Bearer","expiresIn":28800,"refreshToken":"next` + canary + `"}`
	}
	if o.status != 0 {
		w.WriteHeader(o.status)
	}
	_, _ = w.Write([]byte(o.body))
}

// cached is a token file as `aws sso login` leaves it.
func cached(life time.Duration, change func(map[string]any)) string {
	m := map[string]any{
		"startUrl": startURL, "region": "eu-north-1", "accessToken": "old" + canary, "expiresAt": now().Add(life).Format(time.RFC3339),
		"clientId": "id" + canary, "clientSecret": "secret" + canary, "registrationExpiresAt": now().Add(time.Hour).Format(time.RFC3339),
		"refreshToken": "spare" + canary, "extra": []any{"kept"},
	}
	if change != nil {
		change(m)
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func without(keys ...string) func(map[string]any) {
	return func(m map[string]any) {
		for _, k := range keys {
			delete(m, k)
		}
	}
}

func path(home, name string) string {
	sum := sha1.Sum([]byte(name)) //nolint:gosec // the AWS CLI's naming scheme
	return filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

// ask runs `rolecall token` in a home with that config and those token files, by the name that the file
// is called after.
func ask(t *testing.T, config string, tokens map[string]string, service *oidc, args ...string) (home, out string, err error) {
	t.Helper()
	home = t.TempDir()
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, ".aws", "config"), config)
	for name, text := range tokens {
		write(path(home, name), text)
	}
	server := httptest.NewServer(service)
	defer server.Close()
	out, err = askIn(t, home, server.URL, args...)
	return home, out, err
}

func askIn(t *testing.T, home, endpoint string, args ...string) (string, error) {
	t.Helper()
	streams, _, stdout, stderr := iostreams.Test()
	f := &cmdutil.Factory{
		IO: streams, Now: now, HTTPClient: func() *http.Client { return nil },
		Logger:  func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		Environ: func() []string { return []string{"HOME=" + home, "AWS_ENDPOINT_URL_SSO_OIDC=" + endpoint} },
	}
	cmd := token.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(context.Background())
	if bytes.Contains(stderr.Bytes(), []byte(canary)) || err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("a secret is told: %v %s", err, stderr)
	}
	return stdout.String(), err
}

func answer(token string, expires time.Time) string {
	return fmt.Sprintf("{\"expiration\":%q,\"token\":%q}\n", expires.UTC().Format(time.RFC3339), token)
}

func TestToken(t *testing.T) {
	const old, fresh = "old" + canary, "new" + canary
	later := now().Add(8 * time.Hour)
	for _, tc := range []struct {
		name    string
		config  string
		by      string // what the token file is called after
		cached  string
		service oidc
		asked   int
		want    string // of standard output; "" is an error
		err     string
	}{
		{name: "lives", config: profile, by: "corp", cached: cached(time.Hour, nil), want: answer(old, now().Add(time.Hour))},
		{name: "just outside the window", config: profile, by: "corp", cached: cached(5*time.Minute+time.Second, nil), want: answer(old, now().Add(5*time.Minute+time.Second))},
		{name: "inside the window", config: profile, by: "corp", cached: cached(5*time.Minute, nil), asked: 1, want: answer(fresh, later)},
		{name: "expired", config: profile, by: "corp", cached: cached(-time.Hour, nil), asked: 1, want: answer(fresh, later)},
		{name: "the older time format", config: profile, by: "corp", cached: cached(0, func(m map[string]any) { m["expiresAt"] = "2026-03-01T13:00:00UTC" }), want: answer(old, now().Add(time.Hour))},
		{name: "an answer without a refresh token", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{body: `{"accessToken":"new` + canary + `","expiresIn":28800}`}, asked: 1, want: answer(fresh, later)},

		{name: "refused, and it lives", config: profile, by: "corp", cached: cached(time.Minute, nil), service: oidc{status: 400, body: `{"error":"invalid_grant"}`}, asked: 1, want: answer(old, now().Add(time.Minute))},
		{name: "failed, and it lives", config: profile, by: "corp", cached: cached(time.Minute, nil), service: oidc{status: 500, body: "x"}, asked: 1, want: answer(old, now().Add(time.Minute))},
		{name: "no refresh token, and it lives", config: profile, by: "corp", cached: cached(time.Minute, without("refreshToken")), want: answer(old, now().Add(time.Minute))},
		{name: "no registration, and it lives", config: profile, by: "corp", cached: cached(time.Minute, without("clientId", "clientSecret")), want: answer(old, now().Add(time.Minute))},
		{name: "registration expired, and it lives", config: profile, by: "corp", cached: cached(time.Minute, func(m map[string]any) { m["registrationExpiresAt"] = "2026-03-01T11:00:00Z" }), want: answer(old, now().Add(time.Minute))},

		{name: "refused", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{status: 400, body: `{"error":"invalid_grant","error_description":"Invalid refresh token provided"}`}, asked: 1, err: "the SSO token cannot be refreshed: invalid_grant: Invalid refresh token provided"},
		{name: "failed", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{status: 503, body: "x" + canary}, asked: 1, err: "refreshing the SSO token: HTTP 503"},
		{name: "a page", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{body: "<html>" + canary}, asked: 1, err: "refreshing the SSO token: the answer is not a token"},
		{name: "a truncated answer", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{body: `{"accessToken":"` + canary}, asked: 1, err: "refreshing the SSO token: the answer is not a token"},
		{name: "an answer without a life", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{body: `{"accessToken":"` + canary + `"}`}, asked: 1, err: "refreshing the SSO token: the answer is not a token"},
		{name: "a redirect", config: profile, by: "corp", cached: cached(-time.Hour, nil), service: oidc{status: 307, body: "x"}, asked: 1, err: "refreshing the SSO token: HTTP 307"},
		{name: "expired, without a refresh token", config: profile, by: "corp", cached: cached(-time.Hour, without("refreshToken")), err: "the SSO token expired at 2026-03-01T11:00:00Z, and it has no refresh token"},
		{name: "expired, without a registration", config: profile, by: "corp", cached: cached(-time.Hour, without("clientSecret")), err: "the SSO token expired at 2026-03-01T11:00:00Z, and it has no client registration to refresh it with"},
		{name: "expired, like its registration", config: profile, by: "corp", cached: cached(-time.Hour, func(m map[string]any) { m["registrationExpiresAt"] = "2026-03-01T11:30:00Z" }), err: "and so is the client registration since 2026-03-01T11:30:00Z"},
		{name: "nobody is signed in", config: profile, err: "nobody is signed in"},
		{name: "not JSON", config: profile, by: "corp", cached: canary, err: "is damaged"},
		{name: "truncated", config: profile, by: "corp", cached: cached(time.Hour, nil)[:40], err: "is damaged"},
		{name: "no accessToken", config: profile, by: "corp", cached: cached(time.Hour, without("accessToken")), err: "it has no accessToken"},
		{name: "an accessToken that is no text", config: profile, by: "corp", cached: cached(time.Hour, func(m map[string]any) { m["accessToken"] = 1 }), err: "it has no accessToken"},
		{name: "no expiresAt", config: profile, by: "corp", cached: cached(time.Hour, without("expiresAt")), err: "it has no expiresAt"},
		{name: "an expiresAt that is no time", config: profile, by: "corp", cached: cached(time.Hour, func(m map[string]any) { m["expiresAt"] = "soon" }), err: "it has no expiresAt"},

		{name: "the older form", config: legacy, by: startURL, cached: cached(time.Hour, nil), want: answer(old, now().Add(time.Hour))},
		{name: "the older form is not refreshed", config: legacy, by: startURL, cached: cached(time.Minute, nil), want: answer(old, now().Add(time.Minute))},
		{name: "the older form, expired", config: legacy, by: startURL, cached: cached(-time.Hour, nil), err: "without an sso_session it cannot be refreshed"},
		{name: "the older form has another file", config: legacy, by: "corp", cached: cached(time.Hour, nil), err: "nobody is signed in"},

		{name: "no such sso-session", config: "[profile app]\nsso_session = corp\n", err: "there is no [sso-session corp]"},
		{name: "an sso-session without a region", config: "[profile app]\nsso_session = corp\n[sso-session corp]\nsso_start_url = https://x\n", err: "without sso_start_url or sso_region"},
		{name: "regions that differ", config: "[profile app]\nsso_session = corp\nsso_region = us-east-1\n" + session, err: "differs from that of [sso-session corp]"},
		{name: "no SSO", config: "[profile app]\nregion = x\n", err: `profile "app" has no sso_session`},
		{name: "no such profile", config: session, err: `profile "app" (from --profile) is neither in`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tokens := map[string]string{}
			if tc.by != "" {
				tokens[tc.by] = tc.cached
			}
			_, out, err := ask(t, tc.config, tokens, &tc.service, "--profile", "app")
			if out != tc.want {
				t.Errorf("printed %s, want %s", out, tc.want)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %s", err, tc.err)
			}
			if len(tc.service.asked) != tc.asked {
				t.Errorf("the service was asked %d times, want %d", len(tc.service.asked), tc.asked)
			}
		})
	}
}

// TestWriteBack: a refresh keeps what it does not know, and asks with what `aws sso login` registered.
func TestWriteBack(t *testing.T) {
	service := &oidc{}
	home, _, err := ask(t, profile, map[string]string{"corp": cached(-time.Hour, without("startUrl"))}, service, "-p", "app")
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{{
		"clientId": "id" + canary, "clientSecret": "secret" + canary, "grantType": "refresh_token", "refreshToken": "spare" + canary,
	}}
	if d := cmp.Diff(want, service.asked); d != "" || service.path != "POST /token" {
		t.Errorf("%s %s", service.path, d)
	}
	text, err := os.ReadFile(path(home, "corp"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{
		"startUrl": startURL, "region": "eu-north-1", "accessToken": "new" + canary, "expiresAt": "2026-03-01T20:00:00Z",
		"clientId": "id" + canary, "clientSecret": "secret" + canary, "registrationExpiresAt": "2026-03-01T13:00:00Z",
		"refreshToken": "next" + canary, "extra": []any{"kept"},
	}, got); d != "" {
		t.Error(d)
	}
	if info, err := os.Stat(path(home, "corp")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestExitCodes are those that docs/exit-codes.md promises.
func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name, config, err, hint string
		code                    int
	}{
		{"signed out", profile, "nobody is signed in", "sign in with `", cmdutil.ExitBrokenSource},
		{"no such profile", session, "is neither in", "run `rolecall profiles`", cmdutil.ExitBrokenSource},
		{"no SSO", "[profile app]\n", "has no sso_session", "run `rolecall explain`", cmdutil.ExitNoCredentials},
		{"a broken file", "[profile app]\ngarbage\n", "config:2: expected", "", cmdutil.ExitBrokenSource},
	} {
		_, out, err := ask(t, tc.config, nil, &oidc{}, "--profile", "app")
		if err == nil || !strings.Contains(err.Error(), tc.err) || cmdutil.ExitCode(err) != tc.code || out != "" || !strings.HasPrefix(cmdutil.Hint(err), tc.hint) {
			t.Errorf("%s: code %d, hint %q, %v, printed %q", tc.name, cmdutil.ExitCode(err), cmdutil.Hint(err), err, out)
		}
	}
}
