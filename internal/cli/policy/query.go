package policy

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
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// queryClient calls IAM over its Query API.
type queryClient struct {
	endpoint, region string
	http             *http.Client
	credentials      rolecall.Credentials
	now              func() time.Time
}

// newQueryClient finds the credentials and the endpoint that the flags and the environment name.
func newQueryClient(ctx context.Context, o *SimulateOptions) (*queryClient, error) {
	c, creds, err := o.Factory.Resolve(ctx, cmdutil.ChainFlags{Profile: o.Profile, Region: o.Region})
	if err != nil {
		return nil, err
	}
	q := &queryClient{endpoint: o.Endpoint, http: o.Factory.HTTPClient(), credentials: creds, now: o.Factory.Now}
	if q.endpoint == "" {
		q.endpoint, _ = c.Endpoint("iam")
	}
	region, _ := c.Region()
	q.region = cmp.Or(region, "us-east-1")
	if q.endpoint == "" {
		// IAM of AWS's commercial partition is global and signed for one region, whichever is configured.
		q.endpoint, q.region = "https://iam.amazonaws.com", "us-east-1"
	}
	if q.http == nil {
		q.http = http.DefaultClient
	}
	return q, nil
}

// refused is IAM's answer that it will not say.
type refused struct{ operation, code, message string }

func (e *refused) Error() string { return e.operation + ": " + e.code + ": " + e.message }

// call asks form and decodes the <operationResult> into result.
func (c *queryClient) call(ctx context.Context, operation string, form url.Values, result any) error {
	form.Set("Action", operation)
	form.Set("Version", "2010-05-08")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if err := sigv4.Sign(r, c.credentials, sigv4.SignOptions{Service: "iam", Region: c.region, Time: c.now()}); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	w, err := c.http.Do(r) //nolint:bodyclose // closed below
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	body, err := io.ReadAll(io.LimitReader(w.Body, maxAnswer))
	if err = errors.Join(err, w.Body.Close()); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", operation, err)
	}
	if w.StatusCode/100 == 2 {
		if err := decodeElement(body, operation+"Result", result); err != nil {
			return fmt.Errorf("%s: reading the answer: %w", operation, err)
		}
		return nil
	}
	var e struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if err := decodeElement(body, "Error", &e); err != nil || e.Code == "" {
		e.Code, e.Message = fmt.Sprintf("HTTP %d", w.StatusCode), http.StatusText(w.StatusCode)
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitRefused, Err: &refused{operation, e.Code, e.Message}}
}

// decodeElement finds the first <name> and decodes it.
func decodeElement(text []byte, name string, into any) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			return d.DecodeElement(into, &start)
		}
	}
}
