package explain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain/sdk"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// workload is a container or function as a file declares it, before it runs.
type workload struct {
	// name is the container's or function's; "" when the file has but one.
	name string
	env  map[string]string
	// files are paths that will be there, with their text.
	files map[string]string
	// imds tells that an instance's role can be reached.
	imds bool
	// container and variables are what the credentials endpoint and the keys are called here; nil for
	// the general words.
	container, variables *source
	notes                []string
}

// source is a place for credentials in the words of a sentence.
type source struct {
	// kind is what an answer is matched by; a is the indefinite form, the the definite one.
	kind, a, the string
	plural       bool
}

func (s source) verb(one, many string) string {
	if s.plural {
		return many
	}
	return one
}

// WorkloadReport is the JSON answer for a workload that does not run yet.
type WorkloadReport struct {
	File      string     `json:"file"`
	Workloads []Workload `json:"workloads"`
}

// Workload is one container or function.
type Workload struct {
	Name string `json:"name,omitempty"`
	// Summary is the answer in one sentence.
	Summary string `json:"summary"`
	// Declared are the sources that the file sets up.
	Declared []string `json:"declared"`
	// Notes are what the file does not tell, and what will not do what it seems to.
	Notes []string `json:"notes,omitempty"`
	SDKReport
}

// declaration is a flag that names a file, with its reader.
type declaration struct {
	flag, path string
	read       func(text []byte) ([]workload, error)
}

func (o *Options) declarations() []declaration {
	all := []declaration{
		{"env-file", o.EnvFile, fromEnvFile},
		{"task-definition", o.TaskDefinition, fromTaskDefinition},
		{"pod", o.Pod, fromPod},
		{"function-config", o.FunctionConfig, fromFunctionConfig},
	}
	return slices.DeleteFunc(all, func(d declaration) bool { return d.path == "" })
}

// awsSDKs are AWS's own; the other models are of tools and of other people's libraries, whose defaults
// are a matter of their settings.
func awsSDKs() []string {
	return strings.Fields("go-v2 go-v1 js-v3 js-v2 botocore cli-v2 cli-v1 ruby rust java-v2 java-v1 dotnet-v4 dotnet-v3 php cpp kotlin swift crt")
}

func (o *Options) isWorkload() bool { return len(o.declarations()) > 0 }

// readRegular reads a file, and nothing that would block or never end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New(path + " is no regular file")
	case info.Size() > awsconfig.MaxFileSize:
		return nil, errors.New(path + " is too large")
	}
	return os.ReadFile(path) //nolint:gosec // the user names the file
}

// RunWorkload explains what a file declares.
func RunWorkload(o *Options) error {
	d := o.declarations()[0]
	models, err := sdk.Models()
	if err != nil {
		return err
	}
	names := o.SDKs
	if len(names) == 0 {
		names = awsSDKs()
	}
	if models, err = chosen(models, names); err != nil {
		return err
	}
	text, err := readRegular(d.path)
	if err != nil {
		return cmdutil.BrokenSource(fmt.Errorf("--%s: %w", d.flag, err))
	}
	loads, err := d.read(bytes.TrimPrefix(text, []byte("\ufeff"))) // PowerShell writes one
	if err != nil {
		return cmdutil.BrokenSource(fmt.Errorf("%s: %w", d.path, err))
	}
	report := WorkloadReport{File: d.path}
	agree, found := true, false
	for _, w := range loads {
		one := w.explain(o, models)
		report.Workloads = append(report.Workloads, one)
		agree = agree && one.Agree
		found = found || slices.ContainsFunc(one.SDKs, func(a SDKAnswer) bool { return a.Outcome == sdk.OK })
	}
	if o.JSON {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(report)
	} else {
		err = printWorkloads(o, report)
	}
	switch {
	case err != nil:
		return fmt.Errorf("writing: %w", err)
	case !agree:
		return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	case !found:
		return &cmdutil.ExitError{Code: cmdutil.ExitNoCredentials}
	}
	return nil
}

func (w workload) explain(o *Options, models []*sdk.Model) Workload {
	s := &sdk.Situation{Env: map[string]string{"HOME": "/root"}, Profile: o.Chain.Profile, NoLoadConfig: true, Real: true, Files: w.files, Now: o.Factory.Now(), Texts: sdk.NewTexts()}
	if s.Files == nil {
		s.Files = map[string]string{}
	}
	for name, value := range w.env {
		s.Env[name] = value
	}
	if w.imds || o.EC2 {
		s.IMDS = &sdk.IMDS{}
	}
	declared := w.declared(s)
	out := Workload{Name: w.name, Notes: w.notes, SDKReport: askAll(models, s)}
	out.advise(models, s)
	for _, d := range declared {
		out.Declared = append(out.Declared, d.a)
	}
	out.Summary = sentence(declared, out.SDKs)
	return out
}

// The general words for the sources, by the kinds of [SDKAnswer.from].
const (
	fromVariables   = "variables"
	fromWebIdentity = "web-identity"
	fromProfile     = "profile"
	fromContainer   = "container"
	fromIMDS        = "imds"
)

// declared are the sources that s has something for.
func (w workload) declared(s *sdk.Situation) []source {
	var out []source
	set := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return s.Env[n] != "" })
	}
	add := func(is bool, special *source, general source) {
		switch {
		case is && special != nil:
			out = append(out, *special)
		case is:
			out = append(out, general)
		}
	}
	add(set("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), w.variables, source{fromVariables, "environment variables", "the variables", true})
	add(set("AWS_WEB_IDENTITY_TOKEN_FILE"), nil, source{fromWebIdentity, "a web identity token", "the web identity token", false})
	add(s.Profile != "" || set("AWS_PROFILE", "AWS_DEFAULT_PROFILE"), nil, source{fromProfile, "a profile", "the profile", false})
	add(set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"), w.container,
		source{fromContainer, "a container endpoint", "the container endpoint", false})
	add(s.IMDS != nil && !strings.EqualFold(s.Env["AWS_EC2_METADATA_DISABLED"], "true"), nil, source{fromIMDS, "an instance role", "the instance role", false})
	return out
}

// from is the kind of source that an answer comes from, "" when there are no credentials.
func (a SDKAnswer) from() string {
	if a.Outcome != sdk.OK {
		return ""
	}
	switch a.Source {
	case sdk.FromEnv:
		return fromVariables
	case sdk.FromWebID:
		return fromWebIdentity
	case sdk.FromContainer:
		return fromContainer
	case sdk.FromIMDS:
		return fromIMDS
	}
	return fromProfile
}

// sentence says what the SDKs make of the sources that are set.
func sentence(declared []source, answers []SDKAnswer) string {
	names := make([]string, 0, len(declared))
	for _, d := range declared {
		names = append(names, d.a)
	}
	head := "nothing is set"
	switch len(names) {
	case 0:
	case 1:
		head = "only " + names[0] + " " + declared[0].verb("is", "are") + " set"
	case 2:
		head = names[0] + " and " + names[1] + " are both set"
	default:
		head = strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are all set"
	}
	takers := map[string][]string{}
	var order []string
	reason := ""
	for _, a := range answers {
		kind := a.from()
		if kind == "" && reason == "" && a.Outcome == sdk.Fails {
			reason = a.Reason
		}
		if takers[kind] == nil {
			order = append(order, kind)
		}
		takers[kind] = append(takers[kind], a.ID)
	}
	slices.SortStableFunc(order, func(a, b string) int {
		if (a == "") != (b == "") {
			return cmp.Compare(b, a) // those with none come last
		}
		return len(takers[b]) - len(takers[a])
	})
	parts := make([]string, 0, len(order))
	for _, kind := range order {
		part := who(takers[kind], len(answers)) + " " + does(kind, declared, len(takers[kind]) == 1 || len(takers[kind]) == len(answers))
		if kind == "" && reason != "" {
			part += " (" + reason + ")"
		}
		parts = append(parts, part)
	}
	text := head + ": " + strings.Join(parts, ", ")
	for _, d := range declared {
		// Where some fail, what is set and not used may be why.
		if takers[d.kind] == nil && takers[""] == nil {
			text += "; " + d.the + " " + d.verb("is", "are") + " never used"
		}
	}
	return text
}

// who names the SDKs of a part of the sentence.
func who(ids []string, all int) string {
	switch {
	case len(ids) == all && all > 1:
		return "every SDK"
	case len(ids) <= 3:
		return joined(ids)
	}
	return fmt.Sprintf("%d SDKs", len(ids))
}

func joined(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func does(kind string, declared []source, one bool) string {
	verb, nothing := "take", "get no credentials"
	if one {
		verb, nothing = "takes", "gets no credentials"
	}
	if kind == "" {
		return nothing
	}
	for _, d := range declared {
		if d.kind == kind {
			return verb + " " + d.the
		}
	}
	return verb + " " + definite(kind)
}

func printWorkloads(o *Options, r WorkloadReport) error {
	io := o.Factory.IO
	var b strings.Builder
	for i, w := range r.Workloads {
		if i > 0 {
			b.WriteByte('\n')
		}
		title := r.File
		if w.Name != "" {
			title += ": " + w.Name
		}
		fmt.Fprintf(&b, "%s\n  %s\n", io.Bold(title), w.Summary)
		for _, n := range w.Notes {
			fmt.Fprintf(&b, "  %s\n", io.Yellow("note: "+n))
		}
		b.WriteString(w.adviceText("  "))
		for _, g := range grouped(w.SDKs) {
			title := g.id
			if g.id == "" {
				title = "no credentials"
			}
			fmt.Fprintf(&b, "  %s: %s\n", title, strings.Join(g.names(), ", "))
		}
	}
	_, err := fmt.Fprint(io.Out, b.String())
	return err
}

var errNoContainers = errors.New("the file declares no containers")
