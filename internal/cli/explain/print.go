package explain

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/internal/cli/explain/probe"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

const (
	// rowIndent is where the text of a row begins, factIndent that of the facts below.
	rowIndent, factIndent = 28, 10
	// minText is the room for text below which it is put on lines of its own, nearer to the margin.
	minText, nearIndent = 36, 6
)

// page is text for a terminal of some width.
type page struct {
	strings.Builder
	io    *iostreams.IOStreams
	width int
}

// plain is the paint of what is not painted.
func plain(s string) string { return s }

// put writes head, which is as wide as indent, and after it text, in lines that fit.
func (p *page) put(head string, indent int, text string, paint func(string) string) {
	width := 0
	if p.width > 0 {
		width = p.width - indent
		if width < minText && indent > nearIndent {
			if strings.TrimSpace(head) != "" {
				p.WriteString(strings.TrimRight(head, " ") + "\n")
			}
			head, indent, width = strings.Repeat(" ", nearIndent), nearIndent, max(p.width-nearIndent, 1)
		}
	}
	for i, line := range wrap(text, width) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		if line != "" {
			line = paint(line)
		}
		p.WriteString(strings.TrimRight(head+line, " ") + "\n")
	}
}

// wrap breaks text at blanks, so that no line is longer than width; words that are longer stay whole, so that
// a path can be copied. A width of 0 or less breaks nothing but at line feeds.
func wrap(text string, width int) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if width <= 0 {
			out = append(out, line)
			continue
		}
		at, length := "", 0
		for _, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			if at != "" && length+1+n > width {
				out = append(out, at)
				at, length = "", 0
			}
			if at != "" {
				at, length = at+" ", length+1
			}
			at, length = at+word, length+n
		}
		out = append(out, at)
	}
	return out
}

func print(o *Options, r Report, w words) error {
	io := o.Factory.IO
	p := &page{io: io, width: io.Width()}
	fmt.Fprintf(p, "    %-13s %-9s WHAT IT IS\n", "SOURCE", "STATE")
	for i, s := range r.Sources {
		p.row(i+1, s, s.Source == r.Winner, w)
		for _, a := range r.Probe {
			if a.Source == s.Source {
				p.answer(a, w)
			}
		}
	}
	p.WriteByte('\n')
	p.facts(r, w)
	if _, err := fmt.Fprint(io.Out, p.String()); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// row writes a source with its hops.
func (p *page) row(number int, s Source, winner bool, w words) {
	state := fmt.Sprintf("%-9s", s.State)
	paint := p.io.Faint
	mark := "  "
	switch s.State {
	case "present":
		state, paint = p.io.Green(state), plain
	case "broken":
		state, paint = p.io.Red(state), plain
	case "unknown":
		state = p.io.Yellow(state)
	default:
		state = p.io.Faint(state)
	}
	if winner {
		mark = "▶ "
	}
	text := w.path(s.Reason)
	if len(s.Hops) > 0 {
		if text = w.hop(s.Hops[0]); s.Reason != "" && s.State != "broken" && s.State != "shadowed" {
			text += ": " + w.path(s.Reason)
		}
	}
	p.put(fmt.Sprintf("%s%d %-13s %s ", mark, number, s.Source, state), rowIndent, text, paint)
	if !winner {
		return
	}
	for i, h := range s.Hops {
		paint := plain
		if h.Skipped {
			paint = p.io.Faint
		}
		if i > 0 {
			p.put(strings.Repeat(" ", rowIndent), rowIndent, "← "+w.hop(h), paint)
		}
		indent := rowIndent + 2
		for _, line := range w.more(h) {
			p.put(strings.Repeat(" ", indent), indent, line, p.io.Faint)
		}
	}
	if s.State == "broken" && len(s.Hops) > 0 {
		p.put(strings.Repeat(" ", rowIndent), rowIndent, w.path(s.Reason), p.io.Red)
	}
}

// answer writes what a source answered to a probe.
func (p *page) answer(a probe.Answer, w words) {
	head := strings.Repeat(" ", rowIndent)
	text := a.Asked + ": " + w.path(a.Said)
	paint := p.io.Green
	if !a.OK {
		paint = p.io.Red
	}
	p.put(head, rowIndent, "» "+text, paint)
	if a.Remedy != "" {
		p.put(head+"  ", rowIndent+2, a.Remedy, p.io.Yellow)
	}
}

// facts writes the answer and what goes with it.
func (p *page) facts(r Report, w words) {
	fact := func(name, value string, paint func(string) string) {
		if value != "" {
			p.put(fmt.Sprintf("%-*s", factIndent, name), factIndent, value, paint)
		}
	}
	switch r.Outcome {
	case "none":
		fact("result", "no source has credentials", p.io.Red)
	case "unknown":
		fact("result", "nothing is configured; whether this machine has a role of its own shows only with --probe", p.io.Yellow)
	case "error":
		text := "error: " + r.Winner + " is there and does not yield; nothing after it is asked"
		if r.Winner == "profile" && r.Profile != "" {
			text = "error: profile " + r.Profile + " does not yield; nothing after it is asked"
		}
		fact("result", text, p.io.Red)
	case "refused":
		fact("result", "error: AWS refuses the credentials of "+r.Winner, p.io.Red)
	default:
		fact("result", r.summary(w), p.io.Bold)
	}
	if r.Outcome == "ok" {
		fact("then", role(r.RoleARN), plain)
	}
	for _, q := range r.Prompts {
		text := "an MFA code of " + q.For
		if q.Kind == "sign-in" {
			text = "a sign-in in the browser: `" + q.For + "`"
		}
		fact("prompt", text, p.io.Yellow)
	}
	if r.Next != nil {
		fact("next", w.next(*r.Next), plain)
	}
	fact("profile", r.Profile+from(w.path(r.ProfileFrom), r.Profile), plain)
	fact("region", r.Region+from(w.path(r.RegionFrom), r.Region), plain)
	for _, text := range r.Warnings {
		fact("warning", w.path(text), p.io.Yellow)
	}
	for _, text := range r.Notes {
		fact("note", w.path(text), p.io.Faint)
	}
}

// role says what --role-arn adds.
func role(arn string) string {
	if arn == "" {
		return ""
	}
	return "role " + arn + " is taken on with it (--role-arn)"
}

// summary says who wins, and as whom.
func (r Report) summary(w words) string {
	s := r.find(r.Winner)
	text := r.Winner + " is used"
	if r.Winner == "profile" && r.Profile != "" {
		text = "profile " + r.Profile + " is used"
	}
	if s == nil || len(s.Hops) == 0 {
		return text
	}
	for _, a := range r.Probe {
		if a.Source == r.Winner && a.ARN != "" {
			return text + ": " + a.ARN
		}
	}
	switch h := s.Hops[0]; {
	case h.Source == "assume-role" || h.Source == "web-identity":
		return text + ": role " + h.Detail
	case h.Source == "sso":
		return text + ": SSO " + h.Detail
	case h.AccessKeyID != "":
		return text + ": " + w.key(h)
	default:
		return text + ": " + w.hop(h)
	}
}

// next says what is used when the winner is taken away.
func (w words) next(n Next) string {
	text := "without " + strings.Join(n.Without, ", ") + ": "
	if len(n.Hops) > 0 {
		parts := make([]string, 0, len(n.Hops))
		for _, h := range n.Hops {
			parts = append(parts, w.hop(h))
		}
		text += strings.Join(parts, " ← ")
	}
	switch n.Outcome {
	case "none":
		text += "nothing is left"
	case "unknown":
		text += ", if this machine has one"
	case "error":
		if len(n.Hops) > 0 {
			return text + "; broken: " + w.path(n.Reason)
		}
		text += n.Source + ", which is broken: " + w.path(n.Reason)
	}
	return text
}

func from(where, value string) string {
	if where == "" || value == "" {
		return ""
	}
	return " (from " + where + ")"
}
