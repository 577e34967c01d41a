package iam

import (
	"context"
	"slices"
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

// What AWS answers as type of a source and as key of EvalDecisionDetails, whatever the model's enumeration says.
const (
	identitySource = "IAM Policy"
	resourceSource = "Resource Policy"
)

// source is one policy of a simulation.
type source struct {
	id       string // SourcePolicyId
	kind     string // SourcePolicyType; "" is identitySource
	document string
	// stored is set if the document comes from the directory, and not from the request.
	stored bool
	// attached is how the principal has a stored policy.
	attached attachment
}

// simulation is a set of policies and the questions to ask them.
type simulation struct {
	policies  policy.Policies
	principal policy.Principal
	// owner is the account of resources whose ARNs name none.
	owner     string
	context   []policy.Key
	sources   map[string]*source // by the name that the engine knows the policy by
	documents map[string]*policy.Document
	actions   []string
	resources []string
	// single is set if the question is about everything, and not about resources, each with a result of its own.
	single bool
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

// asked is what the two operations have in common.
type asked struct {
	actions, resources []string
	entries            []iamapi.ContextEntry
	owner, handling    *string
	policies, boundary []string
	organization       []iamapi.OrderedOrganizationPolicyType
	resourcePolicy     *string
}

func newSimulation(in *asked) (*simulation, error) {
	m := &simulation{
		sources: map[string]*source{}, documents: map[string]*policy.Document{}, actions: in.actions, resources: in.resources,
	}
	if len(m.resources) == 0 {
		m.resources = []string{"*"}
	}
	m.single = len(m.resources) == 1 && m.resources[0] == "*"
	for _, a := range m.actions {
		service, name, ok := strings.Cut(a, ":")
		if !ok || service == "" || name == "" || strings.ContainsAny(a, "*? ") {
			return nil, iamapi.ErrInvalidInput("Invalid Action: %s", a)
		}
	}
	for _, r := range m.resources {
		if r != "*" && strings.Count(r, ":") < 5 {
			return nil, iamapi.ErrInvalidInput("Invalid Resource ARN: %s", r)
		}
		if a, err := identity.ParseARN(r); in.resourcePolicy != nil && err == nil && a.Service == "iam" && a.ResourceType() == "role" {
			return nil, iamapi.ErrInvalidInput("Simulation of resource-based policies is not supported for IAM roles: %s", r)
		}
	}
	if in.owner != nil {
		a, err := identity.ParseARN(*in.owner)
		if err != nil {
			a.Account, err = identity.ParseAccountID(*in.owner)
		}
		if err != nil {
			return nil, iamapi.ErrInvalidInput("Invalid ResourceOwner: %s", *in.owner)
		}
		m.owner = string(a.Account)
	}
	if err := scenario(in.handling, m.resources); err != nil {
		return nil, err
	}
	for _, e := range in.entries {
		if value(e.ContextKeyName) == "" {
			return nil, iamapi.ErrInvalidInput("A context entry has no key name.")
		}
		m.context = append(m.context, policy.Key{Name: *e.ContextKeyName, Values: e.ContextKeyValues})
	}
	return m, nil
}

// scenario checks that the resources of a scenario are all there.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html
func scenario(option *string, resources []string) error {
	if option == nil {
		return nil
	}
	needed := []string{"instance", "image", "security-group"}
	for part := range strings.SplitSeq(strings.TrimPrefix(*option, "EC2-"), "-") {
		switch part {
		case "Classic", "InstanceStore":
		case "VPC":
			needed = append(needed, "network-interface")
		case "EBS":
			needed = append(needed, "volume")
		case "Subnet":
			needed = append(needed, "subnet")
		default:
			return iamapi.ErrInvalidInput("Invalid ResourceHandlingOption: %s", *option)
		}
	}
	for _, kind := range needed {
		if !slices.ContainsFunc(resources, func(r string) bool {
			a, err := identity.ParseARN(r)
			return err == nil && a.Service == "ec2" && a.ResourceType() == kind
		}) {
			return iamapi.ErrInvalidInput("The scenario %s requires a resource of type %s.", *option, kind)
		}
	}
	return nil
}

// inputs adds the policies of the request: its list, its boundary, its levels of an organization, its resource policy.
func (m *simulation) inputs(in *asked) error {
	for i, text := range in.policies {
		p, err := m.add(policy.Identity, source{id: "PolicyInputList." + strconv.Itoa(i+1), document: text})
		if err != nil {
			return err
		}
		m.policies.Identity = append(m.policies.Identity, p)
	}
	if len(in.boundary) > 1 {
		return iamapi.ErrInvalidInput("Only one permissions boundary policy can be simulated.")
	}
	for i, text := range in.boundary {
		p, err := m.add(policy.Boundary, source{id: "PermissionsBoundaryPolicyInputList." + strconv.Itoa(i+1), document: text})
		if err != nil {
			return err
		}
		m.policies.Boundary, m.policies.HasBoundary = p, true
	}
	for i, level := range in.organization {
		all := []*policy.Policy{}
		for j, text := range level.ServiceControlPolicyInputList {
			id := "OrderedOrganizationPolicyInputList." + strconv.Itoa(i+1) + "." + strconv.Itoa(j+1)
			p, err := m.add(policy.SCP, source{id: id, document: text})
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		m.policies.SCP = append(m.policies.SCP, all)
	}
	if in.resourcePolicy != nil {
		p, err := m.add(policy.Resource, source{id: "ResourcePolicy", kind: resourceSource, document: *in.resourcePolicy})
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
	question := &asked{
		in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceOwner, in.ResourceHandlingOption,
		in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.OrderedOrganizationPolicyInputList, in.ResourcePolicy,
	}
	m, err := newSimulation(question)
	if err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil && in.CallerArn == nil {
		return nil, iamapi.ErrInvalidInput("CallerArn is required when ResourcePolicy is given.")
	}
	m.principal = policy.Principal{Kind: policy.User, Account: string(account(c))}
	if in.CallerArn != nil {
		if m.principal, err = caller(v.directory.Snapshot(), c, *in.CallerArn); err != nil {
			return nil, err
		}
	}
	if err := m.inputs(question); err != nil {
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
	question := &asked{
		in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceOwner, in.ResourceHandlingOption,
		in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, nil, in.ResourcePolicy,
	}
	m, err := newSimulation(question)
	if err != nil {
		return nil, err
	}
	if m.principal, err = simulated(s, c, e, in.CallerArn); err != nil {
		return nil, err
	}
	excluded := exclusions(in.PolicyExclusionList)
	if err := excluded.check(); err != nil {
		return nil, err
	}
	own, boundary := policiesOf(s, e)
	for _, o := range own {
		if excluded.of(o.attached) {
			continue
		}
		p, err := m.add(policy.Identity, o)
		if err != nil {
			return nil, err
		}
		m.policies.Identity = append(m.policies.Identity, p)
	}
	if boundary != "" && !excluded.boundary() && len(in.PermissionsBoundaryPolicyInputList) == 0 {
		m.policies.HasBoundary = true
		if p := s.Policy(boundary); p != nil {
			if m.policies.Boundary, err = m.add(policy.Boundary, source{id: p.Name, document: p.Document(), stored: true}); err != nil {
				return nil, err
			}
		}
	}
	if err := m.inputs(question); err != nil {
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
		return caller(s, c, *callerARN)
	}
	return principalOf(e, c), nil
}

// simulatedSession is the session name of roles in simulations.
const simulatedSession = "simulation"

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
		return policy.Principal{
			Kind: policy.RoleSession, Account: string(e.Account), ARN: identity.AssumedRoleARN(e.Account, e.Name, simulatedSession),
			UserID: e.ID + ":" + simulatedSession, EntityARN: e.ARN(), EntityID: e.ID, Tags: tags(e.Tags),
		}
	default:
		// A group asks for nothing: somebody of its account does, who has what the group has.
		return policy.Principal{Kind: policy.User, Account: string(account(c))}
	}
}

// caller is the principal behind a CallerArn: a user, a session of a role, or somebody of a group.
func caller(s *directory.Snapshot, c *awsapi.Call, arn string) (policy.Principal, error) {
	a, err := identity.ParseARN(arn)
	_, name := a.PathAndName()
	if err != nil || a.Service != "iam" || name == "" {
		return policy.Principal{}, badCaller(arn)
	}
	somebody := policy.Principal{Kind: policy.User, Account: string(a.Account)}
	switch a.ResourceType() {
	case "user":
		if u := s.User(a.Account, name); u != nil && u.ARN() == arn {
			return principalOf(u, c), nil
		}
		somebody.ARN, somebody.EntityARN, somebody.UserName = arn, arn, name
	case "role":
		if r := s.Role(a.Account, name); r != nil && r.ARN() == arn {
			return principalOf(r, c), nil
		}
		somebody.Kind, somebody.EntityARN = policy.RoleSession, arn
		somebody.ARN = identity.AssumedRoleARN(a.Account, name, simulatedSession)
	case "group":
	default:
		return policy.Principal{}, badCaller(arn)
	}
	return somebody, nil
}

func badCaller(arn string) error {
	return iamapi.ErrInvalidInput("Invalid CallerArn: %s. It must be the ARN of a user, group or role.", arn)
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
	add := func(kind iamapi.AttachmentType, name string, g *identity.Grants) {
		for _, p := range g.Inline {
			list = append(list, source{
				id: string(kind) + "_" + name + "_" + p.Name, document: p.Document, stored: true,
				attached: attachment{entity: kind, holder: name, name: p.Name},
			})
		}
		for _, arn := range g.Attached {
			if p := s.Policy(arn); p != nil {
				list = append(list, source{id: p.Name, document: p.Document(), stored: true, attached: attachment{arn: arn}})
			}
		}
	}
	switch e := e.(type) {
	case *identity.UserEntity:
		add(iamapi.AttachmentTypeUser, e.Name, &e.Grants)
		for _, g := range s.GroupsOf(e.ID) {
			add(iamapi.AttachmentTypeGroup, g.Name, &g.Grants)
		}
		return list, e.Boundary
	case *identity.Group:
		add(iamapi.AttachmentTypeGroup, e.Name, &e.Grants)
	case *identity.Role:
		add(iamapi.AttachmentTypeRole, e.Name, &e.Grants)
		return list, e.Boundary
	}
	return list, ""
}
