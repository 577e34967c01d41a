package container_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/container"
)

const (
	canary = "CANARYSECRET"
	good   = `{"AccessKeyId":"ASIA1","SecretAccessKey":"` + canary + `","Token":"` + canary + `","Expiration":"2036-01-01T00:00:00Z","AccountId":"111122223333"}`
)

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func file(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRetrieve(t *testing.T) {
	var auth atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		auth.Store(r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(good))
	})
	for name, tc := range map[string]struct {
		o    container.Options
		auth string
	}{
		"full":                {container.Options{FullURI: s.URL + "/secret-path"}, ""},
		"token":               {container.Options{FullURI: s.URL, Token: rolecall.NewSecret("A")}, "A"},
		"the file wins":       {container.Options{FullURI: s.URL, Token: rolecall.NewSecret("A"), TokenFile: file(t, "B")}, "B"},
		"by name":             {container.Options{FullURI: strings.Replace(s.URL, "127.0.0.1", "localhost", 1)}, ""},
		"the relative wins":   {container.Options{RelativeURI: "/x", FullURI: "http://192.0.2.1/"}, ""},
		"token with relative": {container.Options{RelativeURI: "/x", Token: rolecall.NewSecret("A")}, "A"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.o.RelativeURI != "" {
				tc.o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					if address != "169.254.170.2:80" {
						return nil, errors.New("wrong address " + address)
					}
					return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
				}
			}
			creds, err := container.New(tc.o).Retrieve(t.Context())
			if err != nil || creds.AccessKeyID != "ASIA1" || creds.AccountID != "111122223333" {
				t.Fatalf("%v, %v", creds, err)
			}
			if auth.Load() != tc.auth {
				t.Errorf("authorization %q, want %q", auth.Load(), tc.auth)
			}
			if strings.Contains(creds.Origin.String(), "secret-path") {
				t.Errorf("the origin shows the path: %s", creds.Origin)
			}
		})
	}
	if _, err := container.New(container.Options{}).Retrieve(t.Context()); !errors.Is(err, rolecall.ErrNotHere) {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	answer := func(status int, body string) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }).URL
	}
	redirect := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
	}).URL
	bomb := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = w.Write(make([]byte, 64<<10))
		}
	}).URL
	for name, tc := range map[string]struct {
		o    container.Options
		want string
	}{
		"no slash":               {container.Options{RelativeURI: "x"}, "does not begin with a slash"},
		"not a URL":              {container.Options{FullURI: "::"}, "not a URL"},
		"scheme":                 {container.Options{FullURI: "ftp://127.0.0.1/"}, "neither http nor https"},
		"user":                   {container.Options{FullURI: "http://u:" + canary + "@127.0.0.1/"}, "has a user name"},
		"another host":           {container.Options{FullURI: "http://192.0.2.1/"}, "plain http is for loopback and container addresses only"},
		"the metadata service":   {container.Options{FullURI: "http://169.254.169.254/"}, "plain http is for loopback and container addresses only"},
		"mapped address":         {container.Options{FullURI: "http://[::ffff:192.0.2.1]/"}, "plain http is for"},
		"token with line feed":   {container.Options{FullURI: answer(200, good), Token: rolecall.NewSecret(canary + "\n")}, "has a line break"},
		"token file, line feed":  {container.Options{FullURI: answer(200, good), TokenFile: file(t, canary+"\n")}, "has a line break"},
		"token file missing":     {container.Options{FullURI: answer(200, good), TokenFile: "/nonexistent/token"}, "no such file"},
		"token file is a folder": {container.Options{FullURI: answer(200, good), TokenFile: t.TempDir()}, "no ordinary small file"},
		"refused":                {container.Options{FullURI: answer(403, `{"code":"AccessDenied","message":"no"}`)}, "answered 403: AccessDenied no"},
		"refused with a page":    {container.Options{FullURI: answer(404, canary)}, "answered 404"},
		"broken server":          {container.Options{FullURI: answer(500, canary)}, "answered 500"},
		"redirect":               {container.Options{FullURI: redirect}, "answered 302"},
		"too large":              {container.Options{FullURI: bomb}, "larger than 65536 bytes"},
		"empty":                  {container.Options{FullURI: answer(200, "")}, "what is not the JSON of credentials"},
		"truncated":              {container.Options{FullURI: answer(200, good[:60])}, "what is not the JSON of credentials"},
		"portal":                 {container.Options{FullURI: answer(200, "<html>"+canary)}, "what is not the JSON of credentials"},
		"no token":               {container.Options{FullURI: answer(200, strings.Replace(good, "Token", "Tok", 1))}, "credentials without Token"},
		"no expiration":          {container.Options{FullURI: answer(200, strings.Replace(good, "Expiration", "Exp", 1))}, "credentials without Expiration"},
		"expired":                {container.Options{FullURI: answer(200, strings.Replace(good, "2036", "2020", 1))}, "expired since 2020"},
		"no time":                {container.Options{FullURI: answer(200, strings.Replace(good, "2036-01-01T00:00:00Z", "soon", 1))}, "an Expiration that is no time"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := container.New(tc.o).Retrieve(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			if errors.Is(err, rolecall.ErrNotHere) {
				t.Error("a fault must not look like an absence")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestHangingEndpointEnds(t *testing.T) {
	var calls atomic.Int32
	release := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1); <-release })
	defer close(release)
	start := time.Now()
	_, err := container.New(container.Options{FullURI: s.URL}).Retrieve(t.Context())
	if err == nil || time.Since(start) > 2*container.Attempts*container.AttemptTimeout {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	if n := calls.Load(); n != container.Attempts {
		t.Errorf("%d attempts", n)
	}
}

func TestRetriesServerErrorsOnly(t *testing.T) {
	var calls atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(good))
	})
	if _, err := container.New(container.Options{FullURI: s.URL}).Retrieve(t.Context()); err != nil || calls.Load() != 3 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}
