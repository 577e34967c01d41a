package policy

import "strings"

// principals reads Principal or NotPrincipal.
func (v *validator) principals(n *node, s *Statement) ([]PrincipalValue, error) {
	if n.kind == nodeString {
		if n.text != "*" && !v.strict {
			s.Unknown = true
			return nil, nil
		}
		if n.text != "*" {
			return nil, v.badPrincipal(n.start, "", n.text)
		}
		return []PrincipalValue{{Type: "*", Value: "*"}}, nil
	}
	if n.kind != nodeObject {
		return nil, v.syntax(n.start, `Principal is neither "*" nor an object`)
	}
	var out []PrincipalValue
	for i, k := range n.keys {
		switch k.name {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			if v.strict {
				return nil, v.errAt(k.pos, `Invalid principal in policy: `+quote(k.name), "unknown type of principal")
			}
			s.Unknown = true
		}
		values, err := v.list(&n.items[i], "Principal "+k.name)
		if err != nil {
			return nil, err
		}
		for _, value := range values {
			if v.strict && !validPrincipal(k.name, value) {
				return nil, v.badPrincipal(n.items[i].start, k.name, value)
			}
			out = append(out, PrincipalValue{Type: k.name, Value: value})
		}
	}
	return out, nil
}

func (v *validator) badPrincipal(offset int, kind, value string) error {
	if v.kind == Resource {
		return v.errAt(offset, "Invalid principal in policy", "principal "+quote(kind)+":"+quote(value))
	}
	if kind == "Service" {
		kind = "SERVICE"
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
		return value == "*" || isAccount(value) || isUniqueID(value) || isPrincipalARN(value)
	case "Service":
		return strings.Contains(value, ".") && !strings.ContainsAny(value, "*? /:\"")
	case "Federated":
		return value != "" && !strings.ContainsAny(value, "*? \"")
	case "CanonicalUser":
		return value != "" && isAlphanumeric(value)
	}
	return false
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isUniqueID tells whether s is an id of a user or role, as AWS writes in the place of an ARN.
func isUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) && isAlphanumeric(s)
}

// splitARN returns the service, account and resource of an ARN without wildcards.
func splitARN(s string) (service, account, resource string, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:aws")
	if !ok {
		return "", "", "", false
	}
	parts := strings.SplitN(rest, ":", 5)
	if len(parts) != 5 || parts[4] == "" {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[4], true
}

// isEntityARN tells whether s is the ARN of an IAM user or role.
func isEntityARN(s string) bool {
	service, account, resource, ok := splitARN(s)
	if !ok || service != "iam" || !isAccount(account) || strings.ContainsAny(s, "*?") {
		return false
	}
	kind, name, _ := strings.Cut(resource, "/")
	return (kind == "user" || kind == "role") && name != "" && !strings.HasSuffix(name, "/")
}

func isPrincipalARN(s string) bool {
	if isEntityARN(s) {
		return true
	}
	service, account, resource, ok := splitARN(s)
	if !ok || !isAccount(account) || strings.ContainsAny(s, "*?") {
		return false
	}
	kind, name, _ := strings.Cut(resource, "/")
	switch service {
	case "iam":
		return resource == "root"
	case "sts":
		role, session, found := strings.Cut(name, "/")
		return kind == "federated-user" && name != "" || kind == "assumed-role" && found && role != "" && session != ""
	}
	return false
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
			if len(a) < 4 || !equalFold(a[:4], "sts:") || strings.Count(a, ":") != 1 {
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
