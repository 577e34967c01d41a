package sdk

import (
	"errors"
	"path"
	"slices"
	"strings"
	"time"
)

// result is what a step or a stage came to.
type result struct {
	// id is set when it yielded; err when it applied and failed; neither when it does not apply.
	id   string
	ok   bool
	err  error
	step string
	// final errors end the chain whatever the stage says; class is what the stage's list names.
	final bool
	class string
}

func absent() result          { return result{} }
func yields(id string) result { return result{id: id, ok: true} }
func fails(class, why string) result {
	return result{err: errors.New(why), class: class}
}

// graded makes a failure as hard as the flag says: "error-final" ends every chain, "absent" is none.
func (m *Model) graded(path, class, why string) result {
	switch m.text(path) {
	case "absent":
		return absent()
	case "error-final", "final-error":
		r := fails(class, why)
		r.final = true
		return r
	}
	return fails(class, why)
}

func (r result) applies() bool { return r.ok || r.err != nil }

// walk is one simulation.
type walk struct {
	m   *Model
	s   *Situation
	now time.Time

	config, credentials *ini
	configExists        bool
	loadConfig          bool
	// filesErr keeps the files from being used by anything.
	filesErr error
	abort    bool
	// asSource is set while the kinds of a source profile are looked at.
	asSource bool
	profile  string
	from     string // "code", a variable, or "" for the default
}

// Simulate predicts what the SDK makes of s.
func (m *Model) Simulate(s *Situation) Outcome {
	w := &walk{m: m, s: s, now: s.Now}
	if w.now.IsZero() {
		w.now = time.Now()
	}
	w.loadConfig = s.Env["AWS_SDK_LOAD_CONFIG"] != ""
	w.choose()
	w.load()
	if w.filesErr != nil && w.abort {
		return Outcome{Kind: Fails, Source: "files", Reason: w.filesErr.Error()}
	}
	if r := w.missing(); r.err != nil {
		return Outcome{Kind: Fails, Source: "profile", Reason: r.err.Error()}
	}
	if m.Selection == "select-one" {
		if err := w.validate(); err != nil {
			return Outcome{Kind: Fails, Source: "profile", Reason: err.Error()}
		}
	}
	return w.chain()
}

func (w *walk) chain() Outcome {
	last := Outcome{Kind: None, Reason: "no source has credentials"}
	for _, stage := range w.stages() {
		r := w.stage(stage)
		switch {
		case r.ok:
			return Outcome{Kind: OK, AccessKeyID: r.id, Source: r.step}
		case r.err == nil:
			continue
		}
		last = Outcome{Kind: Fails, Source: r.step, Reason: r.err.Error()}
		if stage.OnError == "abort" || r.final || stage.StopAfter || slices.Contains(stage.FinalErrors, r.class) {
			return last
		}
		last.Kind = None
	}
	return last
}

// stages are the links to ask, as a profile that was chosen changes them.
func (w *walk) stages() []Stage {
	var off []string
	switch {
	case w.from == "code":
		switch w.m.text("profile.explicit_profile") {
		case "single-provider":
			return slices.DeleteFunc(slices.Clone(w.m.Chain), func(s Stage) bool { return s.ID != "profile" })
		case "first":
			return w.profileFirst()
		}
		off = w.m.list("profile.explicit_profile_disables")
	case w.from != "":
		off = w.m.list("profile.env_profile_disables")
	}
	return slices.DeleteFunc(slices.Clone(w.m.Chain), func(s Stage) bool { return slices.Contains(off, s.ID) })
}

// profileFirst puts what the profile can have before all the rest.
func (w *walk) profileFirst() []Stage {
	first := []Stage{{ID: "code-profile", Steps: []string{"webid-profile", "sso", "role", "static", "process"}, OnError: "abort"}}
	return append(first, w.m.Chain...)
}

func (w *walk) stage(stage Stage) result {
	if stage.ID == "profile" && w.m.is("role.mode", "wrap") {
		r := w.wrapped(w.profile, nil)
		r.step = "profile"
		return r
	}
	for _, step := range stage.Steps {
		if r := w.step(step, w.profile); r.applies() {
			r.step = step
			return r
		}
	}
	return absent()
}

func (w *walk) step(step, profile string) result {
	switch step {
	case "env":
		return w.env()
	case "env-amazon":
		return w.pair([]string{"AMAZON_ACCESS_KEY_ID"}, []string{"AMAZON_SECRET_ACCESS_KEY"})
	case "webid-env":
		return w.webIdentity(profile, true, false)
	case "webid-profile":
		return w.webIdentity(profile, false, true)
	case "webid":
		return w.webIdentity(profile, !(w.from == "code" && w.m.has("profile.explicit_profile_disables", "webid-env")), true)
	case "role":
		return w.role(profile, nil)
	case "static":
		return w.static(profile)
	case "static-credentials":
		return w.staticIn(w.credentials, profile)
	case "static-config":
		return w.staticIn(w.config, profile)
	case "sso":
		return w.sso(profile)
	case "login":
		return w.login(profile)
	case "process":
		return w.process(profile)
	case "container":
		return w.container()
	case "imds":
		return w.imds(false)
	}
	return absent()
}

// choose finds the profile's name.
func (w *walk) choose() {
	w.profile = w.m.text("profile.default")
	if w.profile == "" {
		w.profile = "default"
	}
	if w.s.Profile != "" {
		w.profile, w.from = w.s.Profile, "code"
		return
	}
	for _, name := range w.m.list("profile.env") {
		v, set := w.s.Env[name]
		if need := w.m.text("profile.env_requires." + name); need != "" && !w.loads() {
			continue
		}
		if !set || v == "" && !w.m.is("profile.blank_env", "literal") {
			continue
		}
		w.profile, w.from = v, name
		return
	}
}

// loads reports whether the SDKs that ask for AWS_SDK_LOAD_CONFIG read the config file.
func (w *walk) loads() bool { return w.loadConfig || !w.s.NoLoadConfig }

// missing is the verdict on a profile that does not exist.
func (w *walk) missing() result {
	if w.from == "" || w.exists(w.profile) {
		return absent()
	}
	rule := "profile.missing_from_env"
	if w.from == "code" {
		rule = "profile.missing_explicit"
	}
	if !w.m.is(rule, "error") || w.m.has("profile.missing_exempt_env", w.from) {
		return absent()
	}
	return fails("profile", "profile "+w.profile+" does not exist")
}

func (w *walk) exists(name string) bool {
	for _, f := range []*ini{w.config, w.credentials} {
		if f != nil && f.profiles[name] != nil {
			return true
		}
	}
	return false
}

// load reads the two files.
func (w *walk) load() {
	configEnv, credentialsEnv := w.m.text("files.config_env"), w.m.text("files.credentials_env")
	configPath := w.path(configEnv, ".aws/config", "")
	if need := w.m.text("files.config_requires_env"); need != "" && !w.loads() {
		configPath = ""
	}
	if configEnv == "" || w.m.off("files.config") {
		configPath = ""
	}
	if w.m.is("files.missing_config", "error-if-enabled") && configPath != "" {
		if _, ok := w.read(configPath); !ok {
			if w.loadConfig {
				w.filesErr = errors.New("the config file is enabled and missing")
				return
			}
			configPath = ""
		}
	}
	credentialsPath := w.path(credentialsEnv, ".aws/credentials", w.m.text("files.credentials_env_requires_env"))
	w.config = w.parse(configPath, true)
	w.credentials = w.parse(credentialsPath, false)
	_, w.configExists = w.read(configPath)
}

// path is where a file is. A variable that needs another one set counts only with it.
func (w *walk) path(variable, name, needs string) string {
	home := w.s.Env[orElse(w.m.text("files.home"), "HOME")]
	v := w.s.Env[variable]
	if v == "" || needs != "" && !(w.loadConfig || !w.s.NoLoadConfig && w.hasConfig(home)) {
		return path.Join(home, name)
	}
	if w.m.on("files.tilde") {
		if rest, ok := strings.CutPrefix(v, "~"); ok {
			v = home + rest
		}
	}
	if w.m.on("files.expand_env") {
		v = strings.NewReplacer("$HOME", home, "${HOME}", home).Replace(v)
	}
	return v
}

func (w *walk) hasConfig(home string) bool {
	_, ok := w.read(path.Join(home, ".aws/config"))
	return ok
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// read returns a file's text.
func (w *walk) read(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	if text, ok := w.s.Files[name]; ok {
		return text, true
	}
	rest, ok := strings.CutPrefix(name, w.s.Env["HOME"]+"/")
	if !ok {
		return "", false
	}
	text, ok := w.s.Files[rest]
	return text, ok
}

// folder reports whether something lies below the name.
func (w *walk) folder(name string) bool {
	rest, _ := strings.CutPrefix(name, w.s.Env["HOME"]+"/")
	for f := range w.s.Files {
		if strings.HasPrefix(f, name+"/") || strings.HasPrefix(f, rest+"/") {
			return true
		}
	}
	return false
}

func (w *walk) parse(name string, config bool) *ini {
	if name == "" {
		return nil
	}
	text, ok := w.read(name)
	if !ok {
		if w.folder(name) {
			switch w.m.text("files.directory") {
			case "error":
				w.filesErr, w.abort = errors.New(name+" is a directory"), true
			case "next":
				w.filesErr = errors.New(name + " is a directory")
			}
		}
		return nil
	}
	out, err := w.m.parse(text, config)
	if err != nil {
		w.filesErr = errors.New(name + ": " + err.Error())
		if w.m.is("parser.parse_error", "abort") || w.m.Selection == "fallthrough-absent" {
			w.abort = true
		}
		return nil
	}
	return out
}

// get returns a setting that is not a static key: the credentials file's before the config file's.
func (w *walk) get(profile, key string) (string, bool) {
	if w.filesErr != nil {
		return "", false
	}
	for _, f := range []*ini{w.credentials, w.config} {
		if f == nil {
			continue
		}
		if v, ok := f.profiles[profile][key]; ok {
			return v, true
		}
	}
	return "", false
}

func (w *walk) value(profile, key string) string {
	v, _ := w.get(profile, key)
	return v
}

func (w *walk) region(profile string) string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if v := w.s.Env[name]; v != "" {
			return v
		}
	}
	return w.value(profile, "region")
}

// stsRegion is the verdict on a call of STS without a region.
func (w *walk) stsRegion(flag, profile string) error {
	if w.region(profile) != "" {
		return nil
	}
	switch w.m.text(flag) {
	case "error":
		return errors.New("no region for STS")
	case "error-unless-endpoint":
		if w.s.Env["AWS_ENDPOINT_URL_STS"] == "" && w.s.Env["AWS_ENDPOINT_URL"] == "" {
			return errors.New("no region for STS")
		}
	}
	return nil
}
