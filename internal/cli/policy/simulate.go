package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy"
)

// SimulateOptions are the flags and dependencies of simulate and explain.
type SimulateOptions struct {
	Factory   *cmdutil.Factory
	Files     Files
	Principal string
	Actions   []string
	Resources []string
	Owner     string
	Context   []string
	JSON      bool
	// Endpoint, Profile and Region say which plane or AWS account to ask instead of files alone.
	Endpoint, Profile, Region string
}

// Files are the documents in their places.
type Files struct {
	Identity, Session, SCP, RCP        []string
	Boundary, Resource, Trust, KeyName string
}

func (o *SimulateOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVarP(&o.Actions, "action", "a", nil, "`service:Operation` asked for; may be repeated")
	f.StringArrayVarP(&o.Resources, "resource", "r", []string{"*"}, "`ARN` that it is about; may be repeated")
	f.StringVar(&o.Principal, "principal", "", "who asks: the `ARN` of a user, role, role session, federated user, provider or root; a service's name; anonymous (default, with files: "+someone+")")
	f.StringVar(&o.Owner, "resource-account", "", "`account` of the resource; default is the one in its ARN, else the principal's")
	f.StringArrayVarP(&o.Context, "context", "c", nil, "condition key of the request, as `key=value`; repeat it for several values")
	f.StringArrayVarP(&o.Files.Identity, "policy", "p", nil, "`file` with an identity policy; may be repeated; - is standard input")
	f.StringVar(&o.Files.Boundary, "boundary", "", "`file` with the permissions boundary")
	f.StringArrayVar(&o.Files.Session, "session", nil, "`file` with a session policy; may be repeated")
	f.StringVar(&o.Files.Resource, "resource-policy", "", "`file` with the resource's policy")
	f.StringVar(&o.Files.Trust, "trust", "", "`file` with the trust policy of the role that is the resource")
	f.StringVar(&o.Files.KeyName, "key-policy", "", "`file` with the policy of the KMS key that is the resource")
	f.StringArrayVar(&o.Files.SCP, "scp", nil, "`file` with a service control policy, each a level; may be repeated")
	f.StringArrayVar(&o.Files.RCP, "rcp", nil, "`file` with a resource control policy, each a level; may be repeated")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.StringVar(&o.Endpoint, "endpoint-url", "", "ask the plane at this `URL`; wins over AWS_ENDPOINT_URL and the profile's")
	f.StringVar(&o.Profile, "profile", "", "ask with the credentials of this profile (`name`)")
	f.StringVar(&o.Region, "region", "", "AWS `region` to sign for; wins over AWS_REGION and the profile's")
	cmd.MarkFlagsMutuallyExclusive("resource-policy", "trust", "key-policy")
	_ = cmd.MarkFlagRequired("action")
	cmdutil.CompleteProfiles(cmd, o.Factory)
}

// someone asks if nobody was named.
const someone = "arn:aws:iam::123456789012:user/someone"

func newSimulate(f *cmdutil.Factory, run func(context.Context, *SimulateOptions) error) *cobra.Command {
	o := &SimulateOptions{Factory: f}
	if run == nil {
		run = Simulate
	}
	cmd := &cobra.Command{
		Use:   "simulate --action service:Operation [--resource ARN] {--policy FILE ... | --principal ARN}",
		Short: "May this principal do that?",
		Long: `Decides as the plane does, from policies in files: for each action and resource the
answer, and what each layer of policies said. The files are validated as AWS does.

With --endpoint-url, --profile, or a --principal and no files, the question goes to IAM
of a plane or of AWS, signed with the credentials found here: SimulatePrincipalPolicy for
the user, group or role that --principal names, with the files on top of its own policies,
else SimulateCustomPolicy for the files. IAM takes --policy, --boundary and
--resource-policy; it answers the statements that decided, not why others did not apply.

Exits with 0 if everything is allowed and with 7 if anything is denied.`,
		Example: `  rolecall policy simulate -a s3:GetObject -r arn:aws:s3:::data/report.csv -p analyst.json
  rolecall policy simulate -a s3:PutObject -r arn:aws:s3:::data/x -p web.json --boundary limit.json -c aws:SourceIp=192.0.2.7
  rolecall policy simulate -a sts:AssumeRole -r arn:aws:iam::111122223333:role/deploy \
    --principal arn:aws:iam::444455556666:user/ci -p ci.json --trust trust.json
  rolecall policy simulate -a iam:CreateUser --principal arn:aws:iam::123456789012:user/ann --endpoint-url http://127.0.0.1:4580
  rolecall policy simulate -a s3:GetObject,s3:PutObject -r arn:aws:s3:::data/x --principal arn:aws:iam::123456789012:role/web --profile prod`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.register(cmd)
	return cmd
}

func newExplain(f *cmdutil.Factory, run func(context.Context, *SimulateOptions) error) *cobra.Command {
	o := &SimulateOptions{Factory: f}
	if run == nil {
		run = Explain
	}
	cmd := &cobra.Command{
		Use:   "explain --action service:Operation [--resource ARN] {--policy FILE ... | --principal ARN}",
		Short: "Why is it allowed or denied?",
		Long: `Decides as simulate does, and says of every statement for the action why it did not
apply: which element failed, on which value. Exits as simulate does.

It asks a plane or AWS where simulate does. IAM tells no reasons for statements that did
not apply, only the condition keys that they read and the question did not give.`,
		Example: `  rolecall policy explain -a s3:GetObject -r arn:aws:s3:::data/report.csv -p analyst.json
  rolecall policy explain -a s3:GetObject -r arn:aws:s3:::data/x --principal arn:aws:iam::123456789012:user/ann --profile prod`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.register(cmd)
	return cmd
}

// Simulate answers each action and resource.
func Simulate(ctx context.Context, o *SimulateOptions) error { return o.answer(ctx, false) }

// Explain answers each action and resource with all reasons.
func Explain(ctx context.Context, o *SimulateOptions) error { return o.answer(ctx, true) }

// Answer is the JSON answer about one action and resource.
type Answer struct {
	Action      string   `json:"action"`
	Resource    string   `json:"resource"`
	Decision    string   `json:"decision"`
	Reason      string   `json:"reason,omitempty"`
	DecidedBy   string   `json:"decidedBy"`
	Statement   *Ref     `json:"statement,omitempty"`
	Layers      []Layer  `json:"layers"`
	MissingKeys []string `json:"missingContextKeys,omitempty"`
}

// Layer is what one layer said.
type Layer struct {
	Layer      string   `json:"layer"`
	Level      int      `json:"level,omitempty"`
	Verdict    string   `json:"verdict"`
	Matched    []Ref    `json:"matched,omitempty"`
	NearMisses []string `json:"nearMisses,omitempty"`

	told bool // by IAM, which does not say what was near
}

// Ref names a statement.
type Ref struct {
	File   string `json:"file"`
	Effect string `json:"effect"`
	Sid    string `json:"sid,omitempty"`
	Index  int    `json:"index"` // -1 if it is not known
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func refOf(s policy.StatementRef) Ref {
	return Ref{s.Policy, s.Effect.String(), s.Sid, s.Index, s.Start.Line, s.Start.Column}
}

func (o *SimulateOptions) answer(ctx context.Context, reasons bool) error {
	for _, action := range o.Actions {
		if !strings.Contains(action, ":") || strings.ContainsAny(action, "*? ") {
			return cmdutil.FlagErrorf("--action %q: want one service:Operation, such as s3:GetObject", action)
		}
	}
	var answers []Answer
	var err error
	if o.remote() {
		answers, err = o.ask(ctx)
	} else {
		answers, err = o.decide()
	}
	if err != nil {
		return err
	}
	if o.JSON {
		err = printJSON(o.Factory.IO.Out, answers)
	} else {
		o.print(answers, reasons)
	}
	denied := slices.ContainsFunc(answers, func(a Answer) bool { return a.Decision != policy.Allowed.String() })
	if err == nil && denied {
		err = &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	}
	return err
}

// decide answers from the files.
func (o *SimulateOptions) decide() ([]Answer, error) {
	policies, err := o.policies()
	if err != nil {
		return nil, err
	}
	base, err := o.request()
	if err != nil {
		return nil, err
	}
	if base.Principal, err = principalOf(cmp.Or(o.Principal, someone)); err != nil {
		return nil, err
	}
	var answers []Answer
	for _, action := range o.Actions {
		for _, resource := range o.Resources {
			base.Action, base.Resource = action, resource
			e := policy.Explain(&base, policies)
			answers = append(answers, answerOf(&base, &e))
		}
	}
	return answers, nil
}

func answerOf(r *policy.Request, e *policy.Explanation) Answer {
	a := Answer{
		Action: r.Action, Resource: r.Resource, Decision: e.Decision.Verdict().String(), Reason: e.Decision.Reason(r.Action),
		DecidedBy: e.Decision.Layer.String(), Layers: []Layer{}, MissingKeys: e.MissingKeys,
	}
	if by, ok := e.Decision.Statement(); ok {
		ref := refOf(by)
		a.Statement = &ref
	}
	for _, l := range e.Layers {
		layer := Layer{Layer: l.Layer.String(), Level: l.Level, Verdict: l.Verdict.String()}
		for _, m := range l.Matched {
			layer.Matched = append(layer.Matched, refOf(m))
		}
		for _, n := range l.NearMisses {
			layer.NearMisses = append(layer.NearMisses, n.String())
		}
		a.Layers = append(a.Layers, layer)
	}
	return a
}

func (o *SimulateOptions) print(answers []Answer, reasons bool) {
	for i, a := range answers {
		if i > 0 {
			_, _ = fmt.Fprintln(o.Factory.IO.Out)
		}
		_, _ = fmt.Fprintf(o.Factory.IO.Out, "%s on %s: %s\n", a.Action, a.Resource, words(a.Decision))
		if a.Reason != "" {
			_, _ = fmt.Fprintf(o.Factory.IO.Out, "  %s\n", a.Reason)
		}
		names, verdicts := 0, 0
		for _, l := range a.Layers {
			names, verdicts = max(names, len(l.name())), max(verdicts, len(words(l.Verdict)))
		}
		for _, l := range a.Layers {
			line := fmt.Sprintf("  %-*s  %-*s  %s", names, l.name(), verdicts, words(l.Verdict), l.by())
			_, _ = fmt.Fprintln(o.Factory.IO.Out, strings.TrimRight(line, " "))
			if !reasons {
				continue
			}
			for _, n := range l.NearMisses {
				_, _ = fmt.Fprintf(o.Factory.IO.Out, "    - %s\n", n)
			}
		}
		if reasons && len(a.MissingKeys) > 0 {
			_, _ = fmt.Fprintf(o.Factory.IO.Out, "  not in the request: %s\n", strings.Join(a.MissingKeys, ", "))
		}
	}
}

func (l Layer) name() string {
	if l.Level > 0 {
		return fmt.Sprintf("%s, level %d", l.Layer, l.Level+1)
	}
	return l.Layer
}

// by tells which statement spoke for the layer.
func (l Layer) by() string {
	if len(l.Matched) > 0 {
		m := l.Matched[0]
		which := fmt.Sprintf("statement %d", m.Index+1)
		switch {
		case m.Sid != "":
			which = fmt.Sprintf("statement %q", m.Sid)
		case m.Index < 0:
			which = "a statement"
		}
		return fmt.Sprintf("%s, %s:%d", which, m.File, m.Line)
	}
	if l.told && l.Verdict == policy.Allowed.String() {
		return ""
	}
	if len(l.NearMisses) == 0 && !l.told {
		return "no statement for this action"
	}
	return "no statement applies"
}

// words turns implicitDeny into words for people.
func words(verdict string) string {
	switch verdict {
	case "implicitDeny":
		return "implicit deny"
	case "explicitDeny":
		return "explicit deny"
	}
	return verdict
}
