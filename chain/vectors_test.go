package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// vector is a recorded situation: what is configured, and what real SDKs made of it.
type vector struct {
	ID        string
	Env       map[string]string
	Profile   string
	Files     map[string]string
	IMDS      *map[string]any
	Container *map[string]any
	Outcomes  map[string]struct{ Kind, Akid string }
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("sdk/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 200 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	return vectors
}

// deviations are the situations in which this chain does not do what most of the recorded current SDKs
// do, each with the reason; docs/chain.md has them too.
func deviations() map[string]string {
	const (
		withRustAndJava = "the SDKs in Rust and Java, which were not recorded, decide the vote"
		neverExpired    = "expired credentials are never handed out"
		sharedCache     = "sessions are shared with the AWS CLI, which does the same"
		brokenSource    = "a source that is there and broken ends the search: falling through would pick another identity"
	)
	return map[string]string{
		"AWS_DEFAULT_PROFILE_only":         withRustAndJava,
		"missing_AWS_DEFAULT_PROFILE":      withRustAndJava,
		"process_and_static_same_profile":  withRustAndJava,
		"sso_and_static":                   withRustAndJava,
		"sso_config_static_creds":          withRustAndJava,
		"static_config_sso_creds_split":    withRustAndJava,
		"login_and_static":                 withRustAndJava,
		"colon_separator":                  withRustAndJava,
		"garbage_line":                     withRustAndJava,
		"header_spaces":                    withRustAndJava,
		"env_expired":                      neverExpired,
		"imds_expired":                     neverExpired,
		"env_expiration_garbage":           brokenSource,
		"source_profile_without_role_arn":  brokenSource,
		"process_empty_secret":             brokenSource,
		"creds_blank_secret":               brokenSource,
		"creds_is_directory":               brokenSource,
		"quoted_profile_name":              "the AWS CLI writes such names",
		"login_expired_imds":               "login sessions are used, not refreshed",
		"cache_role_plain":                 sharedCache,
		"cache_role_full":                  sharedCache,
		"cache_role_mfa":                   sharedCache,
		"cache_role_same_key_other_source": sharedCache,
		"cache_sso_role_legacy":            sharedCache,
		"cache_sso_role_session":           sharedCache,
		"cache_sso_role_no_token":          sharedCache,
		"cache_webid":                      sharedCache,
	}
}

// TestVectors plays the recorded situations. The outcome must be that of the majority of the current SDKs
// that were recorded (Go v2, JavaScript v3, botocore with CLI v2), unless [deviations] says why not.
func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			got := play(t, v)
			votes := map[string]int{}
			for _, sdk := range []string{"go-v2", "js-v3", "cli-v2"} {
				if o, ok := v.Outcomes[sdk]; ok && o.Kind != "network" {
					votes[outcome(o.Kind, o.Akid)]++
				}
			}
			best, total := 0, 0
			for _, n := range votes {
				best, total = max(best, n), total+n
			}
			agreed := votes[got] == best && (best*2 > total || votes[got] > 0)
			reason, deviates := deviations()[v.ID]
			if agreed == deviates && total > 0 {
				t.Errorf("got %s, the SDKs %v; deviation %q", got, votes, reason)
			}
		})
	}
}

func outcome(kind, akid string) string {
	if kind == "ok" {
		return akid
	}
	// Some SDKs end with "no credentials" where others fail: the caller has none either way.
	return "fails"
}

func play(t *testing.T, v vector) string {
	t.Helper()
	home := t.TempDir()
	world := newWorld(t, v)
	place := strings.NewReplacer("/home/user", home, "http://127.0.0.1:8099", world.URL, "http://localhost:8099", world.URL, "http://[::1]:8099", world.URL)
	for name, text := range v.Files {
		path := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "$SOON$", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339))
		mode := os.FileMode(0o600)
		if strings.HasPrefix(text, "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(place.Replace(text)), mode); err != nil { //nolint:gosec // a test's file
			t.Fatal(err)
		}
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_SSO=" + world.URL + "/sso", "AWS_ENDPOINT_URL_SSO_OIDC=" + world.URL + "/oidc"}
	if _, ok := v.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]; !ok {
		endpoint := "http://127.0.0.1:1"
		if v.IMDS != nil {
			endpoint = world.URL + "/imds"
		}
		environ = append(environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+endpoint)
	}
	for name, value := range v.Env {
		environ = append(environ, name+"="+place.Replace(value))
	}
	c, err := New(Options{Environ: environ, Profile: v.Profile, dialContainer: world.dial})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	creds, err := c.Retrieve(ctx)
	switch {
	case err == nil:
		return creds.AccessKeyID
	case errors.Is(err, rolecall.ErrNotHere):
		t.Log("none:", err)
	default:
		t.Log("error:", err)
	}
	return "fails"
}

// world answers as STS, SSO, a container endpoint and IMDS.
type world struct {
	*httptest.Server
	v vector
}

func newWorld(t *testing.T, v vector) *world {
	w := &world{v: v}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

// dial leads the container addresses to the server.
func (w *world) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if w.v.Container == nil {
		return nil, errors.New("connection refused")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, w.Listener.Addr().String())
}

const farAway = "2036-11-18T22:14:33Z"

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Host, "169.254.170."):
		w.container(rw, r, "AKECS-"+r.Host)
	case strings.HasPrefix(r.URL.Path, "/container/"):
		w.container(rw, r, "AKECS-full")
	case strings.HasPrefix(r.URL.Path, "/imds/"), strings.HasPrefix(r.URL.Path, "/latest/"):
		w.imds(rw, r)
	case strings.HasPrefix(r.URL.Path, "/sso/"):
		token := r.Header.Get("X-Amz-Sso_bearer_token")
		_, _ = fmt.Fprintf(rw, `{"roleCredentials":{"accessKeyId":"AKSSO-%s","secretAccessKey":"S","sessionToken":"T","expiration":2110659273000}}`, token)
	case strings.HasPrefix(r.URL.Path, "/oidc/"):
		_, _ = rw.Write([]byte(`{"accessToken":"REFRESHED","expiresIn":3600,"refreshToken":"R2"}`))
	case r.Method == http.MethodPost && r.URL.Path == "/":
		w.sts(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

func (w *world) sts(rw http.ResponseWriter, r *http.Request) {
	_, role, _ := strings.Cut(r.FormValue("RoleArn"), "role/")
	by := "webid"
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		by, _, _ = strings.Cut(rest, "/")
	}
	op := r.FormValue("Action")
	_, _ = fmt.Fprintf(rw, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>AK(%[2]s&lt;-%[3]s)</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>%[4]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, op, role, html.EscapeString(by), farAway)
}

func (w *world) container(rw http.ResponseWriter, r *http.Request, name string) {
	if w.v.Container != nil {
		if status, ok := (*w.v.Container)["status"].(float64); ok {
			rw.WriteHeader(int(status))
			return
		}
	}
	answer := map[string]string{"AccessKeyId": name + strings.ReplaceAll(r.URL.Path, "/", "."), "SecretAccessKey": "S", "Token": "T", "Expiration": farAway}
	if w.v.Container != nil {
		if omit, ok := (*w.v.Container)["omit"].([]any); ok {
			for _, k := range omit {
				delete(answer, k.(string)) //nolint:forcetypeassert // the vectors' own type
			}
		}
	}
	_ = json.NewEncoder(rw).Encode(answer)
}

func (w *world) imds(rw http.ResponseWriter, r *http.Request) {
	spec := map[string]any{}
	if w.v.IMDS != nil {
		spec = *w.v.IMDS
	}
	path := strings.TrimPrefix(r.URL.Path, "/imds")
	switch {
	case r.Method == http.MethodPut:
		switch put := spec["put"].(type) {
		case float64:
			rw.WriteHeader(int(put))
		case string:
			<-r.Context().Done()
		default:
			_, _ = rw.Write([]byte("TOKEN"))
		}
	case spec["v2only"] == true && r.Header.Get("X-Aws-Ec2-Metadata-Token") == "":
		rw.WriteHeader(http.StatusUnauthorized)
	case path == "/latest/meta-data/iam/security-credentials/":
		if spec["norole"] == true {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write([]byte("imdsrole"))
	case spec["fail"] == true:
		_, _ = rw.Write([]byte(`{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}`))
	case spec["badjson"] == true:
		_, _ = rw.Write([]byte(`{"Code":`))
	default:
		expires := farAway
		if spec["expired"] == true {
			expires = "2020-01-01T00:00:00Z"
		}
		_, _ = fmt.Fprintf(rw, `{"Code":"Success","AccessKeyId":"AKIMDS","SecretAccessKey":"S","Token":"T","Expiration":%q}`, expires)
	}
}
