package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// keyID names the condition keys that have a field of their own in Request.
type keyID uint8

const (
	keyOther keyID = iota
	keyPrincipalTag
	keyRequestTag
	keyResourceTag
	keyTagKeys
	keyCurrentTime
	keyEpochTime
	keyTokenIssueTime
	keyMFAPresent
	keyMFAAge
	keyPrincipalARN
	keyPrincipalAccount
	keyPrincipalOrgID
	keyPrincipalOrgPaths
	keyPrincipalType
	keyPrincipalIsService
	keyPrincipalServiceName
	keyUserID
	keyUserName
	keySourceIP
	keySecureTransport
	keyUserAgent
	keyReferer
	keyRequestedRegion
	keySourceVPC
	keySourceVPCE
	keyVPCSourceIP
	keyViaService
	keyCalledVia
	keyCalledViaFirst
	keyCalledViaLast
	keySourceARN
	keySourceAccount
	keySourceOrgID
	keySourceOrgPaths
	keySourceIdentity
	keyFederatedProvider
	keyAssumedRoot
	keyResourceAccount
	keyResourceOrgID
	keyResourceOrgPaths
)

// conditionKey is a key as a policy names it.
type conditionKey struct {
	id keyID
	// name is the whole key in lower case.
	name string
	// prefix is the part before the colon, with the colon.
	prefix string
	// tag is the tag's key of a tag family, as spelled.
	tag string
}

func makeKey(spelled string) conditionKey {
	k := conditionKey{name: strings.ToLower(spelled)}
	colon := strings.IndexByte(k.name, ':')
	if colon < 0 {
		return k
	}
	k.prefix = k.name[:colon+1]
	rest := k.name[colon+1:]
	family, _, found := strings.Cut(rest, "/")
	if found {
		tag := spelled[colon+1+len(family)+1:]
		switch {
		case k.prefix == "aws:" && family == "principaltag":
			k.id, k.tag = keyPrincipalTag, tag
		case k.prefix == "aws:" && family == "requesttag":
			k.id, k.tag = keyRequestTag, tag
		case family == "resourcetag":
			// Services repeat this one under their own prefix: iam:ResourceTag/x.
			k.id, k.tag = keyResourceTag, tag
		}
		return k
	}
	if k.prefix == "aws:" {
		k.id = globalKey(rest)
	}
	return k
}

// globalKey finds a global condition key by its lower-case name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func globalKey(name string) keyID {
	for _, k := range [...]struct {
		name string
		id   keyID
	}{
		{"tagkeys", keyTagKeys}, {"currenttime", keyCurrentTime}, {"epochtime", keyEpochTime},
		{"tokenissuetime", keyTokenIssueTime}, {"multifactorauthpresent", keyMFAPresent}, {"multifactorauthage", keyMFAAge},
		{"principalarn", keyPrincipalARN}, {"principalaccount", keyPrincipalAccount}, {"principalorgid", keyPrincipalOrgID},
		{"principalorgpaths", keyPrincipalOrgPaths}, {"principaltype", keyPrincipalType},
		{"principalisawsservice", keyPrincipalIsService}, {"principalservicename", keyPrincipalServiceName},
		{"userid", keyUserID}, {"username", keyUserName}, {"sourceip", keySourceIP}, {"securetransport", keySecureTransport},
		{"useragent", keyUserAgent}, {"referer", keyReferer}, {"requestedregion", keyRequestedRegion},
		{"sourcevpc", keySourceVPC}, {"sourcevpce", keySourceVPCE}, {"vpcsourceip", keyVPCSourceIP},
		{"viaawsservice", keyViaService}, {"calledvia", keyCalledVia}, {"calledviafirst", keyCalledViaFirst},
		{"calledvialast", keyCalledViaLast}, {"sourcearn", keySourceARN}, {"sourceaccount", keySourceAccount},
		{"sourceorgid", keySourceOrgID}, {"sourceorgpaths", keySourceOrgPaths}, {"sourceidentity", keySourceIdentity},
		{"federatedprovider", keyFederatedProvider}, {"assumedroot", keyAssumedRoot}, {"resourceaccount", keyResourceAccount},
		{"resourceorgid", keyResourceOrgID}, {"resourceorgpaths", keyResourceOrgPaths},
	} {
		if k.name == name {
			return k.id
		}
	}
	return keyOther
}

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
	n    int64
	s    string
	list []string
	tags []Tag
	t    time.Time
	addr netip.Addr
	// multi is set for keys that have several values by nature; variables cannot read them.
	multi bool
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

func (v *value) setTri(t Tri) {
	switch t {
	case Missing:
	case False:
		v.kind, v.s = valueString, "false"
	case True:
		v.kind, v.s = valueString, "true"
	}
}

func (v *value) setTime(t time.Time) {
	if !t.IsZero() {
		v.kind, v.t = valueTime, t
	}
}

func (v *value) setInt(n int64) { v.kind, v.n = valueInt, n }

func (v *value) setAddr(a netip.Addr) {
	if a.IsValid() {
		v.kind, v.addr = valueAddr, a
	}
}

func (v *value) setTag(tags []Tag, key string) {
	for i := range tags {
		if tags[i].Key == key || strings.EqualFold(tags[i].Key, key) {
			v.kind, v.s = valueString, tags[i].Value
			return
		}
	}
}

// lookup finds a key of the request. The order is the security of this package: first the field, then what the
// plane established, and what came with the request only under the prefix of the service that is asked.
func (ev *evaluation) lookup(k *conditionKey, v *value) {
	if k.id != keyOther {
		ev.field(k, v)
	}
	if v.kind == valueNone {
		findKey(ev.r.Trusted, k.name, v)
	}
	if v.kind == valueNone && k.prefix != "" && k.prefix != "aws:" && equalFold(k.prefix, ev.prefix) {
		findKey(ev.r.Keys, k.name, v)
	}
}

func findKey(keys []Key, name string, v *value) {
	for i := range keys {
		if equalFold(keys[i].Name, name) {
			if len(keys[i].Values) > 0 {
				v.kind, v.list = valueList, keys[i].Values
			}
			return
		}
	}
}

// field reads the keys that have a field.
func (ev *evaluation) field(k *conditionKey, v *value) {
	r := ev.r
	switch k.id {
	case keyOther:
	case keyPrincipalTag:
		v.setTag(r.Principal.Tags, k.tag)
	case keyRequestTag:
		v.setTag(r.RequestTags, k.tag)
	case keyResourceTag:
		if k.prefix == "aws:" || equalFold(k.prefix, ev.prefix) {
			v.setTag(r.Owner.Tags, k.tag)
		}
	case keyTagKeys:
		v.multi = true
		if r.TagKeys != nil {
			v.setList(r.TagKeys)
		} else if len(r.RequestTags) > 0 {
			v.kind, v.tags = valueTags, r.RequestTags
		}
	case keyCurrentTime:
		v.setTime(r.Call.Time)
	case keyEpochTime:
		if !r.Call.Time.IsZero() {
			v.setInt(r.Call.Time.Unix())
		}
	case keyTokenIssueTime:
		v.setTime(r.Session.IssuedAt)
	case keyMFAPresent:
		v.setTri(r.Session.MFA)
	case keyMFAAge:
		if !r.Session.MFAAt.IsZero() && !r.Call.Time.IsZero() {
			v.setInt(int64(r.Call.Time.Sub(r.Session.MFAAt) / time.Second))
		}
	case keySourceIP:
		v.setAddr(r.Call.SourceIP)
	case keyVPCSourceIP:
		v.setAddr(r.Call.VPCSourceIP)
	case keySecureTransport:
		v.setTri(r.Call.Secure)
	case keyViaService:
		v.setTri(r.Call.ViaService)
	case keyAssumedRoot:
		v.setTri(r.Session.AssumedRoot)
	case keyPrincipalARN, keyPrincipalAccount, keyPrincipalOrgID, keyPrincipalOrgPaths, keyPrincipalType,
		keyPrincipalIsService, keyPrincipalServiceName, keyUserID, keyUserName:
		r.Principal.field(k.id, v)
	case keyCalledVia:
		v.setList(r.Call.CalledVia)
	case keySourceOrgPaths:
		v.setList(r.Call.SourceOrgPaths)
	case keyResourceOrgPaths:
		v.setList(r.Owner.OrgPaths)
	case keyUserAgent, keyReferer, keyRequestedRegion, keySourceVPC, keySourceVPCE, keyCalledViaFirst, keyCalledViaLast,
		keySourceARN, keySourceAccount, keySourceOrgID, keySourceIdentity, keyFederatedProvider, keyResourceAccount, keyResourceOrgID:
		v.setString(ev.text(k.id))
	}
}

// text reads the keys that are plain strings.
func (ev *evaluation) text(id keyID) string {
	r := ev.r
	switch id {
	case keyUserAgent:
		return r.Call.UserAgent
	case keyReferer:
		return r.Call.Referer
	case keyRequestedRegion:
		return r.Call.Region
	case keySourceVPC:
		return r.Call.SourceVPC
	case keySourceVPCE:
		return r.Call.SourceVPCE
	case keyCalledViaFirst:
		if n := len(r.Call.CalledVia); n > 0 {
			return r.Call.CalledVia[0]
		}
	case keyCalledViaLast:
		if n := len(r.Call.CalledVia); n > 0 {
			return r.Call.CalledVia[n-1]
		}
	case keySourceARN:
		return r.Call.SourceARN
	case keySourceAccount:
		return r.Call.SourceAccount
	case keySourceOrgID:
		return r.Call.SourceOrgID
	case keySourceIdentity:
		return r.Session.SourceIdentity
	case keyFederatedProvider:
		return r.Session.FederatedProvider
	case keyResourceAccount:
		return ev.owner
	case keyResourceOrgID:
		return r.Owner.OrgID
	default:
	}
	return ""
}

// field reads the keys of the principal.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func (p *Principal) field(id keyID, v *value) {
	switch id {
	case keyPrincipalARN:
		if p.Kind == RoleSession {
			v.setString(p.EntityARN)
		} else {
			v.setString(p.ARN)
		}
	case keyPrincipalAccount:
		v.setString(p.Account)
	case keyPrincipalOrgID:
		v.setString(p.OrgID)
	case keyPrincipalOrgPaths:
		v.setList(p.OrgPaths)
	case keyPrincipalType:
		v.setString(p.Kind.awsType())
	case keyPrincipalIsService:
		if p.Kind != Anonymous {
			v.setTri(TriOf(p.Kind == Service))
		}
	case keyPrincipalServiceName:
		if p.Kind == Service {
			v.setString(p.Name)
		}
	case keyUserID:
		v.setString(p.UserID)
	case keyUserName:
		v.setString(p.UserName)
	default:
	}
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
	var v value
	ev.lookup(&t.v.key, &v)
	if !v.multi && v.len() == 1 {
		return v.at(0), true
	}
	return t.text, t.v.hasDefault
}
