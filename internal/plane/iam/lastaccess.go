package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/lastaccess"
)

func (v *service) generateServiceLastAccessedDetails(ctx context.Context, c *awsapi.Call, in *iamapi.GenerateServiceLastAccessedDetailsInput) (*iamapi.GenerateServiceLastAccessedDetailsOutput, error) {
	s := v.directory.Snapshot()
	g, err := v.reported(ctx, c, s, in.Arn)
	if err != nil {
		return nil, err
	}
	job := &lastaccess.Job{Account: account(c), Granularity: iamapi.AccessAdvisorUsageGranularityTypeSERVICELEVEL, Made: seconds(c.Time)}
	if in.Granularity != nil {
		job.Granularity = *in.Granularity
	}
	if err := job.Make(ctx, v.accesses, g, grantsOf); err != nil {
		return nil, err
	}
	id := awsapi.NewRequestID()
	v.accessJobs.Put(id, job)
	return &iamapi.GenerateServiceLastAccessedDetailsOutput{JobId: &id}, nil
}

// reported finds the user, group, role or managed policy of a report and authorizes on it.
func (v *service) reported(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, arn string) (*lastaccess.Subject, error) {
	g := &lastaccess.Subject{}
	if a, err := identity.ParseARN(arn); err == nil && a.Service == "iam" && a.ResourceType() == "policy" {
		p, err := v.policy(ctx, c, s, "GenerateServiceLastAccessedDetails", arn)
		if err != nil {
			return nil, err
		}
		g.Policy(p.Document())
		for e := range s.AttachedTo(arn) {
			g.Users(s, account(c), e)
		}
	} else {
		e, err := v.policySource(ctx, c, s, "GenerateServiceLastAccessedDetails", arn)
		if err != nil {
			return nil, err
		}
		for _, p := range granting(s, e) {
			g.Policy(p.document)
		}
		g.Users(s, account(c), e)
	}
	return g, nil
}

func (v *service) getServiceLastAccessedDetails(ctx context.Context, c *awsapi.Call, in *iamapi.GetServiceLastAccessedDetailsInput) (*iamapi.GetServiceLastAccessedDetailsOutput, error) {
	if err := v.ask(ctx, c, "GetServiceLastAccessedDetails", "*"); err != nil {
		return nil, err
	}
	job, err := v.accessJobs.Get(in.JobId, account(c))
	if err != nil {
		return nil, err
	}
	name := func(s iamapi.ServiceLastAccessed) string { return s.ServiceNamespace }
	p, err := paginate(in.Marker, in.MaxItems, sliced(job.Services, name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetServiceLastAccessedDetailsOutput{
		JobStatus: iamapi.JobStatusTypeCOMPLETED, JobType: &job.Granularity, JobCreationDate: job.Made, JobCompletionDate: job.Made,
		ServicesLastAccessed: p.items, IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (v *service) getServiceLastAccessedDetailsWithEntities(ctx context.Context, c *awsapi.Call, in *iamapi.GetServiceLastAccessedDetailsWithEntitiesInput) (*iamapi.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	if err := v.ask(ctx, c, "GetServiceLastAccessedDetailsWithEntities", "*"); err != nil {
		return nil, err
	}
	job, err := v.accessJobs.Get(in.JobId, account(c))
	if err != nil {
		return nil, err
	}
	details, ok := job.Entities[in.ServiceNamespace]
	if !ok {
		details = []iamapi.EntityDetails{}
	}
	name := func(d iamapi.EntityDetails) string { return d.EntityInfo.Id }
	p, err := paginate(in.Marker, in.MaxItems, sliced(details, name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus: iamapi.JobStatusTypeCOMPLETED, JobCreationDate: job.Made, JobCompletionDate: job.Made,
		EntityDetailsList: p.items, IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}
