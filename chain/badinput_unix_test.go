//go:build unix

package chain_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/chain"
)

// badCanary is in every secret, and in every text that might be one; no error may show it.
const badCanary = "CANARYSECRET"

// badAnswer is a way for a service to answer that is no answer. good is what it should have said.
type badAnswer struct {
	name  string
	write func(w http.ResponseWriter, r *http.Request, good string)
}

func badAnswers(t *testing.T, elsewhere string) []badAnswer {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 1000 {
		if _, err := z.Write(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	body := func(text string) func(http.ResponseWriter, *http.Request, string) {
		return func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = w.Write([]byte(text)) }
	}
	status := func(code int, text string) func(http.ResponseWriter, *http.Request, string) {
		return func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	return []badAnswer{
		{"empty", body("")},
		{"blank", body(" \r\n\t ")},
		{"truncated", func(w http.ResponseWriter, _ *http.Request, good string) {
			_, _ = w.Write([]byte(good[:len(good)-len(good)/4]))
		}},
		{"a page", body("<!DOCTYPE html><html><body>sign in " + badCanary + "</body></html>")},
		{"a page instead of a refusal", status(http.StatusForbidden, "<html>"+badCanary+"</html>")},
		{"another type", body(`["` + badCanary + `"]`)},
		{"null", body("null")},
		{"binary", body("\x80\xff\xfe" + badCanary)},
		{"NUL bytes", body(strings.Repeat("\x00", 100) + badCanary)},
		{"text behind", func(w http.ResponseWriter, _ *http.Request, good string) {
			_, _ = w.Write([]byte(good[:len(good)-2] + badCanary + "<{"))
		}},
		{"10 MB", func(w http.ResponseWriter, _ *http.Request, _ string) {
			for range 160 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 64<<10))
			}
		}},
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}},
		{"a redirect", func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}},
		{"a failure", status(http.StatusInternalServerError, badCanary)},
		{"a broken connection", func(w http.ResponseWriter, _ *http.Request, good string) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(good[:20]))
		}},
		{"no answer", func(_ http.ResponseWriter, r *http.Request, _ string) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client go
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
			}
		}},
		{"expired", func(w http.ResponseWriter, _ *http.Request, good string) {
			_, _ = w.Write([]byte(strings.NewReplacer("2036-", "2020-", "1924905600000", "1577836800000", "28800", "-1").Replace(good)))
		}},
		{"half a pair", func(w http.ResponseWriter, _ *http.Request, good string) {
			_, _ = w.Write([]byte(strings.NewReplacer("SecretAccessKey", "Other", "secretAccessKey", "other", "accessToken", "other").Replace(good)))
		}},
	}
}

// Answers as they should be, with a canary for every secret.
const (
	goodJSON = `{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"` + badCanary + `","Token":"` + badCanary + `","Expiration":"2036-01-01T00:00:00Z"}`
	goodSSO  = `{"roleCredentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"` + badCanary + `","sessionToken":"` + badCanary + `","expiration":1924905600000}}`
	goodOIDC = `{"accessToken":"` + badCanary + `","expiresIn":28800}`
	goodSTS  = `<A><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>` + badCanary + `</SecretAccessKey><SessionToken>` + badCanary +
		`</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></A>`
)

// remote is a source that asks a service, with the answer that it needs.
type remote struct {
	name, good string
	path       string // of the answer that is bad
	config     string
	env        []string // URL stands for the service
}

func remotes() []remote {
	const sso = "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_start_url = x\nsso_region = x\n"
	role := "arn:aws:iam::111122223333:role/A"
	return []remote{
		{name: "container", good: goodJSON, path: "/container", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=URL/container"}},
		{name: "metadata", good: goodJSON, path: "/latest/meta-data/iam/security-credentials/node", env: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=URL"}},
		{name: "STS", good: goodSTS, path: "/sts", env: []string{"AWS_ENDPOINT_URL_STS=URL/sts", "AWS_PROFILE=p", "AWS_REGION=us-east-1"},
			config: "[profile p]\nrole_arn = " + role + "\nsource_profile = q\n[profile q]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + badCanary + "\n"},
		{name: "web identity", good: strings.ReplaceAll(goodSTS, "AssumeRoleResult", "AssumeRoleWithWebIdentityResult"), path: "/sts",
			env: []string{"AWS_ENDPOINT_URL_STS=URL/sts", "AWS_WEB_IDENTITY_TOKEN_FILE=HOME/token", "AWS_ROLE_ARN=" + role}},
		{name: "SSO", good: goodSSO, path: "/federation/credentials", config: sso, env: []string{"AWS_ENDPOINT_URL_SSO=URL", "AWS_PROFILE=p", "TOKEN=2036"}},
		{name: "SSO token", good: goodOIDC, path: "/token", config: sso, env: []string{"AWS_ENDPOINT_URL_SSO=URL", "AWS_ENDPOINT_URL_SSO_OIDC=URL", "AWS_PROFILE=p", "TOKEN=2020"}},
	}
}

func (s remote) serve(t *testing.T, bad *badAnswer) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.TrimRight(r.URL.Path, "/") == s.path && bad != nil:
			bad.write(w, r, s.good)
		case strings.TrimRight(r.URL.Path, "/") == s.path:
			_, _ = w.Write([]byte(s.good))
		case strings.HasSuffix(r.URL.Path, "/api/token"):
			_, _ = w.Write([]byte("token"))
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			_, _ = w.Write([]byte("node"))
		case r.URL.Path == "/federation/credentials":
			_, _ = w.Write([]byte(goodSSO))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// environ prepares a home folder for the source, and returns the environment to ask it in.
func (s remote) environ(t *testing.T, url string) []string {
	t.Helper()
	home := t.TempDir()
	put(t, filepath.Join(home, "token"), badCanary)
	put(t, filepath.Join(home, ".aws", "config"), s.config)
	environ := []string{"HOME=" + home, "AWS_MAX_ATTEMPTS=1"}
	for _, kv := range s.env {
		if year, ok := strings.CutPrefix(kv, "TOKEN="); ok {
			put(t, filepath.Join(home, ".aws", "sso", "cache", awscache.SSOTokenID("s")+".json"), fmt.Sprintf(
				`{"accessToken":%[1]q,"expiresAt":"%[2]s-01-01T00:00:00Z","refreshToken":%[1]q,"clientId":%[1]q,"clientSecret":%[1]q}`, badCanary, year))
		}
		environ = append(environ, strings.NewReplacer("URL/", url+"/", "=URL", "="+url, "HOME", home).Replace(kv))
	}
	return environ
}

// ask asks the source in a home of its own.
func (s remote) ask(t *testing.T, url string) (rolecall.Credentials, error) {
	t.Helper()
	c, err := chain.New(chain.Options{
		Environ: s.environ(t, url), HTTPClient: &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 300 * time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Retrieve(t.Context())
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBadAnswers: an answer that is none is an error that ends the search, in time and without a secret.
func TestBadAnswers(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	answers := badAnswers(t, elsewhere.URL)
	t.Run("all", func(t *testing.T) {
		for _, s := range remotes() {
			t.Run(s.name+"/good", func(t *testing.T) {
				if creds, err := s.ask(t, s.serve(t, nil).URL); err != nil || creds.AccessKeyID != "ASIAEXAMPLE" {
					t.Fatalf("%v, %v", creds, err)
				}
			})
			for _, bad := range answers {
				t.Run(s.name+"/"+bad.name, func(t *testing.T) {
					t.Parallel()
					start := time.Now()
					creds, err := s.ask(t, s.serve(t, &bad).URL)
					if err == nil || creds.AccessKeyID != "" || errors.Is(err, rolecall.ErrNotHere) {
						t.Fatalf("%v, %v", creds, err)
					}
					if strings.Contains(err.Error(), badCanary) {
						t.Errorf("a secret is told: %v", err)
					}
					if len(err.Error()) > 1000 {
						t.Errorf("an error of %d bytes", len(err.Error()))
					}
					if took := time.Since(start); took > 15*time.Second {
						t.Errorf("took %s", took)
					}
				})
			}
		}
	})
	if n := visits.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// badTransport is a transport that sees what it is asked for.
type badTransport func(*http.Request) (*http.Response, error)

func (f badTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCallsEnd: each call over the network has the limit that docs/chain.md promises.
func TestCallsEnd(t *testing.T) {
	for _, s := range remotes() {
		if s.name == "container" || s.name == "metadata" {
			continue // they have transports of their own, and tests that wait for them
		}
		var calls int
		transport := badTransport(func(r *http.Request) (*http.Response, error) {
			calls++
			if end, ok := r.Context().Deadline(); !ok || time.Until(end) > 10*time.Second {
				t.Errorf("%s: ends at %v", s.name, end)
			}
			return nil, errors.New("no")
		})
		c, err := chain.New(chain.Options{Environ: s.environ(t, "http://x"), HTTPClient: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Retrieve(t.Context()); err == nil || calls == 0 {
			t.Errorf("%s: %d calls, %v", s.name, calls, err)
		}
	}
}

const unreadable = "unreadable"

// openTo lets everybody pass the folders and read the config file, so that one file alone is closed.
func openTo(t *testing.T, home string) {
	t.Helper()
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err == nil && (d.IsDir() || d.Name() == "config") {
			info, err := d.Info()
			if err != nil || info.Mode().Perm() == 0 {
				return err
			}
			return os.Chmod(path, 0o755) //nolint:gosec // a test's own folder
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBadFiles: whatever is in the place of a file that a source needs, nothing hangs, nothing falls through to
// the next source, and no error shows what is in the file.
func TestBadFiles(t *testing.T) {
	kinds := map[string]func(t *testing.T, path string){
		"empty":  func(t *testing.T, path string) { put(t, path, "") },
		"blank":  func(t *testing.T, path string) { put(t, path, " \n\t\n") },
		"binary": func(t *testing.T, path string) { put(t, path, "\x7fELF\x80\xff"+badCanary) },
		"NUL":    func(t *testing.T, path string) { put(t, path, "\x00"+badCanary+"\x00\n") },
		"10 MB":  func(t *testing.T, path string) { put(t, path, strings.Repeat(badCanary+"\n", 10<<20/13)) },
		"a folder": func(t *testing.T, path string) {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a dangling link": func(t *testing.T, path string) {
			put(t, path+".x", "")
			if err := os.Symlink("/nonexistent/"+badCanary[:6], path); err != nil {
				t.Fatal(err)
			}
		},
		"a FIFO": func(t *testing.T, path string) {
			put(t, path+".x", "")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
	kinds[unreadable] = func(t *testing.T, path string) {
		put(t, path, badCanary)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	container := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "sesame" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer container.Close()
	absent := map[string]bool{"empty": true, "blank": true, "a dangling link": true}
	sources := map[string]struct {
		path   string
		config string
		env    []string
		absent map[string]bool
	}{
		"config":          {path: ".aws/config", absent: absent},
		"credentials":     {path: ".aws/credentials", absent: absent},
		"web identity":    {path: "f", env: []string{"AWS_WEB_IDENTITY_TOKEN_FILE=HOME/f", "AWS_ROLE_ARN=arn:aws:iam::111122223333:role/A", "AWS_ENDPOINT_URL_STS=" + container.URL}},
		"container":       {path: "f", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + container.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=HOME/f"}},
		"SSO token":       {path: ".aws/sso/cache/" + awscache.SSOTokenID("s") + ".json", env: []string{"AWS_PROFILE=p"}, config: "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_start_url = x\nsso_region = x\n"},
		"login":           {path: ".aws/login/cache/" + strings.Repeat("0", 64) + ".json", env: []string{"AWS_PROFILE=p"}, config: "[profile p]\nlogin_session = x\n"},
		"process":         {path: "f", env: []string{"AWS_PROFILE=p", "PATH=/usr/bin:/bin"}, config: "[profile p]\ncredential_process = test -p HOME/f || cat HOME/f\n"},
		"CA bundle":       {path: "f", env: []string{"AWS_PROFILE=p", "AWS_CA_BUNDLE=HOME/f", "AWS_REGION=x", "AWS_ENDPOINT_URL_STS=https://127.0.0.1:1"}, config: "[profile p]\nrole_arn = arn:aws:iam::111122223333:role/A\nsource_profile = q\n[profile q]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + badCanary + "\n"},
		"AWS CLI's cache": {path: ".aws/cli/cache/" + awscache.RoleKey{RoleARN: "arn:aws:iam::111122223333:role/A"}.ID() + ".json", env: []string{"AWS_PROFILE=p", "AWS_REGION=x", "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1"}, config: "[profile p]\nrole_arn = arn:aws:iam::111122223333:role/A\nsource_profile = q\n[profile q]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + badCanary + "\n"},
	}
	for name, s := range sources {
		for kind, make := range kinds {
			if name == "process" && kind == unreadable {
				continue // what the command may read is not the chain's matter
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				home := t.TempDir()
				if s.config != "" {
					put(t, filepath.Join(home, ".aws", "config"), strings.ReplaceAll(s.config, "HOME", home))
				}
				path := filepath.Join(home, s.path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				make(t, path)
				environ := []string{"HOME=" + home, "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true"}
				for _, kv := range s.env {
					environ = append(environ, strings.ReplaceAll(kv, "HOME", home))
				}
				if kind == unreadable {
					openTo(t, home)
					defer asNobody(t)()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				c, err := chain.New(chain.Options{Environ: environ})
				if err != nil {
					t.Fatal(err)
				}
				creds, err := c.Retrieve(ctx)
				if err == nil || creds.AccessKeyID != "" || ctx.Err() != nil {
					t.Fatalf("%v, %v", creds, err)
				}
				if errors.Is(err, rolecall.ErrNotHere) != s.absent[kind] {
					t.Errorf("absent: %t, %v", !s.absent[kind], err)
				}
				if kind == unreadable && name != "AWS CLI's cache" && !strings.Contains(err.Error(), "permission denied") {
					t.Errorf("not told why: %v", err)
				}
				if strings.Contains(err.Error(), badCanary) || len(err.Error()) > 1000 {
					t.Errorf("a secret is told, or too much: %.300s", err)
				}
			})
		}
	}
}
