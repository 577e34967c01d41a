package sigv4

import (
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// SignOptions say what a request is signed for.
type SignOptions struct {
	// Service and Region make the credential scope, for example "sts" and "us-east-1". The service
	// also decides the path rules and whether X-Amz-Content-Sha256 is set: see [DialectOf].
	Service string
	Region  string
	// Time is the signing time; zero is now.
	Time time.Time
	// PayloadHash is the payload as signed: a hexadecimal SHA-256, or one of the constants such as
	// [UnsignedPayload]. "" hashes the body, which must then be nil, have GetBody, or be an
	// io.ReadSeeker.
	PayloadHash string
	// Keys caches signing keys; nil derives one for each call.
	Keys *KeyCache
}

// Sign signs r in its headers: it sets X-Amz-Date, X-Amz-Security-Token when c has a session token,
// X-Amz-Content-Sha256 for S3, and Authorization.
//
// It signs the host and all headers but those that proxies and transports change: Authorization,
// User-Agent, X-Amzn-Trace-Id, Expect, Transfer-Encoding, Accept-Encoding and Connection. The path
// is signed as r.URL spells it.
func Sign(r *http.Request, c rolecall.Credentials, o SignOptions) error { return sign(r, c, o) }

// Presign returns the URL of r signed in its query string, valid for expires (at most
// [MaxExpires]; services other than S3 accept it for [MaxSkew] whatever it says). r itself is not
// changed. Headers of r are signed and must be sent with the URL.
func Presign(r *http.Request, c rolecall.Credentials, o SignOptions, expires time.Duration) (string, error) {
	return presign(r, c, o, expires)
}
