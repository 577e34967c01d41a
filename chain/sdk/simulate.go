package sdk

import (
	"slices"
	"strings"
	"time"
)

// walk is one simulation.
type walk struct {
	m   *Model
	s   *Situation
	now time.Time

	// config and credentials are the files, nil for none. filesErr keeps both from being used by anything.
	config, credentials *ini
	configExists        bool
	filesErr            error
	// abort says that filesErr ends the search.
	abort bool
	// only is the file that settings come from, nil for both.
	only *ini

	// profile is the one in use; from is "code", a variable, or "" for the default.
	profile, from string
	// linked is the profile as the SDKs for Go read it.
	linked *linked
	// asSource is set while the kinds of a source profile are looked at.
	asSource bool
}

// Simulate predicts what the SDK makes of s.
func (m *Model) Simulate(s *Situation) Outcome {
	w := &walk{m: m, s: s, now: s.Now}
	if w.now.IsZero() {
		w.now = time.Now()
	}
	w.choose()
	w.load()
	if w.filesErr != nil && w.abort {
		return fails(inFiles, w.filesErr.Error()).outcome()
	}
	if r := w.missing(); r.err != nil {
		return r.outcome()
	}
	if m.Role.Mode == "wrap" {
		l, r := w.link(w.profile, map[string]bool{})
		if r.err != nil && l == nil {
			return r.outcome()
		}
		w.linked = l
	}
	return w.chain()
}

func (w *walk) chain() Outcome {
	last := Outcome{Kind: None, Reason: "no source has credentials"}
	for _, stage := range w.stages() {
		r := w.stage(stage)
		switch {
		case r.ok:
			return r.outcome()
		case r.err == nil:
			continue
		}
		last = r.outcome()
		if stage.OnError == "abort" || r.final || slices.Contains(stage.FinalErrors, r.class) {
			return last
		}
		last.Kind = None
		if stage.StopAfter {
			return last
		}
	}
	if w.from == "code" && w.m.Profile.ExplicitProfile == "single-provider" {
		last.Kind, last.Source = Fails, inProfile
	}
	return last
}

// stages are the links to ask, as a profile that was chosen changes them.
func (w *walk) stages() []Stage {
	var off []string
	switch {
	case w.from == "code":
		switch w.m.Profile.ExplicitProfile {
		case "single-provider":
			return slices.DeleteFunc(slices.Clone(w.m.Chain), func(s Stage) bool { return s.ID != "profile" })
		case "first":
			return w.profileFirst()
		}
		off = w.m.Profile.ExplicitProfileDisables
	case w.from != "":
		off = w.m.Profile.EnvProfileDisables
	}
	return slices.DeleteFunc(slices.Clone(w.m.Chain), func(s Stage) bool { return slices.Contains(off, s.ID) })
}

// profileFirst puts what the profile can have before all the rest.
func (w *walk) profileFirst() []Stage {
	first := []Stage{{ID: "code-profile", Steps: []string{"webid-profile", "sso", "role", "static", "process"}, OnError: "abort"}}
	return append(first, w.m.Chain...)
}

func (w *walk) stage(stage Stage) result {
	if stage.ID == "profile" && w.m.Role.Mode == "wrap" {
		return w.wrapped(w.linked)
	}
	for _, step := range stage.Steps {
		if r := w.ask(step, w.profile); r.applies() {
			return r
		}
	}
	return absent()
}

// ask asks one step of a stage.
func (w *walk) ask(step, profile string) result { return stepNamed(step)(w, profile) }

// stepNamed returns a step by its name in the models, nil for an unknown one.
func stepNamed(name string) func(w *walk, profile string) result {
	switch name {
	case "env":
		return func(w *walk, _ string) result { return w.env() }
	case "env-amazon":
		return func(w *walk, _ string) result {
			return w.pair([]string{"AMAZON_ACCESS_KEY_ID"}, []string{"AMAZON_SECRET_ACCESS_KEY"})
		}
	case "env-minio":
		return func(w *walk, _ string) result { return w.envMinio() }
	case "webid":
		return func(w *walk, p string) result { return w.webIdentity(p, !w.disabled("webid-env"), true) }
	case "webid-env":
		return func(w *walk, p string) result { return w.webIdentity(p, true, false) }
	case "webid-profile":
		return func(w *walk, p string) result { return w.webIdentity(p, false, true) }
	case "role":
		return func(w *walk, p string) result { return w.role(p, nil) }
	case "static":
		return (*walk).static
	case "static-credentials":
		return func(w *walk, p string) result { return w.staticIn(w.credentials, p) }
	case "static-config":
		return func(w *walk, p string) result { return w.staticIn(w.config, p) }
	case "sso":
		return (*walk).sso
	case "login":
		return (*walk).login
	case "process":
		return (*walk).process
	case "one-kind":
		return (*walk).oneKind
	case "container":
		return func(w *walk, _ string) result { return w.container() }
	case "imds":
		return func(w *walk, _ string) result { return w.imds(false) }
	}
	return oneFile(name)
}

// oneFile returns the steps that look at one of the files alone.
func oneFile(name string) func(w *walk, profile string) result {
	step, file, _ := strings.Cut(name, "-")
	if step != "role" && step != "process" || file != "credentials" && file != "config" {
		return nil
	}
	return func(w *walk, profile string) result {
		f := w.credentials
		if file == "config" {
			f = w.config
		}
		if f == nil {
			return absent()
		}
		w.only = f
		defer func() { w.only = nil }()
		return w.ask(step, profile)
	}
}

// disabled reports whether naming a profile in code switches that stage off.
func (w *walk) disabled(stage string) bool {
	return w.from == "code" && slices.Contains(w.m.Profile.ExplicitProfileDisables, stage)
}
