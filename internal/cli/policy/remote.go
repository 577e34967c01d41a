package policy

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy"
)

// remote reports whether a plane or AWS is to be asked: one was named, or a principal without any
// file that could say what it may do.
func (o *SimulateOptions) remote() bool {
	f := &o.Files
	files := len(f.Identity)+len(f.Session)+len(f.SCP)+len(f.RCP) > 0 || f.Boundary != "" || f.Resource != "" || f.Trust != "" || f.KeyName != ""
	return o.Endpoint != "" || o.Profile != "" || o.Principal != "" && !files
}

// evaluation is an EvaluationResult of IAM's simulators.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
type evaluation struct {
	Action   string      `xml:"EvalActionName"`
	Decision string      `xml:"EvalDecision"`
	Matched  []matched   `xml:"MatchedStatements>member"`
	Missing  []string    `xml:"MissingContextValues>member"`
	Boundary *permission `xml:"PermissionsBoundaryDecisionDetail"`
	SCP      *permission `xml:"OrganizationsDecisionDetail"`
}

type permission struct {
	ByBoundary      bool `xml:"AllowedByPermissionsBoundary"`
	ByOrganizations bool `xml:"AllowedByOrganizations"`
}

type matched struct {
	ID    string   `xml:"SourcePolicyId"`
	Type  string   `xml:"SourcePolicyType"`
	Start position `xml:"StartPosition"`
	End   position `xml:"EndPosition"`
}

type position struct {
	Line   int `xml:"Line"`
	Column int `xml:"Column"`
}

// question is what is asked of IAM.
type question struct {
	operation string
	form      url.Values
	// sent are the documents of files by the id that the answer names them by.
	sent map[string]sentPolicy
}

type sentPolicy struct {
	file     string
	document *policy.Document
}

// asked makes the question, actions and resources left open.
func (o *SimulateOptions) asked() (*question, error) {
	f := &o.Files
	if len(f.Session)+len(f.RCP) > 0 || f.Trust != "" || f.KeyName != "" {
		return nil, cmdutil.FlagErrorf("IAM's simulator takes no session, trust, key or resource control policies: simulate with files alone")
	}
	if len(f.SCP) > 0 && o.Principal != "" {
		return nil, cmdutil.FlagErrorf("IAM's simulator takes --scp only without --principal, whose own account's it knows")
	}
	q := &question{operation: "SimulateCustomPolicy", form: url.Values{}, sent: map[string]sentPolicy{}}
	if o.Principal != "" {
		source, caller, err := sourceOf(o.Principal)
		if err != nil {
			return nil, err
		}
		q.operation = "SimulatePrincipalPolicy"
		q.form.Set("PolicySourceArn", source)
		if f.Resource != "" && caller != "" {
			q.form.Set("CallerArn", caller)
		}
	} else if len(f.Identity) == 0 || f.Resource != "" {
		return nil, cmdutil.FlagErrorf("give --principal, or the identity policies to ask about as --policy")
	}
	for i, name := range f.Identity {
		if err := q.send(o.Factory, policy.Identity, name, "PolicyInputList", i+1); err != nil {
			return nil, err
		}
	}
	if f.Boundary != "" {
		if err := q.send(o.Factory, policy.Boundary, f.Boundary, "PermissionsBoundaryPolicyInputList", 1); err != nil {
			return nil, err
		}
	}
	for i, name := range f.SCP {
		if err := q.send(o.Factory, policy.SCP, name, "OrderedOrganizationPolicyInputList.member."+strconv.Itoa(i+1)+".ServiceControlPolicyInputList", 1); err != nil {
			return nil, err
		}
	}
	if f.Resource != "" {
		if err := q.send(o.Factory, policy.Resource, f.Resource, "ResourcePolicy", 0); err != nil {
			return nil, err
		}
	}
	if o.Owner != "" {
		q.form.Set("ResourceOwner", "arn:aws:iam::"+o.Owner+":root")
	}
	base, err := o.request()
	if err != nil {
		return nil, err
	}
	for i, k := range base.Trusted {
		at := "ContextEntries.member." + strconv.Itoa(i+1) + "."
		q.form.Set(at+"ContextKeyName", k.Name)
		q.form.Set(at+"ContextKeyType", contextType(k))
		for n, v := range k.Values {
			q.form.Set(at+"ContextKeyValues.member."+strconv.Itoa(n+1), v)
		}
	}
	return q, nil
}

// send adds a file's document; number 0 means that the parameter is no list.
func (q *question) send(f *cmdutil.Factory, kind policy.Kind, name, parameter string, number int) error {
	text, err := read(f, name)
	if err != nil {
		return err
	}
	d, err := parse(kind, name, text)
	if err != nil {
		return err
	}
	id, member := parameter, parameter
	if number > 0 {
		id, member = parameter+"."+strconv.Itoa(number), parameter+".member."+strconv.Itoa(number)
	}
	q.form.Set(member, string(text))
	q.sent[id] = sentPolicy{name, d}
	return nil
}

// sourceOf is the user, group or role whose policies IAM simulates, and the caller that a resource
// policy sees, which can only be a user.
func sourceOf(principal string) (source, caller string, err error) {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" {
		kind, path, _ := strings.Cut(parts[5], "/")
		switch {
		case parts[2] == "iam" && kind == "user" && path != "":
			return principal, principal, nil
		case parts[2] == "iam" && (kind == "role" || kind == "group") && path != "":
			return principal, "", nil
		}
	}
	return "", "", cmdutil.FlagErrorf("--principal %q: IAM simulates users, groups and roles by their ARNs; with --policy and no endpoint or profile others can be asked about", principal)
}

// contextType is the type that the simulators want said of a key.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
func contextType(k policy.Key) string {
	kind := "string"
	switch strings.ToLower(k.Name) {
	case "aws:sourceip", "aws:vpcsourceip":
		kind = "ip"
	case "aws:currenttime", "aws:tokenissuetime":
		kind = "date"
	case "aws:epochtime", "aws:multifactorauthage":
		kind = "numeric"
	case "aws:multifactorauthpresent", "aws:securetransport", "aws:viaawsservice", "aws:principalisawsservice":
		kind = "boolean"
	}
	if len(k.Values) > 1 {
		kind += "List"
	}
	return kind
}

// ask puts every action and resource to IAM.
func (o *SimulateOptions) ask(ctx context.Context) ([]Answer, error) {
	q, err := o.asked()
	if err != nil {
		return nil, err
	}
	client, err := newQueryClient(ctx, o)
	if err != nil {
		return nil, err
	}
	for i, action := range o.Actions {
		q.form.Set("ActionNames.member."+strconv.Itoa(i+1), action)
	}
	// One question a resource: over several, the answers leave out which statement was about which.
	byAction := map[string][]Answer{}
	for _, resource := range o.Resources {
		q.form.Set("ResourceArns.member.1", resource)
		results, err := client.pages(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range results {
			byAction[results[i].Action] = append(byAction[results[i].Action], q.answer(resource, &results[i]))
		}
	}
	var answers []Answer
	for _, action := range o.Actions {
		if len(byAction[action]) < len(o.Resources) {
			return nil, fmt.Errorf("%s: the answer says nothing about %s", q.operation, action)
		}
		answers = append(answers, byAction[action][:len(o.Resources)]...)
	}
	return answers, nil
}

// pages reads all pages of the answer.
func (c *queryClient) pages(ctx context.Context, q *question) ([]evaluation, error) {
	var all []evaluation
	q.form.Del("Marker")
	for {
		var page struct {
			Results   []evaluation `xml:"EvaluationResults>member"`
			Truncated bool         `xml:"IsTruncated"`
			Marker    string       `xml:"Marker"`
		}
		if err := c.call(ctx, q.operation, q.form, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Results...)
		if !page.Truncated || page.Marker == "" {
			return all, nil
		}
		q.form.Set("Marker", page.Marker)
	}
}

// answer draws the layers of what IAM says. It answers only the statements that count for the
// decision: denies for an explicit deny, else allows.
func (q *question) answer(resource string, e *evaluation) Answer {
	explicit := e.Decision == policy.ExplicitDeny.String()
	effect := policy.Allow
	if explicit {
		effect = policy.Deny
	}
	by := map[policy.Layer][]Ref{}
	for _, m := range e.Matched {
		by[q.layerOf(e, m)] = append(by[q.layerOf(e, m)], q.ref(m, effect))
	}
	var layers []Layer
	decided := policy.LayerIdentity
	found := false
	decision := policy.Decision{Allowed: e.Decision == policy.Allowed.String(), Explicit: explicit}
	draw := func(l policy.Layer, allowed bool) {
		verdict := policy.ImplicitDeny
		switch {
		case explicit && len(by[l]) > 0:
			verdict = policy.ExplicitDeny
		case allowed:
			verdict = policy.Allowed
		}
		// The layer that decided is the first one with the verdict of the whole, but limits grant nothing,
		// and a resource's policy need not allow what an identity's does.
		limits := l == policy.LayerSCP || l == policy.LayerBoundary
		decides := !limits && verdict == policy.Allowed || verdict == policy.ExplicitDeny || l != policy.LayerResource && verdict == policy.ImplicitDeny
		if !found && decides && verdict == decision.Verdict() {
			decided, found = l, true
		}
		layers = append(layers, Layer{Layer: l.String(), Verdict: verdict.String(), Matched: by[l], told: true})
	}
	if e.SCP != nil {
		draw(policy.LayerSCP, e.SCP.ByOrganizations)
	}
	if _, sent := q.sent["ResourcePolicy"]; sent || len(by[policy.LayerResource]) > 0 {
		draw(policy.LayerResource, !explicit && len(by[policy.LayerResource]) > 0)
	}
	// With an explicit deny IAM does not say what allows: the layer is drawn if it denies. Nor does it look any
	// further where a service control policy does not allow.
	ended := e.SCP != nil && !e.SCP.ByOrganizations
	if !explicit && !ended || len(by[policy.LayerIdentity]) > 0 {
		draw(policy.LayerIdentity, len(by[policy.LayerIdentity]) > 0)
	}
	if e.Boundary != nil {
		draw(policy.LayerBoundary, e.Boundary.ByBoundary)
	}
	if !found && explicit && e.SCP != nil && !e.SCP.ByOrganizations {
		decided = policy.LayerSCP
	}
	if !found && !explicit && !decision.Allowed {
		// All that was told allows: what is missing is the word of another account's resource.
		draw(policy.LayerResource, false)
		decided = policy.LayerResource
	}
	decision.Layer = decided
	a := Answer{
		Action: e.Action, Resource: resource, Decision: e.Decision, Reason: decision.Reason(e.Action),
		DecidedBy: decided.String(), Layers: layers, MissingKeys: e.Missing,
	}
	if refs := by[decided]; len(refs) > 0 && decision.Verdict() != policy.ImplicitDeny {
		a.Statement = &refs[0]
	}
	return a
}

// layerOf finds the layer of a matched statement. IAM says "IAM Policy" of an attached boundary, too: where
// nothing but the identity's policies can have refused, what matched was the boundary's.
func (q *question) layerOf(e *evaluation, m matched) policy.Layer {
	_, sentBoundary := q.sent["PermissionsBoundaryPolicyInputList.1"]
	switch {
	case m.ID == "ResourcePolicy" || strings.Contains(strings.ToLower(m.Type), "resource"):
		return policy.LayerResource
	case strings.HasPrefix(m.ID, "PermissionsBoundaryPolicyInputList"):
		return policy.LayerBoundary
	case !sentBoundary && e.Decision == policy.ImplicitDeny.String() && e.Boundary != nil && e.Boundary.ByBoundary && (e.SCP == nil || e.SCP.ByOrganizations):
		return policy.LayerBoundary
	}
	return policy.LayerIdentity
}

// ref names a statement, by its number if it is in one of the files.
func (q *question) ref(m matched, effect policy.Effect) Ref {
	r := Ref{File: m.ID, Effect: effect.String(), Index: -1, Line: m.Start.Line, Column: m.Start.Column}
	sent, ok := q.sent[m.ID]
	if !ok {
		return r
	}
	r.File = sent.file
	for i, s := range sent.document.Statements() {
		if s.End == policy.Position(m.End) {
			r.Sid, r.Index, r.Line, r.Column = s.Sid, i, s.Start.Line, s.Start.Column
		}
	}
	return r
}
