package declare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Target is where a file is applied.
type Target struct {
	// Endpoint is the URL of a plane, for IAM, STS and S3 alike; "" means AWS, unless Endpoints says
	// otherwise.
	Endpoint string
	// Endpoints are URLs of single services by signing name ("iam", "sts", "s3"); they win over Endpoint.
	Endpoints map[string]string
	// Region is where buckets are made, and signed for; "" is us-east-1.
	Region string
	// HTTPClient carries the requests. Its transport may lead straight into a plane's handler. Nil is
	// http.DefaultClient.
	HTTPClient *http.Client
	// Credentials administer an account: profile is what the file says of it, "" if nothing. They are
	// asked for once per account. The identity that they turn out to have is checked against the account.
	Credentials func(ctx context.Context, account, profile string) (rolecall.Provider, error)
	// Now is the clock for signatures; nil is time.Now.
	Now func() time.Time
}

// Options change what is planned.
type Options struct {
	// Prune also deletes what carries [ManagedTag] and is not in the file.
	Prune bool
}

// Op is what happens to an entity or attribute.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Delete Op = "delete"
)

// Change is one entity that is not as declared.
type Change struct {
	Account    string      `json:"account"`
	Op         Op          `json:"op"`
	Kind       Kind        `json:"kind"`
	Name       string      `json:"name"`
	Attributes []Attribute `json:"attributes,omitempty"`

	entity *entity // as declared; as it is for deletions
}

// Attribute is one attribute that is not as declared.
type Attribute struct {
	Name   string `json:"name"`
	Op     Op     `json:"op"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Plan is the difference between a file and the accounts that it declares.
type Plan struct {
	Changes []Change `json:"changes"`

	clients map[string]*client
}

// Empty reports whether everything is as declared.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Count returns the number of entities to be created, updated and deleted.
func (p *Plan) Count() (created, updated, deleted int) {
	for _, c := range p.Changes {
		switch c.Op {
		case Create:
			created++
		case Update:
			updated++
		case Delete:
			deleted++
		}
	}
	return created, updated, deleted
}

// AccountError says that an account of the file cannot be administered with the credentials given.
type AccountError struct {
	// Account is that of the file, Caller that of the credentials.
	Account, Caller, Profile string
}

func (e *AccountError) Error() string {
	if e.Profile != "" {
		return fmt.Sprintf("profile %q administers account %s, not account %s", e.Profile, e.Caller, e.Account)
	}
	return fmt.Sprintf("the credentials in use belong to account %s and cannot administer account %s; give that account a profile: in the file", e.Caller, e.Account)
}

// NewPlan compares f with what is there. It changes nothing. The error joins those of all accounts;
// there is no plan then.
func NewPlan(ctx context.Context, f *File, t Target, o Options) (*Plan, error) {
	p := &Plan{clients: map[string]*client{}, Changes: []Change{}}
	var failures []error
	for i := range f.Accounts {
		if err := p.account(ctx, &f.Accounts[i], t, o); err != nil {
			failures = append(failures, fmt.Errorf("account %s: %w", f.Accounts[i].ID, err))
		}
	}
	if len(failures) > 0 {
		return nil, errors.Join(failures...)
	}
	return p, nil
}

func (p *Plan) account(ctx context.Context, a *Account, t Target, o Options) error {
	c, err := newClient(ctx, a, t)
	if err != nil {
		return err
	}
	p.clients[a.ID] = c
	var changes []Change
	for _, want := range a.entities {
		have, err := c.read(ctx, want)
		if err != nil {
			return fmt.Errorf("reading %s %s: %w", want.kind, want.name, err)
		}
		change, differs := compare(a.ID, want, have)
		if err := change.fixed(); err != nil {
			return err
		}
		if differs {
			changes = append(changes, change)
		}
	}
	if o.Prune {
		gone, err := c.unmentioned(ctx, a)
		if err != nil {
			return fmt.Errorf("looking for what the file no longer mentions: %w", err)
		}
		for _, e := range gone {
			changes = append(changes, Change{Account: a.ID, Op: Delete, Kind: e.kind, Name: e.name, entity: e})
		}
	}
	slices.SortStableFunc(changes, func(x, y Change) int { return rank(x) - rank(y) })
	p.Changes = append(p.Changes, changes...)
	return nil
}

// rank orders changes: what is referred to is made first and deleted last.
func rank(c Change) int {
	i := slices.Index(kinds(), c.Kind)
	if c.Op == Delete {
		return 2*len(kinds()) - i
	}
	return i
}

// compare returns what makes have, nil if there is none, into want.
func compare(account string, want, have *entity) (Change, bool) {
	change := Change{Account: account, Op: Update, Kind: want.kind, Name: want.name, entity: want}
	if have == nil {
		change.Op = Create
		have = &entity{}
	} else if want.keep {
		return change, false
	}
	for _, name := range sortedKeys(want.attributes) {
		after := want.attributes[name]
		before, there := have.attributes[name]
		switch {
		case !there:
			change.Attributes = append(change.Attributes, Attribute{Name: name, Op: Create, After: after})
		case before != after && (!isDocument(name) || !sameDocument(before, after)):
			change.Attributes = append(change.Attributes, Attribute{Name: name, Op: Update, Before: before, After: after})
		}
	}
	for _, name := range sortedKeys(have.attributes) {
		if _, wanted := want.attributes[name]; !wanted && !want.open(name) {
			change.Attributes = append(change.Attributes, Attribute{Name: name, Op: Delete, Before: have.attributes[name]})
		}
	}
	return change, change.Op == Create || len(change.Attributes) > 0
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// unmentioned returns what is managed and not in the file.
func (c *client) unmentioned(ctx context.Context, a *Account) ([]*entity, error) {
	mentioned := map[string]bool{}
	for _, e := range a.entities {
		mentioned[e.key()] = true
	}
	var gone []*entity
	for _, kind := range []Kind{KindPolicy, KindUser, KindRole, KindInstanceProfile, KindBucket} {
		all, err := c.list(ctx, kind)
		if err != nil {
			return nil, fmt.Errorf("listing each %s: %w", kind, err)
		}
		for _, e := range all {
			if mentioned[e.key()] {
				continue
			}
			have, err := c.read(ctx, e)
			if err != nil {
				return nil, fmt.Errorf("reading %s %s: %w", e.kind, e.name, err)
			}
			if have != nil && have.attributes[attrTag+ManagedTag] == "true" {
				gone = append(gone, have)
			}
		}
	}
	return gone, nil
}

// Apply makes the changes of p in order, and calls progress, if not nil, after each. What refers to
// something that a later change makes is put off until that is there. Every step is one that a
// repeated run finds done, so that after an error, or a crash, a new plan goes on from there.
func (p *Plan) Apply(ctx context.Context, progress func(Change)) error {
	left := slices.Clone(p.Changes)
	for len(left) > 0 {
		var putOff []Change
		var reasons []error
		for _, change := range left {
			err := p.clients[change.Account].apply(ctx, change)
			switch {
			case err == nil:
				if progress != nil {
					progress(change)
				}
			case refersToMissing(err):
				putOff = append(putOff, change)
				reasons = append(reasons, fmt.Errorf("account %s: %s %s: %w", change.Account, change.Kind, change.Name, err))
			default:
				return fmt.Errorf("account %s: %s %s: %w", change.Account, change.Kind, change.Name, err)
			}
		}
		if len(putOff) == len(left) {
			return errors.Join(reasons...)
		}
		left = putOff
	}
	return nil
}

// refersToMissing recognises that a policy names a principal, or a call an entity, that is not there yet.
func refersToMissing(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "MalformedPolicyDocument", "MalformedPolicy", "InvalidPrincipal":
		return strings.Contains(strings.ToLower(refused.Message), "principal")
	case "NoSuchEntity":
		return true
	default:
		return false
	}
}

// Apply plans and applies.
func Apply(ctx context.Context, f *File, t Target, o Options) (*Plan, error) {
	p, err := NewPlan(ctx, f, t, o)
	if err != nil {
		return nil, err
	}
	return p, p.Apply(ctx, nil)
}
