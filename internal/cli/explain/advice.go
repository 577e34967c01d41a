package explain

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// Remedy is a change after which the SDKs come to the same, as the simulator finds it.
type Remedy struct {
	// Change is what to do, in words.
	Change string `json:"change"`
	// Identity is what they come to then; Apart are those that still do not.
	Identity string   `json:"identity"`
	Apart    []string `json:"apart,omitempty"`
}

// advise adds to a report of disagreement the causes, and what ends it.
func (r *SDKReport) advise(models []*sdk.Model, s *sdk.Situation) {
	if r.Agree {
		return
	}
	groups := grouped(r.SDKs)
	i := slices.IndexFunc(groups, func(g group) bool { return g.id != "" })
	main := groups[i]
	r.Causes = causes(models, main, slices.Delete(slices.Clone(groups), i, i+1))
	r.Remedy = remedy(models, s, main)
}

// causes has one sentence for each way in which some differ from main.
func causes(models []*sdk.Model, main group, others []group) []string {
	var order []string
	ids := map[string][]string{}
	for _, g := range others {
		for _, a := range g.answers {
			m := models[slices.IndexFunc(models, func(m *sdk.Model) bool { return m.ID == a.ID })]
			text := cause(m, main.answers[0], a)
			if ids[text] == nil {
				order = append(order, text)
			}
			ids[text] = append(ids[text], a.ID)
		}
	}
	out := make([]string, 0, len(order))
	for _, text := range order {
		one, many, _ := strings.Cut(text, "|")
		names := ids[text]
		if len(names) > 1 {
			one = many
		}
		out = append(out, joined(names)+" "+one)
	}
	return out
}

// cause is the verb phrase for how a differs from most, for one and for many, with a bar between.
func cause(m *sdk.Model, most, a SDKAnswer) string {
	forms := func(one, many, rest string) string { return one + " " + rest + "|" + many + " " + rest }
	feature, name := most.feature()
	switch {
	case a.Outcome != sdk.OK && feature != "" && !m.Supports(feature):
		return forms("does", "do", "not know "+name)
	case a.Outcome == sdk.Fails:
		return forms("stops", "stop", "with an error: "+a.Reason)
	case a.Outcome != sdk.OK:
		return forms("finds", "find", "nothing where "+most.ID+" takes "+definite(most.from()))
	case a.from() != most.from():
		rest := definite(a.from()) + " before " + definite(most.from())
		if feature != "" && !m.Supports(feature) {
			rest = definite(a.from()) + ", not knowing " + name
		}
		return forms("takes", "take", rest)
	case len(a.Roles) == 0 && len(most.Roles) > 0:
		return forms("takes", "take", "the keys of "+a.Base+" without the role "+most.Roles[0])
	case len(a.Roles) < len(most.Roles):
		return forms("stops", "stop", "at the role "+a.Roles[0]+" instead of "+most.Roles[0])
	case len(a.Roles) > len(most.Roles):
		return forms("takes", "take", "on the role "+a.Roles[0]+" where "+most.ID+" uses "+most.Base)
	}
	return forms("uses", "use", a.Base+" where "+most.ID+" uses "+most.Base)
}

// definite names a kind of source.
func definite(kind string) string {
	switch kind {
	case fromVariables:
		return "the variables"
	case fromWebIdentity:
		return "the web identity token"
	case fromContainer:
		return "the container endpoint"
	case fromIMDS:
		return "the instance role"
	}
	return "the profile"
}

// feature is what an SDK must know for that answer, with its name for people; "" for what all know.
func (a SDKAnswer) feature() (key, name string) {
	switch a.Source {
	case sdk.FromSSO:
		return "sso", "SSO"
	case sdk.FromLogin:
		return "login", "login sessions"
	case sdk.FromProcess:
		return "process", "credential_process"
	case sdk.FromWebID:
		return "webid", "web identity tokens"
	case sdk.FromContainer:
		return "container", "container endpoints"
	case sdk.FromIMDS:
		return "imds", "instance roles"
	}
	if len(a.Roles) > 0 {
		return "role", "roles in profiles"
	}
	return "", ""
}

// change is something to do about a situation.
type change struct {
	text string
	do   func(*sdk.Situation)
}

// remedy tries changes, and pairs of them, and returns the one that leaves the fewest apart; those
// that keep what most use now come first. It is nil when none helps.
func remedy(models []*sdk.Model, s *sdk.Situation, main group) *Remedy {
	all := changes(s)
	tries := slices.Clone(all)
	for i, a := range all {
		for _, b := range all[i+1:] {
			tries = append(tries, change{a.text + " and " + b.text, func(s *sdk.Situation) { a.do(s); b.do(s) }})
		}
	}
	var best *Remedy
	kept := false
	for _, t := range tries {
		changed := *s
		changed.Env = maps.Clone(s.Env)
		t.do(&changed)
		groups := grouped(askAll(models, &changed).SDKs)
		g := groups[0]
		same := g.id == main.id
		apart := len(models) - len(g.answers)
		if g.id == "" || apart >= len(models)-len(main.answers) {
			continue
		}
		if best != nil && (apart > len(best.Apart) || apart == len(best.Apart) && (kept || !same)) {
			continue
		}
		kept, best = same, &Remedy{Change: t.text, Identity: g.id}
		for _, other := range groups[1:] {
			best.Apart = append(best.Apart, other.names()...)
		}
	}
	return best
}

// changes are the settings that decide between sources, as far as they are there.
func changes(s *sdk.Situation) []change {
	var out []change
	unset := func(names ...string) {
		var there []string
		for _, n := range names {
			if s.Env[n] != "" {
				there = append(there, n)
			}
		}
		if len(there) > 0 {
			out = append(out, change{"unset " + strings.Join(there, " "), func(s *sdk.Situation) {
				for _, n := range there {
					delete(s.Env, n)
				}
			}})
		}
	}
	set := func(name, value, text string) {
		if s.Env[name] != value {
			out = append(out, change{"set " + name + "=" + text, func(s *sdk.Situation) { s.Env[name] = value }})
		}
	}
	unset("AWS_PROFILE")
	if v := s.Env["AWS_DEFAULT_PROFILE"]; v != "" {
		set("AWS_PROFILE", v, v)
		unset("AWS_DEFAULT_PROFILE")
	}
	unset("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN")
	unset("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME")
	unset("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if s.NoLoadConfig {
		set("AWS_SDK_LOAD_CONFIG", "1", "1")
	}
	if s.Env["AWS_REGION"] == "" {
		set("AWS_REGION", "us-east-1", "REGION")
	}
	if s.IMDS != nil {
		set("AWS_EC2_METADATA_DISABLED", "true", "true")
	}
	return append(out, profileChanges(s)...)
}

// profileChanges take one kind of credentials from the profile in use.
func profileChanges(s *sdk.Situation) []change {
	profile := "default"
	for _, name := range []string{s.Profile, s.Env["AWS_PROFILE"]} {
		if name != "" {
			profile = name
			break
		}
	}
	var out []change
	for _, f := range []struct {
		variable, name string
		kind           awsconfig.Kind
	}{{"AWS_CONFIG_FILE", "config", awsconfig.ConfigKind}, {"AWS_SHARED_CREDENTIALS_FILE", "credentials", awsconfig.CredentialsKind}} {
		path := s.Env[f.variable]
		if path == "" {
			path = filepath.Join(s.Env["HOME"], ".aws", f.name)
		}
		there := map[string]bool{}
		for _, section := range awsconfig.Parse(path, f.kind, []byte(s.Files[path])).Sections {
			if section.Type == awsconfig.ProfileSection && section.Name == profile {
				for _, set := range section.Settings() {
					there[set.Key] = true
				}
			}
		}
		for _, keys := range [][]string{
			{"credential_process"}, {"role_arn", "source_profile", "credential_source", "web_identity_token_file"},
			{"sso_session", "sso_account_id", "sso_role_name", "sso_start_url", "sso_region"}, {"login_session"},
			{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"},
		} {
			var gone []string
			var without []sdk.Setting
			for _, key := range keys {
				if there[key] {
					gone = append(gone, key)
					without = append(without, sdk.Setting{Credentials: f.kind == awsconfig.CredentialsKind, Profile: profile, Key: key})
				}
			}
			if len(gone) > 0 {
				out = append(out, change{
					fmt.Sprintf("remove %s from profile %s in %s", strings.Join(gone, ", "), profile, path),
					func(s *sdk.Situation) { s.Without = append(slices.Clone(s.Without), without...) },
				})
			}
		}
	}
	return out
}

// adviceText is the advice as lines.
func (r SDKReport) adviceText(indent string) string {
	var b strings.Builder
	for _, c := range r.Causes {
		fmt.Fprintf(&b, "%s%s.\n", indent, c)
	}
	switch {
	case r.Agree:
	case r.Remedy == nil:
		fmt.Fprintf(&b, "%sNo one or two settings make more of them agree.\n", indent)
	case len(r.Remedy.Apart) == 0:
		fmt.Fprintf(&b, "%sTo make all agree: %s; then all use %s.\n", indent, r.Remedy.Change, r.Remedy.Identity)
	default:
		fmt.Fprintf(&b, "%sTo make all but %s agree: %s; then they use %s.\n", indent, joined(r.Remedy.Apart), r.Remedy.Change, r.Remedy.Identity)
	}
	return b.String()
}
