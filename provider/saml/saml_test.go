package saml_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/saml"
	"github.com/rolecall-dev/rolecall/sts"
)

const (
	canary = "CANARYSECRET"
	admin  = "arn:aws:iam::111122223333:role/Admin"
	dev    = "arn:aws:iam::444455556666:role/path/Dev"
	corp   = "arn:aws:iam::111122223333:saml-provider/Corp"
	other  = "arn:aws:iam::444455556666:saml-provider/Other"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// document is a response with those values of the Role attribute, good for five minutes.
func document(roles ...string) string {
	var values strings.Builder
	for _, r := range roles {
		fmt.Fprintf(&values, "<saml:AttributeValue>%s</saml:AttributeValue>", r)
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0">
  <saml:Issuer>https://idp.example/</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion ID="_2" Version="2.0">
    <saml:Issuer>https://idp.example/</saml:Issuer>
    <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignatureValue>` + canary + `</ds:SignatureValue></ds:Signature>
    <saml:Subject><saml:NameID>ada</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-01-02T12:05:00Z" Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="2026-01-02T11:59:00.123Z" NotOnOrAfter="2026-01-02T12:10:00Z"/>
    <saml:AttributeStatement>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>ada@example.com</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">` + values.String() + `</saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/SessionDuration"><saml:AttributeValue>7200</saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>`
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// service is an STS that remembers what it was asked.
type service struct {
	form   url.Values
	signed bool
	answer string
	status int
}

const answer = `<AssumeRoleWithSAMLResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithSAMLResult><Issuer>https://idp.example/</Issuer><Subject>ada</Subject><SubjectType>persistent</SubjectType><NameQualifier>q=</NameQualifier><Audience>https://signin.aws.amazon.com/saml</Audience><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Admin/ada</Arn><AssumedRoleId>AROA:ada</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIASAML</AccessKeyId><SecretAccessKey>` + canary + `</SecretAccessKey><SessionToken>` + canary + `</SessionToken><Expiration>2026-01-02T13:00:00Z</Expiration></Credentials></AssumeRoleWithSAMLResult></AssumeRoleWithSAMLResponse>`

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) //nolint:errcheck // the form tells
	s.form, _ = url.ParseQuery(string(body))
	s.signed = r.Header.Get("Authorization") != ""
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	_, _ = io.WriteString(w, s.answer)
}

func retrieve(t *testing.T, s *service, printed string, change func(*saml.Options)) (rolecall.Credentials, error) {
	t.Helper()
	if s.answer == "" {
		s.answer = answer
	}
	server := httptest.NewServer(s)
	defer server.Close()
	o := saml.Options{
		Client: &sts.Client{Endpoint: server.URL}, Profile: "corp", Location: "config:1", Now: func() time.Time { return noon },
		Assertion: func(context.Context) ([]byte, error) { return []byte(printed), nil },
	}
	if change != nil {
		change(&o)
	}
	return saml.New(o).Retrieve(t.Context())
}

func TestExchange(t *testing.T) {
	t.Parallel()
	one, both := admin+","+corp, []string{corp + " , " + admin, dev + "," + other}
	wrapped := b64(document(one))
	for at := 76; at < len(wrapped); at += 78 {
		wrapped = wrapped[:at] + "\r\n" + wrapped[at:]
	}
	for name, tc := range map[string]struct {
		printed  string
		change   func(*saml.Options)
		role     string
		provider string
		duration string
	}{
		"XML":                      {document(one), nil, admin, corp, "7200"},
		"XML, byte order mark":     {"\xef\xbb\xbf" + document(one) + "\n", nil, admin, corp, "7200"},
		"base64":                   {b64(document(one)) + "\n", nil, admin, corp, "7200"},
		"base64 in lines":          {wrapped, nil, admin, corp, "7200"},
		"base64 without its end":   {strings.TrimRight(b64(document(one)+" "), "="), nil, admin, corp, "7200"},
		"provider first":           {document(both[0]), nil, admin, corp, "7200"},
		"the role chooses":         {document(both...), func(o *saml.Options) { o.RoleARN = dev }, dev, other, "7200"},
		"the provider chooses":     {document(both...), func(o *saml.Options) { o.ProviderARN = corp }, admin, corp, "7200"},
		"both choose":              {document(both[0], admin+","+other), func(o *saml.Options) { o.RoleARN, o.ProviderARN = admin, other }, admin, other, "7200"},
		"one that is no pair":      {document("admins", one, one), nil, admin, corp, "7200"},
		"a duration is configured": {document(one), func(o *saml.Options) { o.Duration = time.Hour }, admin, corp, "3600"},
		"the response has none":    {strings.Replace(document(one), "7200", "60", 1), nil, admin, corp, ""},
		"encrypted":                {encrypted, func(o *saml.Options) { o.RoleARN, o.ProviderARN = admin, corp }, admin, corp, ""},
		"a little too late": {document(one), func(o *saml.Options) {
			o.Now = func() time.Time { return noon.Add(6 * time.Minute) }
		}, admin, corp, "7200"},
		"an assertion alone": {bare(document(one)), nil, admin, corp, "7200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{}
			creds, err := retrieve(t, s, tc.printed, tc.change)
			if err != nil {
				t.Fatal(err)
			}
			want := url.Values{"Action": {"AssumeRoleWithSAML"}, "Version": {"2011-06-15"}, "RoleArn": {tc.role}, "PrincipalArn": {tc.provider}, "SAMLAssertion": s.form["SAMLAssertion"]}
			if tc.duration != "" {
				want.Set("DurationSeconds", tc.duration)
			}
			if d := cmp.Diff(want, s.form); d != "" || s.signed {
				t.Errorf("signed %v, %s", s.signed, d)
			}
			sent, err := base64.StdEncoding.DecodeString(s.form.Get("SAMLAssertion"))
			if plain := strings.TrimSpace(strings.TrimPrefix(tc.printed, "\xef\xbb\xbf")); err != nil || plain[0] == '<' && string(sent) != plain {
				t.Errorf("another document was sent: %v", err)
			}
			if creds.AccessKeyID != "ASIASAML" || creds.AccountID != "111122223333" || creds.SecretAccessKey.Expose() != canary {
				t.Errorf("%+v", creds)
			}
			if o := creds.Origin; o.Source != "saml" || o.Detail != tc.role || o.Location != "config:1" || o.Via == nil || o.Via.Source != "saml-assertion" {
				t.Errorf("origin %s", o)
			}
		})
	}
}

const encrypted = `<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"><a:EncryptedAssertion><x>` + canary + `</x></a:EncryptedAssertion></p:Response>`

// bare is the assertion of a response.
func bare(doc string) string {
	begin, end := strings.Index(doc, "<saml:Assertion"), strings.Index(doc, "</samlp:Response>")
	return strings.Replace(strings.TrimSpace(doc[begin:end]), "<saml:Assertion", `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, 1)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	one := admin + "," + corp
	doc := document(one)
	fails := func(err error) func(*saml.Options) {
		return func(o *saml.Options) {
			o.Assertion = func(context.Context) ([]byte, error) { return nil, err }
		}
	}
	at := func(now time.Time) func(*saml.Options) {
		return func(o *saml.Options) { o.Now = func() time.Time { return now } }
	}
	bomb := `<!DOCTYPE r [<!ENTITY a "` + canary + `"><!ENTITY b "&a;&a;&a;&a;">]>` + strings.Replace(doc, "ada", "&b;", 1)
	for name, tc := range map[string]struct {
		printed string
		change  func(*saml.Options)
		want    string
	}{
		"empty":                  {"", nil, "printed nothing"},
		"blank":                  {" \n\t", nil, "printed nothing"},
		"HTML":                   {"<!DOCTYPE HTML><html>" + canary, nil, "printed an HTML page: the sign-in did not come to its end"},
		"HTML without a type":    {"\n<html lang=en>" + canary, nil, "printed an HTML page"},
		"HTML in base64":         {b64("<html>" + canary), nil, "printed an HTML page in base64"},
		"neither":                {"error: " + canary, nil, "printed what is neither XML nor base64"},
		"JSON":                   {`{"Version":1,"SecretAccessKey":"` + canary + `"}`, nil, "printed what is neither XML nor base64"},
		"base64 of JSON":         {b64(`{"a":"` + canary + `"}`), nil, "printed base64 of what is no XML"},
		"base64 cut off":         {b64(doc)[:800], nil, "printed XML that is broken or cut off"},
		"XML cut off":            {doc[:900], nil, "printed XML that is broken or cut off"},
		"two documents":          {doc + bare(doc), nil, "printed XML that is more than one document"},
		"binary":                 {"\x00\x01" + canary, nil, "printed what is neither XML nor base64"},
		"another document":       {"<a>" + canary + "</a>", nil, "printed XML that is no SAML response"},
		"SAML 1.1":               {`<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol"/>`, nil, "printed XML that is no SAML response"},
		"a document type":        {bomb, nil, "printed XML with a document type"},
		"an external entity":     {`<!DOCTYPE r SYSTEM "file:///etc/passwd">` + doc[39:], nil, "printed XML with a document type"},
		"an unknown entity":      {strings.Replace(doc, "ada", "&secret;", 1), nil, "printed XML that is broken"},
		"nested":                 {strings.Repeat("<a>", 1000), nil, "printed XML that is nested deeper than 64"},
		"too large":              {strings.Replace(doc, "ada", strings.Repeat("a", 80_000), 1), nil, "and AWS takes 100000"},
		"no assertion":           {`<r:Response xmlns:r="urn:oasis:names:tc:SAML:2.0:protocol"/>`, nil, "printed a SAML response without an assertion"},
		"two assertions":         {strings.Replace(doc, "</samlp:Response>", bare(doc)+"</samlp:Response>", 1), nil, "printed a SAML response with more than one assertion"},
		"sign-in failed":         {strings.Replace(doc, `status:Success"/>`, `status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>`, 1), nil, "printed a response by which the sign-in failed: AuthnFailed"},
		"failed in odd words":    {strings.Replace(doc, "status:Success", "x: "+canary+"!", 1), nil, "printed a response by which the sign-in failed: of an unknown kind"},
		"expired":                {doc, at(noon.Add(8 * time.Minute)), "printed a response that is expired since 2026-01-02T12:05:00Z"},
		"not yet good":           {doc, at(noon.Add(-4 * time.Minute)), "printed a response that is good from 2026-01-02T11:59:00Z on (is this machine's clock right?)"},
		"expiry is no time":      {strings.Replace(doc, "2026-01-02T12:10:00Z", canary, 1), nil, "printed a response whose NotBefore or NotOnOrAfter is no time"},
		"no role":                {document(), nil, "printed a response that offers no role"},
		"role without provider":  {document(admin), nil, "printed a response that offers no role"},
		"roles of groups' names": {document("cn=" + canary + ",dc=example"), nil, "printed a response that offers no role"},
		"several roles":          {document(one, dev+","+other), nil, "printed a response that offers several roles: set role_arn to one of " + admin + " by " + corp + ", " + dev + " by " + other},
		"several providers":      {document(one, admin+","+other), func(o *saml.Options) { o.RoleARN = admin }, "printed a response that offers the role by several providers: set saml_provider_arn to one of " + admin + " by " + corp},
		"another role":           {doc, func(o *saml.Options) { o.RoleARN = dev }, "printed a response that does not offer " + dev + "; it offers " + admin + " by " + corp},
		"another provider":       {doc, func(o *saml.Options) { o.ProviderARN = other }, "printed a response that does not offer a role by " + other},
		"encrypted, no choice":   {encrypted, func(o *saml.Options) { o.RoleARN = admin }, "printed an encrypted assertion, whose roles only AWS can read: set role_arn and saml_provider_arn"},
		"the command fails":      {"", fails(errors.New("took longer than 1m0s")), "took longer than 1m0s"},
		"the command is absent":  {"", fails(rolecall.NotHere("is not here")), "is not here"},
		"many roles":             {document(many()...), nil, " and 30 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{}
			_, err := retrieve(t, s, tc.printed, tc.change)
			if err == nil || !strings.HasPrefix(err.Error(), `config:1: saml_process of profile "corp" `) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v\nwant %s", err, tc.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Error("the response shows in the error")
			}
			if errors.Is(err, rolecall.ErrNotHere) {
				t.Error("a chain would go on to another identity")
			}
			if s.form != nil {
				t.Error("STS was asked")
			}
		})
	}
}

func many() []string {
	var roles []string
	for i := range 50 {
		roles = append(roles, fmt.Sprintf("%s%d,%s", admin, i, corp))
	}
	return roles
}

func TestServiceFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"refused": {403, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>Response signature invalid</Message></Error></ErrorResponse>", "got a response that was not taken for role " + admin + ": AssumeRoleWithSAML: InvalidIdentityToken: Response signature invalid"},
		"expired": {200, strings.Replace(answer, "2026-01-02T13", "2026-01-02T11", 1), "already expired (is this machine's clock right?)"},
		"portal":  {200, "<html>" + canary, "the answer is not STS's XML"},
		"partial": {200, strings.Replace(answer, "SessionToken", "Token", 2), "the answer has no complete credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := retrieve(t, &service{status: tc.status, answer: tc.answer}, document(admin+","+corp), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	doc := document(admin+","+corp, corp+","+dev)
	for _, seed := range []string{"", doc, b64(doc), bare(doc), encrypted, doc[:500], "<!DOCTYPE html>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", strings.Repeat("<a>", 100), "<Response/>", "PGE+"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		r, err := saml.Parse(printed)
		if err != nil {
			return
		}
		for _, role := range r.Roles {
			if !strings.HasPrefix(role.ARN, "arn:") || !strings.Contains(role.Provider, ":saml-provider/") || strings.ContainsAny(role.ARN+role.Provider, ", \r\n") {
				t.Errorf("%q", role)
			}
		}
		if r.SessionDuration != 0 && (r.SessionDuration < 15*time.Minute || r.SessionDuration > 12*time.Hour) {
			t.Error(r.SessionDuration)
		}
	})
}
