package saml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// The attributes that AWS reads:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
const (
	roleAttribute     = "https://aws.amazon.com/SAML/Attributes/Role"
	durationAttribute = "https://aws.amazon.com/SAML/Attributes/SessionDuration"
)

const (
	// maxEncoded is the longest response, in base64, that STS takes.
	maxEncoded = 100_000
	// maxDepth bounds nesting: real responses have about ten levels.
	maxDepth = 64
	// maxListed bounds the roles that an error lists.
	maxListed = 20
	// skew is by how much clocks may differ before a response is refused here; the service is the judge.
	skew = 2 * time.Minute
)

// Role is one that a response offers, with the provider that vouches for it.
type Role struct{ ARN, Provider string }

// Response is what this package reads of a SAML response. Nothing of it is verified.
type Response struct {
	// Issuer is the identity provider's name for itself.
	Issuer string
	// Roles are those of the Role attribute, in the response's order.
	Roles []Role
	// SessionDuration is the attribute of that name; 0 when there is none, or none that AWS allows.
	SessionDuration time.Duration
	// NotBefore and NotOnOrAfter bound its use; zero when it does not say.
	NotBefore, NotOnOrAfter time.Time
	// Encrypted tells that the assertion can be read by AWS only.
	Encrypted bool

	encoded rolecall.Secret
}

// The parts of the document, by SAML core (saml-core-2.0-os) section 2 and 3.
type (
	xmlResponse struct {
		XMLName xml.Name
		Issuer  string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
		Status  *struct {
			Code xmlStatus `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:protocol Status"`
		Assertions []xmlAssertion `xml:"urn:oasis:names:tc:SAML:2.0:assertion Assertion"`
		Encrypted  []struct{}     `xml:"urn:oasis:names:tc:SAML:2.0:assertion EncryptedAssertion"`
	}
	xmlStatus struct {
		Value string     `xml:"Value,attr"`
		Inner *xmlStatus `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
	}
	xmlAssertion struct {
		XMLName    xml.Name
		Issuer     string   `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
		Conditions xmlRange `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
		Subject    struct {
			Confirmations []struct {
				Data xmlRange `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
			} `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
		Statements []struct {
			Attributes []xmlAttribute `xml:"urn:oasis:names:tc:SAML:2.0:assertion Attribute"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement"`
	}
	xmlRange struct {
		NotBefore    string `xml:"NotBefore,attr"`
		NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
	}
	xmlAttribute struct {
		Name   string   `xml:"Name,attr"`
		Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
	}
)

const (
	protocolSpace  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionSpace = "urn:oasis:names:tc:SAML:2.0:assertion"
	success        = "urn:oasis:names:tc:SAML:2.0:status:Success"
)

// Parse reads a response: XML, or its base64 in one line or several. It takes no document type and no
// entities but XML's own. Its errors go on a sentence that names the command.
func Parse(out []byte) (*Response, error) {
	doc, err := decode(out)
	if err != nil {
		return nil, err
	}
	encoded := base64.StdEncoding.EncodeToString(doc)
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("printed a response of %d characters in base64, and AWS takes %d", len(encoded), maxEncoded)
	}
	if err := scan(doc); err != nil {
		return nil, err
	}
	var x xmlResponse
	if err := xml.Unmarshal(doc, &x); err != nil {
		return nil, errors.New("printed XML that is broken")
	}
	switch x.XMLName {
	case xml.Name{Space: protocolSpace, Local: "Response"}:
	case xml.Name{Space: assertionSpace, Local: "Assertion"}:
		// AWS wants the whole response; whether another service takes this is its business.
		var a xmlAssertion
		if err := xml.Unmarshal(doc, &a); err != nil {
			return nil, errors.New("printed XML that is broken")
		}
		x = xmlResponse{Assertions: []xmlAssertion{a}}
	default:
		return nil, errors.New("printed XML that is no SAML response")
	}
	if err := x.status(); err != nil {
		return nil, err
	}
	r := &Response{Issuer: strings.TrimSpace(x.Issuer), Encrypted: len(x.Encrypted) > 0, encoded: rolecall.NewSecret(encoded)}
	switch {
	case len(x.Assertions)+len(x.Encrypted) == 0:
		return nil, errors.New("printed a SAML response without an assertion")
	case len(x.Assertions)+len(x.Encrypted) > 1:
		return nil, errors.New("printed a SAML response with more than one assertion")
	case r.Encrypted:
		return r, nil
	}
	return r, r.read(&x.Assertions[0])
}

// decode returns the document of what a command printed.
func decode(out []byte) ([]byte, error) {
	out = bytes.TrimSpace(bytes.TrimPrefix(out, []byte("\xef\xbb\xbf")))
	switch {
	case len(out) == 0:
		return nil, errors.New("printed nothing")
	case isHTML(out):
		return nil, errors.New("printed an HTML page: the sign-in did not come to its end")
	case out[0] == '<':
		return out, nil
	}
	text := strings.Join(strings.Fields(string(out)), "")
	doc, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errors.New("printed what is neither XML nor base64")
	}
	doc = bytes.TrimSpace(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")))
	switch {
	case isHTML(doc):
		return nil, errors.New("printed an HTML page in base64: the sign-in did not come to its end")
	case len(doc) == 0 || doc[0] != '<':
		return nil, errors.New("printed base64 of what is no XML")
	}
	return doc, nil
}

func isHTML(b []byte) bool {
	head := strings.ToLower(string(b[:min(len(b), 32)]))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}

// scan refuses documents that no identity provider makes: with a document type, or nested beyond reason.
func scan(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	for depth, roots := 0, 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line, _ := d.InputPos()
			return fmt.Errorf("printed XML that is broken or cut off, in line %d", line)
		}
		switch token.(type) {
		case xml.Directive:
			return errors.New("printed XML with a document type, which a SAML response must not have")
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if roots > 1 {
				return errors.New("printed XML that is more than one document")
			}
			if depth++; depth > maxDepth {
				return fmt.Errorf("printed XML that is nested deeper than %d", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
}

// status reports a response that says that the sign-in failed.
func (x *xmlResponse) status() error {
	if x.Status == nil || x.Status.Code.Value == success {
		return nil
	}
	code := x.Status.Code.Value
	if x.Status.Code.Inner != nil {
		code = x.Status.Code.Inner.Value
	}
	name := code[strings.LastIndexByte(code, ':')+1:]
	if name == "" || len(name) > 64 || strings.Trim(name, letters) != "" {
		name = "of an unknown kind"
	}
	return fmt.Errorf("printed a response by which the sign-in failed: %s", name)
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func (r *Response) read(a *xmlAssertion) error {
	if issuer := strings.TrimSpace(a.Issuer); issuer != "" {
		r.Issuer = issuer
	}
	ranges := []xmlRange{a.Conditions}
	for _, c := range a.Subject.Confirmations {
		ranges = append(ranges, c.Data)
	}
	for _, bounds := range ranges {
		if err := r.narrow(bounds); err != nil {
			return err
		}
	}
	for _, s := range a.Statements {
		for _, attribute := range s.Attributes {
			switch attribute.Name {
			case roleAttribute:
				for _, v := range attribute.Values {
					if role, ok := parseRole(v); ok && !slices.Contains(r.Roles, role) {
						r.Roles = append(r.Roles, role)
					}
				}
			case durationAttribute:
				for _, v := range attribute.Values {
					n, err := strconv.Atoi(strings.TrimSpace(v))
					if err == nil && n >= 900 && n <= 43200 {
						r.SessionDuration = time.Duration(n) * time.Second
					}
				}
			}
		}
	}
	return nil
}

// narrow takes bounds of the response's use over.
func (r *Response) narrow(bounds xmlRange) error {
	for _, b := range []struct {
		text string
		take func(time.Time)
	}{
		{bounds.NotBefore, func(t time.Time) {
			if t.After(r.NotBefore) {
				r.NotBefore = t
			}
		}},
		{bounds.NotOnOrAfter, func(t time.Time) {
			if r.NotOnOrAfter.IsZero() || t.Before(r.NotOnOrAfter) {
				r.NotOnOrAfter = t
			}
		}},
	} {
		if b.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, b.text)
		if err != nil {
			// Times are in UTC, by SAML core 1.3.3; some leave the Z out.
			if t, err = time.Parse("2006-01-02T15:04:05", b.text); err != nil {
				return errors.New("printed a response whose NotBefore or NotOnOrAfter is no time")
			}
		}
		b.take(t.UTC())
	}
	return nil
}

// parseRole reads a value of the Role attribute: the ARNs of a role and of a provider, in either order.
func parseRole(v string) (Role, bool) {
	a, b, ok := strings.Cut(v, ",")
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if strings.Contains(a, ":saml-provider/") {
		a, b = b, a
	}
	plain := func(arn, kind string) bool {
		return strings.HasPrefix(arn, "arn:") && strings.Contains(arn, kind) && !strings.ContainsAny(arn, ", \t\r\n")
	}
	return Role{a, b}, ok && plain(a, ":role/") && plain(b, ":saml-provider/")
}

// valid reports a response that is over or not yet good.
func (r *Response) valid(now time.Time) error {
	switch {
	case !r.NotOnOrAfter.IsZero() && !now.Before(r.NotOnOrAfter.Add(skew)):
		return fmt.Errorf("printed a response that is expired since %s", r.NotOnOrAfter.Format(time.RFC3339))
	case now.Add(skew).Before(r.NotBefore):
		return fmt.Errorf("printed a response that is good from %s on (is this machine's clock right?)", r.NotBefore.Format(time.RFC3339))
	}
	return nil
}

// choose returns the role that is wanted; either part of want may be empty.
func (r *Response) choose(want Role) (Role, error) {
	if r.Encrypted {
		if want.ARN == "" || want.Provider == "" {
			return Role{}, errors.New("printed an encrypted assertion, whose roles only AWS can read: set role_arn and saml_provider_arn")
		}
		return want, nil
	}
	if len(r.Roles) == 0 {
		return Role{}, errors.New("printed a response that offers no role: it has no pair of a role's and a provider's ARN in the attribute " + roleAttribute)
	}
	var fit []Role
	for _, role := range r.Roles {
		if (want.ARN == "" || role.ARN == want.ARN) && (want.Provider == "" || role.Provider == want.Provider) {
			fit = append(fit, role)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) == 0:
		return Role{}, fmt.Errorf("printed a response that does not offer %s; it offers %s", want, list(r.Roles))
	case want.ARN == "":
		return Role{}, fmt.Errorf("printed a response that offers several roles: set role_arn to one of %s", list(fit))
	}
	return Role{}, fmt.Errorf("printed a response that offers the role by several providers: set saml_provider_arn to one of %s", list(fit))
}

func (r Role) String() string {
	switch {
	case r.ARN == "":
		return "a role by " + r.Provider
	case r.Provider == "":
		return r.ARN
	}
	return r.ARN + " by " + r.Provider
}

func list(roles []Role) string {
	var b strings.Builder
	for i, role := range roles {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(roles)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(role.String())
	}
	return b.String()
}
