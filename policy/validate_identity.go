package policy

import (
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/arn"
	"github.com/rolecall-dev/rolecall/policy/internal/jsontree"
)

// checkIdentity makes the checks of IAM on permissions policies, in IAM's order.
func (v *validator) checkIdentity(d *Document, root *jsontree.Node) error {
	if (v.kind == Managed || v.kind == Boundary) && d.version != Version2012 {
		return v.errAt(root.Start, v.words.oldLanguage, "a managed policy needs Version 2012-10-17")
	}
	for i := range v.raw {
		if v.raw[i].principals {
			return v.errAt(v.raw[i].at, "Policy document should not specify a principal.", "the policy belongs to its principal")
		}
	}
	resourceError, at, err := v.legacyParsing(d)
	if err != nil {
		return err
	}
	if err := v.checkSids(d); err != nil {
		return err
	}
	for i := range d.statements {
		if len(d.statements[i].Actions) == 0 {
			return v.errAt(v.raw[i].at, v.words.noAction, "")
		}
	}
	for i := range d.statements {
		if len(d.statements[i].Resources) == 0 {
			return v.errAt(v.raw[i].at, v.words.noResource, "")
		}
	}
	if resourceError != "" {
		return v.errAt(at, resourceError, "")
	}
	for _, not := range [...]bool{false, true} {
		for i := range d.statements {
			if d.statements[i].NotAction != not {
				continue
			}
			for _, a := range d.statements[i].Actions {
				if msg := v.checkActionWords(a); msg != "" {
					return v.errAt(v.raw[i].at, msg, "action "+quote(a))
				}
			}
		}
	}
	for i := range d.statements {
		if !arn.IsAlphanumeric(d.statements[i].Sid) {
			return v.errAt(v.raw[i].sidAt, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*", "")
		}
	}
	return nil
}

// legacyParsing makes the checks that IAM words as a failure of its old parser; a resource of the wrong form
// is only reported later, when nothing else is wrong.
func (v *validator) legacyParsing(d *Document) (resourceError string, at int32, err error) {
	for i := range v.raw {
		if e := v.raw[i].effect; e != "Allow" && e != "Deny" {
			return "", 0, v.errAt(v.raw[i].at, v.words.legacy, "Effect "+quote(e)+" is not spelled Allow or Deny")
		}
	}
	if err := v.checkValues(d, v.words.legacy); err != nil {
		return "", 0, err
	}
	for _, not := range [...]bool{false, true} {
		for i := range d.statements {
			s := &d.statements[i]
			if s.NotResource != not || len(s.Resources) == 0 {
				continue
			}
			// IAM reports the last of them in reverse order, that is the smallest.
			smallest, bad := "", false
			for _, r := range s.Resources {
				if msg := resourceFormat(r); msg != "" && (!bad || r < smallest) {
					smallest, bad, resourceError, at = r, true, msg, v.raw[i].at
				}
			}
			if resourceError != "" {
				continue
			}
			for _, r := range s.Resources {
				if r != "*" && (strings.Count(r, ":") < 5 && strings.Contains(r, "::") || field(r, 2) == "" || d.version == Version2012 && variableAccount(r)) {
					return "", 0, v.errAt(v.raw[i].at, v.words.legacy, "resource "+quote(r)+" is not a whole ARN")
				}
			}
		}
	}
	return resourceError, at, nil
}

// resourceFormat returns IAM's message for a resource that is no ARN, "" for a good one.
func resourceFormat(r string) string {
	if r == "*" {
		return ""
	}
	_, rest, found := strings.Cut(r, ":")
	if !found {
		return "Resource " + r + ` must be in ARN format or "*".`
	}
	partition, rest, more := strings.Cut(rest, ":")
	if partition != "aws" && partition != "*" {
		return wrongPartition(partition, rest)
	}
	if !strings.HasPrefix(r, "arn:") {
		return "Resource " + r + ` must be in ARN format or "*".`
	}
	if !more {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	service, rest, _ := strings.Cut(rest, ":")
	if strings.ContainsAny(service, "*?") {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	switch service {
	case "iam":
		if !strings.HasPrefix(rest, ":") && rest != "*" {
			return "IAM resource " + r + " cannot contain region information."
		}
	case "s3":
		// A star in the place of the region is how many write "any resource".
		if !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "*") {
			return "Resource " + r + " can not contain region information."
		}
	}
	if service == "iam" {
		_, path, _ := strings.Cut(strings.TrimPrefix(rest, ":"), ":")
		if !iamPath(path) && (path != "" || !strings.HasSuffix(rest, "*")) {
			return `IAM resource path must either be "*" or start with ` + strings.Join(iamPaths(), ", ") + "."
		}
	}
	return ""
}

// variableAccount tells whether a variable stands in the place of the account, which IAM does not take.
func variableAccount(r string) bool {
	for range 4 {
		colon := strings.IndexByte(r, ':')
		if variable := strings.Index(r, "${"); colon < 0 || variable >= 0 && variable < colon {
			return false
		}
		r = r[colon+1:]
	}
	return strings.HasPrefix(r, "${")
}

// field returns the n-th field between colons, "" if there are fewer.
func field(s string, n int) string {
	for range n {
		_, rest, _ := strings.Cut(s, ":")
		s = rest
	}
	head, _, _ := strings.Cut(s, ":")
	return head
}

func iamPaths() []string {
	return []string{
		"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
		"policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
	}
}

// iamPath accepts a known type of resource, or one that a wildcard or a variable may become.
func iamPath(path string) bool {
	for _, start := range iamPaths() {
		if strings.HasPrefix(path, start) {
			return true
		}
	}
	head, _, _ := strings.Cut(path, "/")
	return strings.ContainsAny(head, "*?") || strings.HasPrefix(path, "${")
}

func wrongPartition(partition, rest string) string {
	parts := strings.Split(rest, ":")
	field := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return "*"
	}
	if len(parts) == 1 && parts[0] == "" {
		parts = nil
	}
	last := "*"
	if len(parts) > 3 {
		last = strings.Join(parts[3:], ":")
	}
	arn := "arn:" + partition + ":" + field(0) + ":" + field(1) + ":" + field(2) + ":" + last
	return "Partition " + quote(partition) + " is not valid for resource " + quote(arn) + "."
}
