package declare

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText shows p to a person: what is to be made (+), changed (~) and deleted (-), with the old
// and new lines of policies, and a last line that sums up.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	account := ""
	for _, c := range p.Changes {
		if c.Account != account {
			account = c.Account
			fmt.Fprintf(&b, "account %s\n", account)
		}
		c.writeText(&b)
	}
	if p.Empty() {
		b.WriteString("no changes: everything is as declared\n")
	} else {
		created, updated, deleted := p.Count()
		fmt.Fprintf(&b, "plan: %d to create, %d to change, %d to delete\n", created, updated, deleted)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the change on one line.
func (c Change) String() string { return fmt.Sprintf("%s %s %s", c.Op, c.Kind, c.Name) }

func (o Op) sign() string {
	switch o {
	case Create:
		return "+"
	case Delete:
		return "-"
	default:
		return "~"
	}
}

func (c Change) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "  %s %s %s\n", c.Op.sign(), c.Kind, c.Name)
	for _, a := range c.Attributes {
		if a.Name == attrTag+ManagedTag && c.Op == Create {
			continue // goes without saying for what this made
		}
		a.writeText(b)
	}
}

func (a Attribute) writeText(b *strings.Builder) {
	if !isDocument(a.Name) {
		switch {
		case a.Op == Update:
			fmt.Fprintf(b, "      ~ %s: %s -> %s\n", a.Name, a.Before, a.After)
		case membership(a.Name):
			fmt.Fprintf(b, "      %s %s\n", a.Op.sign(), a.Name)
		case a.Op == Create:
			fmt.Fprintf(b, "      + %s: %s\n", a.Name, a.After)
		default:
			fmt.Fprintf(b, "      - %s: %s\n", a.Name, a.Before)
		}
		return
	}
	fmt.Fprintf(b, "      %s %s\n", a.Op.sign(), a.Name)
	for _, line := range diffLines(documentLines(a.Before), documentLines(a.After)) {
		fmt.Fprintf(b, "          %s\n", line)
	}
}

// membership reports attributes that are there or not, without a value of their own.
func membership(attr string) bool {
	return strings.HasPrefix(attr, attrAttached) || strings.HasPrefix(attr, attrGroup)
}

// documentLines spells both sides of a comparison alike, so that only what differs in meaning shows.
func documentLines(document string) []string {
	if document == "" {
		return nil
	}
	return strings.Split(pretty(normal(document)), "\n")
}

// diffLines marks lines that are only in before with "-", only in after with "+", and leaves out
// long runs that are in both.
func diffLines(before, after []string) []string {
	// common[i][j] is the length of the longest common subsequence of before[i:] and after[j:].
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			lines = append(lines, "  "+before[i])
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+before[i])
			i++
		default:
			lines = append(lines, "+ "+after[j])
			j++
		}
	}
	return fold(lines)
}

// fold keeps two unchanged lines around each change.
func fold(lines []string) []string {
	const around = 2
	keep := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for k := max(0, i-around); k <= min(len(lines)-1, i+around); k++ {
			keep[k] = true
		}
	}
	var folded []string
	for i, line := range lines {
		switch {
		case keep[i]:
			folded = append(folded, line)
		case i == 0 || keep[i-1]:
			folded = append(folded, "  …")
		}
	}
	return folded
}

// WriteJSON shows p to a program: {"changes": […], "create": n, "update": n, "delete": n}.
func (p *Plan) WriteJSON(w io.Writer) error {
	created, updated, deleted := p.Count()
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		*Plan
		Create int `json:"create"`
		Update int `json:"update"`
		Delete int `json:"delete"`
	}{p, created, updated, deleted})
}
