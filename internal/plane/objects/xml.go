package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

const xmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// xmlDoc writes a document.
type xmlDoc struct{ b []byte }

func newXML(root string, namespaced bool) *xmlDoc {
	d := &xmlDoc{make([]byte, 0, 512)}
	d.b = append(d.b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<"...)
	d.b = append(d.b, root...)
	if namespaced {
		d.b = append(d.b, ` xmlns="`+xmlNamespace+`"`...)
	}
	d.b = append(d.b, '>')
	return d
}

func (d *xmlDoc) open(name string) { d.b = append(append(append(d.b, '<'), name...), '>') }

func (d *xmlDoc) close(name string) { d.b = append(append(append(d.b, '<', '/'), name...), '>') }

func (d *xmlDoc) end(root string) []byte { d.close(root); return d.b }

func (d *xmlDoc) text(name, value string) {
	d.open(name)
	d.b = appendXML(d.b, value)
	d.close(name)
}

func (d *xmlDoc) nonEmpty(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *xmlDoc) number(name string, n int64) {
	d.open(name)
	d.b = strconv.AppendInt(d.b, n, 10)
	d.close(name)
}

func (d *xmlDoc) bool(name string, v bool) {
	d.open(name)
	d.b = strconv.AppendBool(d.b, v)
	d.close(name)
}

func (d *xmlDoc) time(name string, t time.Time) {
	d.open(name)
	d.b = t.UTC().AppendFormat(d.b, "2006-01-02T15:04:05.000Z")
	d.close(name)
}

// etag writes an entity tag with its quotes, escaped as S3 does.
func (d *xmlDoc) etag(etag string) {
	d.b = append(d.b, "<ETag>&quot;"...)
	d.b = appendXML(d.b, etag)
	d.b = append(d.b, "&quot;</ETag>"...)
}

func (d *xmlDoc) owner(name string, account identity.AccountID) {
	d.open(name)
	d.text("ID", canonicalID(account))
	d.close(name)
}

// canonicalID is the account's canonical user id: 64 hexadecimal digits that anybody may know.
func canonicalID(account identity.AccountID) string {
	sum := sha256.Sum256([]byte("canonical user id of account " + string(account)))
	return hex.EncodeToString(sum[:])
}

// appendXML escapes as S3 does; characters that XML 1.0 does not have become references all the same,
// which is why clients ask for encoding-type=url.
func appendXML(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&quot;"...)
		case '\'':
			b = append(b, "&#39;"...)
		default:
			if c < ' ' || c == 0x7f {
				b = append(b, "&#x"...)
				b = strconv.AppendUint(b, uint64(c), 16)
				b = append(b, ';')
				continue
			}
			b = append(b, c)
		}
	}
	return b
}

// urlEncode is what encoding-type=url does to keys.
func urlEncode(s string) string {
	const hexDigits = "0123456789ABCDEF"
	plain := true
	for i := 0; i < len(s); i++ {
		plain = plain && unreserved(s[i])
	}
	if plain {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		if c := s[i]; unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == '/' || c == '*'
}

func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// maxDocument bounds the documents that clients send: a completion of 10,000 parts, a deletion of 1000 keys.
const maxDocument = 4 << 20

// document reads the request's body whole, held to what the request declared of it.
func (x *exchange) document(limit int64) ([]byte, error) {
	body, err := x.body()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return readAll(body, limit)
}

func readAll(body *sigv4.Body, limit int64) ([]byte, error) {
	if body.Length() > limit {
		return nil, tooLarge()
	}
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, tooLarge()
	}
	return b, nil
}

func tooLarge() error {
	return awsapi.Errorf(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
}

// body returns the request's body, held to its MD5 and checksum headers too.
func (x *exchange) body() (*sigv4.Body, error) {
	body, err := x.f.bodies.Body(x.r, x.sig, x.secret)
	if err != nil {
		return nil, err
	}
	if v := x.req.Header("Content-Md5"); v != "" {
		if err := body.Expect(sigv4.Checksum{Algorithm: "md5", Value: v}); err != nil {
			return nil, err
		}
	}
	v, err := x.declaredChecksum()
	if err != nil {
		return nil, err
	}
	if v.Value != "" {
		if err := body.Expect(sigv4.Checksum{Algorithm: lower(v.Algorithm), Value: v.Value}); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// decodeXML reads one document into v. encoding/xml knows no entities but the five; a document type is
// refused, and so is anything after the root.
func decodeXML(doc []byte, v any) error {
	if bytes.Contains(doc, []byte("<!")) && bytes.Contains(bytes.ToUpper(doc), []byte("<!DOCTYPE")) {
		return malformedXML()
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	if err := d.Decode(v); err != nil {
		return malformedXML()
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		switch t := token.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return malformedXML()
			}
		case xml.Comment:
		default:
			return malformedXML()
		}
	}
}
