package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain/sdk"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// SDKReport is the JSON answer of --sdk.
type SDKReport struct {
	// Agree tells that all of them come to the same.
	Agree bool        `json:"agree"`
	SDKs  []SDKAnswer `json:"sdks"`
	// Causes has a sentence for each way in which some differ from most; Remedy is what brings them
	// together, nil if nothing was found.
	Causes []string `json:"causes,omitempty"`
	Remedy *Remedy  `json:"remedy,omitempty"`
}

// SDKAnswer is what one SDK would do here.
type SDKAnswer struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Checked is "run" when the model was compared with the running SDK, else "read".
	Checked string `json:"checked"`
	// Outcome is ok, none or error. Source is the kind of source that the credentials come from before any role is assumed: env,
	// static, process, sso, login, webid, container, imds. Without credentials it is what failed, or role, profile, files.
	Outcome string `json:"outcome"`
	Source  string `json:"source,omitempty"`
	// AccessKeyID is set where it is known without a call; Base is what the credentials start from.
	AccessKeyID string `json:"accessKeyId,omitempty"`
	Base        string `json:"base,omitempty"`
	// Roles are the hops, latest first.
	Roles  []string `json:"roles,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// RunSDKs answers for the SDKs that are asked for.
func RunSDKs(o *Options, p *place) error {
	models, err := sdk.Models()
	if err != nil {
		return err
	}
	if models, err = chosen(models, o.SDKs); err != nil {
		return err
	}
	s, err := situation(o, p)
	if err != nil {
		return cmdutil.BrokenSource(err)
	}
	report := askAll(models, s)
	report.advise(models, s)
	if o.JSON {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(report)
	} else {
		err = printSDKs(o, report)
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if !report.Agree {
		return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	}
	return nil
}

// askAll simulates every model.
func askAll(models []*sdk.Model, s *sdk.Situation) SDKReport {
	report := SDKReport{Agree: true}
	for _, m := range models {
		report.SDKs = append(report.SDKs, answer(m, s))
	}
	for _, a := range report.SDKs {
		report.Agree = report.Agree && a.identity() == report.SDKs[0].identity()
	}
	return report
}

func chosen(models []*sdk.Model, names []string) ([]*sdk.Model, error) {
	if slices.Contains(names, "all") {
		return models, nil
	}
	var out []*sdk.Model
	var ids []string
	for _, m := range models {
		ids = append(ids, m.ID)
		if slices.Contains(names, m.ID) {
			out = append(out, m)
		}
	}
	for _, n := range names {
		if !slices.Contains(ids, n) {
			return nil, cmdutil.FlagErrorf("there is no model of %q: choose all, or of %s", n, strings.Join(ids, ", "))
		}
	}
	return out, nil
}

func answer(m *sdk.Model, s *sdk.Situation) SDKAnswer {
	got := m.Simulate(s)
	a := SDKAnswer{
		ID: m.ID, Name: m.Name, Version: m.Version, Checked: "read",
		Outcome: got.Kind, Source: got.Source, AccessKeyID: got.AccessKeyID, Base: got.Base, Roles: got.Roles, Reason: got.Reason,
	}
	if m.Run {
		a.Checked = "run"
	}
	return a
}

// identity is what must be the same for two SDKs to agree. Failing and finding nothing are the same to
// the program that asks.
func (a SDKAnswer) identity() string {
	if a.Outcome != sdk.OK {
		return ""
	}
	return strings.Join(append(slices.Clone(a.Roles), a.Base), " ← ")
}

// situation is a place as the simulator takes it: the environment, and the files that SDKs read.
func situation(o *Options, p *place) (*sdk.Situation, error) {
	env := map[string]string{}
	for _, kv := range p.environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			env[name] = value
		}
	}
	s := &sdk.Situation{Env: env, Profile: o.Chain.Profile, NoLoadConfig: true, Real: true, Files: map[string]string{}, Now: o.Factory.Now(), Texts: sdk.NewTexts()}
	if o.EC2 {
		s.IMDS = &sdk.IMDS{}
	}
	home := env["HOME"]
	paths := []string{filepath.Join(home, ".aws", "config"), filepath.Join(home, ".aws", "credentials")}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"} {
		if v := env[name]; v != "" {
			// SDKs differ in what they expand; each finds its own spelling.
			tilde := v
			if rest, ok := strings.CutPrefix(v, "~"); ok {
				tilde = home + rest
			}
			paths = append(paths, v, tilde, os.Expand(tilde, func(n string) string { return env[n] }))
		}
	}
	for _, kind := range []string{"sso", "login"} {
		folder := filepath.Join(home, ".aws", kind, "cache")
		paths = append(paths, p.list(folder)...)
	}
	for _, path := range paths {
		if err := addFile(s, p, path); err != nil {
			return nil, err
		}
	}
	return s, addTokenFiles(s, p)
}

// addTokenFiles adds the files that profiles name.
func addTokenFiles(s *sdk.Situation, p *place) error {
	texts := slices.Collect(maps.Values(s.Files))
	for _, text := range texts {
		if !strings.Contains(strings.ToLower(text), "web_identity_token_file") {
			continue
		}
		for _, section := range awsconfig.Parse("", awsconfig.ConfigKind, []byte(text)).Sections {
			for _, set := range section.Settings() {
				if set.Key != "web_identity_token_file" {
					continue
				}
				if err := addFile(s, p, set.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func addFile(s *sdk.Situation, p *place, path string) error {
	text, isDir, ok, err := p.read(path)
	switch {
	case err != nil:
		return err
	case isDir:
		s.Files[path+"/."] = ""
	case ok:
		s.Files[path] = string(text)
	}
	return nil
}

// group are the answers that come to the same identity, "" for none.
type group struct {
	id      string
	answers []SDKAnswer
}

func (g group) names() []string {
	var names []string
	for _, a := range g.answers {
		names = append(names, a.ID)
	}
	return names
}

// grouped puts the largest group first.
func grouped(answers []SDKAnswer) []group {
	var out []group
	for _, a := range answers {
		i := slices.IndexFunc(out, func(g group) bool { return g.id == a.identity() })
		if i < 0 {
			out, i = append(out, group{id: a.identity()}), len(out)
		}
		out[i].answers = append(out[i].answers, a)
	}
	slices.SortFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(len(b.answers), len(a.answers)), cmp.Compare(a.id, b.id))
	})
	return out
}

func printSDKs(o *Options, r SDKReport) error {
	io := o.Factory.IO
	groups := grouped(r.SDKs)
	var b strings.Builder
	if r.Agree {
		b.WriteString("They all come to the same.\n")
	} else {
		fmt.Fprintf(&b, "%s %d different answers:\n", io.Yellow("They disagree:"), len(groups))
		b.WriteString(r.adviceText(""))
	}
	for _, g := range groups {
		title := g.id
		if title == "" {
			title = io.Red("no credentials")
		}
		fmt.Fprintf(&b, "\n%s\n", io.Bold(title))
		for _, a := range g.answers {
			why := a.Source
			if a.Outcome != sdk.OK {
				why = a.Reason
			}
			fmt.Fprintf(&b, "  %-18s %-5s %s\n", a.ID, a.Checked, why)
		}
	}
	_, err := fmt.Fprint(io.Out, b.String())
	return err
}
