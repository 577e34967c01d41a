package iam

import (
	"context"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// The simulators put questions to the same engine that decides requests, with the policies and the
// condition keys that the caller names.

// sourceType is what AWS answers for every source, whatever the model's enumeration says.
const sourceType = iamapi.PolicySourceType("IAM Policy")

// source is one policy of a simulation.
type source struct {
	id       string // SourcePolicyId
	document string
	// stored is set if the document comes from the directory, and not from the request.
	stored bool
}

// simulation is a set of policies and the questions to ask them.
type simulation struct {
	policies  policy.Policies
	principal policy.Principal
	owner     string
	context   []policy.Key
	sources   map[string]*source // by the name that the engine knows the policy by
	documents map[string]*policy.Document
	actions   []string
	resources []string
	// aggregate is set if the request named resources: each then has a result of its own.
	aggregate bool
}

// add compiles a policy under a name that is unique in the simulation.
func (m *simulation) add(kind policy.Kind, s source) (*policy.Policy, error) {
	parse := policy.Parse
	if s.stored {
		parse = policy.ParseStored
	}
	d, err := parse(kind, []byte(s.document))
	if err != nil {
		return nil, iamapi.ErrInvalidInput("%s: %v", s.id, err)
	}
	name := strconv.Itoa(len(m.sources))
	m.sources[name], m.documents[name] = &s, d
	return policy.Compile(d, name), nil
}

func newSimulation(actions, resources []string, entries []iamapi.ContextEntry, owner *string) (*simulation, error) {
	m := &simulation{
		sources: map[string]*source{}, documents: map[string]*policy.Document{},
		actions: actions, resources: resources, aggregate: len(resources) > 0,
	}
	if !m.aggregate {
		m.resources = []string{"*"}
	}
	for _, a := range actions {
		service, name, ok := strings.Cut(a, ":")
		if !ok || service == "" || name == "" || strings.ContainsAny(a, "*? ") {
			return nil, iamapi.ErrInvalidInput("Invalid Action: %s", a)
		}
	}
	for _, r := range m.resources {
		if r != "*" && strings.Count(r, ":") < 5 {
			return nil, iamapi.ErrInvalidInput("Invalid Resource ARN: %s", r)
		}
	}
	if owner != nil {
		a, err := identity.ParseARN(*owner)
		if err != nil {
			return nil, iamapi.ErrInvalidInput("Invalid ResourceOwner: %s", *owner)
		}
		m.owner = string(a.Account)
	}
	for _, e := range entries {
		if value(e.ContextKeyName) == "" {
			return nil, iamapi.ErrInvalidInput("A context entry has no key name.")
		}
		m.context = append(m.context, policy.Key{Name: *e.ContextKeyName, Values: e.ContextKeyValues})
	}
	return m, nil
}

// inputs adds the policies of the request: its list, its boundary, its resource policy.
func (m *simulation) inputs(list, boundary []string, resource *string) error {
	for i, text := range list {
		p, err := m.add(policy.Identity, source{id: "PolicyInputList." + strconv.Itoa(i+1), document: text})
		if err != nil {
			return err
		}
		m.policies.Identity = append(m.policies.Identity, p)
	}
	if len(boundary) > 1 {
		return iamapi.ErrInvalidInput("Only one permissions boundary policy can be simulated.")
	}
	for i, text := range boundary {
		p, err := m.add(policy.Boundary, source{id: "PermissionsBoundaryPolicyInputList." + strconv.Itoa(i+1), document: text})
		if err != nil {
			return err
		}
		m.policies.Boundary, m.policies.HasBoundary = p, true
	}
	if resource != nil {
		p, err := m.add(policy.Resource, source{id: "ResourcePolicy", document: *resource})
		if err != nil {
			return err
		}
		m.policies.Resource = p
	}
	return nil
}

func (v *service) simulateCustomPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.SimulateCustomPolicyInput) (*iamapi.SimulateCustomPolicyOutput, error) {
	if err := v.ask(ctx, c, "SimulateCustomPolicy", "*"); err != nil {
		return nil, err
	}
	m, err := newSimulation(in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceOwner)
	if err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil && in.CallerArn == nil {
		return nil, iamapi.ErrInvalidInput("CallerArn is required when ResourcePolicy is given.")
	}
	m.principal = policy.Principal{Kind: policy.User, Account: string(account(c))}
	if in.CallerArn != nil {
		if m.principal, _, err = caller(v.directory.Snapshot(), *in.CallerArn); err != nil {
			return nil, err
		}
	}
	if err := m.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	p, err := m.run(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.SimulateCustomPolicyOutput{EvaluationResults: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// simulatePrincipalPolicy asks what the policies of a user, group or role say, together with those of
// the request.
func (v *service) simulatePrincipalPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.SimulatePrincipalPolicyInput) (*iamapi.SimulatePrincipalPolicyOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.policySource(ctx, c, s, "SimulatePrincipalPolicy", in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	m, err := newSimulation(in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceOwner)
	if err != nil {
		return nil, err
	}
	if m.principal, err = simulated(s, c, e, in.CallerArn); err != nil {
		return nil, err
	}
	own, boundary := policiesOf(s, e)
	for _, o := range own {
		p, err := m.add(policy.Identity, o)
		if err != nil {
			return nil, err
		}
		m.policies.Identity = append(m.policies.Identity, p)
	}
	if boundary != "" && len(in.PermissionsBoundaryPolicyInputList) == 0 {
		m.policies.HasBoundary = true
		if p := s.Policy(boundary); p != nil {
			if m.policies.Boundary, err = m.add(policy.Boundary, source{p.Name, p.Document(), true}); err != nil {
				return nil, err
			}
		}
	}
	if err := m.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	p, err := m.run(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.SimulatePrincipalPolicyOutput{EvaluationResults: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// simulated is who asks in the simulation: the caller that the request names, or the user or role
// whose policies are simulated.
func simulated(s *directory.Snapshot, c *awsapi.Call, e identity.Entity, callerARN *string) (policy.Principal, error) {
	if callerARN != nil {
		p, _, err := caller(s, *callerARN)
		return p, err
	}
	if g, ok := e.(*identity.Group); ok {
		// A group asks for nothing: somebody of its account does, who has what the group has.
		return policy.Principal{Kind: policy.User, Account: string(g.Account)}, nil
	}
	return principalOf(e, c), nil
}

func principalOf(e identity.Entity, c *awsapi.Call) policy.Principal {
	tags := func(list []identity.Tag) []policy.Tag {
		return mapped(list, func(t identity.Tag) policy.Tag { return policy.Tag(t) })
	}
	switch e := e.(type) {
	case *identity.UserEntity:
		return policy.Principal{
			Kind: policy.User, Account: string(e.Account), ARN: e.ARN(), UserID: e.ID, EntityARN: e.ARN(), EntityID: e.ID,
			UserName: e.Name, Tags: tags(e.Tags),
		}
	case *identity.Role:
		const session = "simulation"
		return policy.Principal{
			Kind: policy.RoleSession, Account: string(e.Account), ARN: identity.AssumedRoleARN(e.Account, e.Name, session),
			UserID: e.ID + ":" + session, EntityARN: e.ARN(), EntityID: e.ID, Tags: tags(e.Tags),
		}
	default:
		return policy.Principal{Kind: policy.User, Account: string(account(c))}
	}
}

// caller is the principal behind a CallerArn, which must be a user's.
func caller(s *directory.Snapshot, arn string) (policy.Principal, identity.Entity, error) {
	a, err := identity.ParseARN(arn)
	if err != nil || a.Service != "iam" || a.ResourceType() != "user" {
		return policy.Principal{}, nil, iamapi.ErrInvalidInput("Invalid CallerArn: %s. It must be the ARN of a user.", arn)
	}
	_, name := a.PathAndName()
	if u := s.User(a.Account, name); u != nil && u.ARN() == arn {
		return principalOf(u, nil), u, nil
	}
	return policy.Principal{Kind: policy.User, Account: string(a.Account), ARN: arn, EntityARN: arn, UserName: name}, nil, nil
}

// policySource finds the user, group or role that an ARN names and authorizes on it.
func (v *service) policySource(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, arn string) (identity.Entity, error) {
	if err := v.ask(ctx, c, action, arn); err != nil {
		return nil, err
	}
	a, err := identity.ParseARN(arn)
	if err != nil || a.Service != "iam" || a.Account != account(c) {
		return nil, iamapi.ErrInvalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
	}
	_, name := a.PathAndName()
	switch a.ResourceType() {
	case "user":
		if u := s.User(a.Account, name); u != nil && u.ARN() == arn {
			return u, nil
		}
	case "group":
		if g := s.Group(a.Account, name); g != nil && g.ARN() == arn {
			return g, nil
		}
	case "role":
		if r := s.Role(a.Account, name); r != nil && r.ARN() == arn {
			return r, nil
		}
	default:
		return nil, iamapi.ErrInvalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
	}
	return nil, iamapi.ErrNoSuchEntity("Entity with arn %s cannot be found.", arn)
}

// policiesOf are the identity policies of an entity, a user's groups' included, named as AWS does,
// and its boundary.
func policiesOf(s *directory.Snapshot, e identity.Entity) (list []source, boundary string) {
	add := func(kind, name string, g *identity.Grants) {
		for _, p := range g.Inline {
			list = append(list, source{kind + "_" + name + "_" + p.Name, p.Document, true})
		}
		for _, arn := range g.Attached {
			if p := s.Policy(arn); p != nil {
				list = append(list, source{p.Name, p.Document(), true})
			}
		}
	}
	switch e := e.(type) {
	case *identity.UserEntity:
		add("user", e.Name, &e.Grants)
		for _, g := range s.GroupsOf(e.ID) {
			add("group", g.Name, &g.Grants)
		}
		return list, e.Boundary
	case *identity.Group:
		add("group", e.Name, &e.Grants)
	case *identity.Role:
		add("role", e.Name, &e.Grants)
		return list, e.Boundary
	}
	return list, ""
}
