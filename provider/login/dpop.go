package login

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// parseKey reads the PEM of a P-256 key: SEC1 ("EC PRIVATE KEY"), as the AWS CLI writes it, or PKCS#8 ("PRIVATE KEY").
// Errors never quote it.
func parseKey(s rolecall.Secret) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(s.Expose()))
	if block == nil {
		return nil, errors.New("its dpopKey is no PEM")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("its dpopKey is neither a SEC1 nor a PKCS#8 key")
		}
		ec, ok := parsed.(*ecdsa.PrivateKey)
		if !ok {
			return nil, errors.New("its dpopKey is no elliptic curve key")
		}
		key = ec
	}
	if key.Curve != elliptic.P256() {
		return nil, errors.New("its dpopKey is not of the curve P-256")
	}
	return key, nil
}

// proof returns a DPoP proof (RFC 9449) of key for one request: a JWT, signed with ES256, that carries the
// public key. Each one is for one use.
func proof(key *ecdsa.PrivateKey, method, url string, at time.Time) (string, error) {
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return "", fmt.Errorf("the dpopKey: %w", err)
	}
	const size = 32
	b64 := base64.RawURLEncoding
	header, err := json.Marshal(map[string]any{
		"typ": "dpop+jwt", "alg": "ES256",
		"jwk": map[string]string{
			"kty": "EC", "crv": "P-256",
			"x": b64.EncodeToString(point[1 : 1+size]), "y": b64.EncodeToString(point[1+size:]),
		},
	})
	if err != nil {
		return "", fmt.Errorf("encoding the DPoP proof: %w", err)
	}
	claims, err := json.Marshal(map[string]any{"htm": method, "htu": url, "iat": at.Unix(), "jti": uuid()})
	if err != nil {
		return "", fmt.Errorf("encoding the DPoP proof: %w", err)
	}
	signed := b64.EncodeToString(header) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing the DPoP proof: %w", err)
	}
	// JWS has r and s one after the other, padded to the curve's size (RFC 7518, 3.4), not ASN.1.
	var signature [2 * size]byte
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signed + "." + b64.EncodeToString(signature[:]), nil
}

// uuid returns a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
