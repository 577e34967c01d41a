package policy

import (
	"math"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// keyID names the condition keys that have a field of their own in Request.
type keyID uint8

const (
	keyOther keyID = iota
	keyTagKeys
	keyCurrentTime
	keyEpochTime
	keyTokenIssueTime
	keyMFAPresent
	keyMFAAge
	keyPrincipalOrgPaths
	keyPrincipalIsService
	keySourceIP
	keySecureTransport
	keyVPCSourceIP
	keyViaService
	keyCalledVia
	keySourceOrgPaths
	keyAssumedRoot
	keyResourceOrgPaths
	// From here on keys are one text each.
	keyPrincipalTag
	keyRequestTag
	keyResourceTag
	keyPrincipalARN
	keyPrincipalAccount
	keyPrincipalOrgID
	keyPrincipalType
	keyPrincipalServiceName
	keyUserID
	keyUserName
	keyUserAgent
	keyReferer
	keyRequestedRegion
	keySourceVPC
	keySourceVPCE
	keyCalledViaFirst
	keyCalledViaLast
	keySourceARN
	keySourceAccount
	keySourceOrgID
	keySourceIdentity
	keyFederatedProvider
	keyResourceAccount
	keyResourceOrgID

	firstText = keyPrincipalTag
)

// conditionKey is a key as a policy names it.
type conditionKey struct {
	spelled string
	id      keyID
	space   namespace
	// colon is the place of the colon, tagAt that of the tag's key of a tag family.
	colon, tagAt uint16
}

// namespace says who may speak for a key.
type namespace uint8

const (
	spaceNone    namespace = iota // no colon: what the plane established
	spaceGlobal                   // aws:
	spaceService                  // s3:
)

func makeKey(spelled string) conditionKey {
	k := conditionKey{spelled: spelled}
	colon := strings.IndexByte(spelled, ':')
	if colon < 0 || colon > math.MaxUint16 {
		return k
	}
	k.space, k.colon = spaceService, uint16(colon)
	if text.EqualFold(spelled[:colon], "aws") {
		k.space = spaceGlobal
	}
	family, tag, found := strings.Cut(spelled[colon+1:], "/")
	if !found {
		if k.space == spaceGlobal {
			k.id = globalKey(family)
		}
		return k
	}
	switch {
	case k.space == spaceGlobal && text.EqualFold(family, "PrincipalTag"):
		k.id = keyPrincipalTag
	case k.space == spaceGlobal && text.EqualFold(family, "RequestTag"):
		k.id = keyRequestTag
	case text.EqualFold(family, "ResourceTag"):
		// Services repeat this one under their own prefix: iam:ResourceTag/x.
		k.id = keyResourceTag
	}
	if at := len(spelled) - len(tag); at <= math.MaxUint16 {
		k.tagAt = uint16(at) //nolint:gosec // compared the line before
	} else {
		k.id = keyOther
	}
	return k
}

// tag is the tag's key of a tag family.
func (k *conditionKey) tag() string { return k.spelled[k.tagAt:] }

// service is the part before the colon.
func (k *conditionKey) service() string { return k.spelled[:k.colon] }

// globalNames are the global condition keys that have a field in Request, but for the tag families.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func globalNames() [37]struct {
	name string
	id   keyID
} {
	return [...]struct {
		name string
		id   keyID
	}{
		{"TagKeys", keyTagKeys}, {"CurrentTime", keyCurrentTime}, {"EpochTime", keyEpochTime},
		{"TokenIssueTime", keyTokenIssueTime}, {"MultiFactorAuthPresent", keyMFAPresent}, {"MultiFactorAuthAge", keyMFAAge},
		{"PrincipalArn", keyPrincipalARN}, {"PrincipalAccount", keyPrincipalAccount}, {"PrincipalOrgID", keyPrincipalOrgID},
		{"PrincipalOrgPaths", keyPrincipalOrgPaths}, {"PrincipalType", keyPrincipalType},
		{"PrincipalIsAWSService", keyPrincipalIsService}, {"PrincipalServiceName", keyPrincipalServiceName},
		{"userid", keyUserID}, {"username", keyUserName}, {"SourceIp", keySourceIP}, {"SecureTransport", keySecureTransport},
		{"UserAgent", keyUserAgent}, {"Referer", keyReferer}, {"RequestedRegion", keyRequestedRegion},
		{"SourceVpc", keySourceVPC}, {"SourceVpce", keySourceVPCE}, {"VpcSourceIp", keyVPCSourceIP},
		{"ViaAWSService", keyViaService}, {"CalledVia", keyCalledVia}, {"CalledViaFirst", keyCalledViaFirst},
		{"CalledViaLast", keyCalledViaLast}, {"SourceArn", keySourceARN}, {"SourceAccount", keySourceAccount},
		{"SourceOrgID", keySourceOrgID}, {"SourceOrgPaths", keySourceOrgPaths}, {"SourceIdentity", keySourceIdentity},
		{"FederatedProvider", keyFederatedProvider}, {"AssumedRoot", keyAssumedRoot}, {"ResourceAccount", keyResourceAccount},
		{"ResourceOrgID", keyResourceOrgID}, {"ResourceOrgPaths", keyResourceOrgPaths},
	}
}

func globalKey(name string) keyID {
	for _, k := range globalNames() {
		if text.EqualFold(k.name, name) {
			return k.id
		}
	}
	return keyOther
}

// Context returns all condition keys of the request with their values, sorted by name: what conditions and
// variables can read.
func (r *Request) Context() []Key {
	var ev evaluation
	ev.start(r, &Policies{})
	var out []Key
	add := func(name string) {
		k := makeKey(name)
		var v value
		if ev.lookup(&k, &v); v.len() == 0 || slices.ContainsFunc(out, func(o Key) bool { return text.EqualFold(o.Name, name) }) {
			return
		}
		values := make([]string, v.len())
		for i := range values {
			values[i] = v.at(i)
		}
		out = append(out, Key{Name: name, Values: values})
	}
	for _, k := range globalNames() {
		add("aws:" + k.name)
	}
	for family, tags := range map[string][]Tag{"PrincipalTag": r.Principal.Tags, "RequestTag": r.RequestTags, "ResourceTag": r.Owner.Tags} {
		for _, t := range tags {
			add("aws:" + family + "/" + t.Key)
		}
	}
	for _, k := range append(slices.Clone(r.Trusted), r.Keys...) {
		add(k.Name)
	}
	slices.SortFunc(out, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// GlobalKey tells whether AWS documents name as a global condition key (aws:…; of a tag family also
// without the tag), and whether such a key has several values by nature.
func GlobalKey(name string) (known, multi bool) {
	k := makeKey(name)
	if k.space != spaceGlobal {
		return false, false
	}
	switch k.id {
	case keyOther:
		// Keys without a field in Request.
		switch rest := text.Lower(name[k.colon+1:]); rest {
		case "principalservicenameslist":
			return true, true
		case "chatbotsourcearn", "ec2instancesourcevpc", "ec2instancesourceprivateipv4", "sourcevpcarn", "vpceaccount", "vpceorgid",
			"vpceorgpaths", "requesttag", "resourcetag", "principaltag", "ismcpserviceaction", "signinsessionarn":
			return true, rest == "vpceorgpaths"
		}
		return false, false
	case keyTagKeys, keyPrincipalOrgPaths, keyResourceOrgPaths, keySourceOrgPaths, keyCalledVia:
		return true, true
	default:
		return true, false
	}
}
