package sts_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// FuzzAnswer: whatever answers in STS's place, an error quotes nothing of a success, and what counts as one is whole.
func FuzzAnswer(f *testing.F) {
	const head, tail = "<AssumeRoleResponse><AssumeRoleResult><Credentials>", "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
	f.Add(200, head+"<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration>"+tail)
	f.Add(200, head+"<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"+tail)
	f.Add(200, head+"<Expiration>tomorrow</Expiration>"+tail)
	f.Add(200, "<html>sign in</html>")
	f.Add(200, `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`)
	f.Add(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>")
	f.Add(503, "")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("no final status")
		}
		c := &sts.Client{Endpoint: "http://sts.test", Region: "us-east-1", MaxAttempts: 1, HTTPClient: &http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			}),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
		source := rolecall.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rolecall.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")}
		out, err := c.AssumeRole(t.Context(), source, &sts.AssumeRoleInput{RoleARN: "arn:aws:iam::111122223333:role/A", SessionName: "fuzz"})
		switch {
		case err != nil && status == http.StatusOK && len(body) > 40 && strings.Contains(err.Error(), body):
			t.Errorf("quoted: %v", err)
		case err == nil && status != http.StatusOK:
			t.Errorf("HTTP %d counts as a success", status)
		case err == nil && (!out.Credentials.Complete() || out.Credentials.SessionToken.IsZero() || out.Credentials.Expires.IsZero()):
			t.Errorf("half a session: %v", out.Credentials)
		}
	})
}
