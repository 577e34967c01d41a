package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	// io.ReadSeeker; for [Presign] to S3 it is UnsignedPayload.
	PayloadHash string
	// Keys caches signing keys; nil derives one for each call.
	Keys *KeyCache
}

// Sign signs r in its headers: it sets X-Amz-Date, X-Amz-Security-Token when c has a session token,
// X-Amz-Content-Sha256 for S3, and Authorization.
//
// It signs the host and all headers but those that transports and proxies change or that carry no
// meaning to the service: Authorization, User-Agent, X-Amzn-Trace-Id, Expect, Transfer-Encoding,
// Accept-Encoding, Connection and Te. The path is signed as r.URL spells it.
func Sign(r *http.Request, c rolecall.Credentials, o SignOptions) error {
	if err := o.check(c); err != nil {
		return err
	}
	hash, err := o.payloadHash(r)
	if err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	at := orNow(o.Time).UTC()
	timestamp := at.Format(timeFormat)
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", timestamp)
	if c.SessionToken.IsZero() {
		r.Header.Del("X-Amz-Security-Token")
	} else {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken.Expose())
	}
	if DialectOf(o.Service) == S3 {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	scope := Scope{Date: timestamp[:8], Region: o.Region, Service: o.Service}
	signed := headersToSign(r)
	request := canonical{
		dialect: DialectOf(o.Service), signed: signed, signedHeaders: strings.Join(signed, ";"), payloadHash: hash,
	}
	signature, err := request.sign(r, c, o.Keys, timestamp, scope)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", Algorithm+" Credential="+c.AccessKeyID+"/"+scope.String()+
		", SignedHeaders="+request.signedHeaders+", Signature="+signature)
	return nil
}

// Presign returns the URL of r signed in its query string, valid for expires (at most
// [MaxExpires]; services other than S3 accept it for [MaxSkew] whatever it says). r itself is not
// changed. Headers of r are signed and must be sent with the URL.
func Presign(r *http.Request, c rolecall.Credentials, o SignOptions, expires time.Duration) (string, error) {
	if err := o.check(c); err != nil {
		return "", err
	}
	if expires < time.Second || expires > MaxExpires {
		return "", fmt.Errorf("presigning for %v: want 1s to %v", expires, MaxExpires)
	}
	if o.PayloadHash == "" && DialectOf(o.Service) == S3 {
		o.PayloadHash = UnsignedPayload
	}
	hash, err := o.payloadHash(r)
	if err != nil {
		return "", err
	}
	timestamp := orNow(o.Time).UTC().Format(timeFormat)
	scope := Scope{Date: timestamp[:8], Region: o.Region, Service: o.Service}
	presigned := *r
	presigned.RequestURI = ""
	presigned.Header = r.Header.Clone()
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		presigned.Header.Del(name)
	}
	target := *r.URL
	signed := headersToSign(&presigned)
	query, err := presignQuery(r.URL.RawQuery, []parameter{
		{"X-Amz-Algorithm", Algorithm},
		{"X-Amz-Credential", c.AccessKeyID + "/" + scope.String()},
		{"X-Amz-Date", timestamp},
		{"X-Amz-Expires", strconv.FormatInt(int64(expires/time.Second), 10)},
		{"X-Amz-Security-Token", c.SessionToken.Expose()},
		{"X-Amz-SignedHeaders", strings.Join(signed, ";")},
	})
	if err != nil {
		return "", err
	}
	target.RawQuery = query
	presigned.URL = &target
	request := canonical{
		dialect: DialectOf(o.Service), signed: signed, signedHeaders: strings.Join(signed, ";"), payloadHash: hash,
	}
	signature, err := request.sign(&presigned, c, o.Keys, timestamp, scope)
	if err != nil {
		return "", err
	}
	target.RawQuery += "&X-Amz-Signature=" + signature
	return target.String(), nil
}

// presignQuery returns raw, without earlier signing parameters, with those given; canonical.
func presignQuery(raw string, add []parameter) (string, error) {
	parameters, ok := parseQuery(nil, raw)
	if !ok {
		return "", errors.New("presigning: malformed percent-encoding in the query")
	}
	var fields queryFields
	parameters = slices.DeleteFunc(parameters, func(p parameter) bool {
		return p.name != "X-Amz-Content-Sha256" && fields.field(p.name) != nil
	})
	var b []byte
	for _, p := range parameters {
		b = append(append(append(append(b, p.name...), '='), p.value...), '&')
	}
	for _, p := range add {
		if p.value != "" {
			b = append(appendEncoded(append(append(b, p.name...), '='), p.value), '&')
		}
	}
	sorted, _ := appendQuery(nil, string(b), false)
	return string(sorted), nil
}

func (o SignOptions) check(c rolecall.Credentials) error {
	if !c.Complete() {
		return errors.New("signing: credentials are incomplete")
	}
	if o.Service == "" || o.Region == "" {
		return errors.New("signing: service and region are required")
	}
	return nil
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

func (o SignOptions) payloadHash(r *http.Request) (string, error) {
	if o.PayloadHash != "" {
		return o.PayloadHash, nil
	}
	if r.Body == nil || r.Body == http.NoBody {
		return EmptyPayload, nil
	}
	hash := sha256.New()
	switch seeker, seekable := r.Body.(io.ReadSeeker); {
	case r.GetBody != nil:
		body, err := r.GetBody()
		if err != nil {
			return "", fmt.Errorf("signing: getting the body: %w", err)
		}
		_, err = io.Copy(hash, body)
		if err = cmp.Or(err, body.Close()); err != nil {
			return "", fmt.Errorf("signing: reading the body: %w", err)
		}
	case seekable:
		start, err := seeker.Seek(0, io.SeekCurrent)
		if err == nil {
			_, err = io.Copy(hash, seeker)
		}
		if err == nil {
			_, err = seeker.Seek(start, io.SeekStart)
		}
		if err != nil {
			return "", fmt.Errorf("signing: reading the body: %w", err)
		}
	default:
		return "", errors.New("signing: the body can be read only once: set GetBody or PayloadHash")
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// headersToSign lists the headers of r that are signed, lower case and sorted.
func headersToSign(r *http.Request) []string {
	names := make([]string, 1, len(r.Header)+2)
	names[0] = "host"
	if r.ContentLength > 0 {
		names = append(names, "content-length")
	}
	for name := range r.Header {
		switch name = strings.ToLower(name); name {
		case "authorization", "user-agent", "x-amzn-trace-id", "expect", "transfer-encoding",
			"accept-encoding", "connection", "te", "host", "content-length":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sign returns the signature of r.
func (c *canonical) sign(r *http.Request, by rolecall.Credentials, keys *KeyCache, timestamp string, scope Scope) (string, error) {
	outgoing := *r
	outgoing.RequestURI = "" // that of a request which came in, not of the one that goes out
	c.rawPath, c.rawQuery = splitTarget(&outgoing)
	request, ok := c.appendRequest(nil, &outgoing)
	if !ok {
		return "", errors.New("signing: malformed percent-encoding in the query, or a header name that is too long")
	}
	key := keys.get(by.AccessKeyID, by.SecretAccessKey, scope)
	sum := key.mac(appendStringToSign(nil, timestamp, scope, request))
	return hex.EncodeToString(sum[:]), nil
}
