package oidc

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/rolecall-dev/rolecall/internal/plane/federation"
)

// Claims is what a token says that counts here.
type Claims struct {
	// Issuer is iss, Subject is sub.
	Issuer, Subject string
	// Audiences is aud.
	Audiences []string
	// AuthorizedParty is azp, "" if there is none.
	AuthorizedParty string
	// Clients are the client ids of the account's provider that the token is for: one or more.
	Clients []string
	// AuthenticationMethods is amr.
	AuthenticationMethods []string
	// SourceIdentity is the claim https://aws.amazon.com/source_identity, "" if there is none.
	SourceIdentity string
	// Tags are the session tags that the token passes, in the order of their keys, and TransitiveKeys those
	// that go on to the next session of a chain.
	Tags           []Tag
	TransitiveKeys []string
	// Other are further claims with a text, a number or a boolean, or a list of texts.
	Other map[string][]string

	expires, notBefore, issued *time.Time
}

// Tag is one session tag.
type Tag struct{ Key, Value string }

// The claims by which a token tells STS about the session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp
const (
	tagsClaim           = "https://aws.amazon.com/tags"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
	principalTags       = "principal_tags"
	transitiveTagKeys   = "transitive_tag_keys"
)

// maxSubject is the API's limit on SubjectFromWebIdentityToken, in characters.
const maxSubject = 255

func missing(name string) *federation.Error {
	return invalid("Missing a required claim: "+name, nil)
}

// malformed is for a claim that is there and has another form than it must.
func malformed(name string) *federation.Error {
	return invalid("The claim "+clip(name)+" of the token is malformed", nil)
}

// parseClaims reads a payload, which nothing vouches for yet. A name that occurs twice is an error: readers
// would disagree about which one counts.
func parseClaims(payload []byte) (*Claims, *federation.Error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil || raw == nil {
		return nil, invalid(notAJWT, err)
	}
	c := &Claims{Other: map[string][]string{}}
	for _, read := range []func(map[string]json.RawMessage) *federation.Error{c.readNames, c.readTimes, c.readSession} {
		if bad := read(raw); bad != nil {
			return nil, bad
		}
	}
	for name, value := range raw {
		if values, ok := scalars(value); ok {
			c.Other[name] = values
		}
	}
	return c, nil
}

func (c *Claims) readNames(raw map[string]json.RawMessage) *federation.Error {
	for name, to := range map[string]*string{"iss": &c.Issuer, "sub": &c.Subject, "azp": &c.AuthorizedParty, sourceIdentityClaim: &c.SourceIdentity} {
		if value, ok := raw[name]; ok && json.Unmarshal(value, to) != nil {
			return malformed(name)
		}
	}
	for name, to := range map[string]*[]string{"aud": &c.Audiences, "amr": &c.AuthenticationMethods} {
		value, ok := raw[name]
		if !ok {
			continue
		}
		var one string
		if json.Unmarshal(value, &one) == nil {
			*to = []string{one}
		} else if json.Unmarshal(value, to) != nil {
			return malformed(name)
		}
	}
	switch {
	case c.Issuer == "":
		return missing("iss")
	case c.Subject == "":
		return missing("sub")
	case len(c.Audiences) == 0:
		return missing("aud")
	case utf8.RuneCountInString(c.Subject) > maxSubject:
		return invalid(fmt.Sprintf("The claim sub of the token must have at most %d characters", maxSubject), nil)
	}
	return nil
}

func (c *Claims) readTimes(raw map[string]json.RawMessage) *federation.Error {
	for name, to := range map[string]**time.Time{"exp": &c.expires, "nbf": &c.notBefore, "iat": &c.issued} {
		value, ok := raw[name]
		if !ok {
			continue
		}
		var seconds float64
		// Beyond the year 9999 times are mistakes, most of them milliseconds.
		if json.Unmarshal(value, &seconds) != nil || !(seconds >= 0 && seconds < 253402300800) {
			return malformed(name)
		}
		whole, part := math.Modf(seconds)
		t := time.Unix(int64(whole), int64(part*float64(time.Second)))
		*to = &t
	}
	switch {
	case c.expires == nil:
		return missing("exp")
	case c.issued == nil:
		return missing("iat")
	}
	return nil
}

// readSession reads session tags, in both of their forms: nested, and flat for providers that can only
// make claims at the top.
func (c *Claims) readSession(raw map[string]json.RawMessage) *federation.Error {
	tags := map[string]json.RawMessage{}
	var transitive json.RawMessage
	if value, ok := raw[tagsClaim]; ok {
		var nested struct {
			PrincipalTags     map[string]json.RawMessage `json:"principal_tags"`
			TransitiveTagKeys json.RawMessage            `json:"transitive_tag_keys"`
		}
		if json.Unmarshal(value, &nested) != nil {
			return malformed(tagsClaim)
		}
		if nested.PrincipalTags != nil {
			tags = nested.PrincipalTags
		}
		transitive = nested.TransitiveTagKeys
	}
	for name, value := range raw {
		rest, flat := strings.CutPrefix(name, tagsClaim+"/")
		if !flat {
			continue
		}
		if rest == transitiveTagKeys {
			transitive = value
			continue
		}
		if key, ok := strings.CutPrefix(rest, principalTags+"/"); ok {
			if _, twice := tags[key]; twice {
				return malformed(name)
			}
			tags[key] = value
		}
	}
	for key, value := range tags {
		// A tag has one value; documented is a list with one element.
		values, ok := texts(value)
		if !ok || len(values) != 1 {
			return malformed(tagsClaim)
		}
		c.Tags = append(c.Tags, Tag{key, values[0]})
	}
	slices.SortFunc(c.Tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	if transitive != nil {
		keys, ok := texts(transitive)
		if !ok {
			return malformed(tagsClaim)
		}
		c.TransitiveKeys = keys
	}
	return nil
}

// texts reads one string or a list of them.
func texts(value json.RawMessage) ([]string, bool) {
	var one string
	if json.Unmarshal(value, &one) == nil {
		return []string{one}, true
	}
	var list []string
	return list, json.Unmarshal(value, &list) == nil && list != nil
}

// scalars reads what a condition key can hold.
func scalars(value json.RawMessage) ([]string, bool) {
	if list, ok := texts(value); ok {
		return list, true
	}
	text := strings.TrimSpace(string(value))
	if text == "" || text == "null" || strings.ContainsAny(text[:1], "{[") {
		return nil, false
	}
	return []string{text}, true
}

// check holds proven claims against the account's provider and the clock.
func (c *Claims) check(p *Provider, now time.Time) *federation.Error {
	// Where there is an authorized party, it is the client: the audiences may be those of other services.
	// https://openid.net/specs/openid-connect-core-1_0.html#IDToken
	candidates := c.Audiences
	if c.AuthorizedParty != "" {
		candidates = []string{c.AuthorizedParty}
	}
	for _, candidate := range candidates {
		if slices.Contains(p.ClientIDs, candidate) {
			c.Clients = append(c.Clients, candidate)
		}
	}
	switch {
	case len(c.Clients) == 0:
		return invalid("Incorrect token audience", nil)
	case !now.Before(*c.expires):
		return &federation.Error{Reason: federation.Expired, Message: fmt.Sprintf(
			"Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), c.expires.Unix())}
	case now.Sub(*c.issued) > maxAge:
		return &federation.Error{Reason: federation.Expired, Message: fmt.Sprintf("Token too old: %d", int64(now.Sub(*c.issued).Seconds()))}
	case c.notBefore != nil && c.notBefore.After(now.Add(leeway)):
		return invalid(fmt.Sprintf("Token not yet valid: current date/time %d must be after the not before date/time %d", now.Unix(), c.notBefore.Unix()), nil)
	case c.issued.After(now.Add(leeway)):
		return invalid(fmt.Sprintf("Token not yet valid: current date/time %d must be after the issue date/time %d", now.Unix(), c.issued.Unix()), nil)
	}
	return nil
}
