// Package proxy keeps objects in another S3-compatible store: versitygw, SeaweedFS, Ceph, Garage, or AWS
// itself. Every request is made anew and signed with the plane's own credentials; nothing of the
// client's request but what the front has parsed goes through, and nothing of the store's answer
// but what the front understands comes back.
package proxy

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Options of a store.
type Options struct {
	// Endpoint is the store's base URL; buckets are addressed by path below it.
	Endpoint string
	// Region is what requests are signed for; default us-east-1.
	Region string
	// Credentials are the plane's own at the store. They are asked for with every request: wrap a
	// provider that works for its answer in a rolecall.Cache.
	Credentials rolecall.Provider
	// BucketPrefix is put before bucket names, so that a store can be shared.
	BucketPrefix string
	// Transport, if nil, is one without proxies and compression.
	Transport http.RoundTripper
}

// Store is an objectstore.Store with all its further interfaces.
type Store struct {
	base   *url.URL
	region string
	creds  rolecall.Provider
	prefix string
	keys   *sigv4.KeyCache
	client *http.Client
}

var (
	_ objectstore.Store        = (*Store)(nil)
	_ objectstore.BucketKeeper = (*Store)(nil)
	_ objectstore.Versioner    = (*Store)(nil)
	_ objectstore.Tagger       = (*Store)(nil)
	_ objectstore.Multiparter  = (*Store)(nil)
	_ objectstore.UploadLister = (*Store)(nil)
)

// New returns a store; it does not connect.
func New(o Options) (*Store, error) {
	base, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint of the object store: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("endpoint of the object store %q: want http(s)://HOST[:PORT]", o.Endpoint)
	}
	if o.Credentials == nil {
		return nil, errors.New("object store without credentials")
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute, ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
			DisableCompression: true, // objects come as they are
		}
	}
	return &Store{
		base: base, region: o.Region, creds: o.Credentials, prefix: o.BucketPrefix, keys: sigv4.NewKeyCache(16),
		client: &http.Client{
			Transport: o.Transport,
			// A redirect would carry the object, or the signature, to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// call is one request to the store.
type call struct {
	method string
	bucket objectstore.Bucket
	key    string
	query  url.Values
	header http.Header
	body   io.Reader
	size   int64
	hash   string // of the payload; "" for that of no or a buffered body
}

func (s *Store) do(ctx context.Context, c call) (*http.Response, error) {
	u := *s.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + s.prefix + c.bucket.Name
	u.RawPath = strings.TrimSuffix(s.base.EscapedPath(), "/") + "/" + s.prefix + c.bucket.Name
	if c.key != "" {
		u.Path += "/" + c.key
		u.RawPath += "/" + escape(c.key)
	}
	u.RawQuery = strings.ReplaceAll(c.query.Encode(), "+", "%20")
	r, err := http.NewRequestWithContext(ctx, c.method, u.String(), c.body)
	if err != nil {
		return nil, fmt.Errorf("request to the object store: %w", err)
	}
	r.URL = &u // String and Parse might spell the path otherwise
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.body != nil {
		r.ContentLength = c.size
	}
	creds, err := s.creds.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: credentials for the object store: %w", objectstore.ErrUnavailable, err)
	}
	o := sigv4.SignOptions{Service: "s3", Region: s.region, PayloadHash: c.hash, Keys: s.keys}
	if c.hash == sigv4.StreamingPayload {
		err = sigv4.SignStreaming(r, creds, o, sigv4.StreamOptions{Length: c.size})
	} else {
		err = sigv4.Sign(r, creds, o)
	}
	if err != nil {
		return nil, fmt.Errorf("signing for the object store: %w", err)
	}
	res, err := s.client.Do(r)
	if err != nil {
		if bodyErr := asBodyError(c.body); bodyErr != nil {
			return nil, bodyErr
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", objectstore.ErrUnavailable, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer drain(res)
	if bodyErr := asBodyError(c.body); bodyErr != nil {
		return nil, bodyErr
	}
	return res, failure(res, c)
}

// drain lets the connection be used again.
func drain(res *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
}

// simple sends and expects nothing back.
func (s *Store) simple(ctx context.Context, c call) (http.Header, error) {
	res, err := s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	drain(res)
	return res.Header, nil
}

// maxAnswer bounds the documents of the store: a page of 1000 keys of 1 kB, escaped.
const maxAnswer = 16 << 20

// document sends and decodes the answer into v.
func (s *Store) document(ctx context.Context, c call, v any) (http.Header, error) {
	res, err := s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	defer drain(res)
	if err := xml.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(v); err != nil {
		return nil, fmt.Errorf("%w: answer of the object store: %w", objectstore.ErrUnavailable, err)
	}
	return res.Header, nil
}

// with puts a document into c's body.
func (c call) with(doc any) (call, error) {
	b, err := xml.Marshal(doc)
	if err != nil {
		return c, fmt.Errorf("request to the object store: %w", err)
	}
	c.body, c.size = bytes.NewReader(b), int64(len(b))
	return c, nil
}

// storeError is the store's refusal.
type storeError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string   `xml:"Code"`
	Message string   `xml:"Message"`
	status  int
}

func (e *storeError) Error() string {
	return fmt.Sprintf("object store answered %d %s: %s", e.status, e.Code, e.Message)
}

// failure says what an answer means to the front. What only tells of the plane's own standing at the
// store (AccessDenied, say) must not look like an answer to the client.
func failure(res *http.Response, c call) error {
	e := &storeError{status: res.StatusCode}
	_ = xml.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(e) // HEAD and 304 have no body
	if res.Header.Get("X-Amz-Delete-Marker") == "true" {
		modified, _ := http.ParseTime(res.Header.Get("Last-Modified"))
		return &objectstore.DeleteMarkerError{
			VersionID: res.Header.Get("X-Amz-Version-Id"), LastModified: modified, Named: c.query.Has("versionId"),
		}
	}
	if known := byCode(e.Code); known != nil {
		return known
	}
	if e.Code == "NoSuchTagSet" {
		return e // not that the object is missing
	}
	switch res.StatusCode {
	case http.StatusNotFound:
		switch {
		case c.key == "":
			return objectstore.ErrNoSuchBucket
		case c.query.Has("versionId"):
			return objectstore.ErrNoSuchVersion
		default:
			return objectstore.ErrNoSuchKey
		}
	case http.StatusBadRequest:
		if c.query.Has("versionId") && (c.method == http.MethodHead || e.Code == "InvalidArgument" || e.Code == "InvalidVersionId") {
			return objectstore.ErrNoSuchVersion
		}
		return fmt.Errorf("request that the store refuses: %w", e)
	case http.StatusNotModified:
		return objectstore.ErrNotModified
	case http.StatusPreconditionFailed:
		return objectstore.ErrPrecondition
	case http.StatusRequestedRangeNotSatisfiable:
		return objectstore.ErrInvalidRange
	case http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", objectstore.ErrUnsupported, e)
	default:
		return fmt.Errorf("%w: %w", objectstore.ErrUnavailable, e)
	}
}

func byCode(code string) error {
	switch code {
	case "NoSuchKey":
		return objectstore.ErrNoSuchKey
	case "NoSuchVersion":
		return objectstore.ErrNoSuchVersion
	case "NoSuchBucket":
		return objectstore.ErrNoSuchBucket
	case "NoSuchUpload":
		return objectstore.ErrNoSuchUpload
	case "PreconditionFailed":
		return objectstore.ErrPrecondition
	case "ConditionalRequestConflict", "OperationAborted":
		return objectstore.ErrConflict
	case "InvalidRange":
		return objectstore.ErrInvalidRange
	case "InvalidPart":
		return objectstore.ErrInvalidPart
	case "InvalidPartNumber":
		return objectstore.ErrPartNumber
	case "InvalidPartOrder":
		return objectstore.ErrPartOrder
	case "EntityTooSmall":
		return objectstore.ErrPartTooSmall
	case "BucketNotEmpty", "VersionedBucketNotEmpty":
		return objectstore.ErrBucketNotEmpty
	default:
		return nil
	}
}

// escape spells a key in a URL: everything but unreserved characters and slashes.
func escape(key string) string {
	const hexDigits = "0123456789ABCDEF"
	b := make([]byte, 0, len(key)+16)
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// held passes a payload on, but keeps the last bytes back until its end was found right. Otherwise the
// stream of signed chunks ends without its last one, and the store keeps nothing. (Content-Length alone
// is not enough: versitygw 1.8.0 stores what it got of a plain body that broke off.)
type held struct {
	src        io.Reader
	next, out  []byte
	buf, spare []byte
	err        error
}

const heldSize = 64 << 10

func newHeld(src io.Reader) *held {
	return &held{src: src, buf: make([]byte, heldSize), spare: make([]byte, heldSize)}
}

func (h *held) Read(p []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil && (h.err != io.EOF || len(h.next) == 0) { //nolint:errorlint // io.Reader's contract is identity
			return 0, h.err
		}
		h.out, h.next = h.next, nil
		if h.err == nil {
			h.buf, h.spare = h.spare, h.buf
			var n int
			n, h.err = io.ReadFull(h.src, h.buf)
			if errors.Is(h.err, io.ErrUnexpectedEOF) {
				h.err = io.EOF // ReadFull says so of a clean end
			}
			h.next = h.buf[:n]
			if h.err != nil && h.err != io.EOF { //nolint:errorlint // as above
				h.out = nil
			}
		}
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

// asBodyError returns why a body broke off, if it did: that is the client's doing and not the store's.
func asBodyError(body io.Reader) error {
	if h, ok := body.(*held); ok && h.err != nil && h.err != io.EOF { //nolint:errorlint // as above
		return h.err
	}
	return nil
}
