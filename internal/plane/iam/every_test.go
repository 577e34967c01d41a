package iam_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// model is what the tests below need of AWS's service model.
type model struct {
	Operations map[string]struct {
		Input *struct{ Shape string }
	}
	Shapes map[string]struct {
		Type     string
		Required []string
		Members  map[string]struct{ Shape string }
		Member   *struct{ Shape string }
		Enum     []string
		Min      int
	}
}

func readModel(t *testing.T) model {
	t.Helper()
	f, err := os.Open("../awsapi/models/iam.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.NewDecoder(z).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// plausible are values for members whose patterns or checks a plain word does not satisfy.
func plausible(member string) string {
	switch member {
	case "PolicyArn", "PermissionsBoundary":
		return arn + "policy/word"
	case "PolicySourceArn", "Arn":
		return arn + "user/word"
	case "SAMLProviderArn":
		return arn + "saml-provider/word"
	case "OpenIDConnectProviderArn":
		return arn + "oidc-provider/word"
	case "SerialNumber":
		return arn + "mfa/word"
	case "AccessKeyId":
		return "AKIAIOSFODNN7EXAMPLE"
	case "CertificateId":
		return strings.Repeat("A", 32)
	case "AuthenticationCode1", "AuthenticationCode2":
		return "123456"
	case "AssumeRolePolicyDocument":
		return trustEC2
	case "PolicyDocument", "PolicyInputList":
		return allowAll
	case "Url":
		return "https://word.example"
	case "SAMLMetadataDocument":
		return strings.Repeat("x", 1000)
	case "ThumbprintList":
		return strings.Repeat("a", 40)
	case "DeletionTaskId":
		return "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/1"
	case "AWSServiceName":
		return "ecs.amazonaws.com"
	case "ActionNames":
		return "s3:GetObject"
	case "JobId":
		return "00000000-0000-4000-8000-000000000000"
	case "VersionId":
		return "v1"
	default:
		return "word"
	}
}

// minimal are parameters that satisfy the constraints of an operation.
func (m model) minimal(operation string) url.Values {
	form := url.Values{"Action": {operation}, "Version": {"2010-05-08"}}
	if in := m.Operations[operation].Input; in != nil {
		m.fill(form, "", in.Shape)
	}
	return form
}

func (m model) fill(form url.Values, prefix, shape string) {
	s := m.Shapes[shape]
	for _, name := range s.Required {
		m.value(form, prefix+name, name, s.Members[name].Shape)
	}
}

func (m model) value(form url.Values, at, member, shape string) {
	switch s := m.Shapes[shape]; {
	case s.Type == "structure":
		m.fill(form, at+".", shape)
	case s.Type == "list":
		m.value(form, at+".member.1", member, s.Member.Shape)
	case len(s.Enum) > 0:
		form.Set(at, s.Enum[0])
	case s.Type == "integer":
		form.Set(at, "1")
	case s.Type == "boolean":
		form.Set(at, "true")
	default:
		form.Set(at, plausible(member))
	}
}

type answer struct {
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
}

func (p *plane) post(key string, form url.Values) (int, answer) {
	p.Helper()
	r, err := http.NewRequest(http.MethodPost, p.url, strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260304/us-east-1/iam/aws4_request")
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		p.Fatal(err)
	}
	var a answer
	if err := xml.Unmarshal(body, &a); err != nil {
		p.Fatalf("%v in %s", err, body)
	}
	return w.StatusCode, a
}

// TestEveryOperation calls each with nothing, unsigned, without the right to, and as root.
func TestEveryOperation(t *testing.T) {
	p, m := newPlane(t), readModel(t)
	p.userWith("nobody", "")
	var key string
	s := p.dir.Snapshot()
	for k := range s.AccessKeys(acct, s.User(acct, "nobody").ID) {
		key = k.ID
	}
	supported := p.service.Supported()
	if len(supported) < 130 {
		t.Errorf("%d operations", len(supported))
	}
	for _, operation := range supported {
		form := m.minimal(operation)
		status, got := p.post(key, form)
		// In AWS's words, and for the operation's own action: no call is covered by another's right.
		if want := "is not authorized to perform: iam:" + operation + " on resource: "; status != 403 || got.Code != "AccessDenied" || !strings.Contains(got.Message, want) {
			t.Errorf("%s without rights: %d %+v", operation, status, got)
		}
		if status, got := p.post("", form); status != 403 || got.Code != "MissingAuthenticationToken" {
			t.Errorf("%s unsigned: %d %+v", operation, status, got)
		}
		if status, got := p.post(root, form); status >= 500 || got.Code == "ValidationError" && strings.Contains(got.Message, "validation error") && operation != "CreateLoginProfile" {
			t.Errorf("%s by root: %d %+v", operation, status, got)
		}
		in := m.Operations[operation].Input
		if in == nil || len(m.Shapes[in.Shape].Required) == 0 {
			continue
		}
		status, got = p.post(root, url.Values{"Action": {operation}, "Version": {"2010-05-08"}})
		if status != 400 || got.Code != "ValidationError" || !strings.Contains(got.Message, "Member must not be null") {
			t.Errorf("%s without parameters: %d %+v", operation, status, got)
		}
	}
	for _, operation := range iamapi.Model.Operations {
		if p.service.Has(operation) {
			continue
		}
		if status, got := p.post(root, m.minimal(operation)); status != 400 || got.Code != "InvalidAction" {
			t.Errorf("%s: %d %+v", operation, status, got)
		}
	}
}
