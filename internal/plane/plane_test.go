package plane_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

type answer struct {
	status int
	code   string
	body   string
}

func do(t *testing.T, r *http.Request) answer {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Code  string
		Error struct{ Code string }
	}
	_ = xml.Unmarshal(body, &e)
	if e.Code == "" {
		e.Code = e.Error.Code
	}
	if id := response.Header.Get("X-Amzn-Requestid") + response.Header.Get("X-Amz-Request-Id"); id == "" {
		t.Errorf("%s %s: answer without a request id", r.Method, r.URL)
	}
	return answer{response.StatusCode, e.Code, string(body)}
}

func request(t *testing.T, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestBadRequests(t *testing.T) {
	p := planetest.New(t)
	const form = "application/x-www-form-urlencoded"
	signed := func(scope string) string {
		return "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)
	}
	for _, tt := range []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"unsigned call", request(t, "POST", p.URL, "Action=GetCallerIdentity&Version=2011-06-15", "Content-Type", form), 403, "MissingAuthenticationToken"},
		{"unsigned IAM call", request(t, "GET", p.URL+"/?Action=ListUsers&Version=2010-05-08", ""), 403, "MissingAuthenticationToken"},
		{"unsigned unknown action", request(t, "POST", p.URL, "Action=Nonsense&Version=2011-06-15", "Content-Type", form), 400, "InvalidAction"},
		{"unknown service", request(t, "POST", p.URL, "", "Authorization", signed("20260101/us-east-1/ec2/aws4_request"), "X-Amz-Date", "20260101T000000Z"), 400, "InvalidAction"},
		{"unknown key", request(t, "POST", p.URL, "", "Authorization", signed("20260101/us-east-1/sts/aws4_request"), "X-Amz-Date", "20260101T000000Z"), 403, "InvalidClientTokenId"},
		{"unknown key at S3", request(t, "GET", p.URL+"/bucket/key", "", "Authorization", signed("20260101/us-east-1/s3/aws4_request"), "X-Amz-Date", "20260101T000000Z", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), 403, "InvalidAccessKeyId"},
		{"half a header", request(t, "POST", p.URL, "Action=GetCallerIdentity", "Authorization", "AWS4-HMAC-SHA256 Credential=AKID", "Content-Type", form), 403, ""},
		{"other algorithm", request(t, "POST", p.URL, "Action=GetCallerIdentity&Version=2011-06-15", "Authorization", "AWS AKID:xyz", "Content-Type", form), 403, ""},
		{"huge body", request(t, "POST", p.URL, "Action="+strings.Repeat("a", 2<<20), "Content-Type", form), 413, "RequestEntityTooLarge"},
		{"anonymous read of no bucket", request(t, "GET", p.URL+"/no-such-bucket/key", ""), 404, "NoSuchBucket"},
		{"anonymous list of buckets", request(t, "GET", p.URL+"/", ""), 403, "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := do(t, tt.r)
			if got.status/100 != 4 || (tt.code != "" && got.code != tt.code) || (tt.code != "" && got.status != tt.status) {
				t.Errorf("answer %d %s: %s", got.status, got.code, got.body)
			}
		})
	}
}

func TestReady(t *testing.T) {
	p := planetest.New(t)
	response, err := http.Get(p.URL + "/-/ready") //nolint:noctx // a test's one call
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}

func FuzzRoute(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0", "/", "")
	f.Add("", "/bucket/key", "X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fs3%2Faws4_request")
	f.Add("AWS4-X Credential=", "//", "Action=x&Version=2010-05-08")
	p := planetest.New(f)
	f.Fuzz(func(t *testing.T, authorization, path, query string) {
		u := url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://plane"+u.EscapedPath(), nil)
		if err != nil {
			return
		}
		r.URL.RawQuery = query
		r.Header.Set("Authorization", authorization)
		r.RequestURI = r.URL.RequestURI()
		w := &recorder{header: http.Header{}}
		p.Server.Handler().ServeHTTP(w, r)
		if w.status >= 500 && w.status != http.StatusNotImplemented {
			t.Errorf("status %d for %q %q %q", w.status, authorization, path, query)
		}
	})
}

type recorder struct {
	header http.Header
	status int
}

func (w *recorder) Header() http.Header { return w.header }
func (w *recorder) WriteHeader(s int)   { w.status = s }
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return len(b), nil
}
