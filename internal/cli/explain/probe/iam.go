package probe

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/sigv4"
	"github.com/rolecall-dev/rolecall/sts"
)

const maxAnswer = 256 << 10

// keyAge asks IAM since when the key exists: ListAccessKeys without a user's name lists the caller's own.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
func (p *prober) keyAge(ctx context.Context, source string, creds rolecall.Credentials) Answer {
	a := Answer{Source: source, Asked: "IAM", AccessKeyID: creds.AccessKeyID}
	created, err := p.createDate(ctx, creds)
	if err != nil {
		a.Said = "since when the key exists is not told: " + err.Error()
		var refused *sts.Error
		if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "AccessDenied") {
			a.Remedy = "iam:ListAccessKeys on the user itself lets it tell"
		} else {
			a.Remedy = cmdutil.Hint(err)
		}
		return a
	}
	a.OK, a.Created = true, created.UTC().Format(time.RFC3339)
	days := int(p.now().Sub(created).Hours() / 24)
	a.Said = fmt.Sprintf("the key exists since %s, %d days", created.UTC().Format(time.DateOnly), days)
	if days > 90 {
		a.Remedy = "a key that old should be replaced by a role, or rotated"
	}
	return a
}

// iamEndpoint is the URL of IAM and the region that it signs for, by the partition of the region in use.
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html
func (p *prober) iamEndpoint() (url, region string) {
	region, _ = p.c.Region()
	if url, _ = p.c.Endpoint("iam"); url != "" {
		if region == "" {
			region = "us-east-1"
		}
		return strings.TrimRight(url, "/"), region
	}
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"
	case strings.HasPrefix(region, "us-gov-"):
		return "https://iam.us-gov.amazonaws.com", "us-gov-west-1"
	}
	return "https://iam.amazonaws.com", "us-east-1"
}

func (p *prober) createDate(ctx context.Context, creds rolecall.Credentials) (time.Time, error) {
	var none time.Time
	url, region := p.iamEndpoint()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/", strings.NewReader("Action=ListAccessKeys&Version=2010-05-08"))
	if err != nil {
		return none, fmt.Errorf("ListAccessKeys: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("User-Agent", "rolecall")
	if err := sigv4.Sign(req, creds, sigv4.SignOptions{Service: "iam", Region: region, Time: p.now()}); err != nil {
		return none, fmt.Errorf("ListAccessKeys: %w", err)
	}
	resp, err := p.c.HTTPClient().Do(req)
	if err != nil {
		return none, fmt.Errorf("ListAccessKeys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return none, fmt.Errorf("ListAccessKeys: reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var doc struct {
			Error struct{ Code, Message string }
		}
		if xml.Unmarshal(body, &doc) != nil || doc.Error.Code == "" {
			return none, fmt.Errorf("ListAccessKeys: HTTP %d, which is no answer of IAM", resp.StatusCode)
		}
		return none, &sts.Error{Operation: "ListAccessKeys", Code: doc.Error.Code, Message: doc.Error.Message, Status: resp.StatusCode}
	}
	var doc struct {
		Keys []struct {
			AccessKeyId string //nolint:revive // the wire's spelling
			CreateDate  time.Time
		} `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		return none, errors.New("ListAccessKeys: the answer is not IAM's XML")
	}
	for _, k := range doc.Keys {
		if k.AccessKeyId == creds.AccessKeyID && !k.CreateDate.IsZero() {
			return k.CreateDate, nil
		}
	}
	return none, errors.New("ListAccessKeys: the answer does not have the key")
}
