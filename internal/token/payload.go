package token

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// The payload, all numbers as varints, strings with their length before them:
//
//	version, flags, type, account, issued (unix seconds), lifetime (seconds), chain depth,
//	entity id, name, source identity, federation, [MFA time], [federated keys], bulk
//
// bulk is what the caller of STS can make long: policy, policy ARNs, tags, transitive keys (as
// indices of tags). Behind it stand zeros, so that the base64 form needs no padding.

const (
	payloadVersion = 1

	flagMFA     = 1 << 0
	flagDeflate = 1 << 1
	flagKeys    = 1 << 2

	// compressFrom is the length from which bulk is deflated. Shorter, the token has less than 1 kB
	// all the same, and deflating costs some 50 µs at each issue.
	compressFrom = 640
	// maxBulk is more than all that STS takes: 2,048 characters of policy, 10 ARNs, 50 tags.
	maxBulk = 256 << 10
	// tagRoom and policyRoom are what session tags and session policies may take after packing, in bytes; together
	// they fill a session. AWS does not publish its own. Of tags it is known that they are not compressed: nine of 252
	// characters each were refused with 498 per cent. Policies are: most of 2,048 characters pass.
	tagRoom    = 460
	policyRoom = 1400
)

// dictionary makes short policies deflate well. It is part of the format: another one needs
// another payloadVersion.
func dictionary() []byte {
	return []byte(`"Condition":{"StringEquals":{"aws:PrincipalTag/aws:RequestedRegion"IpAddress":{"aws:SourceIp":"` +
		`arn:aws:iam::aws:policy/AmazonReadOnlyAccessFullAccessarn:aws:dynamodb:us-east-1:arn:aws:secretsmanager:kms:Decrypt` +
		`"NotAction":"Deny","s3:ListBucket","s3:DeleteObject","s3:PutObject","s3:GetObject"` +
		`{"Version":"2012-10-17","Statement":[{"Sid":"Stmt1","Effect":"Allow","Action":["s3:*"],"Resource":"*","arn:aws:s3:::/*"]}]}`)
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendInt(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// appendPayload encodes s. Times lose what is below a second.
func (p *packer) appendPayload(b []byte, s *identity.Session) ([]byte, error) {
	account, err := strconv.ParseUint(string(s.Account), 10, 64)
	if err != nil || len(s.Account) != 12 {
		return nil, fmt.Errorf("sealing a session: account %q", s.Account)
	}
	head := len(b)
	b = append(b, payloadVersion, 0, byte(s.Type))
	b = binary.AppendUvarint(b, account)
	b = appendInt(b, s.IssuedAt.Unix())
	b = appendInt(b, s.Expires.Unix()-s.IssuedAt.Unix())
	b = appendInt(b, int64(s.ChainDepth))
	for _, text := range [...]string{s.EntityID, s.Name, s.SourceIdentity, s.Federation} {
		b = appendString(b, text)
	}
	if !s.MFAAt.IsZero() {
		b[head+1] |= flagMFA
		b = appendInt(b, s.MFAAt.Unix())
	}
	if len(s.FederatedKeys) > 0 {
		b[head+1] |= flagKeys
		b = appendKeys(b, s.FederatedKeys)
	}
	start := len(b)
	if b, err = appendBulk(b, s); err != nil {
		return nil, err
	}
	if len(b)-start >= compressFrom {
		if packed := p.deflate(b[start:]); len(packed) < len(b)-start {
			b[head+1] |= flagDeflate
			b = appendString(b[:start], string(packed))
		}
	}
	return b, nil
}

func appendKeys(b []byte, keys []identity.ConditionKey) []byte {
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendString(b, k.Name)
		b = binary.AppendUvarint(b, uint64(len(k.Values)))
		for _, v := range k.Values {
			b = appendString(b, v)
		}
	}
	return b
}

func appendBulk(b []byte, s *identity.Session) ([]byte, error) {
	b = appendString(b, s.Policy)
	b = binary.AppendUvarint(b, uint64(len(s.PolicyARNs)))
	for _, arn := range s.PolicyARNs {
		b = appendString(b, arn)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Tags)))
	for _, t := range s.Tags {
		b = appendString(appendString(b, t.Key), t.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(s.TransitiveTagKeys)))
	for _, key := range s.TransitiveTagKeys {
		i := slices.IndexFunc(s.Tags, func(t identity.Tag) bool { return t.Key == key })
		if i < 0 {
			return nil, fmt.Errorf("sealing a session: transitive key %q is no tag of it", key)
		}
		b = binary.AppendUvarint(b, uint64(i)) //nolint:gosec // not negative
	}
	return b, nil
}

// PackedPercent is STS's PackedPolicySize: how much of the room for session policies and tags s
// takes, in per cent, rounded up. More than 100 is to be refused (PackedPolicyTooLarge).
// [Ring.PackedPercent] is the same and keeps its compressor for the next call.
func PackedPercent(s *identity.Session) int { return new(packer).percent(s) }

func (p *packer) percent(s *identity.Session) int {
	if s.Policy == "" && len(s.PolicyARNs) == 0 && len(s.Tags) == 0 {
		return 0
	}
	tags := 0
	for _, t := range s.Tags {
		tags += len(t.Key) + len(t.Value) + 2
	}
	limits := identity.Session{Policy: s.Policy, PolicyARNs: s.PolicyARNs}
	policies, err := appendBulk(nil, &limits)
	if err != nil {
		return 101
	}
	size := len(policies) / 3 // about what short policies deflate to, without the work
	if len(policies) >= compressFrom {
		size = len(p.deflate(policies))
	}
	return (tags*100+tagRoom-1)/tagRoom + (size*100+policyRoom-1)/policyRoom
}

// payload reads what appendPayload wrote. The first error sticks.
type payload struct {
	text string
	err  error
}

var errPayload = errors.New("payload")

func (p *payload) uint() uint64 {
	// A copy of encoding/binary.Uvarint for strings: converting would copy.
	var n uint64
	for i := 0; i < len(p.text) && i < binary.MaxVarintLen64; i++ {
		c := p.text[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			p.text = p.text[i+1:]
			return n
		}
	}
	p.fail()
	return 0
}

func (p *payload) int() int64 {
	u := p.uint()
	n := int64(u >> 1) //nolint:gosec // the shifted value fits
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (p *payload) fail() { p.text, p.err = "", errPayload }

func (p *payload) string() string {
	n := p.uint()
	if n > uint64(len(p.text)) {
		p.fail()
		return ""
	}
	s := p.text[:n]
	p.text = p.text[n:]
	return s
}

func (p *payload) byte() byte {
	if p.text == "" {
		p.fail()
		return 0
	}
	c := p.text[0]
	p.text = p.text[1:]
	return c
}

// count reads the length of a list whose elements take at least size bytes each, so that a short
// payload cannot ask for a long list.
func (p *payload) count(size int) int {
	n := p.uint()
	if n > uint64(len(p.text)/size) { //nolint:gosec // a length is not negative
		p.fail()
		return 0
	}
	return int(n) //nolint:gosec // bounded by the length of the text
}

func (p *packer) parsePayload(text string) (*identity.Session, error) {
	in := &payload{text: text}
	if in.byte() != payloadVersion {
		return nil, errPayload
	}
	flags := in.byte()
	s := &identity.Session{Type: identity.SessionType(in.byte())}
	account := in.uint()
	if account > 999_999_999_999 {
		return nil, errPayload
	}
	s.Account = accountID(account)
	issued := in.int()
	s.IssuedAt = time.Unix(issued, 0).UTC()
	s.Expires = time.Unix(issued+in.int(), 0).UTC()
	s.ChainDepth = int(in.int())
	s.EntityID, s.Name, s.SourceIdentity, s.Federation = in.string(), in.string(), in.string(), in.string()
	if flags&flagMFA != 0 {
		s.MFAAt = time.Unix(in.int(), 0).UTC()
	}
	if flags&flagKeys != 0 {
		s.FederatedKeys = in.keys()
	}
	if flags&flagDeflate != 0 {
		bulk, err := p.inflate(in.string())
		if err != nil {
			return nil, errPayload
		}
		if in.err == nil {
			in.text = bulk
		}
	}
	in.bulk(s)
	if in.err != nil {
		return nil, in.err
	}
	return s, nil
}

func (p *payload) keys() []identity.ConditionKey {
	var keys []identity.ConditionKey
	for range p.count(2) {
		k := identity.ConditionKey{Name: p.string()}
		for range p.count(1) {
			k.Values = append(k.Values, p.string())
		}
		keys = append(keys, k)
	}
	return keys
}

func (p *payload) bulk(s *identity.Session) {
	s.Policy = p.string()
	if n := p.count(1); n > 0 {
		s.PolicyARNs = make([]string, n)
		for i := range s.PolicyARNs {
			s.PolicyARNs[i] = p.string()
		}
	}
	if n := p.count(2); n > 0 {
		s.Tags = make([]identity.Tag, n)
		for i := range s.Tags {
			s.Tags[i] = identity.Tag{Key: p.string(), Value: p.string()}
		}
	}
	if n := p.count(1); n > 0 {
		s.TransitiveTagKeys = make([]string, n)
		for i := range s.TransitiveTagKeys {
			t := p.uint()
			if t >= uint64(len(s.Tags)) {
				p.fail()
				return
			}
			s.TransitiveTagKeys[i] = s.Tags[t].Key
		}
	}
}

func accountID(n uint64) identity.AccountID {
	var digits [12]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return identity.AccountID(digits[:])
}

// packer keeps compressors, which are half a megabyte to make, and decompressors.
type packer struct{ deflaters, inflaters sync.Pool }

func (p *packer) deflate(b []byte) []byte {
	w, ok := p.deflaters.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriterDict(io.Discard, flate.BestCompression, dictionary()); err != nil {
			panic("token: " + err.Error()) // only for a level that does not exist
		}
	}
	defer p.deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func (p *packer) inflate(packed string) (string, error) {
	in := strings.NewReader(packed)
	r, ok := p.inflaters.Get().(io.Reader)
	if !ok {
		r = flate.NewReaderDict(in, dictionary())
	} else if err := r.(flate.Resetter).Reset(in, dictionary()); err != nil { //nolint:forcetypeassert,errcheck // flate documents it
		return "", err
	}
	defer p.inflaters.Put(r)
	out := make([]byte, 0, 4*len(packed))
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, len(out)+512)
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > maxBulk:
			return "", errPayload
		case errors.Is(err, io.EOF):
			return string(out), nil
		case err != nil:
			return "", err
		}
	}
}
