package policy

import (
	"strings"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy"
)

// policies compiles the files.
func (o *SimulateOptions) policies() (*policy.Policies, error) {
	var firstErr error
	compile := func(kind policy.Kind, name string) *policy.Policy {
		if name == "" || firstErr != nil {
			return nil
		}
		d, err := load(o.Factory, kind, name)
		if err != nil {
			firstErr = err
			return nil
		}
		return policy.Compile(d, name)
	}
	list := func(kind policy.Kind, names []string) []*policy.Policy {
		var out []*policy.Policy
		for _, n := range names {
			out = append(out, compile(kind, n))
		}
		return out
	}
	levels := func(kind policy.Kind, names []string) [][]*policy.Policy {
		var out [][]*policy.Policy
		for _, p := range list(kind, names) {
			out = append(out, []*policy.Policy{p})
		}
		return out
	}
	p := &policy.Policies{
		Identity: list(policy.Identity, o.Files.Identity), Boundary: compile(policy.Boundary, o.Files.Boundary),
		Session: list(policy.Session, o.Files.Session), SCP: levels(policy.SCP, o.Files.SCP), RCP: levels(policy.RCP, o.Files.RCP),
		ResourceKind: policy.Resource,
	}
	switch {
	case o.Files.Trust != "":
		p.Resource, p.ResourceKind = compile(policy.Trust, o.Files.Trust), policy.Trust
	case o.Files.KeyName != "":
		p.Resource, p.ResourceKind = compile(policy.KeyPolicy, o.Files.KeyName), policy.KeyPolicy
	default:
		p.Resource = compile(policy.Resource, o.Files.Resource)
	}
	return p, firstErr
}

// request makes the request, principal, action and resource left open.
func (o *SimulateOptions) request() (policy.Request, error) {
	var r policy.Request
	r.Owner.Account = o.Owner
	timed := false
	for _, c := range o.Context {
		name, value, found := strings.Cut(c, "=")
		if !found || !strings.Contains(name, ":") {
			return r, cmdutil.FlagErrorf("--context %q: want key=value, such as aws:SourceIp=192.0.2.7", c)
		}
		timed = timed || strings.EqualFold(name, "aws:CurrentTime") || strings.EqualFold(name, "aws:EpochTime")
		r.Trusted = addKey(r.Trusted, name, value)
	}
	if !timed {
		r.Call.Time = o.Factory.Now()
	}
	return r, nil
}

func addKey(keys []policy.Key, name, value string) []policy.Key {
	for i := range keys {
		if strings.EqualFold(keys[i].Name, name) {
			keys[i].Values = append(keys[i].Values, value)
			return keys
		}
	}
	return append(keys, policy.Key{Name: name, Values: []string{value}})
}

// principalOf makes a principal of what --principal says. The unique ids of a real one are not known here.
func principalOf(s string) (policy.Principal, error) {
	p := policy.Principal{ARN: s}
	if s == "anonymous" || s == "*" {
		return policy.Principal{}, nil
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		kind := policy.Federated
		if strings.HasSuffix(s, ".amazonaws.com") && s != "cognito-identity.amazonaws.com" {
			kind = policy.Service
		}
		if !strings.Contains(s, ".") {
			return p, cmdutil.FlagErrorf("--principal %q is neither an ARN nor the name of a service or provider", s)
		}
		return policy.Principal{Kind: kind, Name: s}, nil
	}
	p.Account = parts[4]
	kind, path, _ := strings.Cut(parts[5], "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		p.Kind, p.UserID = policy.Root, p.Account
	case parts[2] == "iam" && kind == "user" && name != "":
		p.Kind, p.EntityARN, p.UserName = policy.User, s, name
	case parts[2] == "iam" && kind == "role" && name != "":
		p.Kind, p.EntityARN = policy.RoleSession, s
		p.ARN = "arn:" + parts[1] + ":sts::" + p.Account + ":assumed-role/" + name + "/simulation"
	case parts[2] == "sts" && kind == "assumed-role" && strings.Contains(path, "/"):
		role, _, _ := strings.Cut(path, "/")
		p.Kind, p.EntityARN = policy.RoleSession, "arn:"+parts[1]+":iam::"+p.Account+":role/"+role
	case parts[2] == "sts" && kind == "federated-user" && name != "":
		p.Kind, p.UserID = policy.FederatedUser, p.Account+":"+name
	case parts[2] == "iam" && (kind == "oidc-provider" || kind == "saml-provider"):
		return policy.Principal{Kind: policy.Federated, Name: s}, nil
	default:
		return p, cmdutil.FlagErrorf("--principal %q is no user, role, role session, federated user, provider or root", s)
	}
	return p, nil
}
