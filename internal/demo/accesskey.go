package demo

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// CreateAccessKey gives a user an access key, as root, through the IAM API.
func CreateAccessKey(ctx context.Context, transport http.RoundTripper, user string, root rolecall.Credentials) (rolecall.Credentials, error) {
	form := url.Values{"Action": {"CreateAccessKey"}, "Version": {"2010-05-08"}, "UserName": {user}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rolecall.internal/", strings.NewReader(form.Encode()))
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("making an access key: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := sigv4.Sign(r, root, sigv4.SignOptions{Service: "iam", Region: Region, Time: time.Now()}); err != nil {
		return rolecall.Credentials{}, fmt.Errorf("making an access key: %w", err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("making an access key: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("making an access key: %w", err)
	}
	var answer struct {
		Result struct {
			AccessKey struct {
				AccessKeyID     string `xml:"AccessKeyId"`
				SecretAccessKey string
			}
		} `xml:"CreateAccessKeyResult"`
		Error struct{ Code, Message string }
	}
	if err := xml.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK {
		return rolecall.Credentials{}, fmt.Errorf("making an access key for %s: status %d %s: %s", user, response.StatusCode, answer.Error.Code, answer.Error.Message)
	}
	key := answer.Result.AccessKey
	return rolecall.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: rolecall.NewSecret(key.SecretAccessKey), AccountID: Account}, nil
}
