package saml_test

import (
	"encoding/base64"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/federation"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/saml"
)

const (
	role     = "arn:aws:iam::123456789012:role/web"
	provider = "arn:aws:iam::123456789012:saml-provider/corp"
	entity   = "https://idp.example/saml"
)

func parsed(t *testing.T, metadata string) *saml.Provider {
	t.Helper()
	p, err := saml.ParseProvider(metadata)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantRefused(t *testing.T, err error, reason federation.Reason, message string) {
	t.Helper()
	var refused *federation.Error
	if !errors.As(err, &refused) {
		t.Fatalf("error = %v, want %q", err, message)
	}
	if refused.Reason != reason || !strings.Contains(refused.Message, message) {
		t.Fatalf("refused for %d: %q (%v), want %d: …%q…", refused.Reason, refused.Message, refused.Cause, reason, message)
	}
}

func TestGoodResponses(t *testing.T) {
	now := time.Now()
	rsa, ec, other := federationtest.NewIDP(t, entity), federationtest.NewECIDP(t, entity), federationtest.NewIDP(t, entity)
	for name, tt := range map[string]struct {
		idp    *federationtest.IDP
		change func(*federationtest.Response)
	}{
		"signed assertion": {rsa, func(*federationtest.Response) {}},
		"signed response":  {rsa, func(r *federationtest.Response) { r.SignAssertion, r.SignResponse = false, true }},
		"both signed":      {rsa, func(r *federationtest.Response) { r.SignResponse = true }},
		"elliptic key":     {ec, func(r *federationtest.Response) { r.SignResponse = true }},
		"audience by URN":  {rsa, func(r *federationtest.Response) { r.Audience = "urn:amazon:webservices" }},
		"of a region": {rsa, func(r *federationtest.Response) {
			r.Audience, r.Recipient = "https://eu-west-1.signin.aws.amazon.com/saml", "https://eu-west-1.signin.aws.amazon.com/saml"
		}},
		"declaration in front": {rsa, func(r *federationtest.Response) {
			r.Document = func(s string) string { return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + s }
		}},
		"no certificate in it": {rsa, func(r *federationtest.Response) {
			r.Document = func(s string) string {
				return regexp.MustCompile(`<ds:KeyInfo>.*?</ds:KeyInfo>`).ReplaceAllString(s, "")
			}
		}},
		"another certificate in it": {rsa, func(r *federationtest.Response) {
			r.Document = func(s string) string {
				return strings.ReplaceAll(s, base64.StdEncoding.EncodeToString(rsa.Certificate.Raw), base64.StdEncoding.EncodeToString(other.Certificate.Raw))
			}
		}},
		"namespaces declared around": {rsa, func(r *federationtest.Response) {
			r.Document = func(s string) string {
				s = strings.Replace(s, `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, "<saml:Assertion", 1)
				return strings.Replace(s, "<samlp:Response", `<samlp:Response xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, 1)
			}
		}},
		"line ends in base64": {rsa, func(*federationtest.Response) {}},
	} {
		t.Run(name, func(t *testing.T) {
			r := tt.idp.Response("ann", role, provider, now)
			tt.change(r)
			encoded := tt.idp.Encode(r)
			if name == "line ends in base64" {
				encoded = encoded[:76] + "\r\n" + encoded[76:] + "\n"
			}
			// The certificate that signed is the second of two.
			got, err := parsed(t, tt.idp.Metadata(other.Certificate)).Verify(encoded, now)
			if err != nil {
				t.Fatal(err)
			}
			want := &saml.Assertion{
				Issuer: entity, Subject: "ann", SubjectType: "persistent", Recipient: r.Recipient,
				Attributes: map[string][]string{
					saml.AttributePrefix + "Role": {role + "," + provider}, saml.AttributePrefix + "RoleSessionName": {"ann"},
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Responses that another implementation signed: testdata/make.py says how.
func TestForeignSignatures(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := os.ReadFile("testdata/metadata.xml")
	if err != nil {
		t.Fatal(err)
	}
	p, found := parsed(t, string(metadata)), 0
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "response") {
			continue
		}
		found++
		text, err := os.ReadFile("testdata/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Verify(base64.StdEncoding.EncodeToString(text), time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC))
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
			continue
		}
		if got.Subject != "ann@example.com" || !got.Offers(role, provider) {
			t.Errorf("%s: %+v", f.Name(), got)
		}
		broken := strings.Replace(string(text), "ann@example.com", "eve@example.com", 1)
		_, err = p.Verify(base64.StdEncoding.EncodeToString([]byte(broken)), time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC))
		wantRefused(t, err, federation.Invalid, "Response signature invalid")
	}
	if found < 3 {
		t.Errorf("%d responses", found)
	}
}

func TestRefusedResponses(t *testing.T) {
	now := time.Now()
	idp, stranger := federationtest.NewIDP(t, entity), federationtest.NewIDP(t, entity)
	p := parsed(t, idp.Metadata())
	const badResponse, badSignature, badAudience = "invalid SAML response", "Response signature invalid", "does not contain the required audience"
	for name, tt := range map[string]struct {
		change  func(*federationtest.Response)
		reason  federation.Reason
		message string
	}{
		"nothing signed":  {func(r *federationtest.Response) { r.SignAssertion = false }, federation.Invalid, badSignature},
		"SHA-1 signature": {func(r *federationtest.Response) { r.SignatureMethod = "http://www.w3.org/2000/09/xmldsig#rsa-sha1" }, federation.Invalid, badSignature},
		"HMAC":            {func(r *federationtest.Response) { r.SignatureMethod = "http://www.w3.org/2000/09/xmldsig#hmac-sha1" }, federation.Invalid, badSignature},
		"SHA-1 digest":    {func(r *federationtest.Response) { r.DigestMethod = "http://www.w3.org/2000/09/xmldsig#sha1" }, federation.Invalid, badSignature},
		"no enveloped transform": {func(r *federationtest.Response) {
			r.Transforms = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`
		}, federation.Invalid, badSignature},
		"XSLT": {func(r *federationtest.Response) {
			r.Transforms = `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>`
		}, federation.Invalid, badSignature},
		"subject changed":           {edit("ann<", "eve<"), federation.Invalid, badSignature},
		"attribute added":           {edit("</saml:AttributeStatement>", `<saml:Attribute Name="x"></saml:Attribute></saml:AttributeStatement>`), federation.Invalid, badSignature},
		"reference to nothing":      {edit(`URI="#_a`, `URI="#_b`), federation.Invalid, badSignature},
		"reference to the document": {func(r *federationtest.Response) { r.Document = regexpEdit(`URI="#_a\d+"`, `URI=""`) }, federation.Invalid, badSignature},
		"assertion without an id": {func(r *federationtest.Response) {
			r.Document = regexpEdit(`<saml:Assertion ([^>]*)ID="_a\d+"`, `<saml:Assertion $1`)
		}, federation.Invalid, badSignature},
		"document type":          {edit("<samlp:Response", "<!DOCTYPE x [<!ENTITY e \"eve\">]><samlp:Response"), federation.Invalid, badResponse},
		"processing instruction": {edit("<samlp:Status>", "<?php x?><samlp:Status>"), federation.Invalid, badResponse},
		"encrypted assertion":    {edit("</samlp:Response>", `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"></saml:EncryptedAssertion></samlp:Response>`), federation.Invalid, badResponse},
		"bare assertion": {func(r *federationtest.Response) {
			r.Document = func(s string) string {
				return s[strings.Index(s, "<saml:Assertion"):strings.Index(s, "</samlp:Response>")]
			}
		}, federation.Invalid, badResponse},
		"response of another protocol": {edit("SAML:2.0:protocol", "SAML:1.1:protocol"), federation.Invalid, badResponse},
		"truncated":                    {func(r *federationtest.Response) { r.Document = func(s string) string { return s[:len(s)-40] } }, federation.Invalid, badResponse},
		"not XML":                      {func(r *federationtest.Response) { r.Document = func(string) string { return "user=ann" } }, federation.Invalid, badResponse},
		"empty":                        {func(r *federationtest.Response) { r.Document = func(string) string { return "" } }, federation.Invalid, badResponse},
		"deep": {func(r *federationtest.Response) {
			r.Document = func(string) string { return strings.Repeat("<a>", 30_000) }
		}, federation.Invalid, badResponse},
		"wide":                      {edit("<samlp:Status>", strings.Repeat("<a></a>", 15_000)+"<samlp:Status>"), federation.Invalid, badResponse},
		"status":                    {func(r *federationtest.Response) { r.Status = "urn:oasis:names:tc:SAML:2.0:status:Responder" }, federation.Rejected, "authentication failed"},
		"another issuer":            {func(r *federationtest.Response) { r.Issuer = "https://other.example" }, federation.Invalid, "Issuer not present in specified provider"},
		"another audience":          {func(r *federationtest.Response) { r.Audience = "https://other.example" }, federation.Invalid, badAudience},
		"audience that looks alike": {func(r *federationtest.Response) { r.Audience = "https://attacker.example/?.signin.aws.amazon.com/saml" }, federation.Invalid, badAudience},
		"no audience": {func(r *federationtest.Response) {
			r.Assertion = regexpEdit(`<saml:AudienceRestriction>.*</saml:AudienceRestriction>`, "")
		}, federation.Invalid, badAudience},
		"a second restriction": {func(r *federationtest.Response) {
			r.Assertion = plainEdit("</saml:Conditions>", "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction></saml:Conditions>")
		}, federation.Invalid, badAudience},
		"no conditions":        {func(r *federationtest.Response) { r.Assertion = regexpEdit(`<saml:Conditions.*</saml:Conditions>`, "") }, federation.Invalid, badAudience},
		"another recipient":    {func(r *federationtest.Response) { r.Recipient = "https://other.example/saml" }, federation.Invalid, badResponse},
		"issued long ago":      {func(r *federationtest.Response) { r.Issued = now.Add(-6 * time.Minute) }, federation.Expired, "Token must be redeemed within 5 minutes of issuance"},
		"issued in the future": {func(r *federationtest.Response) { r.Issued = now.Add(6 * time.Minute) }, federation.Invalid, badResponse},
		"no time of issue":     {func(r *federationtest.Response) { r.Assertion = regexpEdit(` IssueInstant="[^"]*"`, "") }, federation.Invalid, badResponse},
		"expired":              {func(r *federationtest.Response) { r.NotOnOrAfter = now.Add(-time.Second) }, federation.Expired, "has expired"},
		"not valid yet":        {func(r *federationtest.Response) { r.NotBefore = now.Add(6 * time.Minute) }, federation.Invalid, "not valid yet"},
		"session over":         {func(r *federationtest.Response) { r.SessionEnds = now.Add(-time.Second) }, federation.Expired, "has ended"},
		"confirmation without end": {func(r *federationtest.Response) {
			r.Assertion = regexpEdit(`<saml:SubjectConfirmationData NotOnOrAfter="[^"]*"`, "<saml:SubjectConfirmationData")
		}, federation.Invalid, badResponse},
		"two confirmations": {func(r *federationtest.Response) {
			r.Assertion = regexpEdit(`(<saml:SubjectConfirmation .*</saml:SubjectConfirmation>)`, "$1$1")
		}, federation.Invalid, badResponse},
		"holder of key": {func(r *federationtest.Response) { r.Assertion = plainEdit("cm:bearer", "cm:holder-of-key") }, federation.Invalid, badResponse},
		"no subject":    {func(r *federationtest.Response) { r.Subject = "" }, federation.Invalid, badResponse},
	} {
		t.Run(name, func(t *testing.T) {
			r := idp.Response("ann", role, provider, now)
			tt.change(r)
			_, err := p.Verify(idp.Encode(r), now)
			wantRefused(t, err, tt.reason, tt.message)
		})
	}
	t.Run("another key", func(t *testing.T) {
		_, err := p.Verify(stranger.Encode(stranger.Response("ann", role, provider, now)), now)
		wantRefused(t, err, federation.Invalid, badSignature)
	})
	t.Run("not base64", func(t *testing.T) {
		_, err := p.Verify("<samlp:Response>", now)
		wantRefused(t, err, federation.Invalid, "Invalid base64 SAMLResponse")
	})
}

func edit(old, new string) func(*federationtest.Response) {
	return func(r *federationtest.Response) { r.Document = plainEdit(old, new) }
}

func plainEdit(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

func regexpEdit(old, new string) func(string) string {
	return func(s string) string { return regexp.MustCompile(old).ReplaceAllString(s, new) }
}

// The eight classic ways to wrap a signed assertion, and some more: whatever is accepted must be what was signed.
// https://www.usenix.org/conference/usenixsecurity12/technical-sessions/presentation/somorovsky
func TestSignatureWrapping(t *testing.T) {
	now := time.Now()
	idp := federationtest.NewIDP(t, entity)
	p := parsed(t, idp.Metadata())
	assertion := regexp.MustCompile(`<saml:Assertion .*</saml:Assertion>`)
	signature := regexp.MustCompile(`<ds:Signature .*?</ds:Signature>`)
	evil := func(original, id string) string {
		e := signature.ReplaceAllString(original, "")
		e = strings.ReplaceAll(e, ">ann<", ">root<")
		return regexp.MustCompile(`ID="[^"]*"`).ReplaceAllString(e, `ID="`+id+`"`)
	}
	in := func(outer, mark, inner string) string { return strings.Replace(outer, mark, inner+mark, 1) }
	for name, wrap := range map[string]func(document, signed, sig string) string{
		"evil beside, before": func(d, signed, _ string) string { return strings.Replace(d, signed, evil(signed, "_e")+signed, 1) },
		"evil beside, after":  func(d, signed, _ string) string { return strings.Replace(d, signed, signed+evil(signed, "_e"), 1) },
		"evil beside, same id": func(d, signed, _ string) string {
			id := regexp.MustCompile(`ID="([^"]*)"`).FindStringSubmatch(signed)[1]
			return strings.Replace(d, signed, evil(signed, id)+signed, 1)
		},
		"original inside evil": func(d, signed, _ string) string {
			return strings.Replace(d, signed, in(evil(signed, "_e"), "</saml:Assertion>", signed), 1)
		},
		"original in evil's advice": func(d, signed, _ string) string {
			return strings.Replace(d, signed, in(evil(signed, "_e"), "</saml:Assertion>", "<saml:Advice>"+signed+"</saml:Advice>"), 1)
		},
		"original inside evil's signature": func(d, signed, sig string) string {
			bare := strings.Replace(signed, sig, "", 1)
			wrapped := strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+bare+"</ds:Object></ds:Signature>", 1)
			return strings.Replace(d, signed, strings.Replace(evil(signed, "_e"), "</saml:Issuer>", "</saml:Issuer>"+wrapped, 1), 1)
		},
		"evil inside the original": func(d, signed, _ string) string {
			return strings.Replace(d, signed, in(signed, "</saml:Assertion>", evil(signed, "_e")), 1)
		},
		"evil with the original's signature": func(d, signed, sig string) string {
			return strings.Replace(d, signed, strings.Replace(evil(signed, "_e"), "</saml:Issuer>", "</saml:Issuer>"+sig, 1), 1)
		},
		"evil with the original's id and signature, original in an extension": func(d, signed, sig string) string {
			id := regexp.MustCompile(`ID="([^"]*)"`).FindStringSubmatch(signed)[1]
			e := strings.Replace(evil(signed, id), "</saml:Issuer>", "</saml:Issuer>"+sig, 1)
			bare := strings.Replace(signed, sig, "", 1)
			return strings.Replace(strings.Replace(d, signed, e, 1), "<samlp:Status>", "<samlp:Extensions>"+bare+"</samlp:Extensions><samlp:Status>", 1)
		},
		"signature moved to the response": func(d, signed, sig string) string {
			bare := strings.Replace(signed, sig, "", 1)
			return strings.Replace(strings.Replace(d, signed, evil(signed, "_e"), 1), "<samlp:Status>", sig+"<samlp:Extensions>"+bare+"</samlp:Extensions><samlp:Status>", 1)
		},
		"response in the response": func(d, signed, _ string) string {
			return strings.Replace(strings.Replace(d, signed, evil(signed, "_e"), 1), "<samlp:Status>", "<samlp:Extensions>"+d+"</samlp:Extensions><samlp:Status>", 1)
		},
		"assertion of another namespace": func(d, signed, _ string) string {
			return strings.Replace(d, signed, strings.Replace(evil(signed, "_e"), "SAML:2.0:assertion", "SAML:2.0:evil", 1)+signed, 1)
		},
		"two signatures": func(d, signed, sig string) string { return strings.Replace(d, sig, sig+sig, 1) },
		"two references": func(d, _, _ string) string {
			return regexp.MustCompile(`(<ds:Reference .*?</ds:Reference>)`).ReplaceAllString(d, "$1$1")
		},
		"attribute id": func(d, signed, _ string) string {
			return strings.Replace(d, "<samlp:Status>", `<samlp:Status id="`+regexp.MustCompile(`ID="([^"]*)"`).FindStringSubmatch(signed)[1]+`">`, 1)
		},
	} {
		for _, both := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", response signed", false: ""}[both], func(t *testing.T) {
				r := idp.Response("ann", role, provider, now)
				r.SignResponse = both
				r.Document = func(d string) string {
					signed := assertion.FindString(d)
					wrapped := wrap(d, signed, signature.FindString(signed))
					if wrapped == d {
						t.Fatal("nothing was wrapped")
					}
					return wrapped
				}
				got, err := p.Verify(idp.Encode(r), now)
				if err == nil {
					t.Fatalf("accepted for %q", got.Subject)
				}
			})
		}
	}
}

// A comment that the provider did not sign (canonical XML drops it) must not cut a name in two.
func TestCommentsDoNotCutTexts(t *testing.T) {
	now := time.Now()
	idp := federationtest.NewIDP(t, entity)
	r := idp.Response("ann@example.com.evil", role, provider, now)
	r.Document = plainEdit("ann@example.com.evil</saml:NameID>", "ann@example.com<!-- -->.evil</saml:NameID>")
	got, err := parsed(t, idp.Metadata()).Verify(idp.Encode(r), now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "ann@example.com.evil" {
		t.Errorf("subject %q", got.Subject)
	}
}

func TestSession(t *testing.T) {
	const prefix = saml.AttributePrefix
	base := func(change map[string][]string) *saml.Assertion {
		a := &saml.Assertion{Attributes: map[string][]string{prefix + "RoleSessionName": {"ann"}}}
		for name, values := range change {
			a.Attributes[prefix+name] = values
		}
		return a
	}
	got, err := base(map[string][]string{
		"SourceIdentity": {"Ann"}, "SessionDuration": {"1800"}, "PrincipalTag:Team": {"blue"}, "PrincipalTag:Cost": {"7"}, "TransitiveTagKeys": {"Team"},
	}).Session()
	if err != nil {
		t.Fatal(err)
	}
	want := &saml.Session{
		Name: "ann", SourceIdentity: "Ann", Duration: 30 * time.Minute,
		Tags: []saml.Tag{{Key: "Cost", Value: "7"}, {Key: "Team", Value: "blue"}}, TransitiveKeys: []string{"Team"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, tt := range map[string]struct {
		change  map[string][]string
		message string
	}{
		"no name":             {map[string][]string{"RoleSessionName": nil}, "RoleSessionName is required in AuthnResponse"},
		"name with a space":   {map[string][]string{"RoleSessionName": {"Ann B"}}, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		"short name":          {map[string][]string{"RoleSessionName": {"a"}}, "RoleSessionName in AuthnResponse must match"},
		"two names":           {map[string][]string{"RoleSessionName": {"ann", "eve"}}, "RoleSessionName in AuthnResponse must match"},
		"source identity":     {map[string][]string{"SourceIdentity": {"a b"}}, `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
		"duration":            {map[string][]string{"SessionDuration": {"soon"}}, "SessionDuration"},
		"duration, too short": {map[string][]string{"SessionDuration": {"60"}}, "SessionDuration"},
		"tag of two values":   {map[string][]string{"PrincipalTag:a": {"1", "2"}}, "PrincipalTag"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := base(tt.change).Session()
			wantRefused(t, err, federation.Invalid, tt.message)
		})
	}
}

func TestOffers(t *testing.T) {
	for pair, want := range map[string]bool{
		role + "," + provider: true, provider + "," + role: true, " " + role + " , " + provider + "\n": true,
		role + "x," + provider: false, role: false, role + "," + role: false, provider + "," + provider: false, "": false,
	} {
		a := &saml.Assertion{Attributes: map[string][]string{saml.AttributePrefix + "Role": {"arn:aws:iam::1:role/x,y", pair}}}
		if got := a.Offers(role, provider); got != want {
			t.Errorf("%q: %v", pair, got)
		}
	}
}

func TestKeys(t *testing.T) {
	a := &saml.Assertion{Attributes: map[string][]string{
		"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": {"staff", "member"}, "urn:oid:2.5.4.3": {"Ann"}, "unknown": {"x"},
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": {"ann@example.com"},
	}}
	want := map[string][]string{"edupersonaffiliation": {"staff", "member"}, "cn": {"Ann"}, "mail": {"ann@example.com"}}
	if diff := cmp.Diff(want, a.Keys()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMetadata(t *testing.T) {
	idp := federationtest.NewIDP(t, entity)
	good := idp.Metadata()
	if p := parsed(t, good); p.EntityID != entity || len(p.Certificates) != 1 || !p.Certificates[0].Equal(idp.Certificate) {
		t.Errorf("%+v", p)
	}
	for name, text := range map[string]string{
		"empty":                "",
		"no entity id":         strings.Replace(good, "entityID", "entityName", 1),
		"no identity provider": strings.ReplaceAll(good, "IDPSSODescriptor", "SPSSODescriptor"),
		"only for encryption":  strings.Replace(good, `use="signing"`, `use="encryption"`, 1),
		"broken certificate":   strings.Replace(good, "<ds:X509Certificate>\n", "<ds:X509Certificate>AAAA", 1),
		"another document":     strings.ReplaceAll(good, "EntityDescriptor", "EntitiesDescriptor"),
	} {
		if p, err := saml.ParseProvider(text); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func FuzzVerify(f *testing.F) {
	metadata, err := os.ReadFile("testdata/metadata.xml")
	if err != nil {
		f.Fatal(err)
	}
	p, err := saml.ParseProvider(string(metadata))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"response1.xml", "response3.xml"} {
		good, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(good))
		f.Add(strings.Replace(string(good), "ann", "eve", 1))
	}
	f.Add("<a/>")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := p.Verify(base64.StdEncoding.EncodeToString([]byte(text)), time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC))
		if err == nil && (got.Subject != "ann@example.com" || got.Issuer != entity || !got.Offers(role, provider)) {
			t.Fatalf("accepted for %q", got.Subject)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	metadata, err := os.ReadFile("testdata/metadata.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(metadata))
	f.Add("<EntityDescriptor entityID='x'/>")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := saml.ParseProvider(text); err == nil && (p.EntityID == "" || len(p.Certificates) == 0) {
			t.Fatalf("%+v", p)
		}
	})
}
