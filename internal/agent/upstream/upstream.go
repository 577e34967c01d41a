// Package upstream issues the sessions of workloads: it takes on each workload's role at STS, or at
// the plane, with the node's own credentials.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/sts"
)

// STS are the calls that sessions take; *sts.Client has them.
type STS interface {
	AssumeRole(ctx context.Context, creds rolecall.Credentials, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error)
	GetSessionToken(ctx context.Context, creds rolecall.Credentials, in *sts.GetSessionTokenInput) (*sts.SessionOutput, error)
}

// Options make an [Upstream].
type Options struct {
	// Source is the node's own identity. It should cache.
	Source rolecall.Provider
	// Client returns the STS client for a region; "" is the node's region.
	Client func(region string) STS
	// Location is where the workloads are configured, for the Origin.
	Location string
}

// Upstream implements [broker.Upstream].
type Upstream struct{ o Options }

var _ broker.Upstream = (*Upstream)(nil)

// New returns an upstream.
func New(o Options) *Upstream { return &Upstream{o: o} }

// Session issues w's session. A workload without a role gets the node's own credentials; long-lived
// ones are exchanged for a session first (GetSessionToken), since the endpoints deliver nothing that
// does not expire.
func (u *Upstream) Session(ctx context.Context, w broker.Workload) (rolecall.Credentials, error) {
	if w.RoleARN == "" {
		return u.own(ctx, w)
	}
	base, err := u.o.Source.Retrieve(ctx)
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("this node's own credentials: %w", err)
	}
	in := sts.AssumeRoleInput{
		RoleARN: w.RoleARN, SessionName: w.SessionName, Duration: w.Duration, ExternalID: w.ExternalID,
		SourceIdentity: w.SourceIdentity, Policy: w.Policy, PolicyARNs: w.PolicyARNs, TransitiveTagKeys: w.TransitiveTagKeys,
	}
	for _, t := range w.Tags {
		in.Tags = append(in.Tags, sts.Tag(t))
	}
	p := assumerole.New(rolecall.Static(base), assumerole.Options{Client: u.o.Client(w.Region), Input: in, Location: u.o.Location})
	c, err := p.Retrieve(ctx)
	return c, classify(err)
}

func (u *Upstream) own(ctx context.Context, w broker.Workload) (rolecall.Credentials, error) {
	c, err := u.o.Source.Retrieve(ctx)
	if err != nil {
		return c, fmt.Errorf("this node's own credentials: %w", err)
	}
	if c.CanExpire() && !c.SessionToken.IsZero() {
		return c, nil
	}
	out, err := u.o.Client(w.Region).GetSessionToken(ctx, c, &sts.GetSessionTokenInput{Duration: w.Duration})
	if err != nil {
		return rolecall.Credentials{}, classify(fmt.Errorf("exchanging long-lived keys for a session: %w", err))
	}
	session := out.Credentials
	session.Origin = rolecall.Origin{Source: "session-token", Location: u.o.Location, Via: &c.Origin, At: c.Origin.At}
	return session, nil
}

// classify marks what STS refuses for good. Refusals that are about the node's own credentials are
// none: those are renewed, and the next attempt may succeed.
func classify(err error) error {
	var answer *sts.Error
	if !errors.As(err, &answer) || answer.Status < http.StatusBadRequest || answer.Status >= http.StatusInternalServerError {
		return err
	}
	switch answer.Code {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired", "Throttling", "ThrottlingException",
		"TooManyRequestsException", "RequestLimitExceeded", "PriorRequestNotComplete", "SlowDown":
		return err
	}
	if answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusRequestTimeout {
		return err
	}
	return &broker.Refusal{Code: answer.Code, Err: err}
}
