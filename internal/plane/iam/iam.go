// Package iam is the IAM service: AWS's API for users, groups, roles, policies, keys and what
// belongs to them, over the plane's directory. It decides nothing by itself: every operation asks
// the authorizer, also for the right to administer rights.
//
// One file per kind of resource; register.go lists the operations.
package iam

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/credreport"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/lastaccess"
	"github.com/rolecall-dev/rolecall/internal/store"
	"github.com/rolecall-dev/rolecall/policy"
)

// Authorizer decides whether the caller of an operation may do it.
type Authorizer interface {
	Authorize(ctx context.Context, c *awsapi.Call, k authz.Check) error
}

// Directory holds the identities.
type Directory interface {
	Snapshot() *directory.Snapshot
	Update(ctx context.Context, f func(*directory.Tx) error) error
	// LastUsed says when a key, role or user was last used.
	LastUsed(id string) (store.Stamp, bool)
}

// Options of the service.
type Options struct {
	Authorizer Authorizer
	Directory  Directory
	// Quotas bound what an account may hold; the zero value means AWS's defaults.
	Quotas *Quotas
	// Accesses is what the reports of last accesses are made of; nil means that nobody ever called.
	Accesses lastaccess.Accesses
}

type service struct {
	authorizer Authorizer
	directory  Directory
	quotas     Quotas
	reports    *credreport.Keeper
	accesses   lastaccess.Accesses
	accessJobs lastaccess.Jobs
}

// handle binds an operation: callers must have signed, reads are marked as such for the audit, and
// failures of the directory get AWS's wording.
func handle[In, Out any](s *awsapi.Service, op awsapi.Operation[In, Out], h func(context.Context, *awsapi.Call, *In) (*Out, error)) {
	reads := readOnly(op.Name)
	awsapi.Handle(s, op, func(ctx context.Context, c *awsapi.Call, in *In) (*Out, error) {
		if c.Principal == nil || c.Principal.Kind == identity.Anonymous {
			return nil, awsapi.Errorf(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
		}
		if reads {
			c.ReadOnly()
		}
		out, err := h(ctx, c, in)
		if err != nil {
			return nil, answer(err)
		}
		if !reads {
			awsapi.RecordOutput(c, out)
		}
		return out, nil
	})
}

// answer words what the directory and the policy parser refuse. What services check themselves
// never comes here.
func answer(err error) error {
	var told *awsapi.Error
	var bad *policy.Error
	switch {
	case errors.As(err, &told):
		return err
	case errors.As(err, &bad):
		return malformed(bad)
	case errors.Is(err, directory.ErrExists):
		return iamapi.ErrEntityAlreadyExists("An entity with that name already exists.")
	case errors.Is(err, directory.ErrInUse):
		return iamapi.ErrDeleteConflict("Cannot delete entity, it is in use by another.")
	case errors.Is(err, directory.ErrPrincipal):
		// The principal is known where the document is checked; here it is one that went since then.
		_, arn, found := strings.Cut(err.Error(), directory.ErrPrincipal.Error()+": ")
		if !found {
			return iamapi.ErrMalformedPolicyDocument("Invalid principal in policy")
		}
		return invalidPrincipal(arn)
	case errors.Is(err, directory.ErrDangling), errors.Is(err, directory.ErrNotFound):
		return iamapi.ErrNoSuchEntity("The entity cannot be found.")
	case errors.Is(err, identity.ErrInvalid):
		return iamapi.ErrInvalidInput("The request has a value that is not valid.")
	default:
		return err
	}
}

// malformed is the answer for a refused policy document.
func malformed(e *policy.Error) *awsapi.Error {
	if e.Code == "LimitExceeded" {
		return iamapi.ErrLimitExceeded("%s", e.Message)
	}
	return iamapi.ErrMalformedPolicyDocument("%s", e.Message)
}

// account is the caller's: there is no other that a call could be about.
func account(c *awsapi.Call) identity.AccountID { return c.Principal.Account }

type authzCheck = authz.Check

// with adds to a question; see [service.ask].
type with func(*authzCheck)

// ask authorizes an action on a resource.
func (v *service) ask(ctx context.Context, c *awsapi.Call, action, resource string, more ...with) error {
	k := authz.Check{Action: "iam:" + action, Resource: resource, ResourceAccount: account(c)}
	for _, w := range more {
		w(&k)
	}
	return v.authorizer.Authorize(ctx, c, k)
}

// owned says which tags the resource has.
func owned(tags []identity.Tag) with { return func(k *authz.Check) { k.ResourceTags = tags } }

// passing says which tags the request sets.
func passing(tags []identity.Tag) with { return func(k *authz.Check) { k.RequestTags = tags } }

// untagging says which tag keys the request removes.
func untagging(keys []string) with { return func(k *authz.Check) { k.TagKeys = keys } }

// key adds a condition key of IAM; one without value is missing.
func key(name, value string) with {
	return func(k *authz.Check) {
		if value != "" {
			k.Keys = append(k.Keys, policy.Key{Name: name, Values: []string{value}})
		}
	}
}

// The condition keys of IAM that several operations share.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func policyARN(arn string) with { return key("iam:PolicyARN", arn) }
func bounded(arn string) with   { return key("iam:PermissionsBoundary", arn) }

// value is *p, or "".
func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// orSlash is a path, "/" if it is not given.
func orSlash(p *string) string {
	if p == nil || *p == "" {
		return "/"
	}
	return *p
}

// text returns nil for "", so that the element is left out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment returns nil for the zero time, so that the element is left out.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// seconds drops what the wire does not carry.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
