package awsapi_test

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
)

const requestID = "01234567-89ab-4def-8123-456789abcdef"

// stsService serves AssumeRole by repeating its input, and keeps that input.
func stsService(got *stsapi.AssumeRoleInput) *awsapi.Service {
	s := awsapi.NewService(&stsapi.Model, awsapi.Options{MaxParameters: 1000})
	awsapi.Handle(s, stsapi.AssumeRole, func(_ context.Context, _ *awsapi.Call, in *stsapi.AssumeRoleInput) (*stsapi.AssumeRoleOutput, error) {
		if got != nil {
			*got = *in
		}
		return assumed(in), nil
	})
	awsapi.Handle(s, stsapi.GetCallerIdentity, func(context.Context, *awsapi.Call, *stsapi.GetCallerIdentityInput) (*stsapi.GetCallerIdentityOutput, error) {
		return &stsapi.GetCallerIdentityOutput{UserId: new("AIDAX"), Account: new("123456789012"), Arn: new("arn:aws:iam::123456789012:user/<&\"\r\x01>")}, nil
	})
	return s
}

func assumed(in *stsapi.AssumeRoleInput) *stsapi.AssumeRoleOutput {
	return &stsapi.AssumeRoleOutput{
		Credentials: &stsapi.Credentials{
			AccessKeyId: "ASIAQAAAAAAAGMKEM7X5", SecretAccessKey: "secret/key", SessionToken: strings.Repeat("t", 300),
			Expiration: time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC),
		},
		AssumedRoleUser:  &stsapi.AssumedRoleUser{Arn: in.RoleArn + "/" + in.RoleSessionName, AssumedRoleId: "AROAX:" + in.RoleSessionName},
		PackedPolicySize: new(6),
	}
}

// call runs one request through Match and Serve.
func call(s *awsapi.Service, r *http.Request, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m, bad := s.Match(r, []byte(body))
	if bad != nil {
		_ = s.WriteError(w, requestID, bad)
		return w
	}
	_ = s.Serve(context.Background(), w, m, &awsapi.Call{RequestID: requestID, Principal: &identity.Principal{}, Audit: &awsapi.AuditFields{}})
	return w
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

const (
	sts  = "Version=2011-06-15&"
	role = "RoleArn=arn:aws:iam::123456789012:role/web&RoleSessionName=s1"
)

func TestQueryInput(t *testing.T) {
	var got stsapi.AssumeRoleInput
	s := stsService(&got)
	body := sts + "Action=AssumeRole&" + role + "&DurationSeconds=900&Policy=%7B%22a%22%3A+1%7D&ExternalId=x%2Fy" +
		"&Tags.member.10.Key=ten&Tags.member.10.Value=10&Tags.member.2.Key=two&Tags.member.2.Value=&Tags.member.1.Key=one&Tags.member.1.Value=%C3%A9" +
		"&TransitiveTagKeys.member.1=one&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess&Unknown=1&X-Amz-Foo=2"
	want := stsapi.AssumeRoleInput{
		RoleArn: "arn:aws:iam::123456789012:role/web", RoleSessionName: "s1", DurationSeconds: new(900),
		Policy: new(`{"a": 1}`), ExternalId: new("x/y"),
		Tags:              []stsapi.Tag{{Key: "one", Value: "é"}, {Key: "two"}, {Key: "ten", Value: "10"}},
		TransitiveTagKeys: []string{"one"},
		PolicyArns:        []stsapi.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/ReadOnlyAccess")}},
	}
	for name, r := range map[string]*http.Request{
		"POST":              post(body),
		"GET":               httptest.NewRequest(http.MethodGet, "/?"+body, nil),
		"POST without type": httptest.NewRequest(http.MethodPost, "/", nil),
	} {
		got = stsapi.AssumeRoleInput{}
		text := body
		if r.Method == http.MethodGet {
			text = ""
		}
		if w := call(s, r, text); w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestQueryAnswer(t *testing.T) {
	w := call(stsService(nil), post(""), sts+"Action=AssumeRole&"+role)
	want := `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAQAAAAAAAGMKEM7X5</AccessKeyId>` +
		`<SecretAccessKey>secret/key</SecretAccessKey><SessionToken>` + strings.Repeat("t", 300) + `</SessionToken><Expiration>2026-01-02T03:04:05Z</Expiration></Credentials>` +
		`<AssumedRoleUser><AssumedRoleId>AROAX:s1</AssumedRoleId><Arn>arn:aws:iam::123456789012:role/web/s1</Arn></AssumedRoleUser><PackedPolicySize>6</PackedPolicySize>` +
		`</AssumeRoleResult><ResponseMetadata><RequestId>` + requestID + `</RequestId></ResponseMetadata></AssumeRoleResponse>`
	if d := cmp.Diff(want, w.Body.String()); d != "" {
		t.Error(d)
	}
	if got := w.Header().Get("x-amzn-RequestId"); got != requestID {
		t.Errorf("request id header %q", got)
	}
	if got := w.Header().Get("Content-Type"); got != "text/xml" {
		t.Errorf("content type %q", got)
	}
	w = call(stsService(nil), post(""), sts+"Action=GetCallerIdentity")
	if !strings.Contains(w.Body.String(), "<Arn>arn:aws:iam::123456789012:user/&lt;&amp;&quot;&#xD;\uFFFD&gt;</Arn>") {
		t.Errorf("escaping: %s", w.Body)
	}
}

type errorAnswer struct {
	Type    string `xml:"Error>Type"`
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
	ID      string `xml:"RequestId"`
}

func TestQueryErrors(t *testing.T) {
	s := stsService(nil)
	long := strings.Repeat("x", 65)
	for name, test := range map[string]struct {
		request *http.Request
		body    string
		status  int
		code    string
		message string
	}{
		"no action":       {post(""), sts + role, 400, "MissingAction", "The request is missing an action or a required parameter."},
		"empty":           {post(""), "", 400, "MissingAction", "The request is missing an action or a required parameter."},
		"unknown action":  {post(""), sts + "Action=Nope", 400, "InvalidAction", "Could not find operation Nope for version 2011-06-15"},
		"not served":      {post(""), sts + "Action=AssumeRoot", 400, "InvalidAction", "Could not find operation AssumeRoot for version 2011-06-15"},
		"wrong version":   {post(""), "Version=2010-05-08&Action=AssumeRole", 400, "InvalidAction", "Could not find operation AssumeRole for version 2010-05-08"},
		"no version":      {post(""), "Action=AssumeRole", 400, "InvalidAction", "Could not find operation AssumeRole for version NO_VERSION_SPECIFIED"},
		"duplicate":       {post(""), sts + "Action=AssumeRole&RoleArn=a&RoleArn=b", 400, "MalformedQueryString", "The parameter 'RoleArn' occurs more than once."},
		"duplicate sneak": {post(""), sts + "Action=AssumeRole&RoleArn=a&Role%41rn=b", 400, "MalformedQueryString", "The parameter 'RoleArn' occurs more than once."},
		"bad escape":      {post(""), sts + "Action=%zz", 400, "MalformedQueryString", "The query string contains a syntax error."},
		"bad utf-8":       {post(""), sts + "Action=%ff", 400, "MalformedQueryString", "The query string contains a syntax error."},
		"nul":             {post(""), sts + "Action=%00", 400, "MalformedQueryString", "The query string contains a syntax error."},
		"too many":        {post(""), sts + strings.Repeat("a=1&", 2000), 400, "MalformedQueryString", "The request has more than 1000 parameters."},
		"method":          {httptest.NewRequest(http.MethodPut, "/", nil), sts, 405, "InvalidAction", "The method 'PUT' is not supported."},
		"missing": {post(""), sts + "Action=AssumeRole&RoleSessionName=s1", 400, "ValidationError",
			"1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null"},
		"short": {post(""), sts + "Action=AssumeRole&RoleSessionName=s1&RoleArn=x", 400, "ValidationError",
			"1 validation error detected: Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		"several": {post(""), sts + "Action=AssumeRole&RoleSessionName=" + long + "&DurationSeconds=1", 400, "ValidationError",
			"3 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; " +
				"Value '" + long + "' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64; " +
				"Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		"pattern": {post(""), sts + "Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/web&RoleSessionName=a+b", 400, "ValidationError",
			`1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		"nested": {post(""), sts + "Action=AssumeRole&" + role + "&Tags.member.1.Value=v", 400, "ValidationError",
			"1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null"},
		"list element": {post(""), sts + "Action=AssumeRole&" + role + "&TransitiveTagKeys.member.1=%23", 400, "ValidationError",
			`1 validation error detected: Value '[#]' at 'transitiveTagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+]`},
		"not a number": {post(""), sts + "Action=AssumeRole&" + role + "&DurationSeconds=ten", 400, "MalformedInput", "Invalid value for durationSeconds: not an integer"},
		"overflow":     {post(""), sts + "Action=AssumeRole&" + role + "&DurationSeconds=4294967296900", 400, "MalformedInput", "Invalid value for durationSeconds: not an integer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(s, test.request, test.body)
			var got errorAnswer
			if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			want := errorAnswer{"Sender", test.code, test.message, requestID}
			if d := cmp.Diff(want, got); d != "" || w.Code != test.status {
				t.Errorf("status %d, want %d; -want +got\n%s", w.Code, test.status, d)
			}
		})
	}
}

// TestIAMViolations has IAM's own wording: values are not repeated, names and paths have sentences.
func TestIAMViolations(t *testing.T) {
	s := awsapi.NewService(&iamapi.Model, awsapi.Options{})
	awsapi.Handle(s, iamapi.CreateUser, func(context.Context, *awsapi.Call, *iamapi.CreateUserInput) (*iamapi.CreateUserOutput, error) {
		return nil, nil
	})
	awsapi.Handle(s, iamapi.UntagUser, func(context.Context, *awsapi.Call, *iamapi.UntagUserInput) (*iamapi.UntagUserOutput, error) {
		return nil, nil
	})
	awsapi.Handle(s, iamapi.ListUsers, func(context.Context, *awsapi.Call, *iamapi.ListUsersInput) (*iamapi.ListUsersOutput, error) {
		return nil, nil
	})
	awsapi.Handle(s, iamapi.PutUserPolicy, func(context.Context, *awsapi.Call, *iamapi.PutUserPolicyInput) (*iamapi.PutUserPolicyOutput, error) {
		return nil, nil
	})
	for _, test := range []struct{ query, message string }{
		{"CreateUser", "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null"},
		{"CreateUser&UserName=" + strings.Repeat("x", 65), "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"CreateUser&UserName=a%2Fb", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"CreateUser&UserName=a%2Fb&Path=bad", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."},
		{"CreateUser&UserName=a%2Fb&PermissionsBoundary=x", "1 validation error detected: Value at 'permissionsBoundary' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"ListUsers&PathPrefix=bad", "The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters."},
		{"PutUserPolicy&UserName=a&PolicyName=p&PolicyDocument=%F0%9F%98%80", "The specified value for policyDocument is invalid. It must contain only printable ASCII characters."},
		{"UntagUser&UserName=a&TagKeys.member.1=%23", "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: " +
			"[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, " +
			`Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must not be null]`},
	} {
		w := call(s, post(""), "Version=2010-05-08&Action="+test.query)
		var got errorAnswer
		if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(errorAnswer{"Sender", "ValidationError", test.message, requestID}, got); d != "" {
			t.Errorf("%s: -want +got\n%s", test.query, d)
		}
	}
}

func TestSensitiveValuesAreNotRepeated(t *testing.T) {
	s := awsapi.NewService(&iamapi.Model, awsapi.Options{})
	var audit string
	awsapi.Handle(s, iamapi.CreateLoginProfile, func(_ context.Context, c *awsapi.Call, _ *iamapi.CreateLoginProfileInput) (*iamapi.CreateLoginProfileOutput, error) {
		audit = string(c.Audit.RequestParameters)
		return nil, nil
	})
	const iam = "Version=2010-05-08&Action=CreateLoginProfile&UserName=alice&PasswordResetRequired=true&Password="
	w := call(s, post(""), iam+strings.Repeat("canary", 40))
	if strings.Contains(w.Body.String(), "canary") || !strings.Contains(w.Body.String(), "Value at 'password' failed to satisfy constraint") {
		t.Errorf("answer: %s", w.Body)
	}
	if w := call(s, post(""), iam+"canary"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if want := `{"userName":"alice","password":"HIDDEN_DUE_TO_SECURITY_REASONS","passwordResetRequired":true}`; audit != want {
		t.Errorf("audit %s\nwant  %s", audit, want)
	}
}

func TestInternalErrorsAreHidden(t *testing.T) {
	s := awsapi.NewService(&stsapi.Model, awsapi.Options{})
	awsapi.Handle(s, stsapi.GetCallerIdentity, func(context.Context, *awsapi.Call, *stsapi.GetCallerIdentityInput) (*stsapi.GetCallerIdentityOutput, error) {
		return nil, context.DeadlineExceeded
	})
	w := call(s, post(""), sts+"Action=GetCallerIdentity")
	var got errorAnswer
	if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := errorAnswer{"Receiver", "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", requestID}
	if d := cmp.Diff(want, got); d != "" || w.Code != 500 {
		t.Errorf("%d %s", w.Code, d)
	}
}

func TestRequestIDIsAUUID(t *testing.T) {
	a, b := awsapi.NewRequestID(), awsapi.NewRequestID()
	if a == b || len(a) != 36 || a[14] != '4' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s %s", a, b)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("Action=AssumeRole&" + sts + role)
	f.Add(sts + "Action=AssumeRole&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.02.Key=c&Tags=&Tags.member=")
	f.Add(sts + "Action=AssumeRole&PolicyArns.member..arn=1&PolicyArns.member.-1.arn=&Tags.member.99999999999999999999.Key=1")
	f.Add("%&+=&&==")
	s := stsService(nil)
	f.Fuzz(func(t *testing.T, text string) {
		form, bad := awsapi.ParseForm(text, 1000)
		if bad == nil {
			values, err := url.ParseQuery(strings.ReplaceAll(text, ";", "%3B"))
			if err != nil {
				t.Fatalf("accepted what net/url refuses: %v", err)
			}
			n := 0
			for key, list := range values {
				if key == "" && len(list) == 1 && list[0] == "" && form.Len() == len(values)-1 {
					continue
				}
				n++
				if got, ok := form.Get(key); !ok || got != list[0] || len(list) != 1 {
					t.Fatalf("%q: %q, net/url says %q", key, got, list)
				}
			}
			if n != form.Len() {
				t.Fatalf("%d parameters, net/url says %d", form.Len(), n)
			}
		}
		w := call(s, post(""), text)
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var any struct{}
		if err := xml.Unmarshal(w.Body.Bytes(), &any); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
	})
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkAssumeRole(b *testing.B) {
	s := stsService(nil)
	body := []byte(sts + "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fweb&RoleSessionName=s1&DurationSeconds=900")
	r := post("")
	w := discard{http.Header{}}
	c := &awsapi.Call{RequestID: requestID, Principal: &identity.Principal{}}
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		m, bad := s.Match(r, body)
		if bad != nil {
			b.Fatal(bad)
		}
		if err := s.Serve(context.Background(), w, m, c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the processor time of this process: on a busy machine it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
