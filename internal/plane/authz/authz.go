package authz

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// Directory yields the identities and compiled policies in force.
type Directory interface {
	Snapshot() *directory.Snapshot
}

// Authorizer decides. It is safe for concurrent use and does no I/O.
type Authorizer struct {
	directory Directory
	// inline are compiled inline session policies by document text: sessions that were issued with
	// the same policy share one.
	inline *documents
	// messages encodes the details of refusals; nil if nobody can decode them.
	messages *Messages
	// everything stands for the rights of root behind a federated session that root issued.
	everything []*policy.Policy
}

// New returns an authorizer over the directory's policies. With messages, refusals carry their details
// in [awsapi.Call.EncodedDenial].
func New(d Directory, messages *Messages) (*Authorizer, error) {
	all, err := policy.Parse(policy.Identity, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		return nil, fmt.Errorf("compiling the rights of root: %w", err)
	}
	return &Authorizer{
		directory: d, inline: newDocuments(1024), messages: messages,
		everything: []*policy.Policy{policy.Compile(all, "root")},
	}, nil
}

// Authorize returns nil if the caller of c may do what k asks, else AccessDenied in AWS's words.
func (a *Authorizer) Authorize(_ context.Context, c *awsapi.Call, k Check) error {
	if refused := sessionLimits(c.Principal, k.Action); refused != nil {
		return refused
	}
	snapshot := a.directory.Snapshot()
	request := buildRequest(snapshot, c, &k)
	policies := a.policies(snapshot, c.Principal, &k)
	decision := policy.Evaluate(&request, &policies)
	if decision.Allowed {
		return nil
	}
	if a.messages != nil {
		why := policy.Explain(&request, &policies)
		c.EncodedDenial = a.messages.encode(c, &request, &why)
	}
	return denied(c, &k, decision)
}

// Explain tells how the decision on k comes about.
func (a *Authorizer) Explain(c *awsapi.Call, k Check) policy.Explanation {
	snapshot := a.directory.Snapshot()
	request := buildRequest(snapshot, c, &k)
	policies := a.policies(snapshot, c.Principal, &k)
	return policy.Explain(&request, &policies)
}

// policies gathers what applies to the principal and the resource.
func (a *Authorizer) policies(snapshot *directory.Snapshot, p *identity.Principal, k *Check) policy.Policies {
	all := policy.Policies{Resource: k.ResourcePolicy, ResourceKind: k.ResourceKind}
	if p.EntityID != "" {
		grants := snapshot.IdentityPolicies(p.EntityID)
		all.Identity, all.Boundary, all.HasBoundary = grants.Identity, grants.Boundary, grants.HasBoundary
	}
	if p.Kind == identity.FederatedUser && p.EntityID == "" {
		all.Identity = a.everything
	}
	s := p.Session
	if s == nil || s.Type == identity.SessionToken {
		return all
	}
	if s.Policy == "" && len(s.PolicyARNs) == 0 {
		// A federated user has what its session policies grant: without any, nothing.
		all.HasSession = s.Type == identity.SessionFederation
		return all
	}
	all.HasSession = true
	if s.Policy != "" {
		all.Session = append(all.Session, a.inline.compiled(s.Policy))
	}
	for _, arn := range s.PolicyARNs {
		// A policy that is gone grants nothing, and HasSession keeps it limiting.
		all.Session = append(all.Session, snapshot.ManagedPolicy(arn))
	}
	return all
}

// tokenSessionMay tells what of STS a GetSessionToken session may do: take on roles, and ask who it is. Sessions of
// an account's root are how this plane is administered, and may ask about keys and refusals, too.
func tokenSessionMay(s *identity.Session, operation string) bool {
	switch operation {
	case "AssumeRole", "TagSession", "SetSourceIdentity", "GetCallerIdentity":
		return true
	case "GetAccessKeyInfo", "DecodeAuthorizationMessage":
		return s.EntityID == ""
	default:
		return false
	}
}

// sessionLimits refuses what sessions of a type may never call, whatever the policies say.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
func sessionLimits(p *identity.Principal, action string) error {
	s := p.Session
	if s == nil || s.Type == identity.SessionAssumeRole {
		return nil
	}
	service, operation, _ := strings.Cut(action, ":")
	switch {
	case service == "iam" && (s.Type == identity.SessionFederation || s.MFAAt.IsZero()):
	case service == "sts" && s.Type == identity.SessionFederation && operation != "GetCallerIdentity":
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Cannot call %s with session credentials", operation)
	case service == "sts" && s.Type == identity.SessionToken && !tokenSessionMay(s, operation):
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Cannot call %s with session credentials", operation)
	default:
		return nil
	}
	return awsapi.Errorf(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid")
}
