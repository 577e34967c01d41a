package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rolecall-dev/rolecall/internal/cli"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"rolecall": func() { os.Exit(cli.Main()) },
		// answer prints credentials as a credential_process, with the secret that the canary looks for.
		"answer": func() {
			fmt.Printf(`{"Version":1,"AccessKeyId":"AKIAPROCESSEXAMPLE00","SecretAccessKey":"%s","Expiration":"2036-01-01T00:00:00Z"}`, canary)
		},
	})
}

// canary is in every secret of the scripts; only commands whose work it is may print it.
const canary = "CANARYSECRET"

// TestScripts runs every script in testdata/script against the real program, with servers that stand
// in for AWS. A script sees them as $STS, $SSO, $CONTAINER and $IMDS.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			w := &fakeAWS{}
			server := httptest.NewServer(w)
			env.Defer(server.Close)
			env.Values["aws"] = w
			env.Setenv("STS", server.URL+"/sts")
			env.Setenv("SSO", server.URL+"/sso")
			env.Setenv("CONTAINER", server.URL+"/container")
			env.Setenv("IMDS", server.URL+"/imds")
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("AWS_ENDPOINT_URL_STS", server.URL+"/sts")
			env.Setenv("AWS_ENDPOINT_URL_SSO", server.URL+"/sso")
			login, err := signin.New()
			if err != nil {
				return err
			}
			env.Defer(login.Close)
			env.Values["signin"] = login
			env.Setenv("AWS_ENDPOINT_URL_SIGNIN", login.URL)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// calls N: STS was called N times since the script began.
			"calls": func(ts *testscript.TestScript, neg bool, args []string) {
				w, _ := ts.Value("aws").(*fakeAWS)
				if got := fmt.Sprint(w.calls.Load()); neg || len(args) != 1 || got != args[0] {
					ts.Fatalf("%s calls, want %v", got, args)
				}
			},
			// signin DURATION: somebody signed in with aws login as arn:aws:iam::111122223333:user/ada, and the
			// credentials live that long. signin CODE: the service refuses from now on. refreshes N: it was
			// asked N times.
			"signin": func(ts *testscript.TestScript, neg bool, args []string) {
				s, _ := ts.Value("signin").(*signin.Server)
				life, err := time.ParseDuration(args[0])
				if err != nil {
					code := args[0]
					s.SetAnswer(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
						signin.Refuse(w, http.StatusBadRequest, "AccessDeniedException", code, "no")
						return true
					})
					return
				}
				data, err := json.Marshal(s.Token(time.Now().Add(life), true))
				ts.Check(err)
				path := signin.Path(ts.MkAbs(".aws/login/cache"), "arn:aws:iam::111122223333:user/ada")
				ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
				ts.Check(os.WriteFile(path, data, 0o600))
			},
			"refreshes": func(ts *testscript.TestScript, neg bool, args []string) {
				s, _ := ts.Value("signin").(*signin.Server)
				if got := fmt.Sprint(s.Calls()); neg || got != args[0] || len(s.Faults()) > 0 {
					ts.Fatalf("%s refreshes, want %s; faults %v", got, args[0], s.Faults())
				}
			},
			// nosecret: the last command printed no secret.
			"nosecret": func(ts *testscript.TestScript, _ bool, _ []string) {
				for _, name := range []string{"stdout", "stderr"} {
					if strings.Contains(ts.ReadFile(name), canary) {
						ts.Fatalf("%s shows a secret", name)
					}
				}
			},
		},
	})
}

// fakeAWS stands in for the services.
type fakeAWS struct{ calls atomic.Int32 }

func (w *fakeAWS) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	switch {
	case strings.HasPrefix(r.URL.Path, "/sts"):
		w.calls.Add(1)
		w.sts(rw, r, expires)
	case strings.HasPrefix(r.URL.Path, "/sso"):
		_, _ = fmt.Fprintf(rw, `{"roleCredentials":{"accessKeyId":"ASIASSOEXAMPLE000000","secretAccessKey":"%[1]s","sessionToken":"%[1]s","expiration":%[2]d}}`, canary, time.Now().Add(time.Hour).UnixMilli())
	case r.URL.Path == "/container/html":
		_, _ = rw.Write([]byte("<html>sign in to the network</html>"))
	case r.URL.Path == "/container/denied":
		rw.WriteHeader(http.StatusForbidden)
		_, _ = rw.Write([]byte(`{"code":"AccessDenied","message":"not this workload"}`))
	case strings.HasPrefix(r.URL.Path, "/container"):
		if r.Header.Get("Authorization") != "sesame" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"AccessKeyId":"ASIACONTAINEREXAMPLE","SecretAccessKey":"%[1]s","Token":"%[1]s","Expiration":%[2]q}`, canary, expires)
	case r.URL.Path == "/imds/latest/api/token":
		_, _ = rw.Write([]byte("token"))
	case r.URL.Path == "/imds/latest/meta-data/iam/security-credentials/":
		_, _ = rw.Write([]byte("node"))
	case r.URL.Path == "/imds/latest/meta-data/iam/security-credentials/node":
		_, _ = fmt.Fprintf(rw, `{"Code":"Success","AccessKeyId":"ASIAIMDSEXAMPLE00000","SecretAccessKey":"%[1]s","Token":"%[1]s","Expiration":%[2]q}`, canary, expires)
	default:
		http.NotFound(rw, r)
	}
}

func (w *fakeAWS) sts(rw http.ResponseWriter, r *http.Request, expires string) {
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	switch op, role := r.FormValue("Action"), r.FormValue("RoleArn"); {
	case strings.HasSuffix(role, "/forbidden"):
		rw.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(rw, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>%s may not assume %s</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`, key, role)
	case op == "GetCallerIdentity":
		_, _ = fmt.Fprintf(rw, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/%s</Arn><UserId>AIDAEXAMPLE</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, key)
	default:
		if r.FormValue("SerialNumber") != "" && r.FormValue("TokenCode") != "123456" {
			rw.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(rw, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed</Message></Error></ErrorResponse>`)
			return
		}
		time.Sleep(20 * time.Millisecond)
		name := role[strings.LastIndexByte(role, '/')+1:]
		_, _ = fmt.Fprintf(rw, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]s</AccessKeyId><SecretAccessKey>%[3]s</SecretAccessKey><SessionToken>%[3]s</SessionToken><Expiration>%[4]s</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/%[2]s/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser></%[1]sResult></%[1]sResponse>`, op, name, canary, expires)
	}
}
