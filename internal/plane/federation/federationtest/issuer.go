// Package federationtest has outside identity providers for tests: an OpenID Connect issuer that serves
// its keys over HTTPS and signs whatever it is told to, and a SAML identity provider. They are made to
// misbehave. Signatures are made with the standard library alone, so that they judge what verifies them.
package federationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // IAM's thumbprints are SHA-1
	"crypto/sha256"
	_ "crypto/sha512" // for the longer algorithms
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Key is a key pair of an issuer.
type Key struct {
	ID        string
	Algorithm string // RS256 … ES512
	Signer    crypto.Signer
	// Hidden keys are not published.
	Hidden bool
}

// NewKey makes a key pair for an algorithm. RSA keys are 2048 bits.
func NewKey(t testing.TB, id, algorithm string) *Key {
	t.Helper()
	var signer crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Key{ID: id, Algorithm: algorithm, Signer: signer}
}

// JWK is the public half as RFC 7517 writes it.
func (k *Key) JWK() map[string]any {
	jwk := map[string]any{"kid": k.ID, "alg": k.Algorithm, "use": "sig"}
	switch public := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", Encode(public.N.Bytes()), Encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		point, err := public.Bytes()
		if err != nil {
			panic(err) // made by NewKey
		}
		jwk["kty"], jwk["crv"] = "EC", public.Curve.Params().Name
		jwk["x"], jwk["y"] = Encode(point[1:1+size]), Encode(point[1+size:])
	}
	return jwk
}

// Encode is base64 as JWTs use it.
func Encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Issuer is an OpenID Connect provider.
type Issuer struct {
	// URL is the issuer's, https://127.0.0.1:PORT.
	URL string
	// Leaf is the server's certificate. CA is the one that vouches for it, Thumbprint its SHA-1.
	Leaf, CA   *x509.Certificate
	Thumbprint string
	// Fetches counts the requests for keys.
	Fetches atomic.Int64

	t    testing.TB
	mu   sync.Mutex
	keys []*Key
	// answer, if not nil, takes the place of a path's own answer.
	answer map[string]http.HandlerFunc
}

// NewIssuer starts an issuer with one RS256 key, "first".
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, keys: []*Key{NewKey(t, "first", "RS256")}, answer: map[string]http.HandlerFunc{}}
	chain, ca := certificates(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{chain}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	sum := sha1.Sum(ca.Raw) //nolint:gosec // see the import
	i.URL, i.Leaf, i.CA, i.Thumbprint = server.URL, server.Certificate(), ca, hex.EncodeToString(sum[:])
	return i
}

// Name is the URL without its scheme, as ARNs and condition keys have it.
func (i *Issuer) Name() string { return strings.TrimPrefix(i.URL, "https://") }

// Roots is a pool with the issuer's authority.
func (i *Issuer) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.CA)
	return pool
}

// CAFile is the authority's certificate in PEM.
func (i *Issuer) CAFile() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.CA.Raw})
}

// Key is the key that signs by default.
func (i *Issuer) Key() *Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// SetKeys publishes other keys; the first signs by default.
func (i *Issuer) SetKeys(keys ...*Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Answer has path answered by h; nil gives the issuer's own answer back.
func (i *Issuer) Answer(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer[path] = h
}

// The paths that the issuer serves.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/keys"
)

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == KeysPath {
		i.Fetches.Add(1)
	}
	i.mu.Lock()
	own, keys := i.answer[r.URL.Path], i.keys
	i.mu.Unlock()
	if own != nil {
		own(w, r)
		return
	}
	var body any
	switch r.URL.Path {
	case DiscoveryPath:
		body = map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + KeysPath, "response_types_supported": []string{"id_token"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		}
	case KeysPath:
		published := []any{}
		for _, k := range keys {
			if !k.Hidden {
				published = append(published, k.JWK())
			}
		}
		body = map[string]any{"keys": published}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client went away
}

// Claims are those of an ordinary token for a client, good for an hour from now.
func (i *Issuer) Claims(audience, subject string, now time.Time) map[string]any {
	return map[string]any{
		"iss": i.URL, "aud": audience, "sub": subject,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token signs claims with the issuer's key.
func (i *Issuer) Token(claims map[string]any) string {
	i.t.Helper()
	k := i.Key()
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	return Sign(i.t, k, map[string]any{"alg": k.Algorithm, "typ": "JWT", "kid": k.ID}, payload)
}

// Sign makes a token of any header and payload, with the signature that the key's algorithm gives.
func Sign(t testing.TB, k *Key, header map[string]any, payload []byte) string {
	t.Helper()
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	input := Encode(head) + "." + Encode(payload)
	return input + "." + Encode(Signature(t, k, []byte(input)))
}

// Signature signs input as the key's algorithm says, RFC 7518 section 3.
func Signature(t testing.TB, k *Key, input []byte) []byte {
	t.Helper()
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[2:]]
	digest := hash.New()
	_, _ = digest.Write(input) // a hash never fails
	sum := digest.Sum(nil)
	switch key := k.Signer.(type) {
	case *rsa.PrivateKey:
		s, err := rsa.SignPKCS1v15(rand.Reader, key, hash, sum)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum)
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	default:
		t.Fatalf("key of type %T", key)
		return nil
	}
}

// HMAC signs a token with HS256 under any bytes: the attack that passes a public key off as a shared secret.
func HMAC(header map[string]any, payload, secret []byte) string {
	head, err := json.Marshal(header)
	if err != nil {
		panic(err) // a map of texts
	}
	input := Encode(head) + "." + Encode(payload)
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(input)) // a hash never fails
	return input + "." + Encode(mac.Sum(nil))
}

// certificates makes an authority and a server certificate for 127.0.0.1, by no name.
func certificates(t testing.TB) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leafDER, caDER}, PrivateKey: leafKey}, ca
}

// Fail answers with a status, for [Issuer.Answer].
func Fail(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, fmt.Sprintf("status %d", status), status) }
}

// Text answers with a document, for [Issuer.Answer].
func Text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body)) // the client went away
	}
}
