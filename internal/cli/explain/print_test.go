package explain

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/explain/probe"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

// TestPut: lines fit the terminal but for words that are longer, and none ends in a blank.
func TestPut(t *testing.T) {
	t.Parallel()
	io, _, _, _ := iostreams.Test()
	const text = "role arn:aws:iam::111122223333:role/deploy of profile deploy (~/.aws/config:2), which is asked for"
	for width, want := range map[int][]string{
		0: {"  1 profile       present   " + text},
		80: {
			"  1 profile       present   role arn:aws:iam::111122223333:role/deploy of",
			"                            profile deploy (~/.aws/config:2), which is asked for",
		},
		50: {
			"  1 profile       present",
			"      role arn:aws:iam::111122223333:role/deploy",
			"      of profile deploy (~/.aws/config:2), which",
			"      is asked for",
		},
		20: {
			"  1 profile       present", "      role", "      arn:aws:iam::111122223333:role/deploy", "      of profile", "      deploy",
			"      (~/.aws/config:2),", "      which is asked", "      for",
		},
	} {
		p := &page{io: io, width: width}
		p.put("  1 profile       present   ", rowIndent, text, plain)
		got := strings.Split(strings.TrimSuffix(p.String(), "\n"), "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d columns: %s", width, diff)
		}
		for _, line := range got {
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%d columns: a blank at the end of %q", width, line)
			}
			if width >= 50 && utf8.RuneCountInString(line) > width {
				t.Errorf("%d columns: %q is longer", width, line)
			}
		}
	}
}

// TestColour: escapes are only where colour is on, and never split a line's end from its reset.
func TestColour(t *testing.T) {
	t.Parallel()
	io, _, out, _ := iostreams.Test()
	r := Report{Outcome: "error", Winner: "profile", Sources: []Source{{Source: "profile", State: "broken", Reason: "no"}}, Warnings: []string{"careful"}}
	o := &Options{Factory: &cmdutil.Factory{IO: io}}
	for _, on := range []bool{false, true} {
		out.Reset()
		io.SetColor(on)
		if err := print(o, r, words{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "\x1b["); got != on {
			t.Errorf("colour %v: %q", on, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if strings.Count(line, "\x1b[")%2 != 0 {
				t.Errorf("an escape is left open in %q", line)
			}
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30s", 90 * time.Second: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 47*time.Hour + 59*time.Minute: "47h59m",
		48 * time.Hour: "2 days", 59 * 24 * time.Hour: "59 days", 262 * 24 * time.Hour: "8 months", 729 * 24 * time.Hour: "23 months",
		800 * 24 * time.Hour: "2 years", -time.Hour: "1h",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

// TestMembersAreDocumented: docs/chain.md names every member of the JSON answer.
func TestMembersAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "chain.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "`--json` prints one object")
	text, _, _ = strings.Cut(text, "\n## ")
	n := 0
	for _, kind := range []any{Report{}, Source{}, Hop{}, Kept{}, Prompt{}, Next{}, probe.Answer{}} {
		typ := reflect.TypeOf(kind)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			n++
			if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+"[]`") && !strings.Contains(text, "."+name+"`") {
				t.Errorf("%s of %s is not in docs/chain.md", name, typ.Name())
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d members", n)
	}
}
