package policy

import (
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/arn"
	"github.com/rolecall-dev/rolecall/policy/internal/jsontree"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// principals reads Principal or NotPrincipal.
func (v *validator) principals(n *jsontree.Node, s *Statement) ([]PrincipalValue, error) {
	if n.Kind == jsontree.String {
		if n.Text != "*" && !v.strict {
			s.Unknown = true
			return nil, nil
		}
		if n.Text != "*" {
			return nil, v.badPrincipal(n.Start, "", n.Text)
		}
		return []PrincipalValue{{Type: "*", Value: "*"}}, nil
	}
	if n.Kind != jsontree.Object {
		return nil, v.syntax(n.Start, `Principal is neither "*" nor an object`)
	}
	var out []PrincipalValue
	for i := range n.Items {
		item := &n.Items[i]
		switch item.Name {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			if v.strict {
				return nil, v.errAt(item.NameAt, `Invalid principal in policy: `+quote(item.Name), "unknown type of principal")
			}
			s.Unknown = true
		}
		values, err := v.list(item, "Principal "+item.Name)
		if err != nil {
			return nil, err
		}
		for _, value := range values {
			if v.strict && !validPrincipal(item.Name, value) {
				return nil, v.badPrincipal(item.Start, item.Name, value)
			}
			out = append(out, PrincipalValue{Type: item.Name, Value: value})
		}
	}
	return out, nil
}

func (v *validator) badPrincipal(offset int32, kind, value string) error {
	if v.kind == Resource {
		return v.errAt(offset, "Invalid principal in policy", "principal "+quote(kind)+":"+quote(value))
	}
	switch kind {
	case "Service":
		kind = "SERVICE"
	case "Federated":
		return v.errAt(offset, "Federated principals must be valid domain names or SAML metadata ARNs", "principal "+quote(value))
	}
	if kind == "" {
		return v.errAt(offset, "Invalid principal in policy: "+quote(value), "")
	}
	return v.errAt(offset, "Invalid principal in policy: "+quote(kind)+":"+quote(value), "")
}

// validPrincipal tells whether a value has a form that can name a principal. There are no wildcards but "*".
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func validPrincipal(kind, value string) bool {
	switch kind {
	case "AWS":
		return value == "*" || arn.IsAccount(value) || arn.IsUniqueID(value) || arn.IsPrincipal(value)
	case "Service":
		return strings.Contains(value, ".") && !strings.ContainsAny(value, "*? /:\"")
	case "Federated":
		return validProvider(value)
	case "CanonicalUser":
		return value != "" && arn.IsAlphanumeric(value)
	}
	return false
}

// validProvider tells whether a value names an identity provider: by a domain, with or without a path, or by the ARN of one in IAM.
func validProvider(value string) bool {
	if strings.ContainsAny(value, "*? \"") || strings.Contains(value, "//") {
		return false
	}
	if !strings.HasPrefix(value, "arn:") {
		domain, _, _ := strings.Cut(value, "/")
		return strings.Contains(domain, ".") && !strings.ContainsAny(domain, ":")
	}
	service, account, resource, ok := arn.Split(value)
	kind, name, _ := strings.Cut(resource, "/")
	return ok && service == "iam" && arn.IsAccount(account) && (kind == "oidc-provider" || kind == "saml-provider") && name != ""
}

// checkTrust makes IAM's checks on trust policies.
func (v *validator) checkTrust(d *Document) error {
	for i := range d.statements {
		s, raw := &d.statements[i], &v.raw[i]
		switch {
		case s.NotPrincipal && s.Effect == Allow:
			return v.errAt(raw.at, "Allow with NotPrincipal is not allowed.", "")
		case !raw.principals:
			return v.errAt(raw.at, "Missing required field Principal", "")
		case len(s.Principals) == 0:
			return v.errAt(raw.at, "Missing required field Principal cannot be empty!", "")
		case s.Principals[0].Type == "*":
			return v.errAt(raw.at, "Principal must be a JSON object.", `write {"AWS": "*"}`)
		case len(s.Actions) == 0:
			return v.errAt(raw.at, v.words.noAction, "")
		case raw.resources && !s.NotResource:
			return v.errAt(raw.at, "Has prohibited field Resource", "a trust policy stands on its role")
		case raw.resources:
			return v.errAt(raw.at, "AssumeRole policy must not contain resources.", "")
		}
		for _, p := range s.Principals {
			if p.Type == "CanonicalUser" {
				return v.badPrincipal(raw.at, p.Type, p.Value)
			}
		}
		for _, a := range s.Actions {
			if len(a) < 4 || !text.EqualFold(a[:4], "sts:") || strings.Count(a, ":") != 1 {
				return v.errAt(raw.at, v.words.badAction, "action "+quote(a))
			}
		}
	}
	if err := v.checkSids(d); err != nil {
		return err
	}
	return v.checkValues(d, v.words.syntax)
}

// checkResourcePolicy makes the checks that services share on resource policies. What depends on
// the service, such as which resources a bucket policy may name, is the service's to check.
func (v *validator) checkResourcePolicy(d *Document) error {
	for i := range d.statements {
		s, raw := &d.statements[i], &v.raw[i]
		switch {
		case !raw.principals:
			return v.errAt(raw.at, "Missing required field Principal", "")
		case len(s.Principals) == 0:
			return v.errAt(raw.at, "Missing required field Principal cannot be empty!", "")
		case len(s.Actions) == 0:
			return v.errAt(raw.at, v.words.noAction, "")
		case len(s.Resources) == 0:
			return v.errAt(raw.at, v.words.noResource, "")
		case v.kind == RCP && (s.NotPrincipal || s.Principals[0].Value != "*" || len(s.Principals) > 1):
			return v.errAt(raw.at, "Invalid principal in policy", `a resource control policy has Principal "*"`)
		}
		for _, a := range s.Actions {
			if v.checkActionWords(a) != "" {
				return v.errAt(raw.at, v.words.badAction, "action "+quote(a))
			}
		}
		for _, r := range s.Resources {
			if r != "*" && !strings.HasPrefix(r, "arn:") {
				return v.errAt(raw.at, v.words.badResource, "resource "+quote(r))
			}
		}
	}
	if err := v.checkSids(d); err != nil {
		return err
	}
	return v.checkValues(d, v.words.syntax)
}
