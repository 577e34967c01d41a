package federationtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Endpoint is AWS's SAML endpoint: the recipient and audience of ordinary assertions.
const Endpoint = "https://signin.aws.amazon.com/saml"

// IDP is a SAML identity provider.
type IDP struct {
	EntityID    string
	Certificate *x509.Certificate

	t      testing.TB
	signer crypto.Signer
	serial int
}

// NewIDP makes an identity provider with an RSA key.
func NewIDP(t testing.TB, entityID string) *IDP {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newIDP(t, entityID, key)
}

// NewECIDP makes one with an elliptic key.
func NewECIDP(t testing.TB, entityID string) *IDP {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newIDP(t, entityID, key)
}

func newIDP(t testing.TB, entityID string, signer crypto.Signer) *IDP {
	t.Helper()
	// The dates are long gone: those of signing certificates do not count.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: entityID},
		NotBefore: time.Now().Add(-3 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &IDP{EntityID: entityID, Certificate: c, t: t, signer: signer}
}

// Metadata describes the identity provider, with further certificates before its own.
func (p *IDP) Metadata(more ...*x509.Certificate) string {
	keys := ""
	for _, c := range append(more, p.Certificate) {
		keys += `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + "\n" +
			base64.StdEncoding.EncodeToString(c.Raw) + "\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
	}
	return `<?xml version="1.0" encoding="UTF-8"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ` +
		`xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="` + escape(p.EntityID) + `">` +
		`<!-- ` + strings.Repeat("metadata has at least a thousand characters ", 25) + `-->` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="` + escape(p.EntityID) + `/sso"/>` +
		`</md:IDPSSODescriptor></md:EntityDescriptor>`
}

// Attribute is one attribute of an assertion.
type Attribute struct {
	Name   string
	Values []string
}

// Response is an authentication response to be made. [IDP.Response] yields an ordinary one.
type Response struct {
	Status, Issuer, Subject, Format, Recipient, Audience string
	Issued, NotBefore, NotOnOrAfter, SessionEnds         time.Time
	Attributes                                           []Attribute
	SignAssertion, SignResponse                          bool
	// SignatureMethod and DigestMethod are written into the signatures; what is signed stays SHA-256.
	SignatureMethod, DigestMethod string
	// Transforms, if not "", takes the place of the ordinary ones.
	Transforms string
	// Assertion changes the assertion's text before it is signed, Document the whole after it was.
	Assertion, Document func(string) string
}

// Response is a response for a subject that may have a role through a provider (both are ARNs), with a signed
// assertion.
func (p *IDP) Response(subject, role, provider string, now time.Time) *Response {
	const prefix = "https://aws.amazon.com/SAML/Attributes/"
	return &Response{
		Status: "urn:oasis:names:tc:SAML:2.0:status:Success", Issuer: p.EntityID,
		Subject: subject, Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Recipient: Endpoint, Audience: Endpoint,
		Issued: now, NotBefore: now.Add(-time.Minute), NotOnOrAfter: now.Add(5 * time.Minute),
		Attributes: []Attribute{
			{prefix + "Role", []string{role + "," + provider}},
			{prefix + "RoleSessionName", []string{subject}},
		},
		SignAssertion: true,
	}
}

// Encode makes the response, in base64.
func (p *IDP) Encode(r *Response) string {
	return base64.StdEncoding.EncodeToString([]byte(p.XML(r)))
}

// XML makes the response. Everything is written in its canonical form (exclusive, without comments), so that
// what is signed is the text itself.
func (p *IDP) XML(r *Response) string {
	p.t.Helper()
	p.serial++
	id := strconv.Itoa(p.serial)
	head := `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a` + id + `" IssueInstant="` + stamp(r.Issued) +
		`" Version="2.0"><saml:Issuer>` + escape(r.Issuer) + `</saml:Issuer>`
	tail := r.rest() + `</saml:Assertion>`
	if r.Assertion != nil {
		head, tail = splitAt(r.Assertion(head+tail), "</saml:Issuer>")
	}
	assertion := head + tail
	if r.SignAssertion {
		assertion = head + p.signature(r, "_a"+id, assertion) + tail
	}
	head = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r` + id + `" IssueInstant="` + stamp(r.Issued) +
		`" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` + escape(r.Issuer) + `</saml:Issuer>`
	tail = `<samlp:Status><samlp:StatusCode Value="` + escape(r.Status) + `"></samlp:StatusCode></samlp:Status>` + assertion + `</samlp:Response>`
	document := head + tail
	if r.SignResponse {
		document = head + p.signature(r, "_r"+id, document) + tail
	}
	if r.Document != nil {
		document = r.Document(document)
	}
	return document
}

// rest is the assertion after its issuer.
func (r *Response) rest() string {
	var b strings.Builder
	b.WriteString(`<saml:Subject><saml:NameID Format="` + escape(r.Format) + `">` + escape(r.Subject) + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` +
		stamp(r.NotOnOrAfter) + `" Recipient="` + escape(r.Recipient) + `"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>`)
	b.WriteString(`<saml:Conditions NotBefore="` + stamp(r.NotBefore) + `" NotOnOrAfter="` + stamp(r.NotOnOrAfter) +
		`"><saml:AudienceRestriction><saml:Audience>` + escape(r.Audience) + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>`)
	ends := ""
	if !r.SessionEnds.IsZero() {
		ends = ` SessionNotOnOrAfter="` + stamp(r.SessionEnds) + `"`
	}
	b.WriteString(`<saml:AuthnStatement AuthnInstant="` + stamp(r.Issued) + `"` + ends + `></saml:AuthnStatement><saml:AttributeStatement>`)
	for _, a := range r.Attributes {
		b.WriteString(`<saml:Attribute Name="` + escape(a.Name) + `">`)
		for _, v := range a.Values {
			b.WriteString(`<saml:AttributeValue>` + escape(v) + `</saml:AttributeValue>`)
		}
		b.WriteString(`</saml:Attribute>`)
	}
	b.WriteString(`</saml:AttributeStatement>`)
	return b.String()
}

// signature signs an element, given in its canonical form, by its id.
func (p *IDP) signature(r *Response, id, canonical string) string {
	method, digest, transforms := r.SignatureMethod, r.DigestMethod, r.Transforms
	if method == "" {
		method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
		if _, elliptic := p.signer.(*ecdsa.PrivateKey); elliptic {
			method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
		}
	}
	if digest == "" {
		digest = "http://www.w3.org/2001/04/xmlenc#sha256"
	}
	if transforms == "" {
		transforms = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>` +
			`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`
	}
	sum := sha256.Sum256([]byte(canonical))
	info := `><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="` + method + `"></ds:SignatureMethod><ds:Reference URI="#` + id + `"><ds:Transforms>` +
		transforms + `</ds:Transforms><ds:DigestMethod Algorithm="` + digest + `"></ds:DigestMethod><ds:DigestValue>` +
		base64.StdEncoding.EncodeToString(sum[:]) + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	signed := sha256.Sum256([]byte(`<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"` + info))
	value, err := p.signer.Sign(rand.Reader, signed[:], crypto.SHA256)
	if err != nil {
		p.t.Fatal(err)
	}
	return `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo` + info + `<ds:SignatureValue>` +
		base64.StdEncoding.EncodeToString(value) + `</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(p.Certificate.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>`
}

func splitAt(s, mark string) (head, tail string) {
	i := strings.Index(s, mark) + len(mark)
	return s[:i], s[i:]
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// escape writes text as canonical XML does.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;").Replace(s)
}
