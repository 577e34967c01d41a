// Package saml proves the authentication responses of SAML 2.0 identity providers that an account
// trusts, for sts:AssumeRoleWithSAML.
//
// XML signatures are where SAML breaks: one part of a document is signed, and another is read. Here the
// document may hold one assertion and, at fixed places, at most two signatures; each must verify; and
// what is read is parsed anew from the very bytes whose digest was signed.
package saml

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/rolecall-dev/rolecall/internal/plane/federation"
)

// Namespaces of SAML 2.0.
const (
	assertionSpace = "urn:oasis:names:tc:SAML:2.0:assertion"
	protocolSpace  = "urn:oasis:names:tc:SAML:2.0:protocol"
	signatureSpace = "http://www.w3.org/2000/09/xmldsig#"
)

const (
	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
	bearer        = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // a name, and no secret
	// redeemWithin is how long after its issue an assertion is good.
	redeemWithin = 5 * time.Minute
	// leeway is how far clocks may differ.
	leeway = time.Minute
)

// Messages that AWS is known to answer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html
const (
	badBase64     = "Invalid base64 SAMLResponse"
	badResponse   = "Your request included an invalid SAML response."
	badSignature  = "Response signature invalid"
	badIssuer     = "Issuer not present in specified provider"
	badAudience   = "Response does not contain the required audience."
	tooLate       = "Token must be redeemed within 5 minutes of issuance"
	noSession     = "RoleSessionName is required in AuthnResponse"
	badSession    = "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
	badIdentity   = `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`
	rejectedByIDP = "The identity provider (IdP) reported that authentication failed."
)

func invalid(message string, cause error) *federation.Error {
	return &federation.Error{Reason: federation.Invalid, Message: message, Cause: cause}
}

func expired(message string, cause error) *federation.Error {
	return &federation.Error{Reason: federation.Expired, Message: message, Cause: cause}
}

// Provider is what an identity provider's metadata says.
type Provider struct {
	// EntityID is the issuer of its assertions.
	EntityID string
	// Certificates are those that it signs with. Their dates do not count: as with AWS, replacing them is the
	// administrator's business.
	Certificates []*x509.Certificate
}

// Assertion is what a proven assertion says.
type Assertion struct {
	Issuer string
	// Subject is the NameID, SubjectType its format without the prefix of SAML 2.0's own formats.
	Subject, SubjectType string
	// Recipient is where the assertion was sent (saml:aud).
	Recipient string
	// SessionEnds is SessionNotOnOrAfter; zero if there is none.
	SessionEnds time.Time
	// Attributes are the texts of each attribute, by its Name.
	Attributes map[string][]string
}

// Verify proves an authentication response, in base64, of the provider. Errors are *[federation.Error].
func (p *Provider) Verify(encoded string, now time.Time) (*Assertion, error) {
	text, err := decode(encoded)
	if err != nil {
		return nil, invalid(badBase64, err)
	}
	response, err := parse(text)
	if err != nil {
		return nil, invalid(badResponse, err)
	}
	if err := checkShape(response); err != nil {
		return nil, invalid(badResponse, err)
	}
	// An answer that says no has no assertion, and often no signature.
	if status := statusOf(response); status != statusSuccess {
		return nil, &federation.Error{Reason: federation.Rejected, Message: rejectedByIDP, Cause: fmt.Errorf("status %.200q", status)}
	}
	proven, err := p.prove(response)
	if err != nil {
		return nil, invalid(badSignature, err)
	}
	return p.read(proven, now)
}

// decode reads base64 with or without line ends, as forms and command lines bring it.
func decode(encoded string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, encoded))
}

// read takes from a proven assertion what counts, and checks that it is for this plane, now.
func (p *Provider) read(assertion *etree.Element, now time.Time) (*Assertion, error) {
	a := &Assertion{}
	var err error
	if a.Issuer, err = onlyText(assertion, "Issuer"); err != nil {
		return nil, invalid(badResponse, err)
	}
	if a.Issuer != p.EntityID {
		return nil, invalid(badIssuer, fmt.Errorf("issuer %.200q", a.Issuer))
	}
	issued, err := instant(assertion, "IssueInstant")
	switch {
	case err != nil:
		return nil, invalid(badResponse, err)
	case issued.IsZero():
		return nil, invalid(badResponse, errors.New("the assertion does not say when it was issued"))
	case now.Sub(issued) > redeemWithin:
		return nil, expired(tooLate, fmt.Errorf("issued %s", issued))
	case issued.After(now.Add(leeway)):
		return nil, invalid(badResponse, fmt.Errorf("issued in the future, %s", issued))
	}
	if refused := checkConditions(assertion, now); refused != nil {
		return nil, refused
	}
	if refused := a.readSubject(assertion, now); refused != nil {
		return nil, refused
	}
	for _, statement := range children(assertion, assertionSpace, "AuthnStatement") {
		ends, err := instant(statement, "SessionNotOnOrAfter")
		if err != nil {
			return nil, invalid(badResponse, err)
		}
		if !ends.IsZero() && (a.SessionEnds.IsZero() || ends.Before(a.SessionEnds)) {
			a.SessionEnds = ends
		}
	}
	if !a.SessionEnds.IsZero() && !now.Before(a.SessionEnds) {
		return nil, expired("The session of the SAML assertion has ended", nil)
	}
	if a.Attributes, err = attributes(assertion); err != nil {
		return nil, invalid(badResponse, err)
	}
	return a, nil
}

// audiences are AWS's names for itself; the first with a region before it counts, too.
func isAudience(s string) bool { return s == "urn:amazon:webservices" || isEndpoint(s) }

// isEndpoint knows https://signin.aws.amazon.com/saml and its regional forms.
// https://docs.aws.amazon.com/general/latest/gr/signin-service.html
func isEndpoint(s string) bool {
	const global, regional = "https://signin.aws.amazon.com/saml", ".signin.aws.amazon.com/saml"
	if s == global || s == "https://signin.aws.amazon.com/static/saml" {
		return true
	}
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		return false
	}
	region, ok := strings.CutSuffix(rest, regional)
	return ok && region != "" && strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func checkConditions(assertion *etree.Element, now time.Time) error {
	all := children(assertion, assertionSpace, "Conditions")
	if len(all) != 1 {
		return invalid(badAudience, fmt.Errorf("%d Conditions", len(all)))
	}
	if refused := checkWindow(all[0], now); refused != nil {
		return refused
	}
	restrictions := children(all[0], assertionSpace, "AudienceRestriction")
	if len(restrictions) == 0 {
		return invalid(badAudience, nil)
	}
	// Every restriction must be met, each by one of its audiences.
	for _, r := range restrictions {
		met := false
		for _, audience := range children(r, assertionSpace, "Audience") {
			text, err := textOf(audience)
			if err != nil {
				return invalid(badResponse, err)
			}
			met = met || isAudience(text)
		}
		if !met {
			return invalid(badAudience, nil)
		}
	}
	return nil
}

// checkWindow holds NotBefore and NotOnOrAfter of an element against the clock.
func checkWindow(e *etree.Element, now time.Time) error {
	from, err := instant(e, "NotBefore")
	if err != nil {
		return invalid(badResponse, err)
	}
	until, err := instant(e, "NotOnOrAfter")
	if err != nil {
		return invalid(badResponse, err)
	}
	switch {
	case !from.IsZero() && from.After(now.Add(leeway)):
		return invalid("The SAML assertion is not valid yet", fmt.Errorf("valid from %s", from))
	case !until.IsZero() && !now.Before(until):
		return expired("The SAML assertion has expired", fmt.Errorf("valid until %s", until))
	}
	return nil
}

func (a *Assertion) readSubject(assertion *etree.Element, now time.Time) error {
	subjects := children(assertion, assertionSpace, "Subject")
	if len(subjects) != 1 {
		return invalid(badResponse, fmt.Errorf("%d Subjects", len(subjects)))
	}
	names := children(subjects[0], assertionSpace, "NameID")
	if len(names) != 1 {
		return invalid(badResponse, fmt.Errorf("%d NameIDs", len(names)))
	}
	var err error
	if a.Subject, err = textOf(names[0]); err != nil || a.Subject == "" {
		return invalid(badResponse, errors.Join(err, errors.New("the subject has no name")))
	}
	a.SubjectType = strings.TrimPrefix(names[0].SelectAttrValue("Format", ""), "urn:oasis:names:tc:SAML:2.0:nameid-format:")
	confirmations := children(subjects[0], assertionSpace, "SubjectConfirmation")
	if len(confirmations) != 1 || confirmations[0].SelectAttrValue("Method", "") != bearer {
		return invalid(badResponse, errors.New("want exactly one SubjectConfirmation, by bearer"))
	}
	data := children(confirmations[0], assertionSpace, "SubjectConfirmationData")
	if len(data) != 1 || data[0].SelectAttr("NotOnOrAfter") == nil {
		return invalid(badResponse, errors.New("want SubjectConfirmationData with NotOnOrAfter"))
	}
	if refused := checkWindow(data[0], now); refused != nil {
		return refused
	}
	if a.Recipient = data[0].SelectAttrValue("Recipient", ""); !isEndpoint(a.Recipient) {
		return invalid(badResponse, fmt.Errorf("recipient %.200q", a.Recipient))
	}
	return nil
}

func attributes(assertion *etree.Element) (map[string][]string, error) {
	all := map[string][]string{}
	for _, statement := range children(assertion, assertionSpace, "AttributeStatement") {
		for _, attribute := range children(statement, assertionSpace, "Attribute") {
			name := attribute.SelectAttrValue("Name", "")
			for _, value := range children(attribute, assertionSpace, "AttributeValue") {
				text, err := textOf(value)
				if err != nil {
					continue // XML inside: nothing here reads it
				}
				all[name] = append(all[name], text)
			}
		}
	}
	return all, nil
}

// statusOf is the status of the answer, "" if it has none.
func statusOf(response *etree.Element) string {
	status := children(response, protocolSpace, "Status")
	if len(status) != 1 {
		return ""
	}
	codes := children(status[0], protocolSpace, "StatusCode")
	if len(codes) != 1 {
		return ""
	}
	return codes[0].SelectAttrValue("Value", "")
}

// children are the elements below e of that namespace and name.
func children(e *etree.Element, space, name string) []*etree.Element {
	return slices.DeleteFunc(e.ChildElements(), func(c *etree.Element) bool {
		return c.Tag != name || c.NamespaceURI() != space
	})
}

// onlyText is the text of the one child of that name.
func onlyText(e *etree.Element, name string) (string, error) {
	found := children(e, assertionSpace, name)
	if len(found) != 1 {
		return "", fmt.Errorf("%d of %s", len(found), name)
	}
	return textOf(found[0])
}

// textOf is all text in e, trimmed. Elements inside are an error. Comments do not end it: a reader that
// stops at one sees another name than the provider signed.
func textOf(e *etree.Element) (string, error) {
	var b strings.Builder
	for _, token := range e.Child {
		switch t := token.(type) {
		case *etree.CharData:
			b.WriteString(t.Data)
		case *etree.Comment:
		default:
			return "", fmt.Errorf("%s holds more than text", e.Tag)
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// instant reads a time in an attribute; zero if it is not there.
func instant(e *etree.Element, name string) (time.Time, error) {
	attribute := e.SelectAttr(name)
	if attribute == nil {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, attribute.Value); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s of %s is no time: %.50q", name, e.Tag, attribute.Value)
}
