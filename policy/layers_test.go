package policy_test

import (
	"sync"
	"testing"

	"github.com/rolecall-dev/rolecall/policy"
)

const (
	allowAll  = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	allowNone = `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`
	denyAll   = `{"Effect":"Deny","Action":"*","Resource":"*"}`
	other     = "210987654321"
)

func federated(issuer string) policy.Principal {
	return policy.Principal{
		Kind: policy.FederatedUser, Account: account, ARN: "arn:aws:sts::123456789012:federated-user/fed", UserID: account + ":fed",
		EntityARN: issuer, EntityID: map[bool]string{true: "AIDAEXAMPLEALICE0001"}[issuer == alice().ARN],
	}
}

func grantTo(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:*","Resource":"*"}`
}

// TestResourcePolicyGrants is the guide's table of what a resource policy of the same account grants by itself, cell
// by cell: which principal it names against an implicit deny in each other layer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-id-rdp.html
func TestResourcePolicyGrants(t *testing.T) {
	root := policy.Principal{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account}
	for _, c := range []struct {
		name      string
		caller    policy.Principal
		principal string
		condition string
		// Does the grant stand against an implicit deny in identity policies, boundary, session policies?
		identity, boundary, session bool
	}{
		{"account id", alice(), `{"AWS":"123456789012"}`, "", false, false, false},
		{"account ARN", webSession(), `{"AWS":"arn:aws:iam::123456789012:root"}`, "", false, false, false},
		{"user", alice(), `{"AWS":"arn:aws:iam::123456789012:user/alice"}`, "", true, true, true},
		{"user by id", alice(), `{"AWS":"AIDAEXAMPLEALICE0001"}`, "", true, true, true},
		{"user behind a federated session", federated(alice().ARN), `{"AWS":"arn:aws:iam::123456789012:user/alice"}`, "", true, false, false},
		{"role", webSession(), `{"AWS":"arn:aws:iam::123456789012:role/web"}`, "", true, false, false},
		{"role by id", webSession(), `{"AWS":"AROAEXAMPLEWEB000001"}`, "", true, false, false},
		{"role session", webSession(), `{"AWS":"arn:aws:sts::123456789012:assumed-role/web/s1"}`, "", true, true, true},
		{"federated user", federated(alice().ARN), `{"AWS":"arn:aws:sts::123456789012:federated-user/fed"}`, "", true, true, true},
		{"star with PrincipalArn", webSession(), `"*"`, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/web"}}`, true, true, true},
		{"star", alice(), `{"AWS":"*"}`, "", true, true, true},
		{"root", root, `{"AWS":"123456789012"}`, "", true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			statement := grantTo(c.principal)
			if c.condition != "" {
				statement = statement[:len(statement)-1] + `,"Condition":` + c.condition + `}`
			}
			everything := compile(t, policy.Identity, "all", doc(allowAll))
			nothing := compile(t, policy.Identity, "none", doc(allowNone))
			bucket := compile(t, policy.Resource, "bucket", doc(statement))
			deny := compile(t, policy.Identity, "deny", doc(denyAll))
			r := get("arn:aws:s3:::b/k")
			r.Principal = c.caller
			session := []*policy.Policy{everything}
			ask := func(what string, ps policy.Policies, want bool) {
				t.Helper()
				ps.Resource = bucket
				if got := policy.Evaluate(&r, &ps); got.Allowed != want {
					t.Errorf("%s: allowed %v, want %v (%s)", what, got.Allowed, want, got.Reason(r.Action))
				}
			}
			ask("identity silent", policy.Policies{Session: session}, c.identity)
			ask("boundary silent", policy.Policies{Identity: []*policy.Policy{everything}, Boundary: nothing, Session: session}, c.boundary)
			ask("boundary gone", policy.Policies{Identity: []*policy.Policy{everything}, HasBoundary: true, Session: session}, c.boundary)
			ask("session silent", policy.Policies{Identity: []*policy.Policy{everything}, Session: []*policy.Policy{nothing}}, c.session)
			ask("all allow", policy.Policies{Identity: []*policy.Policy{everything}, Boundary: everything, Session: session}, true)
			ask("identity denies", policy.Policies{Identity: []*policy.Policy{everything, deny}, Session: session}, false)
			ask("boundary denies", policy.Policies{Identity: []*policy.Policy{everything}, Boundary: deny, Session: session}, false)
			ask("session denies", policy.Policies{Identity: []*policy.Policy{everything}, Session: []*policy.Policy{everything, deny}}, false)
			ask("scp silent", policy.Policies{Identity: []*policy.Policy{everything}, Session: session, SCP: [][]*policy.Policy{{everything}, {nothing}}}, false)
		})
	}
}

// TestLayers asks one question of each layer and checks the words of the refusal.
func TestLayers(t *testing.T) {
	all, none, deny := compile(t, policy.Identity, "all", doc(allowAll)), compile(t, policy.Identity, "none", doc(allowNone)), compile(t, policy.Managed, "arn:aws:iam::123456789012:policy/no", doc(denyAll))
	rcpAll := compile(t, policy.RCP, "rcp", doc(grantTo(`"*"`)))
	bucket := func(p string) *policy.Policy { return compile(t, policy.Resource, "bucket", doc(grantTo(p))) }
	bucketDeny := compile(t, policy.Resource, "bucket", doc(`{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`))
	trust := func(p string) *policy.Policy {
		return compile(t, policy.Trust, "trust", doc(`{"Effect":"Allow","Principal":`+p+`,"Action":"sts:AssumeRole"}`))
	}
	one := func(p *policy.Policy) []*policy.Policy { return []*policy.Policy{p} }
	s3 := func(caller policy.Principal, owner string) policy.Request {
		r := get("arn:aws:s3:::b/k")
		r.Principal, r.Owner.Account = caller, owner
		return r
	}
	assume := func(caller policy.Principal, owner string) policy.Request {
		return policy.Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + owner + ":role/x", Principal: caller}
	}
	root := policy.Principal{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account}
	ec2 := policy.Principal{Kind: policy.Service, Name: "ec2.amazonaws.com"}
	google := policy.Principal{Kind: policy.Federated, Name: "accounts.google.com"}
	const assumeAction = "because no role trust policy allows the sts:AssumeRole action"
	for _, c := range []struct {
		name    string
		request policy.Request
		ps      policy.Policies
		allowed bool
		layer   policy.Layer
		reason  string
	}{
		{"nothing", s3(alice(), ""), policy.Policies{}, false, policy.LayerIdentity, "because no identity-based policy allows the s3:GetObject action"},
		{"identity", s3(alice(), ""), policy.Policies{Identity: one(all)}, true, policy.LayerIdentity, ""},
		{"identity denies", s3(alice(), ""), policy.Policies{Identity: []*policy.Policy{all, deny}}, false, policy.LayerIdentity, "with an explicit deny in an identity-based policy"},
		{"boundary", s3(alice(), ""), policy.Policies{Identity: one(all), Boundary: none}, false, policy.LayerBoundary, "because no permissions boundary allows the s3:GetObject action"},
		{"boundary alone", s3(alice(), ""), policy.Policies{Boundary: all}, false, policy.LayerIdentity, "because no identity-based policy allows the s3:GetObject action"},
		{"boundary denies", s3(alice(), ""), policy.Policies{Identity: one(all), Boundary: deny}, false, policy.LayerBoundary, "with an explicit deny in a permissions boundary"},
		{"session", s3(webSession(), ""), policy.Policies{Identity: one(all), Session: one(none)}, false, policy.LayerSession, "because no session policy allows the s3:GetObject action"},
		{"session union", s3(webSession(), ""), policy.Policies{Identity: one(all), Session: []*policy.Policy{none, all}}, true, policy.LayerIdentity, ""},
		{"session without policies", s3(webSession(), ""), policy.Policies{Identity: one(all), HasSession: true}, false, policy.LayerSession, "because no session policy allows the s3:GetObject action"},
		{"session denies", s3(webSession(), ""), policy.Policies{Identity: one(all), Session: one(deny)}, false, policy.LayerSession, "with an explicit deny in a session policy"},
		{"role session without session policy", s3(webSession(), ""), policy.Policies{Identity: one(all)}, true, policy.LayerIdentity, ""},
		{"federated session without session policy", s3(federated(alice().ARN), ""), policy.Policies{Identity: one(all)}, false, policy.LayerSession, "because no session policy allows the s3:GetObject action"},
		{"federated by root", s3(federated(root.ARN), ""), policy.Policies{Session: one(all)}, true, policy.LayerRoot, ""},
		{"federated by user", s3(federated(alice().ARN), ""), policy.Policies{Session: one(all)}, false, policy.LayerIdentity, "because no identity-based policy allows the s3:GetObject action"},
		{"root", s3(root, ""), policy.Policies{}, true, policy.LayerRoot, ""},
		{"root and scp", s3(root, ""), policy.Policies{SCP: [][]*policy.Policy{one(none)}}, false, policy.LayerSCP, "because no service control policy allows the s3:GetObject action"},
		{"root and bucket", s3(root, ""), policy.Policies{Resource: bucketDeny}, false, policy.LayerResource, "with an explicit deny in a resource-based policy"},
		{"scp denies", s3(alice(), ""), policy.Policies{Identity: one(all), SCP: [][]*policy.Policy{one(deny)}}, false, policy.LayerSCP, "with an explicit deny in a service control policy"},
		{"scp level empty", s3(alice(), ""), policy.Policies{Identity: one(all), SCP: [][]*policy.Policy{one(all), nil}}, false, policy.LayerSCP, "because no service control policy allows the s3:GetObject action"},
		{"rcp silent", s3(alice(), ""), policy.Policies{Identity: one(all), RCP: [][]*policy.Policy{nil}}, false, policy.LayerRCP, "because no resource control policy allows the s3:GetObject action"},
		{"rcp allows", s3(alice(), ""), policy.Policies{Identity: one(all), RCP: [][]*policy.Policy{one(rcpAll)}}, true, policy.LayerIdentity, ""},
		{"scp does not bind services", s3(ec2, ""), policy.Policies{Resource: bucket(`{"Service":"ec2.amazonaws.com"}`), SCP: [][]*policy.Policy{one(deny)}}, true, policy.LayerResource, ""},
		{"other service", s3(ec2, ""), policy.Policies{Resource: bucket(`{"Service":"s3.amazonaws.com"}`)}, false, policy.LayerResource, "because no resource-based policy allows the s3:GetObject action"},
		{"anonymous", s3(policy.Principal{}, account), policy.Policies{Resource: bucket(`"*"`)}, true, policy.LayerResource, ""},
		{"anonymous and AWS star", s3(policy.Principal{}, account), policy.Policies{Resource: bucket(`{"AWS":"*"}`)}, true, policy.LayerResource, ""},
		{"anonymous and account", s3(policy.Principal{}, account), policy.Policies{Resource: bucket(`{"AWS":"123456789012"}`)}, false, policy.LayerResource, "because no resource-based policy allows the s3:GetObject action"},

		{"cross account, both", s3(alice(), other), policy.Policies{Identity: one(all), Resource: bucket(`{"AWS":"123456789012"}`)}, true, policy.LayerIdentity, ""},
		{"cross account, named user, identity silent", s3(alice(), other), policy.Policies{Resource: bucket(`{"AWS":"arn:aws:iam::123456789012:user/alice"}`)}, false, policy.LayerIdentity, "because no identity-based policy allows the s3:GetObject action"},
		{"cross account, star, identity silent", s3(alice(), other), policy.Policies{Resource: bucket(`"*"`)}, false, policy.LayerIdentity, "because no identity-based policy allows the s3:GetObject action"},
		{"cross account, named session, boundary silent", s3(webSession(), other), policy.Policies{Identity: one(all), Boundary: none, Resource: bucket(`{"AWS":"arn:aws:sts::123456789012:assumed-role/web/s1"}`)}, false, policy.LayerBoundary, "because no permissions boundary allows the s3:GetObject action"},
		{"cross account, bucket silent", s3(alice(), other), policy.Policies{Identity: one(all)}, false, policy.LayerResource, "because no resource-based policy allows the s3:GetObject action"},
		{"cross account, other account named", s3(alice(), other), policy.Policies{Identity: one(all), Resource: bucket(`{"AWS":"210987654321"}`)}, false, policy.LayerResource, "because no resource-based policy allows the s3:GetObject action"},
		{"cross account root", s3(root, other), policy.Policies{Resource: bucket(`{"AWS":"123456789012"}`)}, true, policy.LayerRoot, ""},
		{"cross account root, silent", s3(root, other), policy.Policies{}, false, policy.LayerResource, "because no resource-based policy allows the s3:GetObject action"},

		{"trust: identity alone", assume(alice(), account), policy.Policies{Identity: one(all), ResourceKind: policy.Trust}, false, policy.LayerTrust, assumeAction},
		{"trust: names another", assume(alice(), account), policy.Policies{Identity: one(all), Resource: trust(`{"AWS":"arn:aws:iam::123456789012:user/bob"}`), ResourceKind: policy.Trust}, false, policy.LayerTrust, assumeAction},
		{"trust: account and identity", assume(alice(), account), policy.Policies{Identity: one(all), Resource: trust(`{"AWS":"123456789012"}`), ResourceKind: policy.Trust}, true, policy.LayerIdentity, ""},
		{"trust: account alone", assume(alice(), account), policy.Policies{Resource: trust(`{"AWS":"123456789012"}`), ResourceKind: policy.Trust}, false, policy.LayerIdentity, "because no identity-based policy allows the sts:AssumeRole action"},
		{"trust: names the user", assume(alice(), account), policy.Policies{Resource: trust(`{"AWS":"arn:aws:iam::123456789012:user/alice"}`), ResourceKind: policy.Trust}, true, policy.LayerTrust, ""},
		{"trust: cross account needs both", assume(alice(), other), policy.Policies{Resource: trust(`{"AWS":"arn:aws:iam::123456789012:user/alice"}`), ResourceKind: policy.Trust}, false, policy.LayerIdentity, "because no identity-based policy allows the sts:AssumeRole action"},
		{"trust: cross account", assume(alice(), other), policy.Policies{Identity: one(all), Resource: trust(`{"AWS":"123456789012"}`), ResourceKind: policy.Trust}, true, policy.LayerIdentity, ""},
		{"trust: root is not enough", assume(root, account), policy.Policies{ResourceKind: policy.Trust}, false, policy.LayerTrust, assumeAction},
		{"trust: service", assume(ec2, account), policy.Policies{Resource: trust(`{"Service":"ec2.amazonaws.com"}`), ResourceKind: policy.Trust}, true, policy.LayerTrust, ""},
		{"trust: provider", assume(google, account), policy.Policies{Resource: trust(`{"Federated":"accounts.google.com"}`), ResourceKind: policy.Trust}, true, policy.LayerTrust, ""},
		{"trust: AWS star is no provider", assume(google, account), policy.Policies{Resource: trust(`{"AWS":"*"}`), ResourceKind: policy.Trust}, false, policy.LayerTrust, assumeAction},
		{"key: identity alone", s3(alice(), ""), policy.Policies{Identity: one(all), ResourceKind: policy.KeyPolicy}, false, policy.LayerKey, "because no resource-based policy allows the s3:GetObject action"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := policy.Evaluate(&c.request, &c.ps)
			if got.Allowed != c.allowed || got.Layer != c.layer || got.Reason(c.request.Action) != c.reason {
				t.Errorf("allowed %v by %v: %q\nwant %v by %v: %q", got.Allowed, got.Layer, got.Reason(c.request.Action), c.allowed, c.layer, c.reason)
			}
			if e := policy.Explain(&c.request, &c.ps); e.Decision.Allowed != c.allowed || e.Decision.Layer != c.layer {
				t.Errorf("Explain: %+v", e.Decision)
			}
		})
	}
	r := s3(alice(), "")
	d := policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{all, deny}})
	if want := "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/no"; d.ReasonWithPolicy(r.Action) != want {
		t.Errorf("%q, want %q", d.ReasonWithPolicy(r.Action), want)
	}
	if ref, ok := policy.Evaluate(&r, &policy.Policies{Resource: bucketDeny}).Statement(); !ok || ref.Sid != "No" || ref.Policy != "bucket" || ref.Start.Line != 1 {
		t.Errorf("statement %+v", ref)
	}
}

// TestNotPrincipal follows the guide: a Deny spares only whom it lists at every level, and nobody who has a boundary.
func TestNotPrincipal(t *testing.T) {
	all := []*policy.Policy{compile(t, policy.Identity, "all", doc(allowAll))}
	for _, c := range []struct {
		name   string
		caller policy.Principal
		listed string
		want   bool
	}{
		{"user and account", alice(), `["arn:aws:iam::123456789012:user/alice","arn:aws:iam::123456789012:root"]`, true},
		{"user alone", alice(), `["arn:aws:iam::123456789012:user/alice"]`, false},
		{"account alone", alice(), `["123456789012"]`, false},
		{"session, role, account", webSession(), `["arn:aws:sts::123456789012:assumed-role/web/s1","arn:aws:iam::123456789012:role/web","123456789012"]`, true},
		{"other session", webSession(), `["arn:aws:sts::123456789012:assumed-role/web/s2","arn:aws:iam::123456789012:role/web","123456789012"]`, false},
		{"session without role", webSession(), `["arn:aws:sts::123456789012:assumed-role/web/s1","123456789012"]`, false},
		{"everybody", alice(), `["*"]`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bucket := compile(t, policy.Resource, "b", doc(`{"Effect":"Deny","NotPrincipal":{"AWS":`+c.listed+`},"Action":"s3:*","Resource":"*"}`))
			r := get("arn:aws:s3:::b/k")
			r.Principal = c.caller
			if got := policy.Evaluate(&r, &policy.Policies{Identity: all, Resource: bucket}); got.Allowed != c.want {
				t.Errorf("allowed %v, want %v", got.Allowed, c.want)
			}
			bounded := policy.Policies{Identity: all, Resource: bucket, Boundary: all[0]}
			if got := policy.Evaluate(&r, &bounded); got.Allowed && c.name != "everybody" {
				t.Error("allowed with a boundary")
			}
		})
	}
}

// TestRequestKeysCannotReachTrustedOnes is the promise of the two lists of keys.
func TestRequestKeysCannotReachTrustedOnes(t *testing.T) {
	for _, key := range []string{"aws:SourceIp", "aws:username", "aws:PrincipalTag/team", "saml:sub", "sts:ExternalId", "iam:ResourceTag/a", "aws:Anything", "accounts.google.com:aud"} {
		p := compile(t, policy.Identity, "p", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"`+key+`":"spoofed*"}}}`))
		r := policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Principal: policy.Principal{Kind: policy.User, Account: account, ARN: alice().ARN}}
		r.Keys = []policy.Key{{Name: key, Values: []string{"spoofed"}}}
		if policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed {
			t.Errorf("%s was read from the request's keys", key)
		}
		r.Keys, r.Trusted = nil, r.Keys
		if !policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed {
			t.Errorf("%s was not read from the trusted keys", key)
		}
	}
	p := compile(t, policy.Identity, "p", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:username":"*"}}}`))
	r := policy.Request{Action: "aws:username", Resource: "*", Principal: webSession(), Keys: []policy.Key{{Name: "aws:username", Values: []string{"x"}}}}
	if policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed {
		t.Error("an action named aws: opened the namespace")
	}
}

// TestUnknownIsAgainstTheCaller: what this version cannot read denies in a Deny and does not allow in an Allow.
func TestUnknownIsAgainstTheCaller(t *testing.T) {
	r := get("arn:aws:s3:::b/k")
	for _, c := range []struct{ name, extra string }{
		{"operator", `"Condition":{"StringResembles":{"aws:username":"zoe"}}`},
		{"element", `"Unless":{"a":"b"}`},
		{"number", `"Condition":{"NumericEquals":{"aws:EpochTime":"soon"}}`},
		{"effect", `"Effect":"Permit"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			parse := func(effect string) *policy.Policy {
				text := doc(`{"Action":"s3:*","Resource":"*",` + effect + c.extra + `}`)
				if c.name == "effect" {
					text = doc(`{"Action":"s3:*","Resource":"*",` + c.extra + `}`)
				}
				if _, err := policy.Parse(policy.Identity, []byte(text)); err == nil {
					t.Error("Parse accepted it")
				}
				d, err := policy.ParseStored(policy.Identity, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				return policy.Compile(d, "p")
			}
			if policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{parse(`"Effect":"Allow",`)}}).Allowed {
				t.Error("an Allow allowed")
			}
			all := compile(t, policy.Identity, "all", doc(allowAll))
			if policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{all, parse(`"Effect":"Deny",`)}}).Allowed {
				t.Error("a Deny did not deny")
			}
		})
	}
}

// TestRolesMatchByID: a role that was deleted and made anew does not inherit a grant.
func TestRolesMatchByID(t *testing.T) {
	text := doc(grantTo(`{"AWS":["arn:aws:iam::123456789012:role/web","arn:aws:iam::123456789012:role/gone"]}`))
	bucket := compile(t, policy.Resource, "b", text, policy.WithPrincipals(func(arn string) (string, bool) {
		return "AROAEXAMPLEWEB000001", arn == "arn:aws:iam::123456789012:role/web"
	}))
	r := get("arn:aws:s3:::b/k")
	r.Principal = webSession()
	if !policy.Evaluate(&r, &policy.Policies{Resource: bucket}).Allowed {
		t.Error("the role was not granted")
	}
	r.Principal.EntityID = "AROAEXAMPLEWEB000002"
	if policy.Evaluate(&r, &policy.Policies{Resource: bucket}).Allowed {
		t.Error("the new role of the same name was granted")
	}
	r.Principal.EntityARN, r.Principal.EntityID = "arn:aws:iam::123456789012:role/gone", "AROAEXAMPLEGONE00001"
	if policy.Evaluate(&r, &policy.Policies{Resource: bucket}).Allowed {
		t.Error("an ARN that nobody resolves was matched")
	}
}

// TestSharedBetweenGoroutines is for the race detector.
func TestSharedBetweenGoroutines(t *testing.T) {
	p := compile(t, policy.Identity, "p", doc(tenStatements))
	ps := policy.Policies{Identity: []*policy.Policy{p, policy.NewSet(p, p)}, Boundary: p}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				r := dataRequest()
				if !policy.Evaluate(&r, &ps).Allowed || !policy.Explain(&r, &ps).Decision.Allowed {
					t.Error("denied")
				}
			}
		})
	}
	wg.Wait()
}
