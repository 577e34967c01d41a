package saml

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AttributePrefix begins the names of the attributes that tell STS about the session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
const AttributePrefix = "https://aws.amazon.com/SAML/Attributes/"

// Session is what an assertion wants of the session.
type Session struct {
	Name           string
	SourceIdentity string // "" if none
	// Duration is at most how long it lives; 0 if the assertion does not say.
	Duration time.Duration
	// Tags in the order of their keys, and the keys of those that go on to the next session of a chain.
	Tags           []Tag
	TransitiveKeys []string
}

// Tag is one session tag.
type Tag struct{ Key, Value string }

// Offers reports whether the assertion maps its subject to the role through the provider: the attribute
// Role has the pair of their ARNs, in either order.
func (a *Assertion) Offers(role, provider string) bool {
	return slices.ContainsFunc(a.Attributes[AttributePrefix+"Role"], func(pair string) bool {
		left, right, ok := strings.Cut(pair, ",")
		left, right = strings.TrimSpace(left), strings.TrimSpace(right)
		return ok && (left == role && right == provider || left == provider && right == role)
	})
}

// Session reads the attributes that are about the session.
func (a *Assertion) Session() (*Session, error) {
	s := &Session{TransitiveKeys: a.Attributes[AttributePrefix+"TransitiveTagKeys"]}
	names := a.Attributes[AttributePrefix+"RoleSessionName"]
	switch {
	case len(names) == 0 || names[0] == "":
		return nil, invalid(noSession, nil)
	case len(names) > 1 || !wellFormed(names[0]):
		return nil, invalid(badSession, nil)
	}
	s.Name = names[0]
	if identities := a.Attributes[AttributePrefix+"SourceIdentity"]; len(identities) > 0 {
		if len(identities) > 1 || !wellFormed(identities[0]) || strings.HasPrefix(strings.ToLower(identities[0]), "aws:") {
			return nil, invalid(badIdentity, nil)
		}
		s.SourceIdentity = identities[0]
	}
	if durations := a.Attributes[AttributePrefix+"SessionDuration"]; len(durations) > 0 {
		seconds, err := strconv.Atoi(durations[0])
		if err != nil || len(durations) > 1 || seconds < 900 || seconds > 43200 {
			return nil, invalid("SessionDuration in AuthnResponse must be between 900 and 43200", fmt.Errorf("%.50q", durations))
		}
		s.Duration = time.Duration(seconds) * time.Second
	}
	for _, name := range slices.Sorted(maps.Keys(a.Attributes)) {
		key, ok := strings.CutPrefix(name, AttributePrefix+"PrincipalTag:")
		if !ok {
			continue
		}
		if len(a.Attributes[name]) != 1 {
			return nil, invalid("The attribute PrincipalTag in AuthnResponse must have one value", fmt.Errorf("%.100q has %d", key, len(a.Attributes[name])))
		}
		s.Tags = append(s.Tags, Tag{key, a.Attributes[name][0]})
	}
	return s, nil
}

// wellFormed is the rule for session names and source identities.
func wellFormed(s string) bool {
	if len(s) < 2 || len(s) > 64 {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") == ""
}

// Keys are the saml:… condition keys that come from attributes, without their prefix.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping
func (a *Assertion) Keys() map[string][]string {
	keys := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Attributes)) {
		for _, key := range strings.Fields(attributeKeys()[name]) {
			if keys[key] == nil {
				keys[key] = a.Attributes[name]
			}
		}
	}
	return keys
}

// attributeKeys maps names of attributes to keys, separated by spaces where there are several.
func attributeKeys() map[string]string {
	const (
		person = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
		org    = "urn:oid:1.3.6.1.4.1.5923.1.2.1."
		claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	)
	return map[string]string{
		person + "1": "edupersonaffiliation", person + "2": "edupersonnickname", person + "3": "edupersonorgdn",
		person + "4": "edupersonorgunitdn", person + "5": "edupersonprimaryaffiliation", person + "6": "edupersonprincipalname",
		person + "7": "edupersonentitlement", person + "8": "edupersonprimaryorgunitdn", person + "9": "edupersonscopedaffiliation",
		person + "10": "edupersontargetedid", person + "11": "edupersonassurance",
		org + "2": "eduorghomepageuri", org + "3": "eduorgidentityauthnpolicyuri", org + "4": "eduorglegalname",
		org + "5": "eduorgsuperioruri", org + "6": "eduorgwhitepagesuri", "urn:oid:2.5.4.3": "cn",
		claims + "name": "name", claims + "givenname": "givenName", claims + "surname": "surname", claims + "emailaddress": "mail",
		"http://schemas.xmlsoap.org/claims/CommonName":                            "commonName",
		"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "uid primaryGroupSID",
		"2.5.4.3": "commonName", "2.5.4.4": "surname", "2.4.5.42": "givenName", "2.5.4.45": "x500UniqueIdentifier",
		"0.9.2342.19200300100.1.1": "uid", "0.9.2342.19200300100.1.3": "mail", "0.9.2342.19200300.100.1.45": "organizationStatus",
	}
}
