package agent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
)

const (
	tokenHeader = "X-aws-ec2-metadata-token"
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
)

func imdsToken(tb testing.TB, n *node, ttl string) string {
	tb.Helper()
	got := ask(tb, "PUT", n.IMDSURLs()[0]+"/latest/api/token", ttlHeader, ttl)
	if got.Status != 200 || got.Header.Get(ttlHeader) != ttl || got.Header.Get("Content-Type") != "text/plain" {
		tb.Fatalf("token: %+v", got)
	}
	return got.Text
}

func TestInstanceEndpoint(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	base := n.IMDSURLs()[0] + "/latest/"
	token := imdsToken(t, n, "21600")
	for path, want := range map[string]string{
		"meta-data/iam/security-credentials/":   "web",
		"meta-data/iam/security-credentials":    "web",
		"meta-data/placement/region":            "eu-west-1",
		"meta-data/placement/availability-zone": "eu-west-1a",
		// botocore asks with a slash at the end.
		"meta-data/placement/availability-zone/": "eu-west-1a",
		"meta-data/services/domain":              "amazonaws.com",
		"meta-data/services/partition":           "aws",
		"meta-data/":                             "iam/\ninstance-id\nplacement/\nservices/",
		"meta-data/iam/":                         "info\nsecurity-credentials/",
	} {
		if got := ask(t, "GET", base+path, tokenHeader, token); got.Status != 200 || got.Text != want || got.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: %d %q; want %q", path, got.Status, got.Text, want)
		}
	}
	got := ask(t, "GET", base+"meta-data/iam/security-credentials/web", tokenHeader, token)
	delete(got.Body, "Expiration")
	delete(got.Body, "LastUpdated")
	delete(got.Body, "AccountId")
	want := `{"AccessKeyId":"ASIAQAAAAAAAEXAM0001","Code":"Success","SecretAccessKey":"example-secret-0001","Token":"example-token-0001","Type":"AWS-HMAC"}`
	if b, _ := json.Marshal(got.Body); string(b) != want {
		t.Errorf("credentials %s", b)
	}
	if got := ask(t, "GET", base+"dynamic/instance-identity/document", tokenHeader, token); got.Body["region"] != "eu-west-1" || got.Body["accountId"] != "123456789012" {
		t.Errorf("document %s", got.Text)
	}
	if got := ask(t, "GET", base+"meta-data/iam/info", tokenHeader, token); got.Body["Code"] != "Success" || got.Body["InstanceProfileArn"] != "arn:aws:iam::123456789012:instance-profile/web" {
		t.Errorf("info %s", got.Text)
	}
	if got := ask(t, "GET", base+"meta-data/instance-id", tokenHeader, token); !strings.HasPrefix(got.Text, "i-") || len(got.Text) != 19 {
		t.Errorf("instance id %q", got.Text)
	}
}

// The status matrix, as AWS documents it.
func TestInstanceEndpointRefuses(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	base := n.IMDSURLs()[0]
	token := imdsToken(t, n, "60")
	credentials := "/latest/meta-data/iam/security-credentials/web"
	for _, row := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"no TTL", "PUT", "/latest/api/token", nil, 400},
		{"TTL 0", "PUT", "/latest/api/token", []string{ttlHeader, "0"}, 400},
		{"TTL too long", "PUT", "/latest/api/token", []string{ttlHeader, "21601"}, 400},
		{"TTL of many digits", "PUT", "/latest/api/token", []string{ttlHeader, "18446744073709551617"}, 400},
		{"TTL negative", "PUT", "/latest/api/token", []string{ttlHeader, "-1"}, 400},
		{"TTL signed", "PUT", "/latest/api/token", []string{ttlHeader, "+60"}, 400},
		{"TTL a word", "PUT", "/latest/api/token", []string{ttlHeader, "hour"}, 400},
		{"TTL twice", "PUT", "/latest/api/token", []string{ttlHeader, "60", ttlHeader, "60"}, 400},
		{"version-specific PUT", "PUT", "/2021-03-23/api/token", []string{ttlHeader, "60"}, 403},
		{"PUT through a proxy", "PUT", "/latest/api/token", []string{ttlHeader, "60", "X-Forwarded-For", "10.0.0.1"}, 403},
		{"PUT under another name", "PUT", "/latest/api/token", []string{ttlHeader, "60", "Host", "evil.example"}, 403},
		{"PUT elsewhere", "PUT", credentials, []string{ttlHeader, "60"}, 405},
		{"POST", "POST", credentials, []string{tokenHeader, token}, 405},
		{"DELETE", "DELETE", credentials, []string{tokenHeader, token}, 405},
		{"GET of the token", "GET", "/latest/api/token", []string{tokenHeader, token}, 405},
		{"version 1", "GET", credentials, nil, 401},
		{"version 1, unknown path", "GET", "/latest/nothing", nil, 401},
		{"damaged token", "GET", credentials, []string{tokenHeader, token[:10] + "x" + token[11:]}, 401},
		{"cut token", "GET", credentials, []string{tokenHeader, token[:len(token)-1]}, 401},
		{"two tokens", "GET", credentials, []string{tokenHeader, token, tokenHeader, token}, 401},
		{"token and proxy", "GET", credentials, []string{tokenHeader, token, "Via", "1.1 x"}, 403},
		{"other role", "GET", "/latest/meta-data/iam/security-credentials/admin", []string{tokenHeader, token}, 404},
		{"user data", "GET", "/latest/user-data", []string{tokenHeader, token}, 404},
		{"instance identity role", "GET", "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance", []string{tokenHeader, token}, 404},
		{"other version", "GET", "/2021-03-23/meta-data/iam/info", []string{tokenHeader, token}, 404},
		{"climbing path", "GET", "/latest/meta-data/../meta-data/iam/info", []string{tokenHeader, token}, 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ask(t, row.method, base+row.path, row.headers...)
			if got.Status != row.status || got.Body["Code"] == "" || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("answer %d %s; want %d", got.Status, got.Text, row.status)
			}
		})
	}
}

func TestVersion1IsAnOption(t *testing.T) {
	n := start(t, strings.Replace(oneWorkload(stateDir(t)), `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", v1: true}`, 1))
	got := ask(t, "GET", n.IMDSURLs()[0]+"/latest/meta-data/iam/security-credentials/web")
	if got.Status != 200 || got.Body["AccessKeyId"] != agenttest.AccessKeyID(1) {
		t.Errorf("answer %d %s", got.Status, got.Text)
	}
	if got := ask(t, "GET", n.IMDSURLs()[0]+"/latest/meta-data/iam/info", tokenHeader, "nonsense"); got.Status != 401 {
		t.Errorf("a wrong token where none is needed: %d", got.Status)
	}
	if !strings.Contains(n.logs.String(), "version 1") {
		t.Error("the use of version 1 is not logged")
	}
}
