// Package signin is a stand-in for AWS's sign-in service: the token operation that refreshes the sessions of
// `aws login`. It checks each DPoP proof as RFC 9449 demands, takes a refresh token once, and can be
// told to fail.
package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Secret is in every secret that the service hands out or is asked with.
const Secret = "CANARYSECRET"

// Account and ClientID are those of the sessions.
const (
	Account  = "111122223333"
	ClientID = "arn:aws:signin:::devtools/same-device"
)

// Server is the service. It has one session, whose proofs are made with Key.
type Server struct {
	*httptest.Server
	// Key is the session's.
	Key *ecdsa.PrivateKey
	// Now is the service's clock; nil is time.Now.
	Now func() time.Time
	// Delay is how long an answer takes.
	Delay time.Duration
	// Life is what expiresIn says; 0 is 900 seconds.
	Life   time.Duration
	mu     sync.Mutex
	answer Answer
	calls  int
	issued int
	seen   map[string]bool
	faults []string
}

// New starts a service with a new key.
func New() (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	s := &Server{Key: key, seen: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	return s, nil
}

// Answer takes over when it reports true; the proof has been checked.
type Answer func(call int, w http.ResponseWriter, r *http.Request) bool

// SetAnswer lets a function take over from now on; nil ends that.
func (s *Server) SetAnswer(a Answer) { s.mu.Lock(); defer s.mu.Unlock(); s.answer = a }

// Calls is how often it was asked, Issued how many tokens it gave.
func (s *Server) Calls() int { s.mu.Lock(); defer s.mu.Unlock(); return s.calls }

// Issued is how many tokens it gave.
func (s *Server) Issued() int { s.mu.Lock(); defer s.mu.Unlock(); return s.issued }

// Faults are the requests that a careful service refuses, each in a sentence.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.faults...)
}

// RefreshToken is the one that will be taken next.
func (s *Server) RefreshToken() string { return refreshToken(s.Issued()) }

func refreshToken(n int) string { return fmt.Sprintf("refresh-%s-%d", Secret, n) }

// AccessKeyID is that of the credentials number n; 0 are those of the sign-in.
func AccessKeyID(n int) string { return fmt.Sprintf("ASIALOGINEXAMPLE%04d", n) }

// PEM is the key as a token file has it: SEC1 as the AWS CLI writes it, or PKCS#8.
func (s *Server) PEM(pkcs8 bool) string {
	name, der, err := "EC PRIVATE KEY", []byte(nil), error(nil)
	if pkcs8 {
		name = "PRIVATE KEY"
		der, err = x509.MarshalPKCS8PrivateKey(s.Key)
	} else {
		der, err = x509.MarshalECPrivateKey(s.Key)
	}
	if err != nil {
		panic(err) // a key that was just made encodes
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
}

// Token is a token file as `aws login` leaves it, with credentials that end at expires.
func (s *Server) Token(expires time.Time, pkcs8 bool) map[string]any {
	return map[string]any{
		"accessToken": map[string]any{
			"accessKeyId": AccessKeyID(0), "secretAccessKey": Secret, "sessionToken": Secret, "accountId": Account,
			"expiresAt": expires.UTC().Format("2006-01-02T15:04:05Z"),
		},
		"tokenType": "aws_sigv4", "refreshToken": s.RefreshToken(), "idToken": "id." + Secret + ".sig",
		"clientId": ClientID, "dpopKey": s.PEM(pkcs8),
	}
}

// Path is where a session's token file lies below the cache folder.
func Path(dir, session string) string {
	sum := sha256.Sum256([]byte(session))
	return filepath.Join(dir, hex.EncodeToString(sum[:])+".json")
}

// ServeHTTP answers the token operation.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.Delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	body, err := s.check(r)
	if err != nil {
		s.faults = append(s.faults, err.Error())
		Refuse(w, http.StatusBadRequest, "ValidationException", "INVALID_REQUEST", err.Error())
		return
	}
	if s.answer != nil && s.answer(s.calls, w, r) {
		return
	}
	if body["refreshToken"] != refreshToken(s.issued) {
		Refuse(w, http.StatusBadRequest, "AccessDeniedException", "TOKEN_EXPIRED", "the refresh token is spent")
		return
	}
	s.issued++
	life := s.Life
	if life == 0 {
		life = 15 * time.Minute
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"accessToken": map[string]string{"accessKeyId": AccessKeyID(s.issued), "secretAccessKey": Secret, "sessionToken": Secret},
		"tokenType":   "aws_sigv4", "expiresIn": int(life / time.Second), "refreshToken": refreshToken(s.issued),
	})
}

// Refuse writes an error as the service does.
func Refuse(w http.ResponseWriter, status int, shape, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", shape)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "message": message})
}

func (s *Server) check(r *http.Request) (map[string]string, error) {
	if r.Method != http.MethodPost || r.URL.RequestURI() != "/v1/token" {
		return nil, fmt.Errorf("%s %s is not POST /v1/token", r.Method, r.URL)
	}
	if t := r.Header.Get("Content-Type"); t != "application/json" {
		return nil, fmt.Errorf("the content type is %q", t)
	}
	if r.Header.Get("Authorization") != "" {
		return nil, fmt.Errorf("the request is signed")
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	var body map[string]string
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	if body["grantType"] != "refresh_token" || body["clientId"] != ClientID || len(body) != 3 {
		return nil, fmt.Errorf("the body asks for %q as %q in %d members", body["grantType"], body["clientId"], len(body))
	}
	return body, s.checkProof(r)
}

// checkProof is RFC 9449, section 4.3.
func (s *Server) checkProof(r *http.Request) error {
	proofs := r.Header.Values("DPoP")
	if len(proofs) != 1 {
		return fmt.Errorf("%d DPoP headers", len(proofs))
	}
	parts := strings.Split(proofs[0], ".")
	if len(parts) != 3 {
		return fmt.Errorf("the proof has %d parts", len(parts))
	}
	var header struct {
		Typ, Alg string
		JWK      map[string]string
	}
	var claims struct {
		Htm, Htu, Jti string
		Iat           int64
	}
	for i, into := range []any{&header, &claims} {
		data, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return fmt.Errorf("part %d of the proof: %w", i, err)
		}
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return fmt.Errorf("the signature has %d bytes: %w", len(signature), err)
	}
	if header.Typ != "dpop+jwt" || header.Alg != "ES256" {
		return fmt.Errorf("typ %q, alg %q", header.Typ, header.Alg)
	}
	key, err := publicKey(header.JWK)
	if err != nil {
		return err
	}
	if !key.Equal(&s.Key.PublicKey) {
		return fmt.Errorf("the proof is made with another key than the session's")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return fmt.Errorf("the signature is wrong")
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	age := now().Sub(time.Unix(claims.Iat, 0)).Abs()
	switch {
	case claims.Htm != http.MethodPost:
		return fmt.Errorf("htm is %q", claims.Htm)
	case claims.Htu != "http://"+r.Host+"/v1/token":
		return fmt.Errorf("htu is %q", claims.Htu)
	case age > time.Minute:
		return fmt.Errorf("iat is %s off", age)
	case claims.Jti == "" || s.seen[claims.Jti]:
		return fmt.Errorf("jti %q was used before", claims.Jti)
	}
	s.seen[claims.Jti] = true
	return nil
}

// publicKey reads a JWK (RFC 7517): a public P-256 key and nothing else.
func publicKey(jwk map[string]string) (*ecdsa.PublicKey, error) {
	if len(jwk) != 4 || jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
		return nil, fmt.Errorf("the jwk is not a public P-256 key: %d members", len(jwk))
	}
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(jwk[name])
		if err != nil || len(b) != 32 {
			return nil, fmt.Errorf("the jwk's %s has %d bytes", name, len(b))
		}
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("the jwk: %w", err)
	}
	return key, nil
}
