// Package demo shows the whole of rolecall on one machine: a plane, an agent with a workload, and a
// client that knows nothing of either.
package demo

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Names of what the demo makes.
const (
	Account   = "123456789012"
	Region    = "us-east-1"
	Bucket    = "demo-private"
	Role      = "web-app"
	Node      = "demo-node"
	Allowed   = "web-app/credentials.json"
	Forbidden = "billing/credentials.json"
)

// maxObject bounds what the client reads, in bytes.
const maxObject = 64 << 10

// Read is an answer of S3.
type Read struct {
	Status int
	// Body is the object, or of a refusal its message.
	Body string
}

// Get reads an object with a signed request, as any S3 client would.
func Get(ctx context.Context, endpoint, region, key string, c rolecall.Credentials) (Read, error) {
	url := strings.TrimSuffix(endpoint, "/") + "/" + Bucket + "/" + key
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Read{}, fmt.Errorf("reading %s: %w", key, err)
	}
	o := sigv4.SignOptions{Service: "s3", Region: region, Time: time.Now(), PayloadHash: sigv4.EmptyPayload}
	if err := sigv4.Sign(r, c, o); err != nil {
		return Read{}, fmt.Errorf("signing the request: %w", err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return Read{}, fmt.Errorf("reading %s: %w", key, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxObject))
	if err != nil {
		return Read{}, fmt.Errorf("reading %s: %w", key, err)
	}
	read := Read{Status: response.StatusCode, Body: strings.TrimSpace(string(body))}
	if read.Status != http.StatusOK {
		var refusal struct{ Code, Message string }
		if err := xml.Unmarshal(body, &refusal); err == nil {
			read.Body = refusal.Code + ": " + refusal.Message
		}
	}
	return read, nil
}
