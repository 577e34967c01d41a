package iam

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// Accesses knows what users and roles last called, by their unique ids.
type Accesses interface {
	LastAccess(ctx context.Context, entityID string) ([]audit.Access, error)
}

// accessJobs keeps the reports of last accesses, the newest maxJobs of all accounts.
type accessJobs struct {
	mu    sync.Mutex
	byID  map[string]*accessJob
	order []string
}

const maxJobs = 256

// accessJob is a report. It is complete when it is made: there is nothing to wait for.
type accessJob struct {
	account     identity.AccountID
	granularity iamapi.AccessAdvisorUsageGranularityType
	made        time.Time
	services    []iamapi.ServiceLastAccessed
	entities    map[string][]iamapi.EntityDetails // by service namespace
}

func (j *accessJobs) put(id string, job *accessJob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byID == nil {
		j.byID = map[string]*accessJob{}
	}
	if j.order = append(j.order, id); len(j.order) > maxJobs {
		delete(j.byID, j.order[0])
		j.order = j.order[1:]
	}
	j.byID[id] = job
}

func (j *accessJobs) get(id string, account identity.AccountID) (*accessJob, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if job := j.byID[id]; job != nil && job.account == account {
		return job, nil
	}
	return nil, iamapi.ErrNoSuchEntity("Job with id %s cannot be found.", id)
}

func (v *service) generateServiceLastAccessedDetails(ctx context.Context, c *awsapi.Call, in *iamapi.GenerateServiceLastAccessedDetailsInput) (*iamapi.GenerateServiceLastAccessedDetailsOutput, error) {
	s := v.directory.Snapshot()
	g, err := v.reported(ctx, c, s, in.Arn)
	if err != nil {
		return nil, err
	}
	job := &accessJob{
		account: account(c), granularity: iamapi.AccessAdvisorUsageGranularityTypeSERVICELEVEL, made: seconds(c.Time),
		services: []iamapi.ServiceLastAccessed{}, entities: map[string][]iamapi.EntityDetails{},
	}
	if in.Granularity != nil {
		job.granularity = *in.Granularity
	}
	if err := v.report(ctx, job, g); err != nil {
		return nil, err
	}
	id := awsapi.NewRequestID()
	v.accessJobs.put(id, job)
	return &iamapi.GenerateServiceLastAccessedDetailsOutput{JobId: &id}, nil
}

// subject is what a report is about: policies, and those who may use them.
type subject struct {
	documents []*policy.Document
	entities  []iamapi.EntityInfo
}

// reported finds the user, group, role or managed policy of a report and authorizes on it.
func (v *service) reported(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, arn string) (*subject, error) {
	g := &subject{}
	var texts []string
	if a, err := identity.ParseARN(arn); err == nil && a.Service == "iam" && a.ResourceType() == "policy" {
		p, err := v.policy(ctx, c, s, "GenerateServiceLastAccessedDetails", arn)
		if err != nil {
			return nil, err
		}
		texts = append(texts, p.Document())
		for e := range s.AttachedTo(arn) {
			g.users(s, c, e)
		}
	} else {
		e, err := v.policySource(ctx, c, s, "GenerateServiceLastAccessedDetails", arn)
		if err != nil {
			return nil, err
		}
		for _, p := range granting(s, e) {
			texts = append(texts, p.document)
		}
		g.users(s, c, e)
	}
	for _, text := range texts {
		if d, err := policy.ParseStored(policy.Identity, []byte(text)); err == nil {
			g.documents = append(g.documents, d)
		}
	}
	return g, nil
}

// users adds the users and roles of the caller's account that have what e has.
func (g *subject) users(s *directory.Snapshot, c *awsapi.Call, e identity.Entity) {
	add := func(kind iamapi.PolicyOwnerEntityType, account identity.AccountID, arn, name, id, path string) {
		same := func(known iamapi.EntityInfo) bool { return known.Id == id }
		if account == c.Principal.Account && !slices.ContainsFunc(g.entities, same) {
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
			g.users(s, c, u)
		}
	}
}

// report looks up the accesses of the entities to the services that the documents allow something of.
func (v *service) report(ctx context.Context, job *accessJob, g *subject) error {
	calls := make([][]audit.Access, len(g.entities))
	if v.accesses != nil {
		for i := range g.entities {
			var err error
			if calls[i], err = v.accesses.LastAccess(ctx, g.entities[i].Id); err != nil {
				return err
			}
		}
	}
	for _, namespace := range namespaces(g.documents) {
		out := iamapi.ServiceLastAccessed{ServiceName: serviceName(namespace), ServiceNamespace: namespace, TotalAuthenticatedEntities: new(0)}
		actions := map[string]*iamapi.TrackedActionLastAccessed{}
		if job.granularity == iamapi.AccessAdvisorUsageGranularityTypeACTIONLEVEL {
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
				if job.granularity == iamapi.AccessAdvisorUsageGranularityTypeACTIONLEVEL {
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
		job.services = append(job.services, out)
		job.entities[namespace] = details
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
func namespaces(documents []*policy.Document) []string {
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
		return !slices.ContainsFunc(documents, func(d *policy.Document) bool { return grantsOf(d, n) })
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

func (v *service) getServiceLastAccessedDetails(ctx context.Context, c *awsapi.Call, in *iamapi.GetServiceLastAccessedDetailsInput) (*iamapi.GetServiceLastAccessedDetailsOutput, error) {
	if err := v.ask(ctx, c, "GetServiceLastAccessedDetails", "*"); err != nil {
		return nil, err
	}
	job, err := v.accessJobs.get(in.JobId, account(c))
	if err != nil {
		return nil, err
	}
	name := func(s iamapi.ServiceLastAccessed) string { return s.ServiceNamespace }
	p, err := paginate(in.Marker, in.MaxItems, sliced(job.services, name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetServiceLastAccessedDetailsOutput{
		JobStatus: iamapi.JobStatusTypeCOMPLETED, JobType: &job.granularity, JobCreationDate: job.made, JobCompletionDate: job.made,
		ServicesLastAccessed: p.items, IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (v *service) getServiceLastAccessedDetailsWithEntities(ctx context.Context, c *awsapi.Call, in *iamapi.GetServiceLastAccessedDetailsWithEntitiesInput) (*iamapi.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	if err := v.ask(ctx, c, "GetServiceLastAccessedDetailsWithEntities", "*"); err != nil {
		return nil, err
	}
	job, err := v.accessJobs.get(in.JobId, account(c))
	if err != nil {
		return nil, err
	}
	details, ok := job.entities[in.ServiceNamespace]
	if !ok {
		details = []iamapi.EntityDetails{}
	}
	name := func(d iamapi.EntityDetails) string { return d.EntityInfo.Id }
	p, err := paginate(in.Marker, in.MaxItems, sliced(details, name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus: iamapi.JobStatusTypeCOMPLETED, JobCreationDate: job.made, JobCompletionDate: job.made,
		EntityDetailsList: p.items, IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}
