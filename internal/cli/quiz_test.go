package cli_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"log/slog"
	"net/http"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

var updateDocs = flag.Bool("update-docs", false, "write what the programs answer into the documents that quote them")

const fence = "```"

// TestQuizzes plays the console blocks of docs/chain.md: "$ cat" makes a file of the lines under it, "$ touch -d" sets
// its time, "$ export" a variable, "$ rolecall" runs the program, whose answer is what the lines under it say.
func TestQuizzes(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "chain.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "\n"+fence+"console\n")
	played := 0
	for i, part := range parts[1:] {
		block, rest, ok := strings.Cut(part, "\n"+fence)
		if !ok {
			t.Fatalf("block %d has no end", i+1)
		}
		got := play(t, block)
		if !*updateDocs {
			if diff := cmp.Diff(strings.Split(block, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("block %d of %s (go test ./internal/cli -run TestQuizzes -update-docs writes it anew): %s", i+1, path, diff)
			}
		}
		parts[i+1] = got + "\n" + fence + rest
		played++
	}
	if played < 15 {
		t.Errorf("only %d quizzes", played)
	}
	if *updateDocs {
		if err := os.WriteFile(path, []byte(strings.Join(parts, "\n"+fence+"console\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// play runs a block and returns it with what was answered.
func play(t *testing.T, block string) string {
	t.Helper()
	home := t.TempDir()
	environ := []string{"HOME=" + home, "AWS_EC2_METADATA_DISABLED=true"}
	place := func(name string) string {
		return filepath.Join(home, filepath.FromSlash(strings.TrimPrefix(name, "~/")))
	}
	var out strings.Builder
	code := 0
	for _, step := range strings.Split("\n"+block, "\n$ ")[1:] {
		line, body, _ := strings.Cut(step, "\n")
		out.WriteString("$ " + line + "\n")
		command, _, _ := strings.Cut(line, " #")
		words := strings.Fields(command)
		switch words[0] {
		case "cat":
			name := place(words[1])
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(body+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out.WriteString(body + "\n")
		case "touch":
			at, err := time.Parse(time.DateOnly, words[2])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(place(words[3]), at, at); err != nil {
				t.Fatal(err)
			}
		case "export":
			for _, kv := range words[1:] {
				environ = append(environ, strings.Replace(kv, "=~/", "="+home+"/", 1))
			}
		case "echo":
			out.WriteString(strconv.Itoa(code) + "\n")
		case "rolecall":
			var answer string
			answer, code = quizRun(environ, words[1:])
			out.WriteString(strings.ReplaceAll(answer, home, "/home/ann"))
		default:
			t.Fatalf("the quiz cannot %q", line)
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// quizRun runs the program at a fixed time.
func quizRun(environ, args []string) (string, int) {
	io, _, stdout, stderr := iostreams.Test()
	f := &cmdutil.Factory{
		IO: io, Environ: func() []string { return environ },
		Now:        func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) },
		Logger:     func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		HTTPClient: func() *http.Client { return nil },
		Executable: os.Executable,
	}
	code := cli.Run(args, f)
	return stdout.String() + stderr.String(), code
}
