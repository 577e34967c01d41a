package sts

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

const (
	apiVersion = "2011-06-15"
	// maxAnswer bounds what is read of an answer: sessions with the largest policies stay far below.
	maxAnswer = 1 << 20
)

// AssumeRole takes on a role with creds.
func (c *Client) AssumeRole(ctx context.Context, creds rolecall.Credentials, in *AssumeRoleInput) (*AssumeRoleOutput, error) {
	form := url.Values{"RoleArn": {in.RoleARN}, "RoleSessionName": {in.SessionName}}
	set(form, "ExternalId", in.ExternalID)
	set(form, "SerialNumber", in.SerialNumber)
	set(form, "TokenCode", in.TokenCode)
	set(form, "SourceIdentity", in.SourceIdentity)
	setPolicies(form, in.Policy, in.PolicyARNs)
	setDuration(form, in.Duration)
	for i, t := range in.Tags {
		n := "Tags.member." + strconv.Itoa(i+1)
		form.Set(n+".Key", t.Key)
		form.Set(n+".Value", t.Value)
	}
	for i, k := range in.TransitiveTagKeys {
		form.Set("TransitiveTagKeys.member."+strconv.Itoa(i+1), k)
	}
	return c.session(ctx, &creds, "AssumeRole", form)
}

// AssumeRoleWithWebIdentity takes on a role with an OIDC token; the request is not signed.
func (c *Client) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*AssumeRoleOutput, error) {
	form := url.Values{
		"RoleArn":          {in.RoleARN},
		"RoleSessionName":  {in.SessionName},
		"WebIdentityToken": {in.Token.Expose()},
	}
	set(form, "ProviderId", in.ProviderID)
	setPolicies(form, in.Policy, in.PolicyARNs)
	setDuration(form, in.Duration)
	return c.session(ctx, nil, "AssumeRoleWithWebIdentity", form)
}

// AssumeRoleWithSAML takes on a role with a SAML response; the request is not signed.
func (c *Client) AssumeRoleWithSAML(ctx context.Context, in *AssumeRoleWithSAMLInput) (*AssumeRoleOutput, error) {
	form := url.Values{"RoleArn": {in.RoleARN}, "PrincipalArn": {in.ProviderARN}, "SAMLAssertion": {in.Assertion.Expose()}}
	setPolicies(form, in.Policy, in.PolicyARNs)
	setDuration(form, in.Duration)
	return c.session(ctx, nil, "AssumeRoleWithSAML", form)
}

// GetSessionToken exchanges a user's long-lived key for a session, with a second factor if given.
func (c *Client) GetSessionToken(ctx context.Context, creds rolecall.Credentials, in *GetSessionTokenInput) (*SessionOutput, error) {
	form := url.Values{}
	set(form, "SerialNumber", in.SerialNumber)
	set(form, "TokenCode", in.TokenCode)
	setDuration(form, in.Duration)
	return c.session(ctx, &creds, "GetSessionToken", form)
}

// GetCallerIdentity tells who creds are. It needs no permission.
func (c *Client) GetCallerIdentity(ctx context.Context, creds rolecall.Credentials) (*CallerIdentity, error) {
	var answer struct {
		Result struct {
			Arn, UserId, Account string //nolint:revive // the wire's spelling
		} `xml:"GetCallerIdentityResult"`
	}
	if err := c.call(ctx, &creds, "GetCallerIdentity", url.Values{}, &answer); err != nil {
		return nil, err
	}
	r := answer.Result
	if r.Arn == "" || r.Account == "" {
		return nil, errors.New("GetCallerIdentity: the answer names no caller")
	}
	return &CallerIdentity{ARN: r.Arn, UserID: r.UserId, Account: r.Account}, nil
}

func set(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}

func setDuration(form url.Values, d time.Duration) {
	if d > 0 {
		form.Set("DurationSeconds", strconv.FormatInt(int64(d/time.Second), 10))
	}
}

func setPolicies(form url.Values, inline string, arns []string) {
	set(form, "Policy", inline)
	for i, arn := range arns {
		form.Set("PolicyArns.member."+strconv.Itoa(i+1)+".arn", arn)
	}
}

// sessionResult is the union of the results of the calls that issue sessions.
type sessionResult struct {
	Credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string //nolint:revive // the wire's spelling
	}
	AssumedRoleUser struct {
		Arn, AssumedRoleId string //nolint:revive // the wire's spelling
	}
	PackedPolicySize            int
	SourceIdentity              string
	SubjectFromWebIdentityToken string
	Audience, Provider          string
	Subject, SubjectType        string
	Issuer, NameQualifier       string
}

func (c *Client) session(ctx context.Context, creds *rolecall.Credentials, op string, form url.Values) (*SessionOutput, error) {
	var answer struct {
		AssumeRole  *sessionResult `xml:"AssumeRoleResult"`
		WebIdentity *sessionResult `xml:"AssumeRoleWithWebIdentityResult"`
		SAML        *sessionResult `xml:"AssumeRoleWithSAMLResult"`
		Session     *sessionResult `xml:"GetSessionTokenResult"`
	}
	if err := c.call(ctx, creds, op, form, &answer); err != nil {
		return nil, err
	}
	r := cmp.Or(answer.AssumeRole, answer.WebIdentity, answer.SAML, answer.Session)
	if r == nil {
		return nil, fmt.Errorf("%s: the answer has no result", op)
	}
	k := r.Credentials
	if k.AccessKeyId == "" || k.SecretAccessKey == "" || k.SessionToken == "" {
		return nil, fmt.Errorf("%s: the answer has no complete credentials", op)
	}
	expires, err := time.Parse(time.RFC3339, k.Expiration)
	if err != nil {
		return nil, fmt.Errorf("%s: the answer's expiration is no time", op)
	}
	out := &SessionOutput{
		Credentials: rolecall.Credentials{
			AccessKeyID:     k.AccessKeyId,
			SecretAccessKey: rolecall.NewSecret(k.SecretAccessKey),
			SessionToken:    rolecall.NewSecret(k.SessionToken),
			Expires:         expires,
			AccountID:       accountOf(r.AssumedRoleUser.Arn),
		},
		AssumedRoleARN: r.AssumedRoleUser.Arn, AssumedRoleID: r.AssumedRoleUser.AssumedRoleId,
		SourceIdentity: r.SourceIdentity, PackedPolicySize: r.PackedPolicySize,
		SubjectFromWebIdentityToken: r.SubjectFromWebIdentityToken, Audience: r.Audience, Provider: r.Provider,
		Subject: r.Subject, SubjectType: r.SubjectType, Issuer: r.Issuer, NameQualifier: r.NameQualifier,
	}
	if out.Credentials.AccountID == "" && creds != nil {
		out.Credentials.AccountID = creds.AccountID
	}
	return out, nil
}

// accountOf returns the account field of an ARN, "" when there is none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// call sends the operation until it gets an answer that is final, and decodes it into out.
func (c *Client) call(ctx context.Context, creds *rolecall.Credentials, op string, form url.Values, out any) error {
	base, region, err := c.endpoint()
	if err != nil {
		return err
	}
	form.Set("Action", op)
	form.Set("Version", apiVersion)
	body := form.Encode()
	attempts := c.MaxAttempts
	if attempts <= 0 {
		attempts = 3
	}
	for n := 1; ; n++ {
		answer, err := c.once(ctx, creds, base, region, op, body)
		if err == nil {
			if err := xml.Unmarshal(answer, out); err != nil {
				// The decoder's own error may quote the answer, which may hold a secret.
				return fmt.Errorf("%s: the answer is not STS's XML", op)
			}
			return nil
		}
		if n >= attempts || !retryable(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff(n)):
		}
	}
}

func (c *Client) once(ctx context.Context, creds *rolecall.Credentials, base, region, op, body string) ([]byte, error) {
	target := base
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("STS endpoint %q is not a URL", base)
	} else if u.Path == "" {
		target += "/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("Accept", "text/xml")
	agent := c.UserAgent
	if agent == "" {
		agent = "rolecall"
	}
	req.Header.Set("User-Agent", agent)
	if creds != nil {
		now := time.Now
		if c.Now != nil {
			now = c.Now
		}
		if err := sigv4.Sign(req, *creds, sigv4.SignOptions{Service: "sts", Region: region, Time: now()}); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%s: reading the answer: %w", op, err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%s: the answer is larger than %d bytes", op, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, decodeError(op, resp, answer)
	}
	return answer, nil
}

// decodeError reads AWS's error document; what is not one (a proxy's page) becomes an Error whose
// code tells so, without quoting the page.
func decodeError(op string, resp *http.Response, body []byte) *Error {
	var doc struct {
		Error     struct{ Code, Message string }
		RequestId string //nolint:revive // the wire's spelling
	}
	e := &Error{Operation: op, Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amzn-Requestid")}
	if err := xml.Unmarshal(body, &doc); err == nil && doc.Error.Code != "" {
		e.Code, e.Message = doc.Error.Code, doc.Error.Message
		if doc.RequestId != "" {
			e.RequestID = doc.RequestId
		}
		return e
	}
	e.Code = "UnexpectedAnswer"
	e.Message = fmt.Sprintf("HTTP %d with content type %q, which is no answer of STS", resp.StatusCode, resp.Header.Get("Content-Type"))
	return e
}

// retryable reports failures that another attempt may not meet: transport errors before an answer,
// 5xx, throttling. The IDP errors are those that AWS documents as worth a retry.
func retryable(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "IDPCommunicationError":
			return true
		}
		return e.Status >= 500 || e.Status == http.StatusTooManyRequests
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func (c *Client) http() *http.Client {
	if c.HTTPClient != nil {
		return c.HTTPClient
	}
	return &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}
