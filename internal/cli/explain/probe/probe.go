// Package probe asks what a roll call found whether it answers: the endpoints of containers and instances, the
// sign-in's portal, and STS and IAM for the winner. It never shows a secret.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/profile"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/sts"
)

const (
	// Total bounds a whole probe; all sources are asked at once.
	Total = 3 * time.Second
	// Each bounds getting credentials from one source, so that something is left to ask who they are.
	Each = 2 * time.Second
	// IMDSTimeout bounds each request to the metadata service.
	IMDSTimeout = 800 * time.Millisecond
)

// Answer is what was said to a question.
type Answer struct {
	// Source is the row that the answer belongs to; Asked is who was asked.
	Source string `json:"source"`
	Asked  string `json:"asked"`
	OK     bool   `json:"ok"`
	// Said is the answer in words; Remedy is what mends a bad one.
	Said   string `json:"said"`
	Remedy string `json:"remedy,omitempty"`
	// ARN and Account are whose the credentials are, AccessKeyID and Expires what was got, Created since when
	// a long-lived key exists.
	ARN         string `json:"arn,omitempty"`
	Account     string `json:"account,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	Expires     string `json:"expires,omitempty"`
	Created     string `json:"created,omitempty"`

	err error
}

// Result are the answers, in the order of the sources.
type Result struct {
	Answers []Answer
	// Source is the one that would be used, "" when there is none. Got tells that it has credentials; Err is why
	// it has none, or why STS does not know them.
	Source string
	Got    bool
	Err    error
}

// prober is one probe.
type prober struct {
	c   *chain.Chain
	now func() time.Time
}

// Run asks everything that is there, at once and within [Total].
func Run(ctx context.Context, c *chain.Chain, now func() time.Time) Result {
	ctx, cancel := context.WithTimeout(ctx, Total)
	defer cancel()
	p := &prober{c: c, now: now}
	links, winner := c.Links(), c.Winner()
	var (
		wg      sync.WaitGroup
		answers = make([][]Answer, len(links))
		result  Result
	)
	for i, l := range links {
		if l.State != chain.Present {
			continue
		}
		wg.Go(func() {
			var got []Answer
			switch {
			case l.Source == chain.SourceIMDS:
				got = p.imds(ctx, l)
			case i == winner:
				got = p.portal(ctx, l)
			case l.Source == chain.SourceContainer:
				got = []Answer{p.credentials(ctx, l, "the endpoint")}
			default:
				got = p.portal(ctx, l)
			}
			answers[i] = got
		})
	}
	wg.Go(func() { result = p.winner(ctx) })
	wg.Wait()
	for i, l := range links {
		if l.Source == result.Source {
			if l.Source == chain.SourceIMDS {
				// Its row has what the service answered already.
				result.Answers = slices.DeleteFunc(result.Answers, func(a Answer) bool { return a.Asked == askedSource })
			}
			answers[i] = append(answers[i], result.Answers...)
		}
	}
	result.Answers = slices.Concat(answers...)
	return result
}

const askedSource = "the source"

// winner gets the credentials that a command would get, and asks whose they are.
func (p *prober) winner(ctx context.Context) Result {
	each, cancel := context.WithTimeout(ctx, Each)
	defer cancel()
	creds, err := p.c.Retrieve(each)
	err = late(each, err)
	source := ""
	if w := p.c.Winner(); w >= 0 {
		source = p.c.Links()[w].Source
	}
	if err != nil {
		if errors.Is(err, rolecall.ErrNotHere) && source == chain.SourceIMDS {
			return Result{Err: err}
		}
		return Result{Source: source, Err: err, Answers: []Answer{p.failed(source, askedSource, err)}}
	}
	var answers []Answer
	if s := creds.Origin.Source; s != env.Source && s != profile.Source {
		answers = append(answers, p.got(source, askedSource, creds))
	}
	var (
		wg       sync.WaitGroup
		who, key Answer
	)
	wg.Go(func() { who = p.whoami(ctx, source, creds) })
	if strings.HasPrefix(creds.AccessKeyID, "AKIA") {
		wg.Go(func() { key = p.keyAge(ctx, source, creds) })
	}
	wg.Wait()
	answers = append(answers, who)
	if key.Source != "" {
		answers = append(answers, key)
	}
	return Result{Source: source, Got: true, Answers: answers, Err: who.err}
}

func (p *prober) credentials(ctx context.Context, l chain.Link, asked string) Answer {
	ctx, cancel := context.WithTimeout(ctx, Each)
	defer cancel()
	creds, err := p.c.Ask(ctx, l)
	if err = late(ctx, err); err != nil {
		return p.failed(l.Source, asked, err)
	}
	return p.got(l.Source, asked, creds)
}

// late names the true cause of a failure by the probe's own limit, which a source may take for its own.
func late(ctx context.Context, err error) error {
	var network net.Error
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &network) || errors.Is(err, rolecall.ErrNotHere) {
		return err
	}
	return fmt.Errorf("no answer within %s, which is all that a probe waits: %w", Each, ctx.Err())
}

// got tells of credentials.
func (p *prober) got(source, asked string, creds rolecall.Credentials) Answer {
	a := Answer{Source: source, Asked: asked, OK: true, AccessKeyID: creds.AccessKeyID, Account: creds.AccountID}
	a.Said = creds.AccessKeyID
	if creds.AccountID != "" {
		a.Said += ", account " + creds.AccountID
	}
	if source == chain.SourceIMDS || source == chain.SourceContainer {
		if d := creds.Origin.Detail; d != "" && !strings.Contains(d, "/") {
			a.Said = "role " + d + ", " + a.Said
		}
	}
	if creds.CanExpire() {
		a.Expires = creds.Expires.UTC().Format(time.RFC3339)
		a.Said += ", " + left(creds.Expires.Sub(p.now())) + " left"
	}
	return a
}

// left is a duration to the minute.
func left(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}

// failed tells of what did not work, and what mends it.
func (p *prober) failed(source, asked string, err error) Answer {
	a := Answer{Source: source, Asked: asked, Said: err.Error(), err: err}
	a.Remedy = cmdutil.Hint(cmdutil.SourceError(err))
	var (
		network net.Error
		refused *sts.Error
		signIn  *sso.SignInError
	)
	switch {
	case errors.As(err, &refused), errors.As(err, &signIn):
	case source == chain.SourceContainer && (errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)):
		a.Remedy = "the endpoint answers only inside the task or pod that the variable was made for: unset the variable elsewhere, and inside look at the agent and the network"
	}
	if strings.Contains(a.Remedy, "rolecall explain") {
		a.Remedy = ""
	}
	return a
}

// whoami asks STS whose the credentials are.
func (p *prober) whoami(ctx context.Context, source string, creds rolecall.Credentials) Answer {
	client := p.c.STS()
	client.MaxAttempts = 1
	if client.Region == "" && client.Endpoint == "" {
		client.Region = "aws-global"
	}
	who, err := client.GetCallerIdentity(ctx, creds)
	if err != nil {
		return p.failed(source, "STS", err)
	}
	return Answer{Source: source, Asked: "STS", OK: true, Said: who.ARN, ARN: who.ARN, Account: who.Account}
}

// portal asks whether the sign-in's token is accepted.
func (p *prober) portal(ctx context.Context, l chain.Link) []Answer {
	ctx, cancel := context.WithTimeout(ctx, Each)
	defer cancel()
	asked, err := p.c.CheckSSO(ctx, l)
	switch {
	case !asked:
		return nil
	case err != nil:
		return []Answer{p.failed(l.Source, "SSO portal", err)}
	}
	return []Answer{{Source: l.Source, Asked: "SSO portal", OK: true, Said: "the sign-in's token is accepted"}}
}

// imds asks the metadata service which versions it speaks, and for the role.
func (p *prober) imds(ctx context.Context, l chain.Link) []Answer {
	var (
		wg      sync.WaitGroup
		version Answer
		creds   Answer
	)
	wg.Go(func() { version = versions(ctx, strings.TrimRight(l.Plan.Location, "/")) })
	wg.Go(func() { creds = p.credentials(ctx, l, "the service") })
	wg.Wait()
	if errors.Is(creds.err, rolecall.ErrNotHere) && !version.OK {
		return []Answer{version}
	}
	return []Answer{version, creds}
}

// versions finds out how the service at endpoint answers to both of its protocols.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
func versions(ctx context.Context, endpoint string) Answer {
	a := Answer{Source: chain.SourceIMDS, Asked: "the service"}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: IMDSTimeout * 8 / 10}).DialContext, Proxy: nil}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var (
		wg           sync.WaitGroup
		put, get     int
		putErr, gErr error
	)
	wg.Go(func() { put, putErr = status(ctx, client, http.MethodPut, endpoint+"/latest/api/token") })
	wg.Go(func() { get, gErr = status(ctx, client, http.MethodGet, endpoint+"/latest/meta-data/") })
	wg.Wait()
	var dial *net.OpError
	v1 := gErr == nil && get == http.StatusOK
	switch {
	case putErr != nil && gErr != nil && errors.As(putErr, &dial) && dial.Op == "dial":
		a.Said = "nothing answers at " + endpoint
	case putErr != nil && gErr != nil:
		a.Said = "something at " + endpoint + " takes connections and does not answer"
	case putErr != nil:
		a.Said = "a token is not given in time: this is what a container sees behind a hop limit of 1"
		a.Remedy = "raise it: `aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ID`, or give the container a role of its own"
	case put == http.StatusOK && v1:
		a.OK, a.Said = true, "version 2, and version 1 without a token too (any request forgery gets the role: `--http-tokens required` ends that)"
	case put == http.StatusOK:
		a.OK, a.Said = true, "version 2; version 1 is off"
	case v1:
		a.OK, a.Said = true, fmt.Sprintf("version 1 only (the request for a token answers %d)", put)
	default:
		a.Said = fmt.Sprintf("it answers %d to the request for a token and %d without one: it is turned off, or something else", put, get)
		a.Remedy = "turn it on: `aws ec2 modify-instance-metadata-options --http-endpoint enabled --instance-id ID`"
	}
	return a
}

func status(ctx context.Context, client *http.Client, method, url string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, IMDSTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, err
	}
	if method == http.MethodPut {
		req.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	}
	req.Header.Set("User-Agent", "rolecall")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
