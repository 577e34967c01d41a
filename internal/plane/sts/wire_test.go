package sts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// raw is a request as it goes over the wire, signed by AWS's own signer.
type raw struct {
	form    url.Values
	c       aws.Credentials // none: not signed
	service string          // "" is sts
	at      time.Time       // zero is now
	change  func(*http.Request)
}

// send returns status and body, the request id taken out.
func (r *raw) send(t *testing.T, p *planetest.Plane) (int, string) {
	t.Helper()
	body := r.form.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.c.AccessKeyID != "" {
		service, at := r.service, r.at
		if service == "" {
			service = "sts"
		}
		if at.IsZero() {
			at = p.Now()
		}
		hash := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(t.Context(), r.c, request, hex.EncodeToString(hash[:]), service, "us-east-1", at); err != nil {
			t.Fatal(err)
		}
	}
	if r.change != nil {
		r.change(request)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "text/xml" {
		t.Errorf("content type %q", kind)
	}
	id := answer.Header.Get("X-Amzn-Requestid")
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) || !strings.Contains(string(text), "<RequestId>"+id+"</RequestId>") {
		t.Errorf("request id %q in the header, and %s", id, text)
	}
	return answer.StatusCode, strings.ReplaceAll(string(text), id, "ID")
}

func action(name string, more ...string) url.Values {
	form := url.Values{"Action": {name}, "Version": {"2011-06-15"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func errorBody(code, message string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>` + message + `</Message></Error><RequestId>ID</RequestId></ErrorResponse>`
}

// TestWire holds whole answers to calls that are refused before anybody asks a policy, or by STS itself, in AWS's words.
func TestWire(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", assumeAny)
	role := p.Role(planetest.Account, "r", trust(userARN("dev"), ""), assumeAny)
	session := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role})
	short := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role, DurationSeconds: aws.Int32(900)})
	who := action("GetCallerIdentity")
	wrong := dev
	wrong.SecretAccessKey += "x"
	stamp := func(d time.Duration) string { return p.Now().UTC().Add(d).Format("20060102T150405Z") }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, tt := range map[string]struct {
		raw
		status        int
		code, message string // message is a pattern
	}{
		"not signed":    {raw{form: who}, 403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		"wrong secret":  {raw{form: who, c: wrong}, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		"unknown key":   {raw{form: who, c: aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}}, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		"unknown token": {raw{form: who, c: aws.Credentials{AccessKeyID: session.AccessKeyID, SecretAccessKey: "x", SessionToken: "x"}}, 403, "InvalidClientTokenId", "The security token included in the request is invalid"},
		"old":           {raw{form: who, c: dev, at: p.Now().Add(-20 * time.Minute)}, 403, "SignatureDoesNotMatch", `Signature expired: ` + stamp(-20 * time.Minute)[:11] + `\d{4}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min.\)`},
		"not yet":       {raw{form: who, c: dev, at: p.Now().Add(20 * time.Minute)}, 403, "SignatureDoesNotMatch", `Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 15 min.\)`},
		"body changed": {raw{form: who, c: dev, change: func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("Action=GetCallerIdentitY&Version=2011-06-15"))
		}}, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match.*"},
		"no credential":  {raw{form: who, c: dev, change: header("Authorization", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00")}, 400, "IncompleteSignature", "Authorization header requires 'Credential' parameter.*"},
		"no signature":   {raw{form: who, c: dev, change: header("Authorization", "AWS4-HMAC-SHA256 Credential="+dev.AccessKeyID+"/20260102/us-east-1/sts/aws4_request, SignedHeaders=host")}, 400, "IncompleteSignature", "Authorization header requires 'Signature' parameter.*"},
		"unknown action": {raw{form: action("MakeCoffee"), c: dev}, 400, "InvalidAction", "Could not find operation MakeCoffee for version 2011-06-15"},
		"not served":     {raw{form: action("AssumeRoot", "TargetPrincipal", "123456789012", "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"), c: dev}, 400, "InvalidAction", "Could not find operation AssumeRoot for version 2011-06-15"},
		"old version":    {raw{form: url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2010-01-01"}}, c: dev}, 400, "InvalidAction", "Could not find operation GetCallerIdentity for version 2010-01-01"},
		"no version":     {raw{form: url.Values{"Action": {"GetCallerIdentity"}}, c: dev}, 400, "InvalidAction", "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED"},
		"no action":      {raw{form: url.Values{"Version": {"2011-06-15"}}, c: dev}, 400, "MissingAction", ".*"},
		"no role": {raw{form: action("AssumeRole"), c: dev}, 400, "ValidationError",
			"2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		"session name": {raw{form: action("AssumeRole", "RoleArn", role, "RoleSessionName", "a b"), c: dev}, 400, "ValidationError",
			`1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \[\\w\+=,.@-\]\*`},
		"no such role":            {raw{form: action("AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/none", "RoleSessionName", "s1"), c: dev}, 403, "AccessDenied", "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/none"},
		"root":                    {raw{form: action("AssumeRole", "RoleArn", role, "RoleSessionName", "s1"), c: p.Root(planetest.Account)}, 403, "AccessDenied", "Roles may not be assumed by root accounts."},
		"token from a session":    {raw{form: action("GetSessionToken"), c: session}, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		"federation from session": {raw{form: action("GetFederationToken", "Name", "bob"), c: session}, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials"},
		"not a message":           {raw{form: action("DecodeAuthorizationMessage", "EncodedMessage", "x"), c: p.Root(planetest.Account)}, 400, "InvalidAuthorizationMessageException", ".*"},
		"not JSON":                {raw{form: action("AssumeRole", "RoleArn", role, "RoleSessionName", "s1", "Policy", "{"), c: dev}, 400, "MalformedPolicyDocument", ".*"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := tt.send(t, p)
			want := "^" + strings.Replace(regexp.QuoteMeta(errorBody(tt.code, "MESSAGE")), "MESSAGE", strings.ReplaceAll(tt.message, "'", "&#39;"), 1) + "$"
			if status != tt.status || !regexp.MustCompile(want).MatchString(strings.ReplaceAll(body, "'", "&#39;")) {
				t.Errorf("%d %s\nwant %d %s", status, body, tt.status, want)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		p.Advance(901 * time.Second)
		defer p.Advance(-901 * time.Second)
		status, body := (&raw{form: who, c: short}).send(t, p)
		if want := errorBody("ExpiredToken", "The security token included in the request is expired"); status != 403 || body != want {
			t.Errorf("%d %s\nwant 403 %s", status, body, want)
		}
	})
}

// TestCallerIdentityNeedsNoPermission: not even an explicit deny keeps anybody from asking who he is.
func TestCallerIdentityNeedsNoPermission(t *testing.T) {
	p := planetest.New(t)
	deny := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	dev := p.User(planetest.Account, "dev", deny)
	role := p.Role(planetest.Account, "r", trust(rootARN(planetest.Account), ""), deny)
	if got := whoami(t, p, dev); got != userARN("dev") {
		t.Errorf("user %s", got)
	}
	other := p.User(planetest.Account, "other", assumeAny)
	if got := whoami(t, p, assume(t, p, other, &sts.AssumeRoleInput{RoleArn: &role})); !strings.HasSuffix(got, ":assumed-role/r/s1") {
		t.Errorf("session %s", got)
	}
	session, err := p.STS(dev).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatalf("GetSessionToken needs none either: %v", err)
	}
	if got := whoami(t, p, credentialsOf(session.Credentials)); got != userARN("dev") {
		t.Errorf("its session %s", got)
	}
	status, body := (&raw{form: action("GetCallerIdentity"), c: dev}).send(t, p)
	want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>AIDA`
	if status != 200 || !strings.HasPrefix(body, want) || !strings.Contains(body, "<Account>123456789012</Account><Arn>"+userARN("dev")+"</Arn></GetCallerIdentityResult><ResponseMetadata>") {
		t.Errorf("%d %s", status, body)
	}
}
