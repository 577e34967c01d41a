package policy

import (
	"strings"
)

// Decision is the answer to a Request.
type Decision struct {
	Allowed bool
	// Explicit is set if a Deny statement decided.
	Explicit bool
	// Layer decided: the one that held the Deny, the one in which no statement allowed, or the one
	// that granted.
	Layer Layer
	// CrossAccount is set if principal and resource are of different accounts.
	CrossAccount bool
	by           *statement
}

// Statement names the Deny or the Allow that decided; ok is false if none did.
func (d Decision) Statement() (ref StatementRef, ok bool) {
	if d.by == nil {
		return StatementRef{}, false
	}
	return d.by.ref(), true
}

// Reason returns the end of AWS's AccessDenied message ("because no identity-based policy allows the
// iam:CreateUser action"), "" for an allowed request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Reason(action string) string {
	switch {
	case d.Allowed:
		return ""
	case d.Explicit:
		article := "a "
		switch d.Layer {
		case LayerIdentity:
			article = "an "
		case LayerTrust:
			article = "the "
		case LayerNone, LayerRCP, LayerSCP, LayerResource, LayerKey, LayerBoundary, LayerSession, LayerRoot:
		}
		return "with an explicit deny in " + article + d.Layer.String()
	}
	return "because no " + d.Layer.String() + " allows the " + action + " action"
}

// ReasonWithPolicy is Reason with the ARN of the policy that denied, as AWS adds it since 2026 for callers of
// the same account or organization. Inline and resource policies have none.
// https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns
func (d Decision) ReasonWithPolicy(action string) string {
	reason := d.Reason(action)
	if d.Explicit && d.by != nil && strings.HasPrefix(d.by.of.policy, "arn:") {
		switch d.Layer {
		case LayerRCP, LayerSCP, LayerIdentity, LayerBoundary, LayerSession:
			return reason + ": " + d.by.of.policy
		case LayerNone, LayerResource, LayerTrust, LayerKey, LayerRoot:
		}
	}
	return reason
}
