// Package lastaccess makes the reports of when users and roles last used the services that their policies allow, and
// keeps them until they are fetched.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
package lastaccess

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// Accesses knows what users and roles last called, by their unique ids.
type Accesses interface {
	LastAccess(ctx context.Context, entityID string) ([]audit.Access, error)
}

// Jobs keeps reports, the newest maxJobs of all accounts. The zero value is empty; it is safe for concurrent use.
type Jobs struct {
	mu    sync.Mutex
	byID  map[string]*Job
	order []string
}

const maxJobs = 256

// Job is a report. It is complete when it is made: there is nothing to wait for.
type Job struct {
	Account     identity.AccountID
	Granularity iamapi.AccessAdvisorUsageGranularityType
	Made        time.Time
	// Services are what Make fills in; Entities, too, by service namespace.
	Services []iamapi.ServiceLastAccessed
	Entities map[string][]iamapi.EntityDetails
}

// Put keeps a report under its id.
func (j *Jobs) Put(id string, job *Job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byID == nil {
		j.byID = map[string]*Job{}
	}
	if j.order = append(j.order, id); len(j.order) > maxJobs {
		delete(j.byID, j.order[0])
		j.order = j.order[1:]
	}
	j.byID[id] = job
}

// Get finds a report of the account; the error is IAM's answer.
func (j *Jobs) Get(id string, account identity.AccountID) (*Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if job := j.byID[id]; job != nil && job.Account == account {
		return job, nil
	}
	return nil, iamapi.ErrNoSuchEntity("Job with id %s cannot be found.", id)
}

// Subject is what a report is about: policies, and those who may use them.
type Subject struct {
	documents []*policy.Document
	entities  []iamapi.EntityInfo
}

// Policy adds the text of a policy; one that does not parse grants nothing.
func (g *Subject) Policy(text string) {
	if d, err := policy.ParseStored(policy.Identity, []byte(text)); err == nil {
		g.documents = append(g.documents, d)
	}
}

// Users adds the users and roles of the account that have what e has.
func (g *Subject) Users(s *directory.Snapshot, owner identity.AccountID, e identity.Entity) {
	add := func(kind iamapi.PolicyOwnerEntityType, account identity.AccountID, arn, name, id, path string) {
		same := func(known iamapi.EntityInfo) bool { return known.Id == id }
		if account == owner && !slices.ContainsFunc(g.entities, same) {
			g.entities = append(g.entities, iamapi.EntityInfo{Arn: arn, Name: name, Type: kind, Id: id, Path: &path})
		}
	}
	switch e := e.(type) {
	case *identity.UserEntity:
		add(iamapi.PolicyOwnerEntityTypeUSER, e.Account, e.ARN(), e.Name, e.ID, e.Path)
	case *identity.Role:
		add(iamapi.PolicyOwnerEntityTypeROLE, e.Account, e.ARN(), e.Name, e.ID, e.Path)
	case *identity.Group:
		for u := range s.Members(e.ID) {
			g.Users(s, owner, u)
		}
	}
}

// Make looks up the accesses of the subject's entities to the services that its policies allow something of. grants says
// whether a document allows anything of a service. Without accesses nobody ever called.
func (job *Job) Make(ctx context.Context, accesses Accesses, g *Subject, grants func(d *policy.Document, namespace string) bool) error {
	job.Services, job.Entities = []iamapi.ServiceLastAccessed{}, map[string][]iamapi.EntityDetails{}
	calls := make([][]audit.Access, len(g.entities))
	if accesses != nil {
		for i := range g.entities {
			var err error
			if calls[i], err = accesses.LastAccess(ctx, g.entities[i].Id); err != nil {
				return err
			}
		}
	}
	for _, namespace := range namespaces(g.documents, grants) {
		out := iamapi.ServiceLastAccessed{ServiceName: serviceName(namespace), ServiceNamespace: namespace, TotalAuthenticatedEntities: new(0)}
		actions := map[string]*iamapi.TrackedActionLastAccessed{}
		if job.Granularity == iamapi.AccessAdvisorUsageGranularityTypeACTIONLEVEL {
			for _, name := range operations(namespace) {
				if allows(g.documents, namespace, name) {
					actions[name] = &iamapi.TrackedActionLastAccessed{ActionName: &name}
				}
			}
		}
		details := []iamapi.EntityDetails{}
		for i := range g.entities {
			e := &g.entities[i]
			var last audit.Access
			for _, a := range calls[i] {
				if a.Service != namespace {
					continue
				}
				if a.At.After(last.At) {
					last = a
				}
				if job.Granularity == iamapi.AccessAdvisorUsageGranularityTypeACTIONLEVEL {
					tracked(actions, g.documents, e, a)
				}
			}
			details = append(details, iamapi.EntityDetails{EntityInfo: e, LastAuthenticated: moment(last.At)})
			if last.At.IsZero() {
				continue
			}
			*out.TotalAuthenticatedEntities++
			if out.LastAuthenticated == nil || last.At.After(*out.LastAuthenticated) {
				out.LastAuthenticated, out.LastAuthenticatedEntity, out.LastAuthenticatedRegion = &last.At, &e.Arn, text(last.Region)
			}
		}
		slices.SortStableFunc(details, func(x, y iamapi.EntityDetails) int { return lastOf(y).Compare(lastOf(x)) })
		for _, a := range actions {
			out.TrackedActionsLastAccessed = append(out.TrackedActionsLastAccessed, *a)
		}
		slices.SortFunc(out.TrackedActionsLastAccessed, func(x, y iamapi.TrackedActionLastAccessed) int {
			return strings.Compare(*x.ActionName, *y.ActionName)
		})
		job.Services = append(job.Services, out)
		job.Entities[namespace] = details
	}
	return nil
}

func lastOf(d iamapi.EntityDetails) time.Time {
	if d.LastAuthenticated == nil {
		return time.Time{}
	}
	return *d.LastAuthenticated
}

// tracked notes an access to an action that the documents allow.
func tracked(actions map[string]*iamapi.TrackedActionLastAccessed, documents []*policy.Document, e *iamapi.EntityInfo, a audit.Access) {
	t := actions[a.Action]
	if t == nil {
		if !allows(documents, a.Service, a.Action) {
			return
		}
		t = &iamapi.TrackedActionLastAccessed{ActionName: &a.Action}
		actions[a.Action] = t
	}
	if t.LastAccessedTime == nil || a.At.After(*t.LastAccessedTime) {
		t.LastAccessedEntity, t.LastAccessedTime, t.LastAccessedRegion = &e.Arn, &a.At, text(a.Region)
	}
}

// namespaces are the services that the documents allow something of, sorted: those that they name and those
// that the plane serves.
func namespaces(documents []*policy.Document, grants func(*policy.Document, string) bool) []string {
	known := []string{"iam", "s3", "sts"}
	for _, d := range documents {
		for _, s := range d.Statements() {
			for _, a := range s.Actions {
				if service, _, ok := strings.Cut(a, ":"); ok && !strings.ContainsAny(service, "*?") {
					known = append(known, strings.ToLower(service))
				}
			}
		}
	}
	slices.Sort(known)
	return slices.DeleteFunc(slices.Compact(known), func(n string) bool {
		return !slices.ContainsFunc(documents, func(d *policy.Document) bool { return grants(d, n) })
	})
}

// serviceName is AWS's name of the services that are met here most; others go by their namespace.
func serviceName(namespace string) string {
	switch namespace {
	case "iam":
		return "AWS Identity and Access Management"
	case "sts":
		return "AWS Security Token Service"
	case "s3":
		return "Amazon S3"
	case "ec2":
		return "Amazon EC2"
	case "dynamodb":
		return "Amazon DynamoDB"
	case "lambda":
		return "AWS Lambda"
	case "kms":
		return "AWS Key Management Service"
	case "sqs":
		return "Amazon SQS"
	case "sns":
		return "Amazon SNS"
	default:
		return namespace
	}
}

// operations are those of a service that the plane knows the list of.
func operations(namespace string) []string {
	switch namespace {
	case "iam":
		return iamapi.Model.Operations
	case "sts":
		return stsapi.Model.Operations
	default:
		return nil
	}
}

// allows reports whether a statement allows the action on some resource; as in the list of services, denies and
// conditions do not count.
func allows(documents []*policy.Document, namespace, name string) bool {
	action := strings.ToLower(namespace + ":" + name)
	for _, d := range documents {
		for _, s := range d.Statements() {
			if s.Effect != policy.Allow {
				continue
			}
			named := slices.ContainsFunc(s.Actions, func(p string) bool { return wildcard(strings.ToLower(p), action) })
			if named != s.NotAction {
				return true
			}
		}
	}
	return false
}

// wildcard matches * and ?.
func wildcard(pattern, s string) bool {
	star, from, i, j := -1, 0, 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, from = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
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
