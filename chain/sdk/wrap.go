package sdk

import (
	"slices"
)

// wrapped resolves a profile for the SDKs that pick a base and then take on the profile's role with it. path are the profiles
// that led here.
func (w *walk) wrapped(profile string, path []string) result {
	s := w.roleOf(profile)
	if slices.Contains(path, profile) {
		if r := w.static(profile); r.applies() {
			return r
		}
		if r := w.sso(profile); r.applies() {
			return r
		}
		return fails(inRole, "source_profile makes a loop")
	}
	base, web := w.base(profile, s, path)
	if s.arn == "" || web {
		return base
	}
	if !base.applies() && !w.m.Role.AbsentBaseFails {
		return base
	}
	return w.assume(profile, s.arn, base)
}

// base is what the profile's role is assumed with; web says that it was itself assumed with a web identity.
func (w *walk) base(profile string, s roleSettings, path []string) (base result, web bool) {
	static := w.static(profile)
	if len(path) > 0 && static.applies() && w.m.Role.SourceStatic == "wrap-static" {
		return static, false
	}
	if s.hasSource {
		return w.wrapped(s.source, append(slices.Clone(path), profile)), false
	}
	if static.applies() {
		return static, false
	}
	if s.hasNamed {
		r := w.named(s.named)
		if !r.applies() && w.namedSource(s.named) != "Ec2InstanceMetadata" {
			r = fails(inRole, "there is nothing at credential_source "+s.named)
		}
		return r, false
	}
	if r := w.webIdentity(profile, false, true); r.applies() {
		return r, true
	}
	for _, step := range []string{"sso", "login", "process", "container", "imds"} {
		if r := w.ask(step, profile); r.applies() {
			return r, false
		}
	}
	return absent(), false
}

// validate is what the SDKs that select one source check when they load the files, whichever source wins.
func (w *walk) validate() result { return w.validateProfile(w.profile, nil) }

func (w *walk) validateProfile(profile string, path []string) result {
	if w.filesErr != nil || !w.exists(profile) {
		return absent()
	}
	if w.m.Static.PartialScope == "credentials-or-merged" && w.m.Static.Partial == "error" {
		if w.staticIn(w.credentials, profile).err != nil || w.static(profile).err != nil {
			return fails(inProfile, "half a key pair in the profile")
		}
	}
	s := w.roleOf(profile)
	several := 0
	for _, key := range w.m.Role.MultiTypeError {
		if w.value(profile, key) != "" {
			several++
		}
	}
	if several > 1 {
		return fails(inProfile, "several sources in one profile")
	}
	if (s.hasSource || s.hasNamed || w.value(profile, "web_identity_token_file") != "") && s.arn == "" && w.m.Role.SourceWithoutRoleARN == "error" {
		return fails(inProfile, "a source without a role")
	}
	if s.hasNamed && w.namedSource(s.named) == "" {
		return fails(inProfile, "credential_source is not known")
	}
	if !s.hasSource {
		return absent()
	}
	return w.validateSource(profile, s.source, path)
}

func (w *walk) validateSource(profile, source string, path []string) result {
	path = append(slices.Clone(path), profile)
	if slices.Contains(path, source) {
		if !w.static(source).ok && w.value(source, "sso_account_id") == "" {
			return fails(inProfile, "source_profile makes a loop")
		}
		return absent()
	}
	if !w.exists(source) {
		return fails(inProfile, "source_profile names no profile")
	}
	if r := w.validateProfile(source, path); r.err != nil {
		return r
	}
	for _, key := range []string{"source_profile", "credential_source", "web_identity_token_file", "sso_account_id", "sso_session", "sso_start_url", "credential_process"} {
		if w.value(source, key) != "" {
			return absent()
		}
	}
	if !w.static(source).ok {
		return fails(inProfile, "source_profile has no credentials")
	}
	return absent()
}
