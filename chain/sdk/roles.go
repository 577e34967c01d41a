package sdk

import (
	"errors"
	"slices"
	"strconv"
)

// roleSettings are the settings by which a profile assumes a role, as the model merges them.
type roleSettings struct {
	arn, source, named       string
	hasARN, hasSource, hasNm bool
}

func (w *walk) roleOf(profile string) roleSettings {
	get := func(key string) (string, bool) { return w.get(profile, key) }
	if w.m.off("role.merge_keys") {
		// The file that has the role must have all of it.
		for _, f := range []*ini{w.credentials, w.config} {
			if f == nil || w.filesErr != nil {
				continue
			}
			s := f.profiles[profile]
			if s["role_arn"] != "" || s["source_profile"] != "" || s["credential_source"] != "" {
				get = func(key string) (string, bool) { v, ok := s[key]; return v, ok }
				break
			}
		}
	}
	var r roleSettings
	r.arn, r.hasARN = get("role_arn")
	r.source, r.hasSource = get("source_profile")
	r.named, r.hasNm = get("credential_source")
	r.hasARN = r.hasARN && (r.arn != "" || w.m.is("role.blank_arn", "used"))
	r.hasSource = r.hasSource && r.source != ""
	r.hasNm = r.hasNm && r.named != ""
	return r
}

// role is the step of the SDKs that look for a role among the kinds of a profile.
func (w *walk) role(profile string, path []string) result {
	if w.m.off("role.supported") || w.filesErr != nil {
		return absent()
	}
	s := w.roleOf(profile)
	if w.m.on("role.unless_webid") && w.value(profile, "web_identity_token_file") != "" {
		return absent()
	}
	if !s.hasARN {
		if s.hasSource || s.hasNm {
			return w.m.graded("role.source_without_role_arn", "role", "a source without a role")
		}
		return absent()
	}
	switch {
	case s.hasSource && s.hasNm:
		switch w.m.text("role.both_sources") {
		case "not-a-role":
			return absent()
		case "source-only":
			s.hasNm = false
		default:
			return fails("role", "both source_profile and credential_source")
		}
	case !s.hasSource && !s.hasNm:
		return w.m.graded("role.no_source", "role", "a role without a source")
	}
	var base result
	if s.hasNm {
		base = w.named(s.named)
	} else {
		base = w.source(profile, s.source, path)
	}
	return w.assume(profile, s.arn, base)
}

// assume makes the role's session with what the source gave.
func (w *walk) assume(profile, arn string, base result) result {
	if base.err != nil {
		return base
	}
	if !base.ok {
		return fails("role", errNoSource.Error())
	}
	if w.value(profile, "mfa_serial") != "" {
		switch w.m.text("role.mfa") {
		case "ignored-without-callback", "sent-without-code":
		case "final-error":
			r := fails("mfa", "nobody can be asked for a code")
			r.final = true
			return r
		default:
			return fails("mfa", "nobody can be asked for a code")
		}
	}
	if arn == "" {
		return fails("role", "STS takes no empty role")
	}
	if d := w.value(profile, "duration_seconds"); d != "" && w.m.is("role.duration_invalid", "error") {
		if _, err := strconv.Atoi(d); err != nil {
			return fails("role", "duration_seconds is no number")
		}
	}
	if err := w.stsRegion("role.no_region", profile); err != nil {
		return fails("role", err.Error())
	}
	return yields("AK(" + role(arn) + "<-" + base.id + ")")
}

func (w *walk) named(source string) result {
	if !w.m.has("role.credential_sources", source) {
		return fails("role", "credential_source "+source+" is not known")
	}
	switch source {
	case "Environment":
		return w.env()
	case "Ec2InstanceMetadata":
		return w.imds(true)
	}
	return w.container()
}

// source resolves a source_profile for the SDKs with role as a step.
func (w *walk) source(profile, source string, path []string) result {
	if !w.exists(source) {
		return fails("role", "source_profile names no profile")
	}
	path = append(slices.Clone(path), profile)
	order := w.m.list("role.source_order")
	static := w.static(source)
	if len(order) > 0 { // botocore: keys make the source's role count for nothing
		self := source == profile
		switch {
		case self && !static.applies():
			return fails("role", "a profile is its own source")
		case !self && slices.Contains(path, source):
			return fails("role", "source_profile makes a loop")
		case !static.applies():
			if r := w.role(source, path); r.applies() {
				return r
			}
		}
		return w.firstOf(order, source)
	}
	if static.applies() {
		return static
	}
	if slices.Contains(path, source) {
		r := fails("role", "source_profile makes a loop")
		r.final = w.m.is("role.loop", "crash")
		return r
	}
	s := w.roleOf(source)
	web := w.value(source, "web_identity_token_file") != "" && !s.hasSource && !s.hasNm
	if r := w.role(source, path); r.applies() && !web {
		return r
	}
	steps := make([]string, 0, 5)
	for _, s := range w.m.list("role.source_sources") {
		if s == "webid" {
			s = "webid-profile"
		}
		steps = append(steps, s)
	}
	return w.firstOf(steps, source)
}

func (w *walk) firstOf(steps []string, profile string) result {
	w.asSource = true
	defer func() { w.asSource = false }()
	for _, step := range steps {
		if r := w.step(step, profile); r.applies() {
			return r
		}
	}
	return absent()
}

// wrapped resolves a profile for the SDKs that pick a base and then take on the profile's role with it.
func (w *walk) wrapped(profile string, path []string) result {
	s := w.roleOf(profile)
	revisited := slices.Contains(path, profile)
	if revisited {
		if r := w.static(profile); r.applies() {
			return r
		}
		if r := w.sso(profile); r.applies() {
			return r
		}
		return fails("role", "source_profile makes a loop")
	}
	base, web := w.base(profile, s, path)
	if s.arn == "" || web || !base.ok {
		return base
	}
	return w.assume(profile, s.arn, base)
}

func (w *walk) base(profile string, s roleSettings, path []string) (base result, web bool) {
	nested := len(path) > 0
	static := w.static(profile)
	if nested && static.applies() && w.m.is("role.source_static", "wrap-static") {
		return static, false
	}
	if s.hasSource {
		return w.wrapped(s.source, append(slices.Clone(path), profile)), false
	}
	if static.applies() {
		return static, false
	}
	if s.hasNm {
		return w.named(s.named), false
	}
	if r := w.webIdentity(profile, false, true); r.applies() {
		return r, true
	}
	for _, step := range []string{"sso", "login", "process", "container", "imds"} {
		if r := w.step(step, profile); r.applies() {
			return r, false
		}
	}
	return absent(), false
}

// validate is what the SDKs that select one source check when they load the files, whichever source wins.
func (w *walk) validate() error { return w.validateProfile(w.profile, nil) }

func (w *walk) validateProfile(profile string, path []string) error {
	if w.filesErr != nil || !w.exists(profile) {
		return nil
	}
	if w.m.is("static.partial_scope", "credentials-or-merged") && w.m.is("static.partial", "error") {
		if w.staticIn(w.credentials, profile).err != nil || w.static(profile).err != nil {
			return errors.New("half a key pair in the profile")
		}
	}
	s := w.roleOf(profile)
	several := 0
	for _, key := range w.m.list("role.multi_type_error") {
		if w.value(profile, key) != "" {
			several++
		}
	}
	if several > 1 {
		return errors.New("several sources in one profile")
	}
	if (s.hasSource || s.hasNm || w.value(profile, "web_identity_token_file") != "") && s.arn == "" && w.m.is("role.source_without_role_arn", "error") {
		return errors.New("a source without a role")
	}
	if s.hasNm && !w.m.has("role.credential_sources", s.named) {
		return errors.New("credential_source is not known")
	}
	if !s.hasSource {
		return nil
	}
	return w.validateSource(profile, s.source, path)
}

func (w *walk) validateSource(profile, source string, path []string) error {
	path = append(slices.Clone(path), profile)
	if slices.Contains(path, source) {
		if !w.static(source).ok && w.value(source, "sso_account_id") == "" {
			return errors.New("source_profile makes a loop")
		}
		return nil
	}
	if !w.exists(source) {
		return errors.New("source_profile names no profile")
	}
	if err := w.validateProfile(source, path); err != nil {
		return err
	}
	for _, key := range []string{"source_profile", "credential_source", "web_identity_token_file", "sso_account_id", "sso_session", "sso_start_url", "credential_process"} {
		if w.value(source, key) != "" {
			return nil
		}
	}
	if !w.static(source).ok {
		return errors.New("source_profile has no credentials")
	}
	return nil
}
