package iam

import (
	"context"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// listPoliciesGrantingServiceAccess lists, for each service that is asked about, the policies of a
// principal with a statement that allows some action of it. As in AWS, denies, boundaries and
// conditions do not count: the list says where to look, not what is allowed.
func (v *service) listPoliciesGrantingServiceAccess(ctx context.Context, c *awsapi.Call, in *iamapi.ListPoliciesGrantingServiceAccessInput) (*iamapi.ListPoliciesGrantingServiceAccessOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.policySource(ctx, c, s, "ListPoliciesGrantingServiceAccess", in.Arn)
	if err != nil {
		return nil, err
	}
	all := granting(s, e)
	out := &iamapi.ListPoliciesGrantingServiceAccessOutput{
		PoliciesGrantingServiceAccess: []iamapi.ListPoliciesGrantingServiceAccessEntry{}, IsTruncated: new(false),
	}
	for _, namespace := range in.ServiceNamespaces {
		entry := iamapi.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: &namespace, Policies: []iamapi.PolicyGrantingServiceAccess{}}
		for _, g := range all {
			if grants(g.document, namespace) {
				entry.Policies = append(entry.Policies, g.out)
			}
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, entry)
	}
	return out, nil
}

// granted is a policy of a principal as the listing words it.
type granted struct {
	out      iamapi.PolicyGrantingServiceAccess
	document string
}

// granting are the policies of an entity, a user's groups' included.
func granting(s *directory.Snapshot, e identity.Entity) []granted {
	var list []granted
	add := func(kind iamapi.PolicyOwnerEntityType, name string, g *identity.Grants) {
		for _, p := range g.Inline {
			list = append(list, granted{iamapi.PolicyGrantingServiceAccess{
				PolicyName: p.Name, PolicyType: iamapi.PolicyTypeINLINE, EntityType: &kind, EntityName: &name,
			}, p.Document})
		}
		for _, arn := range g.Attached {
			if p := s.Policy(arn); p != nil {
				list = append(list, granted{iamapi.PolicyGrantingServiceAccess{
					PolicyName: p.Name, PolicyType: iamapi.PolicyTypeMANAGED, PolicyArn: &arn,
				}, p.Document()})
			}
		}
	}
	switch e := e.(type) {
	case *identity.UserEntity:
		add(iamapi.PolicyOwnerEntityTypeUSER, e.Name, &e.Grants)
		for _, g := range s.GroupsOf(e.ID) {
			add(iamapi.PolicyOwnerEntityTypeGROUP, g.Name, &g.Grants)
		}
	case *identity.Group:
		add(iamapi.PolicyOwnerEntityTypeGROUP, e.Name, &e.Grants)
	case *identity.Role:
		add(iamapi.PolicyOwnerEntityTypeROLE, e.Name, &e.Grants)
	}
	return list
}

// grants reports whether a statement allows an action of the service.
func grants(document, namespace string) bool {
	d, err := policy.ParseStored(policy.Identity, []byte(document))
	return err == nil && grantsOf(d, namespace)
}

func grantsOf(d *policy.Document, namespace string) bool {
	for _, s := range d.Statements() {
		if s.Effect != policy.Allow {
			continue
		}
		// NotAction leaves something of the service unless it names all of it.
		whole, some := false, false
		for _, a := range s.Actions {
			service, operation, ok := strings.Cut(a, ":")
			about := a == "*" || ok && (service == "*" || strings.EqualFold(service, namespace))
			some = some || about
			whole = whole || about && (a == "*" || operation == "*")
		}
		if s.NotAction && !whole || !s.NotAction && some {
			return true
		}
	}
	return false
}
