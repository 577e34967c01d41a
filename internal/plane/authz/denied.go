package authz

import (
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// denied words a refusal as AWS does. The ARN of a policy that denied is told to callers of the
// account that the resource belongs to.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func denied(c *awsapi.Call, k *Check, d policy.Decision) error {
	if c.Principal.Kind == identity.Anonymous {
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	var b strings.Builder
	b.WriteString("User: ")
	b.WriteString(c.Principal.ARN)
	b.WriteString(" is not authorized to perform: ")
	b.WriteString(k.Action)
	if resource := shown(c.Operation, k); resource != "" {
		b.WriteString(" on resource: ")
		b.WriteString(resource)
	}
	reason := d.ReasonWithPolicy(k.Action)
	if d.CrossAccount {
		reason = d.Reason(k.Action)
	}
	if reason != "" {
		b.WriteString(" " + reason)
	}
	return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "%s", b.String())
}

// shown is how messages name the resource of a check.
func shown(operation string, k *Check) string {
	service, action, _ := strings.Cut(k.Action, ":")
	switch {
	case k.Shown != "":
		return k.Shown
	case k.Resource == "", k.Action == "s3:ListAllMyBuckets": // about nothing in particular, S3 says nothing
		return ""
	case service == "s3":
		return `"` + k.Resource + `"`
	case service == "iam":
		return shownIAM(operation, action, k.Resource)
	}
	return k.Resource
}

// shownIAM names users, groups, roles and instance profiles as "role web" in the messages of operations
// that take their name, and policies as "policy arn:…" or, as long as they are being made, "policy web". All else,
// and what is being made or listed, is an ARN.
//
// Collected from answers of IAM in public logs and bug reports; AWS does not document it.
func shownIAM(operation, action, resource string) string {
	a, err := identity.ParseARN(resource)
	if err != nil || a.Service != "iam" {
		return resource
	}
	path, name := a.PathAndName()
	if a.ResourceType() == "policy" {
		switch {
		case action == "ListPolicies":
			return "policy path " + path
		case strings.HasPrefix(operation, "Create") && operation != "CreatePolicyVersion":
			return "policy " + name
		}
		return "policy " + resource
	}
	if action == "PassRole" || byARN(operation) || name == "" {
		return resource
	}
	switch a.ResourceType() {
	case "user", "group", "role":
		return a.ResourceType() + " " + name
	case "instance-profile":
		return "instance profile " + name
	}
	return resource
}

// byARN tells whether messages of an operation have the ARN of an entity.
func byARN(operation string) bool {
	switch operation {
	case "CreateUser", "CreateGroup", "CreateRole", "CreateInstanceProfile", "CreateServiceLinkedRole",
		"SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy", "ListPoliciesGrantingServiceAccess",
		"GenerateServiceLastAccessedDetails":
		return true
	}
	return false
}
