package sts_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

const canary = "CANARYSECRET"

func keys() rolecall.Credentials {
	return rolecall.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rolecall.NewSecret(canary)}
}

const answer = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials><PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>`

func TestAssumeRoleOnTheWire(t *testing.T) {
	var form url.Values
	var auth string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		auth = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	client := &sts.Client{Endpoint: server.URL, Region: "eu-west-1"}
	out, err := client.AssumeRole(t.Context(), keys(), &sts.AssumeRoleInput{
		RoleARN: "r", SessionName: "s", Duration: 90 * time.Minute, ExternalID: "e", SerialNumber: "m", TokenCode: "1",
		SourceIdentity: "i", Policy: "{}", PolicyARNs: []string{"p1", "p2"}, Tags: []sts.Tag{{Key: "k", Value: "v"}}, TransitiveTagKeys: []string{"k"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Credentials.AccessKeyID != "ASIA1" || out.Credentials.AccountID != "111122223333" || out.PackedPolicySize != 6 || out.Credentials.Expires.Year() != 2036 {
		t.Errorf("%+v", out)
	}
	want := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {"r"}, "RoleSessionName": {"s"}, "DurationSeconds": {"5400"},
		"ExternalId": {"e"}, "SerialNumber": {"m"}, "TokenCode": {"1"}, "SourceIdentity": {"i"}, "Policy": {"{}"},
		"PolicyArns.member.1.arn": {"p1"}, "PolicyArns.member.2.arn": {"p2"}, "Tags.member.1.Key": {"k"}, "Tags.member.1.Value": {"v"}, "TransitiveTagKeys.member.1": {"k"},
	}
	if d := cmp.Diff(want, form); d != "" {
		t.Error(d)
	}
	if !strings.Contains(auth, "Credential=AKIAIOSFODNN7EXAMPLE/") || !strings.Contains(auth, "/eu-west-1/sts/aws4_request") {
		t.Error(auth)
	}
	if _, err := client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleARN: "r", SessionName: "s", Token: rolecall.NewSecret("jwt")}); err != nil || auth != "" || form.Get("WebIdentityToken") != "jwt" {
		t.Errorf("%v, signed with %q", err, auth)
	}
}

func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		status   int
		body     string
		want     string
		attempts int32
	}{
		"refused":          {403, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r1</RequestId></ErrorResponse>`, "AssumeRole: AccessDenied: no (request r1)", 1},
		"throttled":        {400, `<ErrorResponse><Error><Code>Throttling</Code><Message>slow</Message></Error></ErrorResponse>`, "AssumeRole: Throttling: slow", 3},
		"server error":     {500, "", `AssumeRole: UnexpectedAnswer: HTTP 500 with content type "", which is no answer of STS`, 3},
		"portal":           {200, "<html>" + canary, "AssumeRole: the answer", 1},
		"empty":            {200, "", "AssumeRole: the answer is not STS's XML", 1},
		"truncated":        {200, answer[:300], "AssumeRole: the answer is not STS's XML", 1},
		"another result":   {200, "<X></X>", "AssumeRole: the answer has no result", 1},
		"no secret":        {200, strings.Replace(answer, "SecretAccessKey", "Secret", 2), "AssumeRole: the answer has no complete credentials", 1},
		"expiry no time":   {200, strings.Replace(answer, "2036-01-01T00:00:00Z", "soon", 1), "AssumeRole: the answer's expiration is no time", 1},
		"redirect":         {302, "", "AssumeRole: UnexpectedAnswer: HTTP 302", 1},
		"larger than a MB": {200, strings.Repeat("x", 1<<20+1), "AssumeRole: the answer is larger than 1048576 bytes", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.Header()["Content-Type"] = nil
				if tc.status == http.StatusFound {
					w.Header().Set("Location", "http://192.0.2.1/")
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer server.Close()
			_, err := (&sts.Client{Endpoint: server.URL}).AssumeRole(t.Context(), keys(), &sts.AssumeRoleInput{RoleARN: "r", SessionName: "s"})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if n := calls.Load(); n != tc.attempts {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
	var remote *sts.Error
	if _, err := (&sts.Client{}).GetCallerIdentity(t.Context(), keys()); err == nil || errors.As(err, &remote) || err.Error() != "no region to call STS in" {
		t.Error(err)
	}
}
