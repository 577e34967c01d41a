package login_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

const session = "arn:aws:iam::111122223333:user/ada"

// setUp starts a service, and a provider whose token file has credentials that live that long.
func setUp(t *testing.T, life time.Duration) (*signin.Server, login.Options) {
	t.Helper()
	s, err := signin.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	o := login.Options{Session: session, CacheDir: t.TempDir(), Endpoint: s.URL, Profile: "p", Location: "config:1"}
	save(t, o, s.Token(time.Now().Add(life), false))
	return s, o
}

func save(t *testing.T, o login.Options, token map[string]any) {
	t.Helper()
	data, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signin.Path(o.CacheDir, o.Session), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, o login.Options) map[string]any {
	t.Helper()
	data, err := os.ReadFile(signin.Path(o.CacheDir, o.Session))
	if err != nil {
		t.Fatal(err)
	}
	var token map[string]any
	if err := json.Unmarshal(data, &token); err != nil {
		t.Fatal(err)
	}
	return token
}

// noSecret fails when text shows what nobody may see.
func noSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, signin.Secret) || strings.Contains(text, "PRIVATE KEY") {
		t.Errorf("a secret shows: %s", text)
	}
}

func checkFaults(t *testing.T, s *signin.Server) {
	t.Helper()
	if f := s.Faults(); len(f) > 0 {
		t.Errorf("the service was asked wrongly: %v", f)
	}
}

func TestServesWhatLives(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, 10*time.Minute)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o.Now = func() time.Time { return now }
	save(t, o, s.Token(now.Add(login.RefreshWindow+time.Second), false))
	got, err := login.New(o).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.SecretAccessKey.Expose() != signin.Secret || got.SessionToken.Expose() != signin.Secret {
		t.Error("wrong secrets")
	}
	got.SecretAccessKey, got.SessionToken = rolecall.Secret{}, rolecall.Secret{}
	want := rolecall.Credentials{
		AccessKeyID: signin.AccessKeyID(0), AccountID: signin.Account, Expires: now.Add(login.RefreshWindow + time.Second),
		Origin: rolecall.Origin{
			Source: "login", Location: "config:1", Detail: session, At: now,
			Via: &rolecall.Origin{Source: "login-token", Location: signin.Path(o.CacheDir, session), At: now},
		},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })); d != "" {
		t.Error(d)
	}
	if s.Calls() != 0 {
		t.Error("the service was asked")
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		life  time.Duration
		pkcs8 bool
	}{
		"expired, SEC1 key":   {-time.Hour, false},
		"expired, PKCS#8 key": {-time.Hour, true},
		"near its end":        {login.RefreshWindow - time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := setUp(t, 0)
			token := s.Token(time.Now().Add(tc.life), tc.pkcs8)
			token["signInRegion"], token["future"] = "eu-north-1", map[string]any{"kept": []any{true, 1e3}}
			token["accessToken"].(map[string]any)["more"] = "kept" //nolint:errcheck // made above
			save(t, o, token)
			for n := 1; n <= 3; n++ {
				before := time.Now()
				got, err := login.New(o).Retrieve(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got.AccessKeyID != signin.AccessKeyID(n) || got.AccountID != signin.Account {
					t.Errorf("round %d: got %s in %s", n, got.AccessKeyID, got.AccountID)
				}
				if end := got.Expires.Sub(before); end < 14*time.Minute+58*time.Second || end > 15*time.Minute+10*time.Second {
					t.Errorf("ends in %s", end)
				}
				kept := load(t, o)
				access := token["accessToken"].(map[string]any) //nolint:errcheck // made above
				access["accessKeyId"], access["expiresAt"] = signin.AccessKeyID(n), got.Expires.Format("2006-01-02T15:04:05Z")
				token["refreshToken"] = s.RefreshToken()
				if d := cmp.Diff(token, kept); d != "" {
					t.Errorf("round %d: %s", n, d)
				}
				// The next round finds it expired again.
				access["expiresAt"] = time.Now().Add(tc.life).UTC().Format(time.RFC3339)
				save(t, o, token)
			}
			if info, err := os.Stat(signin.Path(o.CacheDir, session)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if s.Calls() != 3 {
				t.Errorf("%d calls", s.Calls())
			}
			checkFaults(t, s)
		})
	}
}

// TestOneRefresh: processes, and goroutines in them, that start at once make one call.
func TestOneRefresh(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, -time.Hour)
	s.Delay = 100 * time.Millisecond
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes, goroutines = 50, 20
	var wg sync.WaitGroup
	answers := make(chan string, processes+goroutines)
	for range processes {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestHelperProcess$")
			cmd.Env = append(os.Environ(), "LOGIN_HELPER_DIR="+o.CacheDir, "LOGIN_HELPER_ENDPOINT="+s.URL)
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			first, _, _ := strings.Cut(string(out), "\n")
			answers <- first
		})
	}
	provider := login.New(o)
	for range goroutines {
		wg.Go(func() {
			creds, err := provider.Retrieve(t.Context())
			if err != nil {
				t.Error(err)
			}
			answers <- creds.AccessKeyID
		})
	}
	wg.Wait()
	close(answers)
	for a := range answers {
		if a != signin.AccessKeyID(1) {
			t.Errorf("somebody got %q", a)
		}
	}
	if s.Calls() != 1 {
		t.Errorf("%d calls, want 1", s.Calls())
	}
	checkFaults(t, s)
}

// TestHelperProcess is a process of [TestOneRefresh].
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv("LOGIN_HELPER_DIR")
	if dir == "" {
		return // not started as one
	}
	creds, err := login.New(login.Options{Session: session, CacheDir: dir, Endpoint: os.Getenv("LOGIN_HELPER_ENDPOINT")}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString(creds.AccessKeyID + "\n")
}

// TestNobodyWaitsForARefreshThatCanWait: while another process refreshes, the living credentials are served.
func TestNobodyWaitsForARefreshThatCanWait(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, login.RefreshWindow/2)
	s.Delay = 2 * time.Second
	first := make(chan string, 1)
	go func() {
		creds, _ := login.New(o).Retrieve(t.Context()) //nolint:errcheck // the id tells
		first <- creds.AccessKeyID
	}()
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	creds, err := login.New(o).Retrieve(t.Context())
	if took := time.Since(begin); err != nil || creds.AccessKeyID != signin.AccessKeyID(0) || took > 1500*time.Millisecond {
		t.Errorf("got %s after %s, %v", creds.AccessKeyID, took, err)
	}
	if got := <-first; got != signin.AccessKeyID(1) {
		t.Errorf("the one that refreshed got %q", got)
	}
}

// TestWaitingEndsWithTheCaller: who has nothing to serve waits for another process, but no longer than the caller.
func TestWaitingEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, -time.Second)
	unlock, err := awscache.Lock(t.Context(), signin.Path(o.CacheDir, session))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err = login.New(o).Retrieve(ctx)
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second || s.Calls() != 0 {
		t.Errorf("after %s and %d calls: %v", took, s.Calls(), err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	html := func(status int) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Location", "http://192.0.2.1/")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>" + signin.Secret))
			return true
		}
	}
	refuse := func(status int, shape, code string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			signin.Refuse(w, status, shape, code, "because")
			return true
		}
	}
	text := func(body string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	bomb := func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		for range 1 << 10 {
			_, _ = zip.Write(make([]byte, 1<<16)) // 64 MB in all, 64 KB on the wire
		}
		_ = zip.Close()
		return true
	}
	whole := `{"accessToken":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T"},"tokenType":"aws_sigv4","expiresIn":900,"refreshToken":"R"}`
	for name, tc := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request) bool
		want   string
		signIn bool
		calls  int
	}{
		"session over":     {refuse(400, "AccessDeniedException", "TOKEN_EXPIRED"), "the login session has ended (TOKEN_EXPIRED: because)", true, 1},
		"code over":        {refuse(403, "AccessDeniedException", "AUTHCODE_EXPIRED"), "the login session has ended (AUTHCODE_EXPIRED: because)", true, 1},
		"password changed": {refuse(403, "AccessDeniedException", "USER_CREDENTIALS_CHANGED"), "the login session ended when the password was changed (USER_CREDENTIALS_CHANGED: because)", true, 1},
		"no permission":    {refuse(403, "AccessDeniedException", "INSUFFICIENT_PERMISSIONS"), "refreshing the login session: INSUFFICIENT_PERMISSIONS: because: whoever signed in lacks the permission signin:CreateOAuth2Token", false, 1},
		"other refusal":    {refuse(400, "ValidationException", "invalid_grant"), "the login session cannot be refreshed (invalid_grant: because)", true, 1},
		"shape alone":      {refuse(400, "x.y#ValidationException:http://z/", ""), "the login session cannot be refreshed (ValidationException: because)", true, 1},
		"throttled":        {refuse(429, "TooManyRequestsError", "rate_exceeded"), "refreshing the login session: rate_exceeded: because", false, 3},
		"server error":     {refuse(500, "InternalServerException", "server_error"), "refreshing the login session: server_error: because", false, 3},
		"portal, refused":  {html(403), "refreshing the login session: HTTP 403, which is no answer of the sign-in service", false, 1},
		"portal, redirect": {html(302), "refreshing the login session: HTTP 302, which is no answer of the sign-in service", false, 1},
		"portal":           {html(200), `refreshing the login session: the sign-in service's answer is not the JSON of a token (content type "text/html")`, false, 1},
		"empty":            {text(""), "refreshing the login session: the sign-in service's answer is not the JSON of a token", false, 1},
		"truncated":        {text(whole[:60]), "refreshing the login session: the sign-in service's answer is not the JSON of a token", false, 1},
		"wrong types":      {text(strings.Replace(whole, "900", `"900"`, 1)), "refreshing the login session: the sign-in service's answer is not the JSON of a token", false, 1},
		"no refresh token": {text(strings.Replace(whole, `"R"`, `""`, 1)), "refreshing the login session: the sign-in service's answer is no complete token", false, 1},
		"no secret":        {text(strings.Replace(whole, `"S"`, `""`, 1)), "refreshing the login session: the sign-in service's answer is no complete token", false, 1},
		"already over":     {text(strings.Replace(whole, "900", "-1", 1)), "refreshing the login session: the sign-in service's answer is no complete token", false, 1},
		"lives for years":  {text(strings.Replace(whole, "900", "99999999999", 1)), "refreshing the login session: the sign-in service's answer is no complete token", false, 1},
		"gzip bomb":        {bomb, "refreshing the login session: the sign-in service's answer is larger than 262144 bytes", false, 1},
		"too large":        {text(strings.Repeat(" ", 1<<20)), "refreshing the login session: the sign-in service's answer is larger than 262144 bytes", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := setUp(t, -time.Second)
			s.SetAnswer(tc.answer)
			before := load(t, o)
			_, err := login.New(o).Retrieve(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), `config:1: profile "p": `+tc.want) {
				t.Fatalf("got %v\nwant %s", err, tc.want)
			}
			noSecret(t, err.Error())
			var again *login.SignInError
			if errors.As(err, &again) != tc.signIn || tc.signIn && again.Command() != "aws login --profile p" {
				t.Errorf("sign in again: %v", again)
			}
			if errors.Is(err, rolecall.ErrNotHere) {
				t.Error("a chain would go on to another identity")
			}
			if s.Calls() != tc.calls {
				t.Errorf("%d calls, want %d", s.Calls(), tc.calls)
			}
			if d := cmp.Diff(before, load(t, o)); d != "" {
				t.Error("the file changed:", d)
			}

			// While they live, the credentials outlast the same refusal.
			save(t, o, s.Token(time.Now().Add(time.Minute), false))
			var log bytes.Buffer
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			creds, err := login.New(o).Retrieve(t.Context())
			if err != nil || creds.AccessKeyID != signin.AccessKeyID(0) {
				t.Errorf("living credentials: %v, %v", creds.AccessKeyID, err)
			}
			if !strings.Contains(log.String(), "could not be refreshed") {
				t.Errorf("nothing is said: %s", log.String())
			}
			noSecret(t, log.String())
			checkFaults(t, s)
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, -time.Second)
	s.SetAnswer(func(call int, w http.ResponseWriter, _ *http.Request) bool {
		switch call {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		}
		return false
	})
	creds, err := login.New(o).Retrieve(t.Context())
	if err != nil || creds.AccessKeyID != signin.AccessKeyID(1) || s.Calls() != 3 {
		t.Errorf("%s, %v after %d calls", creds.AccessKeyID, err, s.Calls())
	}
	checkFaults(t, s) // each attempt had a proof of its own
}

func TestHangingService(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, time.Minute)
	s.Delay = login.EarlyTimeout + time.Second
	begin := time.Now()
	creds, err := login.New(o).Retrieve(t.Context())
	if took := time.Since(begin); err != nil || creds.AccessKeyID != signin.AccessKeyID(0) || took > login.EarlyTimeout+2*time.Second {
		t.Errorf("%s after %s, %v", creds.AccessKeyID, took, err)
	}
}

// TestClockSkew: a proof is made again with the service's time; the end of credentials is told in this machine's.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, -time.Second)
	local := time.Now().Add(-3 * time.Hour)
	o.Now = func() time.Time { return local }
	save(t, o, s.Token(local.Add(-time.Second), false))
	creds, err := login.New(o).Retrieve(t.Context())
	if err != nil || creds.AccessKeyID != signin.AccessKeyID(1) {
		t.Fatalf("%s, %v", creds.AccessKeyID, err)
	}
	if life := creds.Expires.Sub(local); life > 15*time.Minute || life < 14*time.Minute {
		t.Errorf("lives %s", life)
	}
	s.SetAnswer(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		signin.Refuse(w, 400, "ValidationException", "invalid_request", "no")
		return true
	})
	save(t, o, s.Token(local.Add(-time.Second), false))
	_, err = login.New(o).Retrieve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "clock is 3h0m0s off") {
		t.Error(err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s, _ := setUp(t, 0)
	p384, ed := otherKeys(t)
	whole := func(change func(token, access map[string]any)) string {
		token := s.Token(time.Now().Add(-time.Hour), false)
		change(token, token["accessToken"].(map[string]any)) //nolint:errcheck // made by the kit
		data, err := json.Marshal(token)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	drop := func(name string) string { return whole(func(token, _ map[string]any) { delete(token, name) }) }
	dropAccess := func(name string) string { return whole(func(_, access map[string]any) { delete(access, name) }) }
	put := func(name string, v any) string { return whole(func(token, _ map[string]any) { token[name] = v }) }
	for name, tc := range map[string]struct{ file, want string }{
		"missing":                 {"", "there is no login token: nobody is signed in"},
		"blank":                   {" \n", "is damaged: it is empty"},
		"truncated":               {put("x", 1)[:200], "is damaged: it is not the JSON that it should be"},
		"HTML":                    {"<html>" + signin.Secret, "is damaged: it is not the JSON that it should be"},
		"binary":                  {"\x00\xff\x00", "is damaged: it is not the JSON that it should be"},
		"a list":                  {`["` + signin.Secret + `"]`, "is damaged: it is not the JSON that it should be"},
		"null":                    {"null", "is damaged: it is not the JSON that it should be"},
		"no accessToken":          {drop("accessToken"), "is damaged: it has no accessToken"},
		"accessToken is text":     {put("accessToken", signin.Secret), "is damaged: it has no accessToken"},
		"no refreshToken":         {drop("refreshToken"), "is damaged: it has no refreshToken"},
		"no clientId":             {drop("clientId"), "is damaged: it has no clientId"},
		"no dpopKey":              {drop("dpopKey"), "is damaged: it has no dpopKey"},
		"no accessKeyId":          {dropAccess("accessKeyId"), "is damaged: it has no accessKeyId"},
		"no secret":               {dropAccess("secretAccessKey"), "is damaged: it has no secretAccessKey"},
		"no sessionToken":         {dropAccess("sessionToken"), "is damaged: it has no sessionToken"},
		"no accountId":            {dropAccess("accountId"), "is damaged: it has no accountId"},
		"no expiresAt":            {dropAccess("expiresAt"), "is damaged: it has no expiresAt"},
		"expiresAt is a number":   {whole(func(_, a map[string]any) { a["expiresAt"] = 17e8 }), "is damaged: it has no expiresAt"},
		"expiresAt is no time":    {whole(func(_, a map[string]any) { a["expiresAt"] = signin.Secret }), "is damaged: its expiresAt is no time"},
		"refreshToken is a list":  {put("refreshToken", []string{signin.Secret}), "is damaged: it has no refreshToken"},
		"dpopKey is no PEM":       {put("dpopKey", signin.Secret), "is damaged: its dpopKey is no PEM"},
		"dpopKey is no key":       {put("dpopKey", "-----BEGIN EC PRIVATE KEY-----\nQUFBQQ==\n-----END EC PRIVATE KEY-----\n"), "is damaged: its dpopKey is neither a SEC1 nor a PKCS#8 key"},
		"dpopKey is P-384":        {put("dpopKey", p384), "is damaged: its dpopKey is not of the curve P-256"},
		"dpopKey is Ed25519":      {put("dpopKey", ed), "is damaged: its dpopKey is no elliptic curve key"},
		"larger than a megabyte":  {put("x", strings.Repeat("x", 1<<20)), "is too large"},
		"two members are missing": {whole(func(token, _ map[string]any) { delete(token, "clientId"); delete(token, "refreshToken") }), "is damaged: it has no refreshToken, no clientId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := login.Options{Session: session, CacheDir: t.TempDir(), Endpoint: s.URL, Location: "config:1"}
			if tc.file != "" {
				if err := os.WriteFile(signin.Path(o.CacheDir, session), []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			checkFault(t, o, tc.want)
			if key, _, err := login.Inspect([]byte(tc.file)); tc.file != "" && len(tc.file) < 1<<20 && (err == nil || key != "" || !strings.Contains(tc.want, err.Error())) {
				t.Errorf("to look at it gives %q, %v", key, err)
			}
		})
	}
	if s.Calls() != 0 {
		t.Error("the service was asked")
	}
}

// checkFault wants Retrieve to fail soon, with that in its text and nothing secret.
func checkFault(t *testing.T, o login.Options, want string) {
	t.Helper()
	begin := time.Now()
	_, err := login.New(o).Retrieve(t.Context())
	if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, rolecall.ErrNotHere) {
		t.Fatalf("got %v, want %s", err, want)
	}
	noSecret(t, err.Error())
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestHalfWrittenFile: the SDKs write the file in place; who reads in that moment looks again.
func TestHalfWrittenFile(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, time.Hour)
	path := signin.Path(o.CacheDir, session)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = os.WriteFile(path, whole, 0o600) })
	creds, err := login.New(o).Retrieve(t.Context())
	if err != nil || creds.AccessKeyID != signin.AccessKeyID(0) {
		t.Error(err)
	}
	checkFaults(t, s)
}

// TestNoPlaceForTheNewToken: a refresh token that cannot be kept is not spent.
func TestNoPlaceForTheNewToken(t *testing.T) {
	t.Parallel()
	s, o := setUp(t, -time.Second)
	// In the lock file's place lies a folder: root may write everywhere, and nobody can lock this.
	if err := os.Mkdir(signin.Path(o.CacheDir, session)+".lock", 0o700); err != nil {
		t.Fatal(err)
	}
	checkFault(t, o, "the login session cannot be refreshed: locking the cache")
	if s.Calls() != 0 {
		t.Error("the refresh token was spent")
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		region     string
		fips, dual bool
		want       string
	}{
		// By the rules that botocore's endpoint rule set of the service has; the compat tier compares them.
		{"us-east-1", false, false, "us-east-1.signin.aws.amazon.com"},
		{"us-east-1", true, false, "signin-fips.us-east-1.amazonaws.com"},
		{"us-east-1", false, true, "signin.us-east-1.api.aws"},
		{"us-east-1", true, true, "signin-fips.us-east-1.api.aws"},
		{"cn-north-1", false, false, "cn-north-1.signin.amazonaws.cn"},
		{"us-gov-west-1", false, false, "us-gov-west-1.signin.amazonaws-us-gov.com"},
		{"us-gov-west-1", true, false, "signin-fips.amazonaws-us-gov.com"},
		{"us-gov-east-1", true, false, "us-gov-east-1.signin-fips.amazonaws-us-gov.com"},
		{"us-iso-east-1", false, false, "us-iso-east-1.signin.c2shome.ic.gov"},
		{"us-isob-east-1", false, false, "us-isob-east-1.signin.sc2shome.sgov.gov"},
		{"us-isof-south-1", false, false, "us-isof-south-1.signin.csphome.hci.ic.gov"},
		{"eu-isoe-west-1", false, false, "eu-isoe-west-1.signin.csphome.adc-e.uk"},
		{"eusc-de-east-1", false, false, "eusc-de-east-1.signin.amazonaws-eusc.eu"},
	} {
		if got, err := login.Host(tc.region, tc.fips, tc.dual); err != nil || got != tc.want {
			t.Errorf("%s, FIPS %v, dual stack %v: %s, %v; want %s", tc.region, tc.fips, tc.dual, got, err, tc.want)
		}
	}
	for _, bad := range []string{"", "evil.example/", "a@b", "US-EAST-1", strings.Repeat("a", 64)} {
		if got, err := login.Host(bad, false, false); err == nil {
			t.Errorf("%q gives %s", bad, got)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*login.Options)
		want   string
	}{
		"no region":                {func(o *login.Options) { o.Endpoint = "" }, "no region to refresh the login session in"},
		"endpoint and FIPS":        {func(o *login.Options) { o.UseFIPS = true }, "FIPS endpoints are asked for"},
		"endpoint and dual stack":  {func(o *login.Options) { o.UseDualStack = true }, "dual-stack endpoints are asked for"},
		"endpoint is no URL":       {func(o *login.Options) { o.Endpoint = "signin.example" }, "is no URL"},
		"endpoint of another kind": {func(o *login.Options) { o.Endpoint = "file:///etc/passwd" }, "is no URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := setUp(t, -time.Second)
			tc.change(&o)
			checkFault(t, o, tc.want)
			if s.Calls() != 0 {
				t.Error("the service was asked")
			}
		})
	}
	t.Run("the token's region counts", func(t *testing.T) {
		t.Parallel()
		s, o := setUp(t, -time.Second)
		token := s.Token(time.Now().Add(-time.Second), false)
		token["signInRegion"] = "eu-north-1"
		save(t, o, token)
		o.Endpoint, o.Region = "", "us-east-1"
		var asked string
		o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return nil, errors.New("no network")
		})}
		if _, err := login.New(o).Retrieve(t.Context()); err == nil || asked != "https://eu-north-1.signin.aws.amazon.com/v1/token" {
			t.Errorf("asked %s, %v", asked, err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
