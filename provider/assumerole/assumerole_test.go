package assumerole_test

import (
	"compress/gzip"
	"context"
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
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/sts"
)

const (
	canary = "CANARYSECRET"
	role   = "arn:aws:iam::111122223333:role/Admin"
	phone  = "arn:aws:iam::111122223333:mfa/phone"
	token  = "GAHT12345678"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// service is an STS that remembers what it was asked.
type service struct {
	form   url.Values
	signer string
	status int
	body   string
}

func answer(expires time.Time) string {
	return fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Admin/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>%[1]s</SecretAccessKey><SessionToken>%[1]s</SessionToken><Expiration>%[2]s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		canary, expires.UTC().Format(time.RFC3339))
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) //nolint:errcheck // the form tells
	s.form, _ = url.ParseQuery(string(body))
	s.signer = r.Header.Get("Authorization")
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	if s.body == "" {
		s.body = answer(noon.Add(time.Hour))
	}
	_, _ = io.WriteString(w, s.body)
}

func base() rolecall.Credentials {
	return rolecall.Credentials{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rolecall.NewSecret(canary),
		Origin: rolecall.Origin{Source: "profile", Location: "credentials:2", Detail: "base"},
	}
}

func retrieve(t *testing.T, s *service, source rolecall.Provider, change func(*assumerole.Options)) (rolecall.Credentials, error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	o := assumerole.Options{
		Client: &sts.Client{Endpoint: server.URL, MaxAttempts: 1, Now: func() time.Time { return noon }}, Location: "config:7", Now: func() time.Time { return noon },
		Input: sts.AssumeRoleInput{RoleARN: role},
	}
	if change != nil {
		change(&o)
	}
	return assumerole.New(source, o).Retrieve(t.Context())
}

func TestWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	code := func(_ context.Context, serial string) (string, error) {
		return map[string]string{phone: "111111", token: "222222"}[serial], nil
	}
	for name, tc := range map[string]struct {
		change func(*assumerole.Options)
		want   url.Values
	}{
		"the least": {nil, url.Values{"RoleSessionName": {fmt.Sprintf("rolecall-%d", noon.Unix())}}},
		"all that a profile can say": {func(o *assumerole.Options) {
			o.Input = sts.AssumeRoleInput{
				RoleARN: role, SessionName: "me", ExternalID: "x", Duration: 15 * time.Minute, SourceIdentity: "ada", Policy: "{}",
				PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Tags: []sts.Tag{{Key: "team", Value: "a"}}, TransitiveTagKeys: []string{"team"},
			}
		}, url.Values{
			"RoleSessionName": {"me"}, "ExternalId": {"x"}, "DurationSeconds": {"900"}, "SourceIdentity": {"ada"}, "Policy": {"{}"},
			"PolicyArns.member.1.arn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"a"}, "TransitiveTagKeys.member.1": {"team"},
		}},
		"a second factor": {func(o *assumerole.Options) {
			o.Input.SerialNumber, o.Input.SessionName, o.TokenCode = phone, "me", code
		}, url.Values{"RoleSessionName": {"me"}, "SerialNumber": {phone}, "TokenCode": {"111111"}}},
		"several, one is chosen": {func(o *assumerole.Options) {
			o.Input.SerialNumber, o.Input.SessionName, o.TokenCode, o.Devices = phone, "me", code, []string{phone, token}
			o.Device = func(_ context.Context, serials []string) (string, error) { return serials[1], nil }
		}, url.Values{"RoleSessionName": {"me"}, "SerialNumber": {token}, "TokenCode": {"222222"}}},
		"several, nobody chooses": {func(o *assumerole.Options) {
			o.Input.SessionName, o.TokenCode, o.Devices = "me", code, []string{token, phone}
		}, url.Values{"RoleSessionName": {"me"}, "SerialNumber": {token}, "TokenCode": {"222222"}}},
		"one device, nothing to choose": {func(o *assumerole.Options) {
			o.Input.SessionName, o.TokenCode, o.Devices = "me", code, []string{token}
			o.Device = func(context.Context, []string) (string, error) { return "", errors.New("asked") }
		}, url.Values{"RoleSessionName": {"me"}, "SerialNumber": {token}, "TokenCode": {"222222"}}},
		"the code is given": {func(o *assumerole.Options) {
			o.Input.SerialNumber, o.Input.TokenCode, o.Input.SessionName = phone, "333333", "me"
		}, url.Values{"RoleSessionName": {"me"}, "SerialNumber": {phone}, "TokenCode": {"333333"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{}
			got, err := retrieve(t, s, rolecall.Static(base()), tc.change)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role} {
				tc.want.Set(k, v)
			}
			if d := cmp.Diff(tc.want, s.form); d != "" {
				t.Error(d)
			}
			if !strings.Contains(s.signer, "Credential=AKIAIOSFODNN7EXAMPLE/") {
				t.Errorf("signed by %q", s.signer)
			}
			via := base().Origin
			want := rolecall.Credentials{
				AccessKeyID: "ASIAROLE", SecretAccessKey: rolecall.NewSecret(canary), SessionToken: rolecall.NewSecret(canary),
				Expires: noon.Add(time.Hour), AccountID: "111122223333",
				Origin: rolecall.Origin{Source: "assume-role", Location: "config:7", Detail: role, At: noon, Via: &via},
			}
			if d := cmp.Diff(want, got, cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	mfa := func(code func(context.Context, string) (string, error)) func(*assumerole.Options) {
		return func(o *assumerole.Options) { o.Input.SerialNumber, o.TokenCode = phone, code }
	}
	fails := rolecall.ProviderFunc(func(context.Context) (rolecall.Credentials, error) {
		return rolecall.Credentials{}, errors.New("the disk is full")
	})
	absent := rolecall.ProviderFunc(func(context.Context) (rolecall.Credentials, error) {
		return rolecall.Credentials{}, rolecall.NotHere("no keys")
	})
	good := rolecall.Static(base())
	for name, tc := range map[string]struct {
		source rolecall.Provider
		change func(*assumerole.Options)
		status int
		body   string
		want   string
		asked  bool
	}{
		"source fails":     {fails, nil, 0, "", "role " + role + ": the disk is full", false},
		"source is absent": {absent, nil, 0, "", "role " + role + ": its source has no credentials: no keys", false},
		"nobody to ask":    {good, mfa(nil), 0, "", "role " + role + " needs a code of " + phone + ", and there is no one to ask", false},
		"no answer":        {good, mfa(func(context.Context, string) (string, error) { return "", errors.New("no terminal") }), 0, "", "role " + role + " needs a code of " + phone + ": no terminal", false},
		"an empty answer":  {good, mfa(func(context.Context, string) (string, error) { return "", nil }), 0, "", "and none was given", false},
		"no device chosen": {good, func(o *assumerole.Options) {
			mfa(func(context.Context, string) (string, error) { return "1", nil })(o)
			o.Devices = []string{phone, token}
			o.Device = func(context.Context, []string) (string, error) { return "", errors.New("no terminal") }
		}, 0, "", "needs a second factor: no terminal", false},
		"refused":                {good, nil, 403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>", "AccessDenied: not you", true},
		"already expired":        {good, nil, 0, answer(noon.Add(-time.Second)), "already expired (is this machine's clock right?)", true},
		"expires in that moment": {good, nil, 0, answer(noon), "already expired", true},
		"empty":                  {good, nil, 0, " ", "the answer is not STS's XML", true},
		"HTML":                   {good, nil, 0, "<html>" + canary, "the answer", true},
		"truncated":              {good, nil, 0, answer(noon.Add(time.Hour))[:400], "the answer is not STS's XML", true},
		"half credentials":       {good, nil, 0, strings.Replace(answer(noon.Add(time.Hour)), "SecretAccessKey", "Secret", 2), "no complete credentials", true},
		"expiry is no time":      {good, nil, 0, strings.Replace(answer(noon), "2026", "soon", 1), "expiration is no time", true},
		"redirect":               {good, nil, 302, canary, "HTTP 302", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{status: tc.status, body: tc.body}
			_, err := retrieve(t, s, tc.source, tc.change)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v\nwant %s", err, tc.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("a secret shows: %v", err)
			}
			if errors.Is(err, rolecall.ErrNotHere) {
				t.Error("a chain would go on to another identity")
			}
			if (s.form != nil) != tc.asked {
				t.Errorf("STS was asked: %v", s.form != nil)
			}
		})
	}
}

func TestGzipBomb(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		for range 1 << 10 {
			_, _ = zip.Write(make([]byte, 1<<16)) // 64 MB in all, 64 KB on the wire
		}
		_ = zip.Close()
	}))
	defer server.Close()
	_, err := assumerole.New(rolecall.Static(base()), assumerole.Options{
		Client: &sts.Client{Endpoint: server.URL}, Input: sts.AssumeRoleInput{RoleARN: role},
	}).Retrieve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the answer is larger than") {
		t.Error(err)
	}
}

// TestHangingService is bounded by the context, and by the client's time-out.
func TestHangingService(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	p := assumerole.New(rolecall.Static(base()), assumerole.Options{
		Client: &sts.Client{Endpoint: server.URL, HTTPClient: &http.Client{Timeout: 200 * time.Millisecond}, MaxAttempts: 2}, Input: sts.AssumeRoleInput{RoleARN: role},
	})
	begin := time.Now()
	_, err := p.Retrieve(t.Context())
	if took := time.Since(begin); err == nil || took > 5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}
