// Package lint finds what is legal in policies but probably wrong.
package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/internal/arn"
	"github.com/rolecall-dev/rolecall/policy/internal/cover"
	"github.com/rolecall-dev/rolecall/policy/internal/operator"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// Severity says how much a finding matters.
type Severity uint8

// The severities.
const (
	// Note is worth knowing.
	Note Severity = iota
	// Warning is probably not what was meant.
	Warning
	// Danger opens a door.
	Danger
)

// String returns note, warning or danger.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Danger:
		return "danger"
	}
	return "unknown"
}

// Finding is something legal that is probably wrong.
type Finding struct {
	// Rule is a stable name, such as for-all-values.
	Rule     string
	Severity Severity
	// Statement is the index from 0, Sid its name.
	Statement int
	Sid       string
	Pos       policy.Position
	// Message says what is wrong and what to do.
	Message string
}

// Document finds what is legal but probably wrong in d, in the order of its statements. own are the accounts
// that are not strangers, if known.
func Document(d *policy.Document, own ...string) []Finding {
	l := linter{d: d, own: own}
	for i := range d.Statements() {
		s := &d.Statements()[i]
		l.at = i
		l.elements(s)
		l.principals(s)
		for j := range s.Conditions {
			l.condition(s, &s.Conditions[j])
		}
		l.unreachable(s)
	}
	return l.out
}

type linter struct {
	d   *policy.Document
	own []string
	at  int
	out []Finding
}

func (l *linter) add(severity Severity, rule, format string, args ...any) {
	s := &l.d.Statements()[l.at]
	l.out = append(l.out, Finding{rule, severity, l.at, s.Sid, s.Start, fmt.Sprintf(format, args...)})
}

// has tells whether a condition reads one of the keys.
func has(s *policy.Statement, keys ...string) bool {
	return slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return text.EqualFold(k, c.Key) })
	})
}

func (l *linter) elements(s *policy.Statement) {
	allow := s.Effect == policy.Allow
	everywhere := slices.Contains(s.Resources, "*") && !s.NotResource
	if allow && s.NotAction {
		l.add(Danger, "allow-not-action", "Allow with NotAction grants every action that is not listed, those of future services too: list what is needed, or use Deny with NotAction")
	}
	if allow && s.NotResource {
		l.add(Danger, "allow-not-resource", "Allow with NotResource grants every resource that is not listed: list what is needed")
	}
	if allow && !s.NotAction && slices.Contains(s.Actions, "*") && everywhere && len(s.Conditions) == 0 && grants(l.d.Kind()) {
		l.add(Warning, "full-access", "grants every action on everything")
	}
	if allow && !s.NotAction && everywhere && grants(l.d.Kind()) && !has(s, "iam:PassedToService", "iam:AssociatedResourceArn") &&
		slices.ContainsFunc(s.Actions, func(a string) bool { return a != "*" && text.MatchAction(a, "iam:PassRole") }) {
		l.add(Danger, "pass-role", "lets the principal hand any role to any service, and so gain its rights: name the roles, or add iam:PassedToService")
	}
	for _, r := range s.Resources {
		if l.d.Version() == policy.Version2008 && strings.Contains(r, "${") {
			l.add(Warning, "old-version", "%s has a variable, but in Version 2008-10-17 it is plain text: set Version to 2012-10-17", strconv.Quote(r))
		}
	}
}

// grants tells whether documents of the kind give rights to the principal that they are attached to.
func grants(k policy.Kind) bool {
	return k == policy.Identity || k == policy.Managed || k == policy.Session
}

// limitsCaller are keys that narrow a statement for everybody down to somebody.
func limitsCaller() []string {
	return []string{
		"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:SourceArn", "aws:SourceAccount",
		"aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceIp", "aws:VpcSourceIp", "aws:userid", "aws:username",
		"kms:CallerAccount", "kms:ViaService", "sts:ExternalId",
	}
}

// guards tells whether a condition on one of the keys keeps strangers out: it names who may, it does not hold without
// the key, and it does not take any value.
func guards(s *policy.Statement, keys ...string) bool {
	return slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
		op, ok := operator.Parse(c.Operator)
		named := slices.ContainsFunc(keys, func(k string) bool { return text.EqualFold(k, c.Key) })
		return ok && named && op.Kind != operator.Null && !op.Negate && !op.IfMissing() && !slices.ContainsFunc(c.Values, func(v string) bool { return anybodys(op, v) })
	})
}

// anybodys tells whether a value lets strangers in: everything, every address, an ARN of any account.
func anybodys(op operator.Operator, value string) bool {
	wild := op.Kind == operator.StringLike || op.Kind == operator.ARN
	switch {
	case value == "0.0.0.0/0" || value == "::/0":
		return true
	case !wild:
		return false
	case strings.Trim(value, "*?") == "":
		return true
	}
	fields := strings.SplitN(value, ":", 6)
	return strings.HasPrefix(value, "arn:") && (len(fields) < 6 || strings.ContainsAny(fields[4], "*?")) && !strings.HasPrefix(value, "arn:aws:s3:::")
}

func (l *linter) principals(s *policy.Statement) {
	if s.Effect != policy.Allow || !l.d.Kind().HasPrincipals() || l.d.Kind() == policy.RCP {
		return
	}
	if s.NotPrincipal {
		l.add(Danger, "allow-not-principal", "Allow with NotPrincipal grants everybody who is not listed, anonymous callers included")
	}
	limited := guards(s, limitsCaller()...)
	for _, p := range s.Principals {
		switch {
		case s.NotPrincipal:
		case p.Value == "*" && p.Type != "Service" && p.Type != "Federated" && !limited && l.d.Kind() == policy.Trust:
			l.add(Danger, "trust-everybody", "any principal of any account may assume this role: name the accounts, or add a condition on aws:PrincipalOrgID or aws:PrincipalArn")
		case p.Value == "*" && (p.Type == "*" || p.Type == "AWS") && !limited && len(s.Conditions) > 0:
			l.add(Danger, "public", "grants everybody whom its conditions let through, and they name no account, organization, network or resource of yours: name the principals, or add a condition on aws:PrincipalOrgID or aws:SourceArn")
		case p.Value == "*" && (p.Type == "*" || p.Type == "AWS") && !limited:
			l.add(Danger, "public", "grants everybody, anonymous callers included: name the principals, or add a condition on aws:PrincipalOrgID or aws:SourceArn")
		case p.Type == "AWS" && l.d.Kind() == policy.Trust:
			l.stranger(s, p.Value)
		case p.Type == "Service":
			l.service(s, p.Value)
		case p.Type == "Federated" && l.d.Kind() == policy.Trust:
			l.provider(s, p.Value)
		}
	}
}

// stranger finds roles that another company's service may be talked into using.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (l *linter) stranger(s *policy.Statement, value string) {
	account := value
	if _, a, resource, ok := arn.Split(value); ok {
		if account = a; resource != "root" {
			return // a named principal answers for itself
		}
	}
	if arn.IsAccount(account) && !slices.Contains(l.own, account) && !guards(s, "sts:ExternalId", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:SourceIdentity") {
		l.add(Warning, "confused-deputy", "the whole account %s is trusted without sts:ExternalId: if it is another company's, its other customers may reach this role", account)
	}
}

func (l *linter) service(s *policy.Statement, service string) {
	if guards(s, "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:PrincipalOrgID") {
		return
	}
	if l.d.Kind() == policy.Trust {
		switch service {
		case "ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com":
			return // these only act for their own account
		}
		l.add(Note, "confused-deputy", "%s is trusted without aws:SourceArn or aws:SourceAccount: it may act for a resource of another account", service)
		return
	}
	l.add(Warning, "confused-deputy", "%s is granted without aws:SourceArn or aws:SourceAccount: it may act for a resource of another account", service)
}

func (l *linter) provider(s *policy.Statement, provider string) {
	if strings.Contains(provider, ":saml-provider/") {
		return
	}
	_, host, found := strings.Cut(provider, ":oidc-provider/")
	if !found {
		host = provider
	}
	if strings.EqualFold(host, "token.actions.githubusercontent.com") {
		if !anyOwner(s, host+":sub") {
			return
		}
		l.add(Danger, "oidc-subject", "any workflow of any GitHub repository may assume this role: add a condition on %s:sub that names the owner", host)
	} else if !has(s, host+":aud", host+":sub", host+":app_id", host+":id") {
		l.add(Danger, "oidc-audience", "any client of %s may assume this role: add a condition on %s:aud", host, host)
	}
}

// anyOwner tells whether no condition on the subject of a GitHub token names the owner of the repository.
func anyOwner(s *policy.Statement, key string) bool {
	return !slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool {
		op, ok := operator.Parse(c.Operator)
		return ok && text.EqualFold(c.Key, key) && !op.Negate && !op.IfMissing() && !slices.ContainsFunc(c.Values, func(v string) bool {
			owner, _, _ := strings.Cut(strings.TrimPrefix(v, "repo:"), "/")
			return op.Kind == operator.StringLike && strings.ContainsAny(owner, "*?")
		})
	})
}

// multiValued are the keys that have several values by nature.
func multiValued(key string) bool {
	switch strings.ToLower(key) {
	case "aws:tagkeys", "aws:principalorgpaths", "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:calledvia", "aws:principalservicenameslist",
		"sts:transitivetagkeys", "dynamodb:attributes", "dynamodb:leadingkeys", "kms:encryptioncontextkeys", "kms:grantoperations":
		return true
	}
	return false
}

func (l *linter) condition(s *policy.Statement, c *policy.Condition) {
	op, ok := operator.Parse(c.Operator)
	if !ok {
		return
	}
	if len(c.Values) == 0 {
		l.add(Warning, "no-values", "%s %s has no value: it %s", c.Operator, c.Key, map[bool]string{true: "always holds", false: "never holds"}[op.Negate])
	}
	l.sets(s, c, op)
	l.values(c, op)
	l.mfa(s, c, op)
	l.address(s, c, op)
	if known, _ := policy.GlobalKey(c.Key); !known && len(c.Key) > 4 && text.EqualFold(c.Key[:4], "aws:") {
		l.add(Warning, "unknown-key", "%s is not a global condition key: it is never present in a request", c.Key)
	}
}

// colons counts the colons of a value outside of its variables.
func colons(value string) int {
	n := 0
	for value != "" {
		head, rest, found := strings.Cut(value, "${")
		n += strings.Count(head, ":")
		if !found {
			break
		}
		_, value, _ = strings.Cut(rest, "}")
	}
	return n
}

func (l *linter) sets(s *policy.Statement, c *policy.Condition, op operator.Operator) {
	global, multi := policy.GlobalKey(c.Key)
	single := global && !multi
	multi = multi || multiValued(c.Key)
	guarded := slices.ContainsFunc(s.Conditions, func(d policy.Condition) bool {
		return text.EqualFold(d.Key, c.Key) && strings.HasSuffix(d.Operator, "Null") && slices.Contains(d.Values, "false")
	})
	switch {
	case op.Quant == operator.ForAll && s.Effect == policy.Allow && !guarded && op.Kind != operator.Null:
		l.add(Warning, "for-all-values", "ForAllValues also holds if the request has no %s: add \"Null\": {%q: \"false\"}", c.Key, c.Key)
	case op.Quant == operator.ForAny && op.Negate && s.Effect == policy.Allow:
		l.add(Warning, "for-any-value-negated", "%s holds as soon as one value of %s differs: ForAllValues is probably meant", c.Operator, c.Key)
	case op.Quant == operator.None && multi && op.Kind != operator.Null:
		l.add(Note, "set-operator", "%s has several values: say ForAllValues or ForAnyValue", c.Key)
	case op.Quant != operator.None && single && op.Kind != operator.Null:
		l.add(Warning, "set-operator", "%s has a single value: leave %s out", c.Key, strings.SplitN(c.Operator, ":", 2)[0])
	}
}

func (l *linter) values(c *policy.Condition, op operator.Operator) {
	for _, v := range c.Values {
		switch {
		case (op.Kind == operator.String || op.Kind == operator.StringFold) && strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(v, "${*}", ""), "${?}", ""), "*?"):
			l.add(Warning, "literal-wildcard", "%s takes the wildcard in %s literally: use StringLike", c.Operator, strconv.Quote(v))
		case op.Kind == operator.Bool && !text.EqualFold(v, "true") && !text.EqualFold(v, "false") && !strings.Contains(v, "${"):
			l.add(Warning, "not-boolean", "%s compares with %s, which is neither true nor false", c.Operator, strconv.Quote(v))
		case op.Kind == operator.ARN && colons(v) < 5:
			l.add(Warning, "not-an-arn", "%s has fewer than six fields: it matches no ARN", strconv.Quote(v))
		case l.d.Version() == policy.Version2008 && strings.Contains(v, "${"):
			l.add(Warning, "old-version", "%s has a variable, but in Version 2008-10-17 it is plain text: set Version to 2012-10-17", strconv.Quote(v))
		}
	}
}

func (l *linter) mfa(s *policy.Statement, c *policy.Condition, op operator.Operator) {
	if !text.EqualFold(c.Key, "aws:MultiFactorAuthPresent") || op.Kind != operator.Bool {
		return
	}
	switch {
	case s.Effect == policy.Deny && !op.IfExists && slices.Contains(c.Values, "false"):
		l.add(Danger, "mfa-missing", "long-term keys have no aws:MultiFactorAuthPresent, so this Deny does not hold for them: use BoolIfExists")
	case s.Effect == policy.Allow && op.IfExists && slices.Contains(c.Values, "true"):
		l.add(Danger, "mfa-missing", "long-term keys have no aws:MultiFactorAuthPresent, so this Allow holds for them without MFA: use Bool")
	}
}

func (l *linter) address(s *policy.Statement, c *policy.Condition, op operator.Operator) {
	if op.Kind != operator.IP || !text.EqualFold(c.Key, "aws:SourceIp") {
		return
	}
	switch {
	case s.Effect == policy.Allow && has(s, "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"):
		l.add(Warning, "source-ip-vpc", "a request through a VPC endpoint has no aws:SourceIp, so both conditions never hold together: use two statements, or aws:VpcSourceIp")
	case s.Effect == policy.Deny && op.Negate && !op.IfExists && !has(s, "aws:ViaAWSService", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"):
		l.add(Warning, "source-ip-vpc", "this also denies requests through VPC endpoints, which have no aws:SourceIp, and those that services make for the principal: add \"Bool\": {\"aws:ViaAWSService\": \"false\"} and a condition on aws:SourceVpce")
	}
}

func (l *linter) unreachable(s *policy.Statement) {
	for i := range l.d.Statements() {
		t := &l.d.Statements()[i]
		if i == l.at || t.Unknown || s.Unknown || !cover.Statement(t, s) {
			continue
		}
		name := policy.StatementRef{Sid: t.Sid, Index: i}.Label()
		switch {
		case t.Effect == policy.Deny && s.Effect == policy.Allow:
			l.add(Warning, "unreachable", "never allows anything: %s denies all of it", name)
			return
		case t.Effect == s.Effect && (i < l.at || !cover.Statement(s, t)):
			l.add(Note, "redundant", "adds nothing to %s", name)
			return
		}
	}
}
