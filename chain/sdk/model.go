// Package sdk predicts what each AWS SDK makes of a situation: which credentials it takes, or that it
// fails. The SDKs are data (models.json); one simulator walks them. It makes no calls and runs no
// commands: a situation says what those would answer.
//
// Tokens, durations, regions sent, error texts, refreshing and caches are not part of the prediction.
package sdk

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed models.json
var modelsJSON []byte

// Model is one SDK's rules.
type Model struct {
	// ID is short ("go-v2"); Name and Version are for people.
	ID, Name, Version string
	// Run tells that the rules were checked by running the SDK; else they were only read.
	Run bool
	// Selection is select-one, fallthrough-absent or fallthrough.
	Selection string
	Chain     []Stage

	flags map[string]any
}

// Stage is a link of the chain: the first step that applies is taken.
type Stage struct {
	ID          string
	Steps       []string
	OnError     string   `json:"on_error"`
	FinalErrors []string `json:"final_errors"`
	StopAfter   bool     `json:"stop_after"`
}

// Models returns all models.
func Models() ([]*Model, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(modelsJSON, &raw); err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	models := make([]*Model, 0, len(raw))
	for _, text := range raw {
		m := &Model{}
		if err := json.Unmarshal(text, m); err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		if err := json.Unmarshal(text, &m.flags); err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		models = append(models, m)
	}
	return models, nil
}

// Supports reports whether the SDK knows a kind of source at all: role, webid, sso, login, process,
// container or imds.
func (m *Model) Supports(kind string) bool { return !m.off(kind + ".supported") }

// flag returns the value at a path of the model's data, nil when it is not there.
func (m *Model) flag(path string) any {
	var at any = m.flags
	for _, part := range strings.Split(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// is reports whether the flag is that text.
func (m *Model) is(path, value string) bool { return m.text(path) == value }

func (m *Model) text(path string) string {
	s, _ := m.flag(path).(string)
	return s
}

// on reports whether the flag is true; off whether it is false, which a missing one is not.
func (m *Model) on(path string) bool  { b, _ := m.flag(path).(bool); return b }
func (m *Model) off(path string) bool { b, ok := m.flag(path).(bool); return ok && !b }

func (m *Model) list(path string) []string {
	values, _ := m.flag(path).([]any)
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

func (m *Model) has(path, value string) bool {
	for _, v := range m.list(path) {
		if v == value {
			return true
		}
	}
	return false
}

// Situation is a machine as an SDK sees it.
type Situation struct {
	// Env is the environment; HOME is in it.
	Env map[string]string
	// Profile is what is chosen in code or by --profile.
	Profile string
	// NoLoadConfig says that AWS_SDK_LOAD_CONFIG, which two old SDKs ask for, is not to be assumed.
	NoLoadConfig bool `json:"no_load_config"`
	// Files are texts by path, absolute or below HOME. A folder shows by what is in it.
	Files map[string]string
	// IMDS is the instance metadata service, nil for none. Container is the container endpoint.
	IMDS      *IMDS
	Container *Container
	// Processes are the answers of commands.
	Processes map[string]Process
	// Real says that this is a machine as it stands: nothing is known of what endpoints and commands
	// would answer, they are taken to work, and what they yield goes by a description instead of a key.
	Real bool `json:"-"`
	// Now is the time for expiries; zero is the present.
	Now time.Time `json:"-"`
}

// IMDS is how the instance metadata service behaves.
type IMDS struct {
	// Put is the answer to the request for a token: nil for a token, a status, or "hang".
	Put                                    any
	V2Only, Expired, Fail, NoRole, BadJSON bool
}

// Container is how the container endpoint behaves.
type Container struct {
	Status int
	// Omit are fields that the answer lacks.
	Omit []string
}

// Process is what a command prints, by how it is started: by a shell, split as a shell would, or split
// at white space.
type Process struct{ Shell, Shlex, Fields *Run }

// Run is one run of a command.
type Run struct {
	RC  int
	Out string
}

// Kinds of outcome.
const (
	OK    = "ok"
	Fails = "error"
	None  = "none"
)

// Outcome is what an SDK makes of a situation.
type Outcome struct {
	// Kind is OK, Fails or None.
	Kind string
	// AccessKeyID is the key, or "AK(Role<-key)" for a role's session.
	AccessKeyID string
	// Source is the step that decided.
	Source string
	// Reason says why there are none.
	Reason string
}
