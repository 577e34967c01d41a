package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

type valueKind uint8

const (
	valueNone valueKind = iota
	valueString
	valueList
	valueTags // the keys of tags
	valueTime
	valueAddr
	valueInt
)

// value is what a request has for a key.
type value struct {
	kind valueKind
	// multi is set for keys that have several values by nature; variables cannot read them.
	multi bool
	n     int64
	s     string
	list  []string
	tags  []Tag
	t     *time.Time
	addr  *netip.Addr
}

func (v *value) len() int {
	switch v.kind {
	case valueNone:
		return 0
	case valueList:
		return len(v.list)
	case valueTags:
		return len(v.tags)
	case valueString, valueTime, valueAddr, valueInt:
	}
	return 1
}

// at returns the i-th value as text.
func (v *value) at(i int) string {
	switch v.kind {
	case valueNone:
	case valueString:
		return v.s
	case valueList:
		return v.list[i]
	case valueTags:
		return v.tags[i].Key
	case valueTime:
		return v.t.UTC().Format("2006-01-02T15:04:05Z")
	case valueAddr:
		return v.addr.Unmap().String()
	case valueInt:
		return strconv.FormatInt(v.n, 10)
	}
	return ""
}

func (v *value) setString(s string) {
	if s != "" {
		v.kind, v.s = valueString, s
	}
}

func (v *value) setList(l []string) {
	v.multi = true
	if len(l) > 0 {
		v.kind, v.list = valueList, l
	}
}

func (v *value) setTri(t Tri) { v.setString(t.text()) }

// text is how conditions see it.
func (t Tri) text() string {
	switch t {
	case Missing:
	case False:
		return "false"
	case True:
		return "true"
	}
	return ""
}

func (v *value) setTime(t *time.Time) {
	if !t.IsZero() {
		v.kind, v.t = valueTime, t
	}
}

func (v *value) setInt(n int64) { v.kind, v.n = valueInt, n }

func (v *value) setAddr(a *netip.Addr) {
	if a.IsValid() {
		v.kind, v.addr = valueAddr, a
	}
}

// findTag returns the value of a tag. Keys of tags ignore case, as condition keys do.
func findTag(tags []Tag, key string) (string, bool) {
	for i := range tags {
		if t := &tags[i]; t.Key == key || mayFold(t.Key, key) && strings.EqualFold(t.Key, key) {
			return t.Value, true
		}
	}
	return "", false
}

// mayFold is a quick no for texts whose first characters differ.
func mayFold(a, b string) bool {
	return a == "" || b == "" || a[0]|b[0] >= utf8.RuneSelf || text.LowerByte(a[0]) == text.LowerByte(b[0])
}

// lookup finds a key of the request. The order is the security of this package: first the field, then what the
// plane established, and what came with the request only under the prefix of the service that is asked.
func (ev *evaluation) lookup(k *conditionKey, v *value) {
	if k.isText() {
		if s, ok := ev.text(k); ok {
			v.kind, v.s = valueString, s
		}
	} else if k.id != keyOther {
		ev.field(k, v)
	}
	if v.kind == valueNone {
		findKey(ev.r.Trusted, k.spelled, v)
	}
	if v.kind == valueNone && k.space == spaceService && text.EqualFold(k.service(), ev.service()) {
		findKey(ev.r.Keys, k.spelled, v)
	}
}

func findKey(keys []Key, name string, v *value) {
	for i := range keys {
		if text.EqualFold(keys[i].Name, name) {
			if len(keys[i].Values) > 0 {
				v.kind, v.list = valueList, keys[i].Values
			}
			return
		}
	}
}

// field reads the keys that have a field and are more than text.
func (ev *evaluation) field(k *conditionKey, v *value) {
	r := ev.r
	switch k.id {
	case keyTagKeys:
		v.multi = true
		if r.TagKeys != nil {
			v.setList(r.TagKeys)
		} else if len(r.RequestTags) > 0 {
			v.kind, v.tags = valueTags, r.RequestTags
		}
	case keyCurrentTime:
		v.setTime(&r.Call.Time)
	case keyEpochTime:
		if !r.Call.Time.IsZero() {
			v.setInt(r.Call.Time.Unix())
		}
	case keyTokenIssueTime:
		v.setTime(&r.Session.IssuedAt)
	case keyMFAPresent, keySecureTransport, keyViaService, keyAssumedRoot, keyPrincipalIsService:
		v.setTri(ev.tri(k.id))
	case keyMFAAge:
		if !r.Session.MFAAt.IsZero() && !r.Call.Time.IsZero() {
			v.setInt(int64(r.Call.Time.Sub(r.Session.MFAAt) / time.Second))
		}
	case keySourceIP:
		v.setAddr(&r.Call.SourceIP)
	case keyVPCSourceIP:
		v.setAddr(&r.Call.VPCSourceIP)
	case keyPrincipalOrgPaths:
		v.setList(r.Principal.OrgPaths)
	case keyCalledVia:
		v.setList(r.Call.CalledVia)
	case keySourceOrgPaths:
		v.setList(r.Call.SourceOrgPaths)
	case keyResourceOrgPaths:
		v.setList(r.Owner.OrgPaths)
	default:
	}
}

// isTri tells whether the key is a boolean with a field.
func (k *conditionKey) isTri() bool {
	switch k.id {
	case keyMFAPresent, keySecureTransport, keyViaService, keyAssumedRoot, keyPrincipalIsService:
		return true
	default:
		return false
	}
}

func (ev *evaluation) tri(id keyID) Tri {
	r := ev.r
	switch id {
	case keySecureTransport:
		return r.Call.Secure
	case keyMFAPresent:
		return r.Session.MFA
	case keyViaService:
		return r.Call.ViaService
	case keyAssumedRoot:
		return r.Session.AssumedRoot
	case keyPrincipalIsService:
		if r.Principal.Kind != Anonymous {
			return TriOf(r.Principal.Kind == Service)
		}
	default:
	}
	return Missing
}

// isText tells whether the key has a field that is one text.
func (k *conditionKey) isText() bool { return k.id >= firstText }

// text reads a key that isText.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func (ev *evaluation) text(k *conditionKey) (string, bool) {
	r := ev.r
	s := ""
	switch k.id {
	case keyPrincipalTag:
		return findTag(r.Principal.Tags, k.tag())
	case keyRequestTag:
		return findTag(r.RequestTags, k.tag())
	case keyResourceTag:
		if k.space == spaceGlobal || text.EqualFold(k.service(), ev.service()) {
			return findTag(r.Owner.Tags, k.tag())
		}
	case keyUserName:
		s = r.Principal.UserName
	case keyUserID:
		s = r.Principal.UserID
	case keyPrincipalARN:
		if s = r.Principal.ARN; r.Principal.Kind == RoleSession {
			s = r.Principal.EntityARN
		}
	case keyPrincipalAccount:
		s = r.Principal.Account
	case keyPrincipalOrgID:
		s = r.Principal.OrgID
	case keyPrincipalType:
		s = r.Principal.Kind.awsType()
	case keyPrincipalServiceName:
		if r.Principal.Kind == Service {
			s = r.Principal.Name
		}
	case keyUserAgent:
		s = r.Call.UserAgent
	case keyReferer:
		s = r.Call.Referer
	case keyRequestedRegion:
		s = r.Call.Region
	case keySourceVPC:
		s = r.Call.SourceVPC
	case keySourceVPCE:
		s = r.Call.SourceVPCE
	case keyCalledViaFirst:
		if n := len(r.Call.CalledVia); n > 0 {
			s = r.Call.CalledVia[0]
		}
	case keyCalledViaLast:
		if n := len(r.Call.CalledVia); n > 0 {
			s = r.Call.CalledVia[n-1]
		}
	case keySourceARN:
		s = r.Call.SourceARN
	case keySourceAccount:
		s = r.Call.SourceAccount
	case keySourceOrgID:
		s = r.Call.SourceOrgID
	case keySourceIdentity:
		s = r.Session.SourceIdentity
	case keyFederatedProvider:
		s = r.Session.FederatedProvider
	case keyResourceAccount:
		s = ev.owner
	case keyResourceOrgID:
		s = r.Owner.OrgID
	default:
	}
	return s, s != ""
}

func (k PrincipalKind) awsType() string {
	switch k {
	case Anonymous:
		return "Anonymous"
	case Root:
		return "Account"
	case User:
		return "User"
	case RoleSession:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	case Service, Federated:
	}
	return ""
}

// variable returns the value of a policy variable: that of a key with exactly one value, or the default.
func (ev *evaluation) variable(t *token) (string, bool) {
	if t.v.key.isText() {
		if s, ok := ev.text(&t.v.key); ok {
			return s, true
		}
	}
	var v value
	ev.lookup(&t.v.key, &v)
	if !v.multi && v.len() == 1 {
		return v.at(0), true
	}
	return t.text, t.v.hasDefault
}
