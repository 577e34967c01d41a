package declare

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
	"github.com/rolecall-dev/rolecall/sts"
)

// Error is a service's refusal.
type Error struct {
	Operation, Code, Message, RequestID string
	Status                              int
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Operation, e.Code, e.Message)
}

func isCode(err error, codes ...string) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// client talks to one account's services.
type client struct {
	account     string
	target      Target
	http        *http.Client
	credentials rolecall.Provider
	keys        *sigv4.KeyCache
}

// newClient gets the account's credentials and checks whose they are.
func newClient(ctx context.Context, a *Account, t Target) (*client, error) {
	t.Region = cmp.Or(t.Region, "us-east-1")
	c := &client{account: a.ID, target: t, http: t.HTTPClient, keys: sigv4.NewKeyCache(16)}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	if c.target.Now == nil {
		c.target.Now = time.Now
	}
	var err error
	if c.credentials, err = t.Credentials(ctx, a.ID, a.Profile); err != nil {
		return nil, fmt.Errorf("getting credentials: %w", err)
	}
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting credentials: %w", err)
	}
	who := &sts.Client{Endpoint: c.configured("sts"), Region: t.Region, HTTPClient: t.HTTPClient, Now: t.Now}
	caller, err := who.GetCallerIdentity(ctx, creds)
	if err != nil {
		return nil, fmt.Errorf("asking who the credentials belong to: %w", err)
	}
	if caller.Account != a.ID {
		return nil, &AccountError{Account: a.ID, Caller: caller.Account, Profile: a.Profile}
	}
	return c, nil
}

func (c *client) configured(service string) string {
	return cmp.Or(c.target.Endpoints[service], c.target.Endpoint)
}

// base returns the URL and the signing region of a service.
func (c *client) base(service string) (endpoint, region string) {
	if endpoint = c.configured(service); endpoint != "" {
		return strings.TrimSuffix(endpoint, "/"), c.target.Region
	}
	if service == "iam" {
		return "https://iam.amazonaws.com", "us-east-1"
	}
	return "https://" + service + "." + c.target.Region + ".amazonaws.com", c.target.Region
}

// query calls an IAM operation and decodes its result, if result is not nil.
func (c *client) query(ctx context.Context, operation string, result any, parameters ...string) error {
	form := url.Values{"Action": {operation}, "Version": {"2010-05-08"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	endpoint, region := c.base("iam")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, body, err := c.send(r, operation, "iam", region)
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := decodeResult(body, operation+"Result", result); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", operation, err)
	}
	return nil
}

// decodeResult finds <name> in an answer and decodes it.
func decodeResult(body []byte, name string, into any) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			return decoder.DecodeElement(into, &start)
		}
	}
}

// object is a request to S3.
type s3Call struct {
	operation, method, bucket, key string
	query                          url.Values
	header                         http.Header
	body                           []byte
}

// s3 calls S3, path-style.
func (c *client) s3(ctx context.Context, call s3Call) (http.Header, []byte, error) {
	endpoint, region := c.base("s3")
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", call.operation, err)
	}
	target.Path = "/" + call.bucket
	if call.bucket == "" {
		target.Path = "/"
	}
	if call.key != "" {
		target.Path += "/" + call.key
		target.RawPath = "/" + call.bucket + "/" + escapeKey(call.key)
	}
	target.RawQuery = call.query.Encode()
	r, err := http.NewRequestWithContext(ctx, call.method, target.String(), bytes.NewReader(call.body))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", call.operation, err)
	}
	if call.header != nil {
		r.Header = call.header
	}
	if len(call.body) > 0 {
		// What these operations require to be checked beside the signature is the content's checksum.
		sum := sigv4.NewChecksum("sha256")
		_, _ = sum.Write(call.body)
		r.Header.Set("X-Amz-Checksum-Sha256", base64Of(sum.Sum(nil)))
	}
	return c.send(r, call.operation, "s3", region)
}

func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// send signs, sends and reads, three times if the service has trouble of its own.
func (c *client) send(r *http.Request, operation, service, region string) (http.Header, []byte, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		header, body, err := c.sendOnce(r, operation, service, region)
		var refused *Error
		temporary := errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusTooManyRequests || refused.Code == "Throttling")
		if !temporary || attempt == attempts {
			return header, body, err
		}
		select {
		case <-time.After(time.Duration(attempt) * 300 * time.Millisecond):
		case <-r.Context().Done():
			return nil, nil, fmt.Errorf("%s: %w", operation, context.Cause(r.Context()))
		}
	}
}

func (c *client) sendOnce(r *http.Request, operation, service, region string) (http.Header, []byte, error) {
	creds, err := c.credentials.Retrieve(r.Context())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: getting credentials: %w", operation, err)
	}
	if r.GetBody != nil {
		if r.Body, err = r.GetBody(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", operation, err)
		}
	}
	if err := sigv4.Sign(r, creds, sigv4.SignOptions{Service: service, Region: region, Time: c.target.Now(), Keys: c.keys}); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", operation, err)
	}
	answer, err := c.http.Do(r) //nolint:bodyclose // closed below
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", operation, err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err = cmp.Or(err, answer.Body.Close()); err != nil {
		return nil, nil, fmt.Errorf("%s: reading the answer: %w", operation, err)
	}
	if answer.StatusCode/100 == 2 {
		return answer.Header, body, nil
	}
	return nil, nil, refusal(operation, answer, body)
}

// refusal reads both shapes of errors: <ErrorResponse><Error>… and S3's <Error>….
func refusal(operation string, answer *http.Response, body []byte) error {
	var e struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if err := decodeResult(body, "Error", &e); err != nil || e.Code == "" {
		e.Code, e.Message = fmt.Sprintf("HTTP %d", answer.StatusCode), http.StatusText(answer.StatusCode)
		if answer.StatusCode == http.StatusNotFound {
			e.Code = "NotFound" // HEAD has no body
		}
	}
	return &Error{Operation: operation, Code: e.Code, Message: e.Message, Status: answer.StatusCode,
		RequestID: cmp.Or(answer.Header.Get("X-Amzn-Requestid"), answer.Header.Get("X-Amz-Request-Id"))}
}
