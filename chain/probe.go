package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

// Ask gets the credentials of one source, whatever the others hold.
func (c *Chain) Ask(ctx context.Context, l Link) (rolecall.Credentials, error) {
	switch {
	case l.Err != nil:
		return rolecall.Credentials{}, l.Err
	case l.provider == nil:
		return rolecall.Credentials{}, rolecall.NotHere(l.Reason)
	}
	creds, err := l.provider.Retrieve(ctx)
	if err != nil {
		return rolecall.Credentials{}, err
	}
	return c.checked(creds)
}

// HTTPClient returns the client that the chain's calls to AWS use.
func (c *Chain) HTTPClient() *http.Client { return c.lazyClient() }

// CheckSSO asks the portal whether it accepts the token that is kept for the link's sign-in; the token is not
// refreshed. ok is false when the link has no sign-in or no token that could be asked about.
func (c *Chain) CheckSSO(ctx context.Context, l Link) (ok bool, err error) {
	var token *plan
	for p := l.plan; p != nil; p = p.via {
		if p.sso != nil {
			token = p
		}
	}
	if token == nil {
		return false, nil
	}
	o := token.sso
	text, err := c.files().ReadFile(token.origin.Location, maxSmallFile)
	if err != nil {
		return false, nil //nolint:nilerr // the roll tells what is wrong with the file
	}
	var t struct{ AccessToken string }
	if json.Unmarshal(text, &t) != nil || t.AccessToken == "" {
		return false, nil
	}
	base := o.PortalEndpoint
	if base == "" {
		suffix := "amazonaws.com"
		if strings.HasPrefix(o.Region, "cn-") {
			suffix = "amazonaws.com.cn"
		}
		base = "https://portal.sso." + o.Region + "." + suffix
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/assignment/accounts?max_result=1", nil)
	if err != nil {
		return true, fmt.Errorf("the portal endpoint: %w", err)
	}
	req.Header.Set("X-Amz-Sso_bearer_token", t.AccessToken)
	req.Header.Set("User-Agent", "rolecall")
	resp, err := c.lazyClient().Do(req)
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxSmallFile))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return true, &sso.SignInError{Reason: "the portal does not accept the SSO token", Session: o.SessionName, Profile: o.Profile}
	case resp.StatusCode != http.StatusOK:
		return true, errors.New("the portal answers " + resp.Status)
	}
	return true, err
}
