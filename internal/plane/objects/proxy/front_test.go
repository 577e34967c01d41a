package proxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/proxy"
	"github.com/rolecall-dev/rolecall/policy"
)

// oneBucket is a directory of one bucket; everything is allowed.
type oneBucket struct{ b *identity.Bucket }

func (d oneBucket) Bucket(name string) (*identity.Bucket, *policy.Policy, bool) {
	return d.b, nil, name == d.b.Name
}

func (d oneBucket) Buckets(identity.AccountID) []*identity.Bucket { return []*identity.Bucket{d.b} }

func (d oneBucket) Change(context.Context, func(objects.DirectoryTx) error) error { return nil }

func (d oneBucket) Authorize(context.Context, *awsapi.Call, authz.Check) error { return nil }

func frontTo(t *testing.T, endpoint string) *objects.Front {
	t.Helper()
	s, err := proxy.New(proxy.Options{Endpoint: endpoint, Credentials: rolecall.Static(rolecall.Credentials{
		AccessKeyID: "gateway", SecretAccessKey: rolecall.NewSecret("gateway-secret"), SessionToken: rolecall.NewSecret("planes-own-token")})})
	if err != nil {
		t.Fatal(err)
	}
	d := oneBucket{&identity.Bucket{Name: "bucket", Account: "123456789012", Region: "us-east-1", Created: time.Now()}}
	return objects.New(objects.Options{Authorizer: d, Directory: d, Store: s})
}

func serve(t *testing.T, f *objects.Front, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	call := &awsapi.Call{RequestID: "id", Time: time.Now(), Principal: &identity.Principal{Kind: identity.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root"}}
	_ = f.Serve(t.Context(), w, r, call, nil, rolecall.Secret{})
	return w
}

func TestNothingOfTheClientGoesThrough(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for name, values := range r.Header {
			seen = append(seen, name+": "+strings.Join(values, ","))
		}
		seen = append(seen, r.Method+" "+r.RequestURI)
		w.Header().Set("Etag", `"0cc175b9c0f1b6a831c399e269772661"`)
		w.Header().Set("Set-Cookie", "store=1")
		w.Header().Set("X-Amz-Request-Id", "the store's own")
		w.Header().Set("X-Internal", "1")
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "1")
		}
		if r.URL.Query().Has("tagging") {
			_, _ = io.WriteString(w, "<Tagging><TagSet></TagSet></Tagging>")
		}
	}))
	t.Cleanup(backend.Close)
	f := frontTo(t, backend.URL)
	for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodHead, http.MethodDelete} {
		r := httptest.NewRequest(method, "/bucket/a/../%2e%2e//k%2Fl?x-id=1&X-Amz-Security-Token=clients", strings.NewReader("a"))
		for name, v := range map[string]string{
			"Cookie": "clients=1", "X-Amz-Security-Token": "clients-token", "X-Forwarded-For": "clients", "X-Amz-Acl": "private",
			"X-Amz-Grant-Nonsense": "clients", "Proxy-Authorization": "clients", "X-Custom": "clients", "User-Agent": "clients", "Referer": "clients",
		} {
			r.Header.Set(name, v)
		}
		w := serve(t, f, r)
		if w.Code/100 != 2 {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
		if h := w.Header(); h.Get("Set-Cookie")+h.Get("X-Internal") != "" || h.Get("X-Amz-Request-Id") != "id" {
			t.Errorf("%s: the store's headers came through: %v", method, h)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(seen, "\n")
	if strings.Contains(all, "clients") {
		t.Errorf("the store saw:\n%s", all)
	}
	for _, want := range []string{"planes-own-token", "Credential=gateway/", "PUT /bucket/a/../..//k/l", "HEAD /bucket/a/../..//k/l"} {
		if !strings.Contains(all, want) {
			t.Errorf("the store did not see %q:\n%s", want, all)
		}
	}
}

func TestTroubleOfTheStore(t *testing.T) {
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		status  int
		code    string
		without string
	}{
		"our own keys refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>InvalidAccessKeyId</Code><Message>gateway is unknown</Message></Error>")
		}, 503, "ServiceUnavailable", "gateway"},
		"out of order": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 503, "ServiceUnavailable", ""},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 503, "ServiceUnavailable", ""},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, 503, "ServiceUnavailable", ""},
		"missing": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		}, 404, "NoSuchKey", ""},
	} {
		backend := httptest.NewServer(c.answer)
		w := serve(t, frontTo(t, backend.URL), httptest.NewRequest(http.MethodGet, "/bucket/k", nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), "<Code>"+c.code+"</Code>") || c.without != "" && strings.Contains(w.Body.String(), c.without) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		backend.Close()
	}
}
