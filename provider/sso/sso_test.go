package sso_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

const canary = "CANARYSECRET"

type portal struct {
	refreshes     atomic.Int32
	refreshStatus int
	status        int
	body          string
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		p.refreshes.Add(1)
		var in map[string]string
		_ = json.NewDecoder(r.Body).Decode(&in)
		if p.refreshStatus != 0 || in["grantType"] != "refresh_token" || in["refreshToken"] != "R1" || in["clientSecret"] != canary {
			w.WriteHeader(max(p.refreshStatus, http.StatusBadRequest))
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"spent"}`))
			return
		}
		time.Sleep(20 * time.Millisecond)
		_, _ = w.Write([]byte(`{"accessToken":"new","expiresIn":3600,"refreshToken":"R2"}`))
		return
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
		_, _ = w.Write([]byte(p.body))
		return
	}
	if p.body != "" {
		_, _ = w.Write([]byte(p.body))
		return
	}
	_, _ = fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIA-%s-%s-%s","secretAccessKey":"%s","sessionToken":"T","expiration":%d}}`,
		r.Header.Get("X-Amz-Sso_bearer_token"), r.FormValue("account_id"), r.FormValue("role_name"), canary, time.Now().Add(time.Hour).UnixMilli())
}

func setUp(t *testing.T, p *portal, entry string) *sso.Provider {
	t.Helper()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	provider := sso.New(sso.Options{
		SessionName: "s", StartURL: "https://x", Region: "us-east-1", AccountID: "1", RoleName: "R", CacheDir: t.TempDir(),
		PortalEndpoint: server.URL, OIDCEndpoint: server.URL, Profile: "p", Location: "config:1",
	})
	if entry != "" {
		if err := os.WriteFile(provider.TokenPath(), []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return provider
}

func entry(life time.Duration) string {
	return fmt.Sprintf(`{"accessToken":"old","expiresAt":%q,"refreshToken":"R1","clientId":"c","clientSecret":%q,"registrationExpiresAt":"2036-01-01T00:00:00Z","other":{"kept":true}}`,
		time.Now().Add(life).UTC().Format(time.RFC3339), canary)
}

func TestRefresh(t *testing.T) {
	p := &portal{}
	provider := setUp(t, p, entry(-time.Hour))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			creds, err := provider.Retrieve(t.Context())
			if err != nil || creds.AccessKeyID != "ASIA-new-1-R" || creds.AccountID != "1" {
				t.Errorf("%v, %v", creds.AccessKeyID, err)
			}
		})
	}
	wg.Wait()
	if n := p.refreshes.Load(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	text, err := os.ReadFile(provider.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back["accessToken"] != "new" || back["refreshToken"] != "R2" || back["other"].(map[string]any)["kept"] != true { //nolint:forcetypeassert // a panic fails the test
		t.Errorf("%s", text)
	}
}

func TestTokenStates(t *testing.T) {
	for name, tc := range map[string]struct {
		p     *portal
		entry string
		id    string
		want  string
		login bool
	}{
		"fresh":                       {p: &portal{}, entry: entry(time.Hour), id: "ASIA-old-1-R"},
		"refresh fails, token lives":  {p: &portal{refreshStatus: 500}, entry: entry(time.Minute), id: "ASIA-old-1-R"},
		"refresh refused":             {p: &portal{refreshStatus: 400}, entry: entry(-time.Minute), want: "cannot be refreshed: invalid_grant: spent", login: true},
		"refresh fails, token over":   {p: &portal{refreshStatus: 500}, entry: entry(-time.Minute), want: "refreshing the SSO token"},
		"missing":                     {p: &portal{}, want: "nobody is signed in", login: true},
		"not JSON":                    {p: &portal{}, entry: canary, want: "is damaged", login: true},
		"no token":                    {p: &portal{}, entry: `{"expiresAt":"2036-01-01T00:00:00Z"}`, want: "is damaged", login: true},
		"no time":                     {p: &portal{}, entry: `{"accessToken":"x","expiresAt":"soon"}`, want: "is damaged", login: true},
		"over, nothing to refresh it": {p: &portal{}, entry: `{"accessToken":"x","expiresAt":"2020-01-01T00:00:00UTC"}`, want: "expired at 2020-01-01T00:00:00Z", login: true},
		"not accepted":                {p: &portal{status: 401, body: `{"message":"Session token not found or invalid"}`}, entry: entry(time.Hour), want: "does not accept", login: true},
		"forbidden":                   {p: &portal{status: 403, body: `{"__type":"ForbiddenException","message":"No access"}`}, entry: entry(time.Hour), want: "ForbiddenException: No access"},
		"page":                        {p: &portal{body: "<html>" + canary}, entry: entry(time.Hour), want: "not the JSON of credentials"},
		"incomplete":                  {p: &portal{body: `{"roleCredentials":{"secretAccessKey":"` + canary + `"}}`}, entry: entry(time.Hour), want: "incomplete credentials"},
		"expired":                     {p: &portal{body: `{"roleCredentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C","expiration":1}}`}, entry: entry(time.Hour), want: "expired credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			creds, err := setUp(t, tc.p, tc.entry).Retrieve(t.Context())
			if creds.AccessKeyID != tc.id {
				t.Fatalf("%s, %v", creds.AccessKeyID, err)
			}
			if tc.id != "" {
				return
			}
			var login *sso.SignInError
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.As(err, &login) != tc.login || errors.Is(err, rolecall.ErrNotHere) {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Error("the error shows a secret")
			}
			if login != nil && login.Command() != "aws sso login --sso-session s" {
				t.Error(login.Command())
			}
		})
	}
}
