package sdk

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed models.json
var modelsJSON []byte

// Model is one SDK's rules. Its parts say what each source does; they are described in rules.go.
type Model struct {
	// ID is short ("go-v2"); Name and Version are for people.
	ID, Name, Version string
	// Run tells that the rules were checked by running the SDK; else they were only read.
	Run bool
	// Notes are what the rules do not say.
	Notes string
	// Selection is select-one (the first source that applies is final), fallthrough-absent (absent ones are passed, errors
	// end the search) or fallthrough (errors are passed, too). Chain has the same, stage by stage.
	Selection string
	// Merge says how the two files give a pair of keys: per-key, pair (whole and not blank), present-pair, separate, separate-static or credentials-only.
	Merge string
	Chain []Stage

	Profile   ProfileRules
	Files     FileRules
	Parser    ParserRules
	Env       EnvRules
	Static    StaticRules
	Role      RoleRules
	WebID     WebIDRules
	SSO       SSORules
	Login     LoginRules
	Process   ProcessRules
	Container ContainerRules
	IMDS      IMDSRules

	// dialect is the same for models with the same Parser.
	dialect string
}

// Stage is a link of the chain: the first step that applies is taken.
type Stage struct {
	// ID is how [ProfileRules] names the stage.
	ID    string
	Steps []string
	// OnError is abort (a failure ends the search, with an error) or next.
	OnError string `json:"on_error"`
	// FinalErrors are the classes of failures that end the search with an error all the same.
	FinalErrors []string `json:"final_errors"`
	// StopAfter says that nothing later is asked when the stage applied and failed.
	StopAfter bool `json:"stop_after"`
}

// Models returns all models. What models.json has and no rule knows is an error.
func Models() ([]*Model, error) {
	var models []*Model
	d := json.NewDecoder(bytes.NewReader(modelsJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(&models); err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	for _, m := range models {
		for _, stage := range m.Chain {
			for _, step := range stage.Steps {
				if stepNamed(step) == nil && m.Role.Mode != "wrap" {
					return nil, fmt.Errorf("models: %s has the step %q, which nothing simulates", m.ID, step)
				}
			}
		}
		same := m.Parser
		same.ParseError = "" // what it does comes after
		m.dialect = fmt.Sprint(same)
	}
	return models, nil
}

// Supports reports whether the SDK knows a kind of source at all: role, webid, sso, login, process,
// container or imds.
func (m *Model) Supports(kind string) bool {
	switch kind {
	case "role":
		return m.Role.Supported
	case "webid":
		return m.WebID.Supported
	case "sso":
		return m.SSO.Supported
	case "login":
		return m.Login.Supported
	case "process":
		return m.Process.Supported
	}
	return true
}
