package oidc_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall/internal/plane/federation"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/oidc"
)

// world is an issuer, a verifier that may reach it, and the verifier's clock.
type world struct {
	*federationtest.Issuer
	v      *oidc.Verifier
	offset atomic.Int64
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *world) advance(d time.Duration) { w.offset.Add(int64(d)) }

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Issuer: federationtest.NewIssuer(t)}
	w.v = oidc.NewVerifier(oidc.Options{TrustedNetworks: loopback(), Roots: w.Roots(), Now: w.now})
	return w
}

func (w *world) lookup(url string) *oidc.Provider {
	if url != w.Name() {
		return nil
	}
	return &oidc.Provider{URL: url, ClientIDs: []string{"web", "mobile"}}
}

func (w *world) verify(ctx context.Context, token string) (*oidc.Claims, error) {
	return w.v.Verify(ctx, token, w.lookup)
}

func (w *world) claims() map[string]any { return w.Claims("web", "user-7", w.now()) }

// with returns an ordinary token's claims, changed; a nil value takes a claim away.
func (w *world) with(change map[string]any) map[string]any {
	claims := w.claims()
	for name, value := range change {
		if value == nil {
			delete(claims, name)
			continue
		}
		claims[name] = value
	}
	return claims
}

func wantRefused(t *testing.T, err error, reason federation.Reason, message string) {
	t.Helper()
	var refused *federation.Error
	if !errors.As(err, &refused) {
		t.Fatalf("error = %v, want %q", err, message)
	}
	if refused.Reason != reason || !strings.Contains(refused.Message, message) {
		t.Fatalf("refused for %d: %q, want %d: …%q…", refused.Reason, refused.Message, reason, message)
	}
}

func TestGoodTokens(t *testing.T) {
	w := newWorld(t)
	for _, algorithm := range []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"} {
		t.Run(algorithm, func(t *testing.T) {
			w := newWorld(t)
			w.SetKeys(federationtest.NewKey(t, "k", algorithm))
			got, err := w.verify(t.Context(), w.Token(w.claims()))
			if err != nil {
				t.Fatal(err)
			}
			want := &oidc.Claims{
				Issuer: w.URL, Subject: "user-7", Audiences: []string{"web"}, Clients: []string{"web"},
				Other: map[string][]string{"iss": {w.URL}, "sub": {"user-7"}, "aud": {"web"}},
			}
			ignore := cmpopts.IgnoreMapEntries(func(name string, _ []string) bool { return len(name) == 3 && strings.Contains("exp iat nbf", name) })
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(oidc.Claims{}), ignore); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for name, tt := range map[string]struct {
		change   map[string]any
		audience string
	}{
		"several audiences, one of ours":    {map[string]any{"aud": []string{"other", "mobile"}}, "mobile"},
		"authorized party before audience":  {map[string]any{"aud": []string{"web", "other"}, "azp": "mobile"}, "mobile"},
		"fractions of seconds":              {map[string]any{"exp": float64(w.now().UnixMilli())/1000 + 60}, "web"},
		"issued a day ago":                  {map[string]any{"iat": w.now().Add(-24*time.Hour + time.Minute).Unix(), "nbf": nil}, "web"},
		"issuer's clock is ahead a little":  {map[string]any{"iat": w.now().Add(time.Minute).Unix(), "nbf": w.now().Add(time.Minute).Unix()}, "web"},
		"no nbf":                            {map[string]any{"nbf": nil}, "web"},
		"claims that nobody knows, nested":  {map[string]any{"deep": map[string]any{"a": []any{1, map[string]any{"b": 2}}}}, "web"},
		"a long token within the API limit": {map[string]any{"pad": strings.Repeat("x", 10_000)}, "web"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.verify(t.Context(), w.Token(w.with(tt.change)))
			if err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(got.Clients, []string{tt.audience}) {
				t.Errorf("clients %q, want %q", got.Clients, tt.audience)
			}
		})
	}
	t.Run("no key id, one key that fits", func(t *testing.T) {
		payload, _ := json.Marshal(w.claims())
		if _, err := w.verify(t.Context(), federationtest.Sign(t, w.Key(), map[string]any{"alg": "RS256"}, payload)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHostileTokens(t *testing.T) {
	w := newWorld(t)
	key, stranger := w.Key(), federationtest.NewKey(t, "first", "RS256")
	payload, err := json.Marshal(w.claims())
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]any{"alg": "RS256", "kid": "first", "typ": "JWT"}
	good := federationtest.Sign(t, key, header, payload)
	parts := strings.Split(good, ".")
	public, err := x509.MarshalPKIXPublicKey(key.Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(header map[string]any, payload string) string {
		return federationtest.Sign(t, key, header, []byte(payload))
	}
	replaced := func(old, new string) string { return strings.Replace(string(payload), old, new, 1) }
	head := func(text string) string { return federationtest.Encode([]byte(text)) }
	const notAJWT, noKey, notProven = "is not a valid JWT", "Couldn't retrieve verification key", "could not be validated"

	for name, tt := range map[string]struct{ token, message string }{
		"empty":                            {"", notAJWT},
		"an opaque access token":           {"ya29.opaque", notAJWT},
		"truncated":                        {good[:len(good)/4], notAJWT},
		"truncated signature":              {good[:len(good)-8], notProven},
		"no signature":                     {parts[0] + "." + parts[1] + ".", notProven},
		"alg none":                         {head(`{"alg":"none"}`) + "." + parts[1] + ".", notAJWT},
		"alg None":                         {head(`{"alg":"None"}`) + "." + parts[1] + "." + parts[2], notAJWT},
		"alg missing":                      {head(`{"kid":"first"}`) + "." + parts[1] + "." + parts[2], notAJWT},
		"HS256 with the public key":        {federationtest.HMAC(map[string]any{"alg": "HS256", "kid": "first"}, payload, public), notAJWT},
		"HS256 with the PEM":               {federationtest.HMAC(map[string]any{"alg": "HS256", "kid": "first"}, payload, w.CAFile()), notAJWT},
		"PS256":                            {sign(map[string]any{"alg": "PS256", "kid": "first"}, string(payload)), notAJWT},
		"another algorithm than the key's": {sign(map[string]any{"alg": "RS512", "kid": "first"}, string(payload)), noKey},
		"elliptic over an RSA key":         {sign(map[string]any{"alg": "ES256", "kid": "first"}, string(payload)), noKey},
		"signed by somebody else":          {federationtest.Sign(t, stranger, header, payload), notProven},
		"key in the header":                {federationtest.Sign(t, stranger, map[string]any{"alg": "RS256", "kid": "first", "jwk": stranger.JWK()}, payload), notProven},
		"key by URL in the header":         {federationtest.Sign(t, stranger, map[string]any{"alg": "RS256", "kid": "first", "jku": "https://attacker.example/keys"}, payload), notProven},
		"unknown key id":                   {sign(map[string]any{"alg": "RS256", "kid": "second"}, string(payload)), noKey},
		"critical header":                  {sign(map[string]any{"alg": "RS256", "kid": "first", "crit": []string{"exp"}, "exp": 1}, string(payload)), ""},
		"unencoded payload":                {sign(map[string]any{"alg": "RS256", "kid": "first", "crit": []string{"b64"}, "b64": false}, string(payload)), notAJWT},
		"payload changed":                  {parts[0] + "." + head(replaced("user-7", "root-7")) + "." + parts[2], notProven},
		"payload of another encoding":      {parts[0] + "." + parts[1] + "=." + parts[2], notAJWT},
		"JSON serialization":               {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, notAJWT},
		"five parts":                       {good + ".a.b", notAJWT},
		"huge":                             {parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2], notAJWT},
		"payload is no object":             {sign(header, `["iss"]`), notAJWT},
		"payload is null":                  {sign(header, `null`), notAJWT},
		"payload is a token":               {sign(header, good), notAJWT},
		"payload is not JSON":              {sign(header, "iss=x"), notAJWT},
		"deep nesting":                     {sign(header, strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)), notAJWT},
		"claim twice":                      {sign(header, replaced(`"sub":`, `"sub":"admin","sub":`)), notAJWT},
		"header twice":                     {signRaw(t, key, `{"alg":"RS256","kid":"first","kid":"other"}`, payload), notAJWT},
		"text after the JSON":              {sign(header, string(payload)+"{}"), notAJWT},
		"issuer of another account":        {sign(header, replaced(w.URL, "https://other.example")), "No OpenIDConnect provider found in your account for https://other.example"},
		"issuer over HTTP":                 {sign(header, replaced("https://", "http://")), "No OpenIDConnect provider found"},
		"issuer in upper case":             {sign(header, replaced("https://", "HTTPS://")), "No OpenIDConnect provider found"},
		"issuer with a slash":              {sign(header, replaced(w.URL, w.URL+"/")), noKey},
		"issuer is a list":                 {sign(header, replaced(`"iss":"`+w.URL+`"`, `"iss":["`+w.URL+`"]`)), "malformed"},
		"audience is a number":             {sign(header, replaced(`"aud":"web"`, `"aud":1`)), "malformed"},
		"expiry is a text":                 {sign(header, replaced(`"exp":`, `"exp":"soon","x":`)), "malformed"},
		"expiry in milliseconds":           {sign(header, replaced(`"exp":`, `"exp":1763000000000000,"x":`)), "malformed"},
		"expiry is not a number":           {sign(header, replaced(`"exp":`, `"exp":1e999,"x":`)), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.verify(t.Context(), tt.token)
			wantRefused(t, err, federation.Invalid, tt.message)
		})
	}
	if _, err := w.verify(t.Context(), good); err != nil {
		t.Errorf("the token they were made of: %v", err)
	}
}

func signRaw(t *testing.T, k *federationtest.Key, header string, payload []byte) string {
	t.Helper()
	input := federationtest.Encode([]byte(header)) + "." + federationtest.Encode(payload)
	return input + "." + federationtest.Encode(federationtest.Signature(t, k, []byte(input)))
}

func TestClaimsThatDoNotHold(t *testing.T) {
	w := newWorld(t)
	at := func(d time.Duration) int64 { return w.now().Add(d).Unix() }
	for name, tt := range map[string]struct {
		change  map[string]any
		reason  federation.Reason
		message string
	}{
		"no issuer":                  {map[string]any{"iss": nil}, federation.Invalid, "Missing a required claim: iss"},
		"no subject":                 {map[string]any{"sub": nil}, federation.Invalid, "Missing a required claim: sub"},
		"no audience":                {map[string]any{"aud": nil}, federation.Invalid, "Missing a required claim: aud"},
		"empty audiences":            {map[string]any{"aud": []string{}}, federation.Invalid, "Missing a required claim: aud"},
		"no expiry":                  {map[string]any{"exp": nil}, federation.Invalid, "Missing a required claim: exp"},
		"no time of issue":           {map[string]any{"iat": nil}, federation.Invalid, "Missing a required claim: iat"},
		"another audience":           {map[string]any{"aud": "desktop"}, federation.Invalid, "Incorrect token audience"},
		"audience in another case":   {map[string]any{"aud": "Web"}, federation.Invalid, "Incorrect token audience"},
		"another authorized party":   {map[string]any{"azp": "desktop"}, federation.Invalid, "Incorrect token audience"},
		"expired":                    {map[string]any{"exp": at(-time.Second)}, federation.Expired, "must be before the expiration date/time"},
		"issued more than a day ago": {map[string]any{"iat": at(-24*time.Hour - time.Minute)}, federation.Expired, "Token too old: 864"},
		"not valid yet":              {map[string]any{"nbf": at(10 * time.Minute)}, federation.Invalid, "Token not yet valid"},
		"issued in the future":       {map[string]any{"iat": at(10 * time.Minute)}, federation.Invalid, "Token not yet valid"},
		"tags of another form":       {map[string]any{"https://aws.amazon.com/tags": "team=blue"}, federation.Invalid, "malformed"},
		"a tag with two values":      {map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"1", "2"}}}}, federation.Invalid, "malformed"},
		"a tag in both forms": {map[string]any{
			"https://aws.amazon.com/tags":                  map[string]any{"principal_tags": map[string]any{"a": "1"}},
			"https://aws.amazon.com/tags/principal_tags/a": "2",
		}, federation.Invalid, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.verify(t.Context(), w.Token(w.with(tt.change)))
			wantRefused(t, err, tt.reason, tt.message)
		})
	}
}

func TestSessionClaims(t *testing.T) {
	w := newWorld(t)
	want := []oidc.Tag{{Key: "Project", Value: "Automation"}, {Key: "Team", Value: "blue"}}
	for name, change := range map[string]map[string]any{
		"nested": {
			"https://aws.amazon.com/tags": map[string]any{
				"principal_tags":      map[string]any{"Project": []string{"Automation"}, "Team": []string{"blue"}},
				"transitive_tag_keys": []string{"Project"},
			},
		},
		"flat": {
			"https://aws.amazon.com/tags/principal_tags/Project": "Automation",
			"https://aws.amazon.com/tags/principal_tags/Team":    []string{"blue"},
			"https://aws.amazon.com/tags/transitive_tag_keys":    []string{"Project"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			change["https://aws.amazon.com/source_identity"] = "Alice"
			change["amr"] = []string{"pwd", "mfa"}
			got, err := w.verify(t.Context(), w.Token(w.with(change)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"Project"}, got.TransitiveKeys); diff != "" {
				t.Errorf("transitive keys (-want +got):\n%s", diff)
			}
			if got.SourceIdentity != "Alice" || !cmp.Equal(got.AuthenticationMethods, []string{"pwd", "mfa"}) {
				t.Errorf("source identity %q, methods %q", got.SourceIdentity, got.AuthenticationMethods)
			}
		})
	}
}

func TestKeysAreFetchedOnceForAll(t *testing.T) {
	w := newWorld(t)
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	w.Answer(federationtest.DiscoveryPath, func(rw http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, w.URL, w.URL+federationtest.KeysPath))(rw, r)
	})
	token := w.Token(w.claims())
	var group sync.WaitGroup
	failures := make(chan error, 50)
	// The caller that fetches goes away, and does not take the others' keys with it.
	leaving, leave := context.WithCancel(t.Context())
	group.Go(func() { _, _ = w.verify(leaving, token) })
	<-asked
	for range 50 {
		group.Go(func() {
			if _, err := w.verify(t.Context(), token); err != nil {
				failures <- err
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	leave()
	time.Sleep(50 * time.Millisecond)
	close(release)
	group.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if n := w.Fetches.Load(); n != 1 {
		t.Errorf("keys were fetched %d times", n)
	}
}

func TestKeyRotation(t *testing.T) {
	w := newWorld(t)
	first := w.Key()
	if _, err := w.verify(t.Context(), w.Token(w.claims())); err != nil {
		t.Fatal(err)
	}
	second := federationtest.NewKey(t, "second", "ES256")
	w.SetKeys(second, first)
	_, err := w.verify(t.Context(), w.Token(w.claims()))
	wantRefused(t, err, federation.Invalid, "Couldn't retrieve verification key") // asked a moment ago
	w.advance(11 * time.Second)
	if _, err := w.verify(t.Context(), w.Token(w.claims())); err != nil {
		t.Fatalf("new key: %v", err)
	}
	// Keys that nobody has heard of do not make it ask again and again.
	before := w.Fetches.Load()
	payload, _ := json.Marshal(w.claims())
	for n := range 100 {
		header := map[string]any{"alg": "RS256", "kid": fmt.Sprintf("random-%d", n)}
		_, err := w.verify(t.Context(), federationtest.Sign(t, first, header, payload))
		wantRefused(t, err, federation.Invalid, "Couldn't retrieve verification key")
	}
	if n := w.Fetches.Load() - before; n != 0 {
		t.Errorf("%d fetches for unknown keys within the same ten seconds", n)
	}
	// A key that was withdrawn is out within the hour.
	w.SetKeys(second)
	header := map[string]any{"alg": "RS256", "kid": "first"}
	old := func() string {
		payload, _ := json.Marshal(w.claims())
		return federationtest.Sign(t, first, header, payload)
	}
	if _, err := w.verify(t.Context(), old()); err != nil {
		t.Errorf("before the keys are looked at again: %v", err)
	}
	w.advance(61 * time.Minute)
	_, err = w.verify(t.Context(), old())
	wantRefused(t, err, federation.Invalid, "Couldn't retrieve verification key")
}

func TestProviderIsDown(t *testing.T) {
	w := newWorld(t)
	w.Answer(federationtest.KeysPath, federationtest.Fail(http.StatusServiceUnavailable))
	_, err := w.verify(t.Context(), w.Token(w.claims()))
	wantRefused(t, err, federation.Unreachable, "could not be reached")
	before := w.Fetches.Load()
	_, err = w.verify(t.Context(), w.Token(w.claims()))
	wantRefused(t, err, federation.Unreachable, "could not be reached")
	if w.Fetches.Load() != before {
		t.Error("asked again at once")
	}
	w.Answer(federationtest.KeysPath, nil)
	w.advance(11 * time.Second)
	if _, err := w.verify(t.Context(), w.Token(w.claims())); err != nil {
		t.Fatalf("after the outage: %v", err)
	}
	// Keys outlive an outage, for a day.
	w.Answer(federationtest.KeysPath, federationtest.Fail(http.StatusInternalServerError))
	for range 3 {
		w.advance(7 * time.Hour)
		if _, err := w.verify(t.Context(), w.Token(w.claims())); err != nil {
			t.Fatalf("with keys that it has: %v", err)
		}
	}
	w.advance(4 * time.Hour)
	_, err = w.verify(t.Context(), w.Token(w.claims()))
	wantRefused(t, err, federation.Unreachable, "could not be reached")
}

func TestProvidersThatMisbehave(t *testing.T) {
	const noKey = "Couldn't retrieve verification key"
	for name, tt := range map[string]struct {
		path   string
		answer func(w *world) http.HandlerFunc
	}{
		"no configuration":      {federationtest.DiscoveryPath, func(*world) http.HandlerFunc { return federationtest.Fail(http.StatusNotFound) }},
		"configuration is HTML": {federationtest.DiscoveryPath, func(*world) http.HandlerFunc { return http.RedirectHandler("/login", http.StatusFound).ServeHTTP }},
		"another issuer": {federationtest.DiscoveryPath, func(w *world) http.HandlerFunc {
			return federationtest.Text(fmt.Sprintf(`{"issuer":"https://other.example","jwks_uri":%q}`, w.URL+federationtest.KeysPath))
		}},
		"keys over HTTP": {federationtest.DiscoveryPath, func(w *world) http.HandlerFunc {
			return federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"http://127.0.0.1:1/keys"}`, w.URL))
		}},
		"keys in a file": {federationtest.DiscoveryPath, func(w *world) http.HandlerFunc {
			return federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, w.URL))
		}},
		"keys behind a password": {federationtest.DiscoveryPath, func(w *world) http.HandlerFunc {
			return federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"https://a:b@127.0.0.1/keys"}`, w.URL))
		}},
		"no place of keys":      {federationtest.DiscoveryPath, func(w *world) http.HandlerFunc { return federationtest.Text(fmt.Sprintf(`{"issuer":%q}`, w.URL)) }},
		"a large configuration": {federationtest.DiscoveryPath, func(*world) http.HandlerFunc { return endless }},
		"endless keys":          {federationtest.KeysPath, func(*world) http.HandlerFunc { return endless }},
		"redirects for ever": {federationtest.KeysPath, func(*world) http.HandlerFunc {
			return http.RedirectHandler(federationtest.KeysPath, http.StatusFound).ServeHTTP
		}},
		"redirect to HTTP": {federationtest.KeysPath, func(*world) http.HandlerFunc {
			return http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP
		}},
		"no keys":    {federationtest.KeysPath, func(*world) http.HandlerFunc { return federationtest.Text(`{"keys":[]}`) }},
		"keys twice": {federationtest.KeysPath, func(*world) http.HandlerFunc { return federationtest.Text(`{"keys":[],"keys":[]}`) }},
		"symmetric key": {federationtest.KeysPath, func(*world) http.HandlerFunc {
			return federationtest.Text(`{"keys":[{"kty":"oct","kid":"first","k":"c2VjcmV0"}]}`)
		}},
		"broken keys": {federationtest.KeysPath, func(*world) http.HandlerFunc {
			return federationtest.Text(`{"keys":[{"kty":"RSA","kid":"first","n":"AQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7]}`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Answer("/login", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "text/html")
				_, _ = rw.Write([]byte("<html>sign in</html>"))
			})
			w.Answer(tt.path, tt.answer(w))
			_, err := w.verify(t.Context(), w.Token(w.claims()))
			wantRefused(t, err, federation.Invalid, noKey)
		})
	}
	t.Run("hangs", func(t *testing.T) {
		w := newWorld(t)
		done := make(chan struct{})
		defer close(done)
		w.Answer(federationtest.KeysPath, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-done:
			case <-r.Context().Done():
			}
		})
		start := time.Now()
		_, err := w.verify(t.Context(), w.Token(w.claims()))
		wantRefused(t, err, federation.Unreachable, "could not be reached")
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for range 1 << 12 {
		if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
			return
		}
	}
}

func TestWhoVouchesForTheServer(t *testing.T) {
	issuer, other := federationtest.NewIssuer(t), federationtest.NewIssuer(t)
	token := issuer.Token(issuer.Claims("web", "user-7", time.Now()))
	for name, tt := range map[string]struct {
		roots       *x509.CertPool
		thumbprints []string
		message     string // "" if it is good
	}{
		"an authority":                        {issuer.Roots(), nil, ""},
		"a thumbprint of the chain":           {other.Roots(), []string{issuer.Thumbprint}, ""},
		"a thumbprint, the system's roots":    {nil, []string{issuer.Thumbprint}, ""},
		"nobody":                              {other.Roots(), nil, "HTTPS certificate doesn't match configured thumbprint"},
		"another thumbprint":                  {other.Roots(), []string{other.Thumbprint}, "HTTPS certificate doesn't match configured thumbprint"},
		"an authority, a thumbprint gone old": {issuer.Roots(), []string{other.Thumbprint}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := oidc.NewVerifier(oidc.Options{TrustedNetworks: loopback(), Roots: tt.roots})
			_, err := v.Verify(t.Context(), token, func(url string) *oidc.Provider {
				return &oidc.Provider{URL: url, ClientIDs: []string{"web"}, Thumbprints: tt.thumbprints}
			})
			if tt.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantRefused(t, err, federation.Invalid, tt.message)
		})
	}
	t.Run("a good certificate of another name", func(t *testing.T) {
		elsewhere := strings.Replace(issuer.URL, "127.0.0.1", "localhost", 1)
		issuer.Answer(federationtest.DiscoveryPath, federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, elsewhere, elsewhere+federationtest.KeysPath)))
		defer issuer.Answer(federationtest.DiscoveryPath, nil)
		claims := issuer.Claims("web", "user-7", time.Now())
		claims["iss"] = elsewhere
		before := issuer.Fetches.Load()
		for _, thumbprints := range [][]string{nil, {issuer.Thumbprint}} {
			roots := issuer.Roots()
			if thumbprints != nil {
				roots = other.Roots()
			}
			v := oidc.NewVerifier(oidc.Options{TrustedNetworks: loopback(), Roots: roots})
			_, err := v.Verify(t.Context(), issuer.Token(claims), func(url string) *oidc.Provider {
				return &oidc.Provider{URL: url, ClientIDs: []string{"web"}, Thumbprints: thumbprints}
			})
			var refused *federation.Error
			if !errors.As(err, &refused) {
				t.Errorf("accepted: %v", err)
			}
		}
		if issuer.Fetches.Load() != before {
			t.Error("the keys were read all the same")
		}
	})
	t.Run("one account's thumbprint is nothing to another", func(t *testing.T) {
		v := oidc.NewVerifier(oidc.Options{TrustedNetworks: loopback(), Roots: other.Roots()})
		for _, tt := range []struct {
			thumbprints []string
			ok          bool
		}{{[]string{issuer.Thumbprint}, true}, {nil, false}, {[]string{other.Thumbprint}, false}} {
			_, err := v.Verify(t.Context(), token, func(url string) *oidc.Provider {
				return &oidc.Provider{URL: url, ClientIDs: []string{"web"}, Thumbprints: tt.thumbprints}
			})
			if (err == nil) != tt.ok {
				t.Errorf("thumbprints %v: %v", tt.thumbprints, err)
			}
		}
	})
}

// Without the operator's word nobody's token sends the plane to addresses inside.
func TestPrivateAddressesAreRefused(t *testing.T) {
	issuer := federationtest.NewIssuer(t)
	token := issuer.Token(issuer.Claims("web", "user-7", time.Now()))
	for _, networks := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8")}} {
		v := oidc.NewVerifier(oidc.Options{TrustedNetworks: networks, Roots: issuer.Roots()})
		_, err := v.Verify(t.Context(), token, func(url string) *oidc.Provider {
			return &oidc.Provider{URL: url, ClientIDs: []string{"web"}}
		})
		wantRefused(t, err, federation.Invalid, "Couldn't retrieve verification key")
	}
	// A name that leads there is no better than the address.
	claims := issuer.Claims("web", "user-7", time.Now())
	claims["iss"] = strings.Replace(issuer.URL, "127.0.0.1", "localhost", 1)
	v := oidc.NewVerifier(oidc.Options{Roots: issuer.Roots()})
	_, err := v.Verify(t.Context(), issuer.Token(claims), func(url string) *oidc.Provider {
		return &oidc.Provider{URL: url, ClientIDs: []string{"web"}}
	})
	wantRefused(t, err, federation.Invalid, "Couldn't retrieve verification key")
	if n := issuer.Fetches.Load(); n != 0 {
		t.Errorf("%d fetches", n)
	}
}

func TestIssuersOverHTTP(t *testing.T) {
	issuer := federationtest.NewIssuer(t)
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	mux := http.NewServeMux()
	mux.Handle(federationtest.DiscoveryPath, federationtest.Text(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, plain.URL, plain.URL+"/keys")))
	keys, err := json.Marshal(map[string]any{"keys": []any{issuer.Key().JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/keys", federationtest.Text(string(keys)))
	plain.Config.Handler = mux
	claims := issuer.Claims("web", "user-7", time.Now())
	claims["iss"] = plain.URL
	for _, allowed := range []bool{true, false} {
		v := oidc.NewVerifier(oidc.Options{TrustedNetworks: loopback(), AllowHTTP: allowed})
		_, err := v.Verify(t.Context(), issuer.Token(claims), func(url string) *oidc.Provider {
			return &oidc.Provider{URL: url, ClientIDs: []string{"web"}}
		})
		if (err == nil) != allowed {
			t.Errorf("allowed %v: %v", allowed, err)
		}
	}
}
