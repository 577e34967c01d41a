package explain_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/explain"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

const canary = "CANARYSECRET"

// noon is the clock of the tests.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// run explains in an environment with the files, and returns what was printed and the exit code.
func run(t *testing.T, files map[string]string, environ []string, args ...string) (string, int) {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	io, _, out, errOut := iostreams.Test()
	environ = append([]string{"HOME=" + home, "AWS_REGION=eu-west-1"}, environ...)
	for i, kv := range environ {
		environ[i] = strings.Replace(kv, "=~/", "="+home+"/", 1)
	}
	f := &cmdutil.Factory{
		IO: io, Environ: func() []string { return environ }, Now: noon,
		Logger:     func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		HTTPClient: func() *http.Client { return nil },
	}
	cmd := explain.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	text := out.String() + errOut.String()
	if strings.Contains(text, canary) {
		t.Errorf("a secret is shown: %s", text)
	}
	return text, cmdutil.ExitCode(err)
}

const ssoConfig = `[profile dev]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = R
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile role]
role_arn = arn:aws:iam::111122223333:role/A
source_profile = dev
[profile login]
login_session = arn:aws:iam::111122223333:user/ann
[profile keys]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = CANARYSECRET
[profile process]
credential_process = /nowhere/at/all
`

func ssoToken(expires string) map[string]string {
	return map[string]string{
		".aws/config": ssoConfig,
		".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json": `{"startUrl":"https://corp.awsapps.com/start","region":"eu-west-1","accessToken":"CANARYSECRET",` +
			`"expiresAt":"` + expires + `","refreshToken":"CANARYSECRET","clientId":"c","clientSecret":"CANARYSECRET"}`,
		"token": "e30.eyJleHAiOjE3OTUzNTYwMDB9.CANARYSECRET",
	}
}

// TestNothingGoesOut: without --probe there is no connection, whatever is configured, not even to a proxy.
func TestNothingGoesOut(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = conn.Close()
		}
	}()
	url := "http://" + listener.Addr().String()
	base := []string{
		"AWS_ENDPOINT_URL=" + url, "AWS_ENDPOINT_URL_STS=" + url, "AWS_ENDPOINT_URL_SSO=" + url, "AWS_ENDPOINT_URL_SSO_OIDC=" + url,
		"AWS_ENDPOINT_URL_IAM=" + url, "AWS_ENDPOINT_URL_SIGNIN=" + url, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + url,
		"HTTP_PROXY=" + url, "HTTPS_PROXY=" + url,
	}
	for name, environ := range map[string][]string{
		"keys":      {"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=CANARYSECRET"},
		"web":       {"AWS_WEB_IDENTITY_TOKEN_FILE=~/token", "AWS_ROLE_ARN=arn:aws:iam::111122223333:role/A"},
		"container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + url + "/x"},
		"imds":      {},
		"sso":       {"AWS_PROFILE=dev"}, "role": {"AWS_PROFILE=role"}, "login": {"AWS_PROFILE=login"},
		"static": {"AWS_PROFILE=keys"}, "process": {"AWS_PROFILE=process"}, "none": {"AWS_PROFILE=nosuch"},
	} {
		for _, args := range [][]string{{}, {"--json"}, {"--sdk", "all", "--json"}, {"--role-arn", "arn:aws:iam::111122223333:role/B"}} {
			if _, code := run(t, ssoToken("2026-11-22T12:02:00Z"), append(environ, base...), args...); code == cmdutil.ExitUsage {
				t.Errorf("%s %v: exit code %d", name, args, code)
			}
		}
	}
	_ = listener.Close()
	<-done
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// aws is a server for everything that a probe asks.
type aws struct {
	portal, sts, iam, token, v1 int
	hang                        chan struct{}
	noToken, noAnswer           bool
}

func (s *aws) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := func(code int, text string) {
		if code != 0 {
			w.WriteHeader(code)
			return
		}
		_, _ = w.Write([]byte(text))
	}
	const keys = `"SecretAccessKey":"CANARYSECRET","Token":"CANARYSECRET","Expiration":"2026-11-22T18:30:00Z"}`
	switch {
	case s.noAnswer, s.noToken && r.URL.Path == "/latest/api/token":
		select {
		case <-r.Context().Done():
		case <-s.hang:
		}
	case r.URL.Path == "/latest/api/token":
		status(s.token, "token")
	case r.URL.Path == "/latest/meta-data/":
		status(s.v1, "iam/")
	case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
		_, _ = w.Write([]byte("node"))
	case strings.HasPrefix(r.URL.Path, "/latest/meta-data/iam"):
		_, _ = w.Write([]byte(`{"Code":"Success","AccessKeyId":"ASIAIOSFODNN7EXAMPLE",` + keys))
	case r.URL.Path == "/container":
		_, _ = w.Write([]byte(`{"AccessKeyId":"ASIAI44QH8DHBEXAMPLE",` + keys))
	case r.URL.Path == "/assignment/accounts":
		status(s.portal, `{"accountList":[]}`)
	case r.URL.Path == "/federation/credentials":
		_, _ = fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIAIOSFODNN7EXAMPLE","secretAccessKey":"CANARYSECRET","sessionToken":"CANARYSECRET","expiration":%d}}`, noon().Add(time.Hour).UnixMilli())
	case r.FormValue("Action") == "ListAccessKeys":
		if s.iam != 0 {
			w.WriteHeader(s.iam)
			_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`))
			return
		}
		_, _ = w.Write([]byte(`<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId>` +
			`<Status>Active</Status><CreateDate>2025-11-22T12:00:00Z</CreateDate></member></AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>`))
	case r.FormValue("Action") == "GetCallerIdentity":
		if s.sts != 0 {
			w.WriteHeader(s.sts)
			_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no such key</Message></Error></ErrorResponse>`))
			return
		}
		_, _ = w.Write([]byte(`<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/ann</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`))
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

// TestProbe asks a server in many states; the answers are "source: asked: said | remedy".
func TestProbe(t *testing.T) {
	t.Parallel()
	keys := []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=CANARYSECRET"}
	const off = "AWS_EC2_METADATA_DISABLED=true"
	for name, tc := range map[string]struct {
		aws     *aws
		environ []string
		want    []string
		outcome string
		code    int
	}{
		"keys and a shadowed container": {
			&aws{}, append([]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=URL/container"}, keys...), []string{
				"environment: STS: arn:aws:iam::111122223333:user/ann",
				"environment: IAM: the key exists since 2025-11-22, 365 days | a key that old should be replaced by a role, or rotated",
				"container: the endpoint: ASIAI44QH8DHBEXAMPLE, 6h30m left",
			}, "ok", 0,
		},
		"keys that AWS refuses": {
			&aws{sts: 403, iam: 403}, append([]string{off}, keys...), []string{
				"environment: STS: GetCallerIdentity: InvalidClientTokenId: no such key",
				"environment: IAM: since when the key exists is not told: ListAccessKeys: AccessDenied: no | iam:ListAccessKeys on the user itself lets it tell",
			}, "refused", cmdutil.ExitRefused,
		},
		"instance": {
			&aws{v1: 401}, nil, []string{
				"imds: the service: version 2; version 1 is off",
				"imds: the service: role node, ASIAIOSFODNN7EXAMPLE, account 581039954779, 6h30m left",
				"imds: STS: arn:aws:iam::111122223333:user/ann",
			}, "ok", 0,
		},
		"instance with version 1": {
			&aws{}, keys, []string{
				"environment: STS: arn:aws:iam::111122223333:user/ann",
				"environment: IAM: the key exists since 2025-11-22, 365 days | a key that old should be replaced by a role, or rotated",
				"imds: the service: version 2, and version 1 without a token too (any request forgery gets the role: `--http-tokens required` ends that)",
				"imds: the service: role node, ASIAIOSFODNN7EXAMPLE, account 581039954779, 6h30m left",
			}, "ok", 0,
		},
		"hop limit": {
			&aws{noToken: true, v1: 401}, append([]string{"AWS_EC2_METADATA_V1_DISABLED=true"}, keys...), []string{
				"environment: STS: arn:aws:iam::111122223333:user/ann",
				"environment: IAM: the key exists since 2025-11-22, 365 days | a key that old should be replaced by a role, or rotated",
				"imds: the service: a token is not given in time: this is what a container sees behind a hop limit of 1 | raise it: `aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ID`, or give the container a role of its own",
			}, "ok", 0,
		},
		"portal accepts": {
			&aws{}, []string{off, "AWS_PROFILE=dev"}, []string{
				"profile: SSO portal: the sign-in's token is accepted",
				"profile: the source: ASIAIOSFODNN7EXAMPLE, account 111122223333, 1h0m left",
				"profile: STS: arn:aws:iam::111122223333:user/ann",
			}, "ok", 0,
		},
		"portal refuses the token of a shadowed sign-in": {
			&aws{portal: 401, iam: 403}, append([]string{off, "AWS_PROFILE=dev"}, keys...), []string{
				"environment: STS: arn:aws:iam::111122223333:user/ann",
				"environment: IAM: since when the key exists is not told: ListAccessKeys: AccessDenied: no | iam:ListAccessKeys on the user itself lets it tell",
				"profile: SSO portal: the portal does not accept the SSO token | sign in with `aws sso login --sso-session corp`",
			}, "ok", 0,
		},
		"version 1 only": {&aws{token: 404}, nil, []string{
			"imds: the service: version 1 only (the request for a token answers 404)",
			"imds: the service: role node, ASIAIOSFODNN7EXAMPLE, account 581039954779, 6h30m left",
			"imds: STS: arn:aws:iam::111122223333:user/ann",
		}, "ok", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.aws.hang = make(chan struct{})
			server := httptest.NewServer(tc.aws)
			defer server.Close()
			defer close(tc.aws.hang)
			environ := append([]string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL}, tc.environ...)
			for i := range environ {
				environ[i] = strings.Replace(environ[i], "=URL/", "="+server.URL+"/", 1)
			}
			text, code := run(t, ssoToken("2026-11-22T20:00:00Z"), environ, "--probe", "--json")
			var report explain.Report
			if err := json.Unmarshal([]byte(text), &report); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			var got []string
			for _, a := range report.Probe {
				line := a.Source + ": " + a.Asked + ": " + a.Said
				if a.Remedy != "" && (!a.OK || a.Asked == "IAM") && !strings.HasPrefix(a.Remedy, "the access key") {
					line += " | " + a.Remedy
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if report.Outcome != tc.outcome || code != tc.code {
				t.Errorf("outcome %s, exit code %d: %s", report.Outcome, code, report.Error)
			}
		})
	}
}

// TestProbeIsBounded: endpoints that take connections and do not answer keep nobody for longer than three seconds.
func TestProbeIsBounded(t *testing.T) {
	t.Parallel()
	silent := &aws{noAnswer: true, hang: make(chan struct{})}
	server := httptest.NewServer(silent)
	defer server.Close()
	defer close(silent.hang)
	base := []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL}
	for name, tc := range map[string]struct {
		environ []string
		code    int
	}{
		"container": {[]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + server.URL + "/container"}, cmdutil.ExitUnreachable},
		"sso":       {[]string{"AWS_PROFILE=dev"}, cmdutil.ExitUnreachable},
		"role":      {[]string{"AWS_PROFILE=role"}, cmdutil.ExitUnreachable},
		"keys":      {[]string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=CANARYSECRET"}, cmdutil.ExitUnreachable},
		"imds":      {nil, cmdutil.ExitNoCredentials},
		"process":   {[]string{"AWS_PROFILE=slow"}, cmdutil.ExitUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := ssoToken("2026-11-22T20:00:00Z")
			files[".aws/config"] += "[profile slow]\ncredential_process = sleep 30\n"
			begin := time.Now()
			text, code := run(t, files, append(tc.environ, base...), "--probe")
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("took %s", took)
			}
			if code != tc.code {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, text)
			}
		})
	}
}
