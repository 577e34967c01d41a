package sdk

import (
	"errors"
	"path"
	"strings"
)

// Texts remembers parsed files: many SDKs have a dialect in common, and simulations are often repeated with little
// changed. It is not for use by several goroutines at once.
type Texts struct{ parsed map[dialectText]*parsed }

type dialectText struct {
	dialect, text string
	config        bool
}

type parsed struct {
	ini *ini
	err error
}

// NewTexts returns an empty memory.
func NewTexts() *Texts { return &Texts{parsed: map[dialectText]*parsed{}} }

func (w *walk) parseText(text string, config bool) (*ini, error) {
	t := w.s.Texts
	if t == nil {
		return parseINI(&w.m.Parser, text, config)
	}
	key := dialectText{w.m.dialect, text, config}
	p := t.parsed[key]
	if p == nil {
		p = &parsed{}
		p.ini, p.err = parseINI(&w.m.Parser, text, config)
		t.parsed[key] = p
	}
	return p.ini, p.err
}

// Setting is a line of one of the two files.
type Setting struct {
	// Credentials says which file it is in.
	Credentials  bool
	Profile, Key string
}

// load reads the two files.
func (w *walk) load() {
	rules := &w.m.Files
	configPath := w.path(rules.ConfigEnv, ".aws/config", "")
	if rules.NoConfig || rules.ConfigRequiresEnv != "" && !w.loads() {
		configPath = ""
	}
	if rules.MissingConfig == "error-if-enabled" && configPath != "" {
		if _, ok := w.read(configPath); !ok {
			if w.s.Env["AWS_SDK_LOAD_CONFIG"] != "" {
				w.filesErr = errors.New("the config file is enabled and missing")
				w.enabledAndBroken()
				return
			}
			configPath = ""
		}
	}
	credentialsPath := w.path(rules.CredentialsEnv, ".aws/credentials", rules.CredentialsEnvRequiresEnv)
	if rules.NoCredentials {
		credentialsPath = ""
	}
	w.config = w.parse(configPath, true)
	if w.filesErr != nil && rules.MissingConfig == "error-if-enabled" {
		w.enabledAndBroken()
		return
	}
	w.credentials = w.parse(credentialsPath, false)
	_, w.configExists = w.read(configPath)
}

// enabledAndBroken is the SDK for JavaScript v2 with AWS_SDK_LOAD_CONFIG and no config file that it can read: it cannot even be
// loaded if it has to look there for a region.
func (w *walk) enabledAndBroken() {
	why := w.filesErr
	w.abort = w.s.Env["AWS_REGION"] == "" && w.s.Env["AMAZON_REGION"] == ""
	if w.abort {
		w.credentials = w.parse(w.path(w.m.Files.CredentialsEnv, ".aws/credentials", ""), false)
		w.abort = w.credentials == nil || w.credentials.profile(orElse(w.s.Env["AWS_PROFILE"], "default"))["region"] == ""
	}
	w.filesErr = why
}

// path is where a file is. A variable that needs another one set counts only with it.
func (w *walk) path(variable, name, needs string) string {
	home := w.s.Env["HOME"]
	v := w.s.Env[variable]
	if v == "" || needs != "" && w.s.Env[needs] == "" && (w.s.NoLoadConfig || !w.hasConfig(home)) {
		return path.Join(home, name)
	}
	if w.m.Files.Tilde {
		if rest, ok := strings.CutPrefix(v, "~"); ok {
			v = home + rest
		}
	}
	if w.m.Files.ExpandEnv {
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
			switch w.m.Files.Directory {
			case "error":
				w.filesErr, w.abort = errors.New(name+" is a directory"), true
			case "next":
				w.filesErr = errors.New(name + " is a directory")
			}
		}
		return nil
	}
	out, err := w.parseText(text, config)
	if err != nil {
		w.filesErr = errors.New(name + ": " + err.Error())
		if w.m.Parser.ParseError == "abort" || w.m.Selection == "fallthrough-absent" {
			w.abort = true
		}
		return nil
	}
	return out
}
