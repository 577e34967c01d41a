package sdk

import (
	"errors"
	"slices"
)

// choose finds the profile's name.
func (w *walk) choose() {
	w.profile = "default"
	if w.s.Profile != "" {
		w.profile, w.from = w.s.Profile, "code"
		return
	}
	for _, name := range w.m.Profile.Env {
		v, set := w.s.Env[name]
		if need := w.m.Profile.EnvRequires[name]; need != "" && !w.loads() {
			continue
		}
		if !set || v == "" && w.m.Profile.BlankEnv != "literal" {
			continue
		}
		w.profile, w.from = v, name
		return
	}
}

// loads reports whether the SDKs that ask for AWS_SDK_LOAD_CONFIG read the config file.
func (w *walk) loads() bool { return w.s.Env["AWS_SDK_LOAD_CONFIG"] != "" || !w.s.NoLoadConfig }

// missing is the verdict on a profile that does not exist.
func (w *walk) missing() result {
	if w.from == "" || w.exists(w.profile) {
		return absent()
	}
	rule := w.m.Profile.MissingFromEnv
	if w.from == "code" {
		rule = w.m.Profile.MissingExplicit
	}
	if rule != "error" || slices.Contains(w.m.Profile.MissingExemptEnv, w.from) {
		return absent()
	}
	return fails(inProfile, "profile "+w.profile+" does not exist")
}

// sources are the files that settings come from, the one that counts first.
func (w *walk) sources() []*ini {
	switch {
	case w.filesErr != nil:
		return nil
	case w.only != nil:
		return []*ini{w.only}
	}
	return []*ini{w.credentials, w.config}
}

func (w *walk) exists(name string) bool {
	for _, f := range w.sources() {
		if f != nil && f.profiles[name] != nil {
			return true
		}
	}
	return false
}

// get returns a setting: the credentials file's before the config file's.
func (w *walk) get(profile, key string) (string, bool) {
	if !w.counts(key) {
		return "", false
	}
	for _, f := range w.sources() {
		if f == nil {
			continue
		}
		if v, ok := w.in(f, profile, key); ok {
			return v, true
		}
	}
	return "", false
}

// in returns a setting of one of the files.
func (w *walk) in(f *ini, profile, key string) (string, bool) {
	v, ok := f.profile(profile)[key]
	if ok && slices.Contains(w.s.Without, Setting{f == w.credentials, profile, key}) {
		return "", false
	}
	return v, ok
}

// counts reports whether the SDK looks at the setting, as its config file is asked for or not.
func (w *walk) counts(key string) bool {
	some := w.m.Files.KeysWithoutLoad
	return len(some) == 0 || w.loads() || key == accessKey || key == secretKey || slices.Contains(some, key)
}

func (w *walk) value(profile, key string) string {
	v, _ := w.get(profile, key)
	return v
}

func (w *walk) region(profile string) string {
	names := w.m.Role.RegionEnv
	if len(names) == 0 {
		names = []string{"AWS_REGION", "AWS_DEFAULT_REGION"}
	}
	for _, name := range names {
		if name == "AWS_DEFAULT_REGION" && w.m.Files.ConfigRequiresEnv != "" && !w.loads() {
			continue
		}
		if v := w.s.Env[name]; v != "" {
			return v
		}
	}
	return w.value(profile, "region")
}

// sts is the verdict on a call of STS before it is made.
func (w *walk) sts(noRegion, profile string) error {
	if name := w.value(w.profile, "sso_session"); name != "" && w.m.Role.ChecksSSOSession {
		if s := w.session(name); s["sso_start_url"] == "" || s["sso_region"] == "" {
			return errors.New("there is no whole sso-session " + name)
		}
	}
	if w.region(profile) != "" {
		return nil
	}
	switch noRegion {
	case "error":
		return errors.New("no region for STS")
	case "error-unless-endpoint":
		if w.s.Env["AWS_ENDPOINT_URL_STS"] == "" && w.s.Env["AWS_ENDPOINT_URL"] == "" {
			return errors.New("no region for STS")
		}
	}
	return nil
}
