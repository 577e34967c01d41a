package sdk

// The SDKs for Go read a profile and those that it leads to when they are loaded, whichever source wins in the end, and fail then if one
// of them is wrong. Later they pick a base, and wrap the profiles' roles around it.

// linked is a profile with the one that is its source.
type linked struct {
	profile string
	// arn, source, named (credential_source), web, process and sso are what the profile says, as far as it counts.
	arn, sourceName, named, web, process string
	static                               result
	sso                                  bool
	source                               *linked
}

// link reads a profile. seen are those that led here.
func (w *walk) link(profile string, seen map[string]bool) (*linked, result) {
	if !w.exists(profile) {
		return &linked{profile: profile}, fails(inProfile, "source_profile names no profile")
	}
	static := w.static(profile)
	if w.m.Static.Partial == "error" {
		// Half a pair is an error in the credentials file, and in the config file if the other has no such profile.
		f := w.config
		if w.credentials != nil && w.credentials.profiles[profile] != nil {
			f = w.credentials
		}
		if w.staticIn(f, profile).err != nil {
			return nil, fails(inProfile, "half a key pair in the profile")
		}
	}
	s := w.roleOf(profile)
	l := &linked{
		profile: profile, arn: s.arn, sourceName: s.source, named: s.named, static: static,
		web: w.value(profile, "web_identity_token_file"), process: w.value(profile, "credential_process"), sso: w.isSSO(profile),
	}
	switch {
	case seen[profile]:
		l.arn, l.sourceName = "", ""
	case (l.sourceName != "" || l.named != "" || l.web != "") && l.arn == "":
		return nil, fails(inProfile, "a source without a role")
	}
	if len(seen) > 0 && static.ok && w.m.Role.SourceStatic == "wrap-static" {
		return l, absent()
	}
	seen[profile] = true
	if l.severalTypes() {
		return nil, fails(inProfile, "several sources in one profile")
	}
	if r := w.linkSource(l, seen); r.err != nil {
		return nil, r
	}
	if name := w.value(profile, "sso_session"); name != "" && w.session(name) == nil {
		return nil, fails(inProfile, "there is no sso-session "+name)
	}
	return l, absent()
}

func (w *walk) linkSource(l *linked, seen map[string]bool) result {
	if l.sourceName == "" {
		return absent()
	}
	l.named, l.web, l.process, l.static, l.sso = "", "", "", absent(), w.value(l.profile, "sso_session") != ""
	source, r := w.link(l.sourceName, seen)
	if r.err != nil {
		return r
	}
	if source.sourceName == "" && source.named == "" && source.web == "" && source.process == "" && !source.sso && !source.static.ok {
		return fails(inProfile, "source_profile has no credentials, or makes a loop")
	}
	l.source = source
	return absent()
}

// severalTypes reports whether the profile has more than one of the settings of which one is allowed.
func (l *linked) severalTypes() bool {
	n := 0
	for _, v := range []string{l.sourceName, l.named, l.process, l.web} {
		if v != "" {
			n++
		}
	}
	return n > 1
}

// wrapped resolves a profile: its base, and its role with that.
func (w *walk) wrapped(l *linked) result {
	base, web := w.base(l)
	if l.arn == "" || web || base.err != nil {
		return base
	}
	if r := w.mfa(l.profile); r.err != nil {
		return r
	}
	if !base.ok {
		if err := w.sts(w.m.Role.NoRegion, l.profile); err != nil && w.m.Role.NoRegion == "error" {
			return fails(inRole, err.Error()) // it is looked at before the base
		}
		return absent()
	}
	return w.assume(l.profile, l.arn, base)
}

// base is what the profile's role is assumed with; web says that it was itself assumed with a web identity.
func (w *walk) base(l *linked) (base result, web bool) {
	switch {
	case l.source != nil:
		return w.wrapped(l.source), false
	case l.static.ok:
		return l.static, false
	case l.named != "":
		r := w.named(l.named)
		r.unsaid = false
		if !r.applies() && (w.namedSource(l.named) != "Ec2InstanceMetadata" || w.m.Role.NamedIMDSMustBe) {
			r = fails(inRole, "there is nothing at credential_source "+l.named)
		}
		return r, false
	case l.web != "":
		return w.webIdentity(l.profile, false, true), true
	}
	for _, step := range []string{"sso", "login", "process", "container", "imds"} {
		if r := w.ask(step, l.profile); r.applies() {
			return r, false
		}
	}
	return absent(), false
}
