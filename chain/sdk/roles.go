package sdk

import (
	"slices"
	"strconv"
	"strings"
)

// roleSettings are the settings by which a profile assumes a role, as the model merges them.
type roleSettings struct {
	// arn, source (source_profile) and named (credential_source) count if the others say so.
	arn, source, named          string
	hasARN, hasSource, hasNamed bool
}

func (w *walk) roleOf(profile string) roleSettings {
	get := func(key string) (string, bool) { return w.get(profile, key) }
	if w.m.Role.Unmerged {
		// The file that has the role must have all of it.
		for _, f := range w.sources() {
			if f == nil {
				continue
			}
			whole := func(key string) (string, bool) { return w.in(f, profile, key) }
			if slices.ContainsFunc([]string{"role_arn", "source_profile", "credential_source"}, func(key string) bool { v, _ := whole(key); return v != "" }) {
				get = whole
				break
			}
		}
	}
	var r roleSettings
	r.arn, r.hasARN = get("role_arn")
	r.source, r.hasSource = get("source_profile")
	r.named, r.hasNamed = get("credential_source")
	r.hasARN = r.hasARN && (r.arn != "" || w.m.Role.BlankARN == "used")
	r.hasSource = r.hasSource && r.source != ""
	r.hasNamed = r.hasNamed && r.named != ""
	return r
}

// role is the step of the SDKs that look for a role among the kinds of a profile.
func (w *walk) role(profile string, path []string) result {
	if !w.m.Role.Supported || w.filesErr != nil {
		return absent()
	}
	s := w.roleOf(profile)
	if w.m.Role.UnlessWebID && w.value(profile, "web_identity_token_file") != "" {
		return absent()
	}
	if !s.hasARN {
		if s.hasSource || s.hasNamed {
			return graded(w.m.Role.SourceWithoutRoleARN, inRole, "a source without a role")
		}
		return absent()
	}
	switch {
	case s.hasSource && s.hasNamed:
		switch w.m.Role.BothSources {
		case "not-a-role":
			return absent()
		case "source-only":
			s.hasNamed = false
		default:
			return fails(inRole, "both source_profile and credential_source")
		}
	case !s.hasSource && !s.hasNamed:
		return graded(w.m.Role.NoSource, inRole, "a role without a source")
	}
	if r := w.mfa(profile); r.final {
		return r
	}
	var base result
	if s.hasNamed {
		base = w.named(s.named)
	} else {
		base = w.source(profile, s.source, path)
	}
	return w.assume(profile, s.arn, base)
}

// assume makes the role's session with what the source gave.
func (w *walk) assume(profile, arn string, base result) result {
	if base.err != nil {
		base.unsaid = false
		return base
	}
	if !base.ok {
		return fails(inRole, "the source has no credentials")
	}
	if r := w.mfa(profile); r.err != nil {
		return r
	}
	if !strings.Contains(arn, "role/") || strings.Contains(arn, "\n") {
		return fails(inRole, "STS takes no role that is not an ARN")
	}
	if d := w.value(profile, "duration_seconds"); d != "" && w.m.Role.DurationInvalid == "error" {
		if _, err := strconv.Atoi(d); err != nil {
			return fails(inRole, "duration_seconds is no number")
		}
	}
	if w.m.Role.ChecksLengths && (len(arn) < 20 || len(w.value(profile, "role_session_name")) == 1 || len(w.value(profile, "external_id")) == 1) {
		return fails(inRole, "a setting of the role is shorter than STS takes it")
	}
	if err := w.sts(w.m.Role.NoRegion, profile); err != nil {
		return fails(inRole, err.Error())
	}
	return base.assuming(roleName(arn))
}

// mfa is the verdict on a role that wants a code, when nobody can be asked for it.
func (w *walk) mfa(profile string) result {
	if w.value(profile, "mfa_serial") == "" || w.m.Role.MFA == "ignored" {
		return absent()
	}
	return graded(w.m.Role.MFA, inRole, "nobody can be asked for a code").classed("mfa")
}

// namedSource returns the credential_source as the SDKs' documentation spells it, "" for one that the SDK does not know.
func (w *walk) namedSource(name string) string {
	i := slices.IndexFunc(w.m.Role.CredentialSources, func(known string) bool {
		return known == name || w.m.Role.CredentialSourceAnyCase && strings.EqualFold(known, name)
	})
	if i < 0 {
		return ""
	}
	return w.m.Role.CredentialSources[i]
}

// named asks a credential_source.
func (w *walk) named(source string) result {
	switch w.namedSource(source) {
	case "Environment":
		return w.env()
	case "Ec2InstanceMetadata":
		if w.m.Role.NamedIMDSIsRemote {
			if r := w.container(); r.applies() {
				return r
			}
		}
		return w.imds(true)
	case "EcsContainer":
		if w.m.Role.NamedContainerRelative && w.s.Env[relativeURI] == "" {
			return fails(inRole, relativeURI+" is not set")
		}
		return w.container()
	}
	return fails(inRole, "credential_source "+source+" is not known")
}

// source resolves a source_profile for the SDKs with role as a step.
func (w *walk) source(profile, source string, path []string) result {
	if !w.exists(source) {
		return fails(inRole, "source_profile names no profile")
	}
	path = append(slices.Clone(path), profile)
	order := w.m.Role.SourceOrder
	static := w.static(source)
	if len(order) > 0 { // botocore: keys make the source's role count for nothing
		self := source == profile
		switch {
		case self && !static.applies():
			return fails(inRole, "a profile is its own source")
		case !self && slices.Contains(path, source):
			return fails(inRole, "source_profile makes a loop")
		case !static.applies():
			if r := w.role(source, path); r.applies() {
				return r
			}
		}
		return w.firstOf(order, source)
	}
	if static.applies() && w.m.Role.SourceStatic != "role-first" {
		return static
	}
	if slices.Contains(path, source) {
		return graded(w.m.Role.Loop, inRole, "source_profile makes a loop")
	}
	s := w.roleOf(source)
	web := w.value(source, "web_identity_token_file") != "" && !s.hasSource && !s.hasNamed
	if r := w.role(source, path); r.applies() && !web {
		return r
	}
	return w.firstOf(w.m.Role.SourceSources, source)
}

// firstOf asks the kinds that a source profile may have.
func (w *walk) firstOf(steps []string, profile string) result {
	w.asSource = true
	defer func() { w.asSource = false }()
	for _, step := range steps {
		if r := w.ask(step, profile); r.applies() {
			return r
		}
	}
	return absent()
}
