package sts_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/sts"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The compat tier compares the hosts of all regions with botocore's endpoint rules.
func TestEndpoint(t *testing.T) {
	for _, tc := range []struct {
		client sts.Client
		want   string
		fault  string
	}{
		{sts.Client{Region: "eu-west-1"}, "https://sts.eu-west-1.amazonaws.com/", ""},
		{sts.Client{Region: "eu-west-1", UseFIPS: true}, "https://sts-fips.eu-west-1.amazonaws.com/", ""},
		{sts.Client{Region: "eu-west-1", UseDualStack: true}, "https://sts.eu-west-1.api.aws/", ""},
		{sts.Client{Region: "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn/", ""},
		{sts.Client{Region: "us-gov-west-1", UseFIPS: true}, "https://sts.us-gov-west-1.amazonaws.com/", ""},
		{sts.Client{Region: "us-gov-west-1", UseFIPS: true, UseDualStack: true}, "https://sts-fips.us-gov-west-1.api.aws/", ""},
		{sts.Client{Region: "aws-global"}, "https://sts.amazonaws.com/", ""},
		{sts.Client{Endpoint: "http://127.0.0.1:1"}, "http://127.0.0.1:1/", ""},
		{sts.Client{Endpoint: "http://127.0.0.1:1/sts", Region: "any where"}, "http://127.0.0.1:1/sts", ""},
		{sts.Client{}, "", "no region to call STS in"},
		{sts.Client{Region: "evil.example/x"}, "", `"evil.example/x" is no region`},
		{sts.Client{Region: "US-EAST-1"}, "", `"US-EAST-1" is no region`},
		{sts.Client{Endpoint: "127.0.0.1:1"}, "", "is not a URL"},
		{sts.Client{Endpoint: "http://127.0.0.1:1", UseFIPS: true}, "", "FIPS endpoints are asked for"},
		{sts.Client{Endpoint: "http://127.0.0.1:1", UseDualStack: true}, "", "dual-stack endpoints are asked for"},
	} {
		var asked string
		tc.client.MaxAttempts = 1
		tc.client.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return nil, errors.New("no network")
		})}
		_, err := tc.client.GetCallerIdentity(t.Context(), keys())
		if asked != tc.want || tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)) {
			t.Errorf("%+v: asked %q, %v; want %q %s", &tc.client, asked, err, tc.want, tc.fault)
		}
	}
}
