package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/policy"
)

// The reference interpreter: written from AWS's documentation, in the most literal way, without indexes, without
// anything of the engine. Documents are plain JSON maps, patterns become regular expressions, the request is a map of
// lower-case keys.

type refRequest struct {
	action, resource string
	keys             map[string][]string // lower-case name → values; absent: missing
	multi            map[string]bool     // keys that are lists by nature
	p                policy.Principal
	owner            string
}

// refOf spells out what a Request says, key by key.
func refOf(r *policy.Request) refRequest {
	out := refRequest{action: r.Action, resource: r.Resource, keys: map[string][]string{}, multi: map[string]bool{}, p: r.Principal}
	service := strings.ToLower(strings.Split(r.Action, ":")[0])
	for _, k := range r.Keys { // lowest precedence first, later ones overwrite
		name := strings.ToLower(k.Name)
		if strings.HasPrefix(name, service+":") && len(k.Values) > 0 && service != "aws" {
			if _, ok := out.keys[name]; !ok {
				out.keys[name] = k.Values
			}
		}
	}
	seen := map[string]bool{}
	for _, k := range r.Trusted {
		if name := strings.ToLower(k.Name); len(k.Values) > 0 && !seen[name] {
			out.keys[name] = k.Values
			seen[name] = true
		}
	}
	set := func(name, value string) {
		if value != "" {
			out.keys[strings.ToLower(name)] = []string{value}
		}
	}
	tri := func(name string, t policy.Tri) {
		if t != policy.Missing {
			set(name, map[policy.Tri]string{policy.True: "true", policy.False: "false"}[t])
		}
	}
	stamp := func(name string, t time.Time) {
		if !t.IsZero() {
			set(name, t.UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
	tags := func(prefix string, tags []policy.Tag) {
		for i := len(tags) - 1; i >= 0; i-- {
			out.keys[strings.ToLower(prefix+tags[i].Key)] = []string{tags[i].Value}
		}
	}
	out.owner = r.Owner.Account
	if parts := strings.SplitN(r.Resource, ":", 6); out.owner == "" && len(parts) == 6 && refAccount.MatchString(parts[4]) {
		out.owner = parts[4]
	}
	if out.owner == "" {
		out.owner = r.Principal.Account
	}
	p := &r.Principal
	if p.Kind == policy.RoleSession {
		set("aws:PrincipalArn", p.EntityARN)
	} else {
		set("aws:PrincipalArn", p.ARN)
	}
	set("aws:PrincipalAccount", p.Account)
	set("aws:userid", p.UserID)
	set("aws:username", p.UserName)
	set("aws:PrincipalType", map[policy.PrincipalKind]string{policy.Anonymous: "Anonymous", policy.Root: "Account", policy.User: "User",
		policy.RoleSession: "AssumedRole", policy.FederatedUser: "FederatedUser"}[p.Kind])
	if p.Kind != policy.Anonymous {
		set("aws:PrincipalIsAWSService", fmt.Sprint(p.Kind == policy.Service))
	}
	set("aws:ResourceAccount", out.owner)
	tags("aws:PrincipalTag/", p.Tags)
	tags("aws:RequestTag/", r.RequestTags)
	tags("aws:ResourceTag/", r.Owner.Tags)
	tags(service+":ResourceTag/", r.Owner.Tags)
	stamp("aws:CurrentTime", r.Call.Time)
	if !r.Call.Time.IsZero() {
		set("aws:EpochTime", fmt.Sprint(r.Call.Time.Unix()))
	}
	stamp("aws:TokenIssueTime", r.Session.IssuedAt)
	tri("aws:MultiFactorAuthPresent", r.Session.MFA)
	if !r.Session.MFAAt.IsZero() {
		set("aws:MultiFactorAuthAge", fmt.Sprint(int64(r.Call.Time.Sub(r.Session.MFAAt).Seconds())))
	}
	if r.Call.SourceIP.IsValid() {
		set("aws:SourceIp", r.Call.SourceIP.String())
	}
	tri("aws:SecureTransport", r.Call.Secure)
	set("aws:SourceIdentity", r.Session.SourceIdentity)
	set("aws:UserAgent", r.Call.UserAgent)
	out.multi["aws:tagkeys"] = true
	if len(r.TagKeys) > 0 {
		out.keys["aws:tagkeys"] = r.TagKeys
	} else if r.TagKeys == nil && len(r.RequestTags) > 0 {
		var l []string
		for _, t := range r.RequestTags {
			l = append(l, t.Key)
		}
		out.keys["aws:tagkeys"] = l
	}
	return out
}

var refRegexps sync.Map

// refRegexp compiles each expression once.
func refRegexp(re string) *regexp.Regexp {
	if r, ok := refRegexps.Load(re); ok {
		return r.(*regexp.Regexp)
	}
	r := regexp.MustCompile(re)
	refRegexps.Store(re, r)
	return r
}

var refDocuments sync.Map

func refDocument(text string) map[string]any {
	if d, ok := refDocuments.Load(text); ok {
		return d.(map[string]any)
	}
	var d map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(err)
	}
	refDocuments.Store(text, d)
	return d
}

var refAccount = regexp.MustCompile(`^\d{12}$`)

func refList(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, fmt.Sprint(e))
		}
		return out
	}
	return []string{fmt.Sprint(v)}
}

var refVariable = regexp.MustCompile(`\$\{([*?$])\}|\$\{\s*([^,}]+?)\s*(?:,\s*'([^']*)'\s*)?\}`)

// refPattern makes a regular expression; ok is false if a variable has no value. star is what * becomes.
func (r refRequest) refPattern(s string, wild, vars bool, star string) (re string, ok bool) {
	ok = true
	plain := func(s string) string {
		if !wild {
			return regexp.QuoteMeta(s)
		}
		s = regexp.QuoteMeta(s)
		s = strings.ReplaceAll(s, `\*`, star)
		return strings.ReplaceAll(s, `\?`, `(?s:.)`)
	}
	if !vars {
		return "^(?s:" + plain(s) + ")$", true
	}
	var b strings.Builder
	last := 0
	for _, m := range refVariable.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(plain(s[last:m[0]]))
		last = m[1]
		if m[2] >= 0 {
			b.WriteString(regexp.QuoteMeta(s[m[2]:m[3]]))
			continue
		}
		name := strings.ToLower(s[m[4]:m[5]])
		if v := r.keys[name]; len(v) == 1 && !r.multi[name] {
			b.WriteString(regexp.QuoteMeta(v[0]))
		} else if m[6] >= 0 {
			b.WriteString(regexp.QuoteMeta(s[m[6]:m[7]]))
		} else {
			ok = false
		}
	}
	b.WriteString(plain(s[last:]))
	return "^(?s:" + b.String() + ")$", ok
}

func (r refRequest) refMatch(pattern, s string, wild, vars bool) bool {
	re, ok := r.refPattern(pattern, wild, vars, ".*")
	return ok && refRegexp(re).MatchString(s)
}

// refFields splits at the first five colons that are not inside of a variable.
func refFields(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s) && len(out) < 5; i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			depth = 1
		case s[i] == '}':
			depth = 0
		case s[i] == ':' && depth == 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

func (r refRequest) refARN(pattern, s string, vars bool) bool {
	want, got := refFields(pattern), strings.SplitN(s, ":", 6)
	if !vars {
		want = strings.SplitN(pattern, ":", 6)
	}
	if len(want) != 6 || len(got) != 6 {
		return false
	}
	for i := range want {
		if !r.refMatch(want[i], got[i], true, vars) {
			return false
		}
	}
	return true
}

func (r refRequest) refResource(pattern string, vars bool) bool {
	// A star inside one of the first five segments keeps to it: such patterns go field by field.
	fields := strings.SplitN(pattern, ":", 6)
	if vars {
		fields = refFields(pattern)
	}
	if len(fields) == 6 {
		for _, f := range fields[:5] {
			inside := strings.TrimRight(f, "*")
			if strings.ContainsAny(inside, "*?") || strings.Contains(inside, "*") {
				return r.refARN(pattern, r.resource, vars)
			}
		}
	}
	return r.refMatch(pattern, r.resource, true, vars)
}

func refNumber(s string) *big.Rat {
	if n, ok := new(big.Rat).SetString(s); ok && !strings.Contains(s, "/") {
		return n
	}
	return nil
}

func refDate(s string) *time.Time {
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(f, s); err == nil && (f != "2006") {
			return &t
		}
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		t := time.Unix(n.Int64(), 0)
		return &t
	}
	return nil
}

func (r refRequest) refOne(op, want, got string, vars bool) bool {
	order := func(rel string, c int) bool {
		return map[string]bool{"Equals": c == 0, "LessThan": c < 0, "LessThanEquals": c <= 0, "GreaterThan": c > 0, "GreaterThanEquals": c >= 0}[rel]
	}
	switch {
	case op == "StringEquals":
		return r.refMatch(want, got, false, vars)
	case op == "StringEqualsIgnoreCase", op == "Bool":
		re, ok := r.refPattern(want, false, vars, "")
		return ok && refRegexp("(?i)"+re).MatchString(got)
	case op == "StringLike":
		return r.refMatch(want, got, true, vars)
	case op == "ArnLike", op == "ArnEquals":
		return r.refARN(want, got, vars)
	case strings.HasPrefix(op, "Numeric"):
		a, b := refNumber(got), refNumber(want)
		return a != nil && b != nil && order(strings.TrimPrefix(op, "Numeric"), a.Cmp(b))
	case strings.HasPrefix(op, "Date"):
		a, b := refDate(got), refDate(want)
		return a != nil && b != nil && order(strings.TrimPrefix(op, "Date"), a.Compare(*b))
	case op == "BinaryEquals":
		a, err1 := base64.StdEncoding.DecodeString(got)
		b, err2 := base64.StdEncoding.DecodeString(want)
		return err1 == nil && err2 == nil && string(a) == string(b)
	case op == "IpAddress":
		if !strings.Contains(want, "/") {
			return net.ParseIP(want).Equal(net.ParseIP(got))
		}
		_, n, err := net.ParseCIDR(want)
		ip := net.ParseIP(got)
		return err == nil && ip != nil && n.Contains(ip)
	}
	panic("reference: operator " + op)
}

// refCondition evaluates one operator on one key.
func (r refRequest) refCondition(op, key string, want []string, vars bool) bool {
	set := ""
	if p, rest, ok := strings.Cut(op, ":"); ok {
		set, op = p, rest
	}
	op, ifExists := strings.CutSuffix(op, "IfExists")
	got, present := r.keys[strings.ToLower(key)]
	if op == "Null" {
		for _, w := range want {
			if strings.EqualFold(w, fmt.Sprint(!present)) {
				return true
			}
		}
		return false
	}
	positive := strings.Replace(op, "Not", "", 1)
	negated := positive != op
	if positive == "ArnEquals" {
		positive = "ArnLike"
	}
	matches := func(g string) bool {
		for _, w := range want {
			if r.refOne(positive, w, g, vars) {
				return true
			}
		}
		return false
	}
	if set != "" && strings.Join(got, "") == "" && !r.multi[strings.ToLower(key)] {
		present = false
	}
	if set != "" && strings.Join(got, "") == "" {
		present = false
	}
	if !present {
		return ifExists || set == "ForAllValues" || set == "" && negated
	}
	switch set {
	case "ForAllValues":
		for _, g := range got {
			if matches(g) == negated {
				return false
			}
		}
		return true
	case "ForAnyValue":
		for _, g := range got {
			if matches(g) != negated {
				return true
			}
		}
		return false
	}
	any := false
	for _, g := range got {
		any = any || matches(g)
	}
	return any != negated
}

// refPrincipal returns how an AWS principal element names the caller: "", account, entity or direct (the most).
func (r refRequest) refPrincipal(el any, notPrincipal bool, effect string, bounded bool) (account, entity, direct bool) {
	var self, ent, acct, star bool
	if s, ok := el.(string); ok {
		star = s == "*"
	} else {
		for kind, v := range el.(map[string]any) {
			for _, value := range refList(v) {
				switch {
				case kind == "AWS" && value == "*":
					star = star || r.p.Kind != policy.Federated || effect == "Deny" && !notPrincipal
				case kind == "AWS" && r.p.Kind != policy.Anonymous && r.p.Kind != policy.Service && r.p.Kind != policy.Federated:
					isEntity := value == r.p.EntityARN && value != "" && !strings.HasSuffix(value, ":root") || value == r.p.EntityID && value != ""
					switch {
					case value == r.p.Account, value == "arn:aws:iam::"+r.p.Account+":root":
						acct = true
					case isEntity && r.p.Kind == policy.User:
						self = true
					case isEntity && r.p.Kind != policy.Root:
						ent = true
					case value == r.p.ARN && (r.p.Kind == policy.RoleSession || r.p.Kind == policy.FederatedUser):
						self = true
					}
				case kind == "Service" && r.p.Kind == policy.Service, kind == "Federated" && r.p.Kind == policy.Federated:
					self = self || value == r.p.Name
				}
			}
		}
	}
	if !notPrincipal {
		return acct, ent, self || star
	}
	if star {
		return false, false, false
	}
	if effect == "Allow" {
		return false, false, !self && !ent && !acct
	}
	spared := false
	switch r.p.Kind {
	case policy.Anonymous:
	case policy.Service, policy.Federated:
		spared = self
	case policy.Root:
		spared = acct
	case policy.User:
		spared = acct && self && !bounded
	case policy.RoleSession:
		spared = acct && ent && self && !bounded
	case policy.FederatedUser:
		spared = acct && self && !bounded && (ent || strings.HasSuffix(r.p.EntityARN, ":root"))
	}
	return false, false, !spared
}

type refVerdict struct{ deny, account, entity, direct bool }

func (v refVerdict) allow() bool { return v.account || v.entity || v.direct }

// refPolicy evaluates one document, statement by statement.
func (r refRequest) refPolicy(text string, principals, bounded bool) (v refVerdict) {
	if text == "" {
		return v
	}
	d := refDocument(text)
	vars := d["Version"] == "2012-10-17"
	statements, ok := d["Statement"].([]any)
	if !ok {
		statements = []any{d["Statement"]}
	}
	for _, st := range statements {
		s := st.(map[string]any)
		effect := s["Effect"].(string)
		matchAny := func(list []string, f func(string) bool) bool {
			for _, e := range list {
				if f(e) {
					return true
				}
			}
			return false
		}
		action := func(a string) bool { return r.refMatch2(a) }
		resource := func(p string) bool { return r.refResource(p, vars) }
		if a, ok := s["Action"]; ok && !matchAny(refList(a), action) {
			continue
		}
		if a, ok := s["NotAction"]; ok && matchAny(refList(a), action) {
			continue
		}
		if p, ok := s["Resource"]; ok && !matchAny(refList(p), resource) {
			continue
		}
		if p, ok := s["NotResource"]; ok {
			if matchAny(refList(p), resource) {
				continue
			}
			unknown := matchAny(refList(p), func(p string) bool { _, ok := r.refPattern(p, true, vars, ".*"); return !ok })
			if effect == "Allow" && unknown {
				continue
			}
		}
		met := true
		conditions, _ := s["Condition"].(map[string]any)
		for op, keys := range conditions {
			for key, want := range keys.(map[string]any) {
				met = met && r.refCondition(op, key, refList(want), vars)
			}
		}
		if !met {
			continue
		}
		var account, entity, direct bool
		if !principals {
			direct = true
		} else if p, ok := s["Principal"]; ok {
			account, entity, direct = r.refPrincipal(p, false, effect, bounded)
		} else {
			account, entity, direct = r.refPrincipal(s["NotPrincipal"], true, effect, bounded)
		}
		if effect == "Deny" {
			v.deny = v.deny || account || entity || direct
			continue
		}
		v.account, v.entity, v.direct = v.account || account, v.entity || entity, v.direct || direct
	}
	return v
}

// refMatch2 matches an action pattern without regard to case.
func (r refRequest) refMatch2(pattern string) bool {
	re, _ := r.refPattern(pattern, true, false, ".*")
	return refRegexp("(?i)" + re).MatchString(r.action)
}

// refPolicies are documents in the places of policy.Policies.
type refPolicies struct {
	SCP, RCP  [][]string
	Resource  string
	MustGrant bool
	Identity  []string
	Boundary  string
	Bounded   bool
	Session   []string
	Sessioned bool
}

// decide is the flow chart of AWS's guide.
func (r refRequest) decide(p refPolicies) (allowed, explicit bool) {
	hasAccount := r.p.Kind == policy.Root || r.p.Kind == policy.User || r.p.Kind == policy.RoleSession || r.p.Kind == policy.FederatedUser
	all := func(texts []string) (v refVerdict) {
		for _, t := range texts {
			w := r.refPolicy(t, false, p.Bounded)
			v.deny, v.direct = v.deny || w.deny, v.direct || w.direct
		}
		return v
	}
	levels := func(l [][]string, principals bool) (deny, allow bool) {
		allow = true
		for _, level := range l {
			any := false
			for _, t := range level {
				w := r.refPolicy(t, principals, p.Bounded)
				deny = deny || w.deny
				any = any || w.allow()
			}
			allow = allow && any
		}
		return deny, allow
	}
	rcpDeny, rcp := levels(p.RCP, true)
	scpDeny, scp := levels(p.SCP, false)
	resource := r.refPolicy(p.Resource, true, p.Bounded)
	identity, boundary, session := all(p.Identity), all([]string{p.Boundary}), all(p.Session)
	if rcpDeny || resource.deny || hasAccount && (scpDeny || identity.deny || boundary.deny || session.deny) {
		return false, true
	}
	if !rcp {
		return false, false
	}
	if !hasAccount {
		return resource.allow(), false
	}
	if !scp {
		return false, false
	}
	root := r.p.Kind == policy.Root
	rootFederated := r.p.Kind == policy.FederatedUser && strings.HasSuffix(r.p.EntityARN, ":root")
	identityAllows := identity.direct || root || rootFederated
	boundaryAllows := !p.Bounded || boundary.direct
	sessionAllows := session.direct
	if !p.Sessioned {
		sessionAllows = r.p.Kind != policy.FederatedUser
	}
	caller := identityAllows && boundaryAllows && sessionAllows
	if r.owner != r.p.Account {
		return caller && resource.allow(), false
	}
	if p.MustGrant && !resource.allow() {
		return false, false
	}
	switch {
	case resource.direct:
		return true, false
	case resource.entity:
		return boundaryAllows && sessionAllows, false
	}
	return caller, false
}
