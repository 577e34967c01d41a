package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// RunEdit sets or removes one setting, and shows the lines that changed.
func RunEdit(ctx context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	header := awsconfig.Header{Type: awsconfig.ProfileSection, Name: o.Profile}
	switch {
	case o.SSOSession != "" && (o.Profile != "" || o.Credentials):
		return cmdutil.FlagErrorf("--sso-session goes with neither --profile nor --credentials")
	case o.SSOSession != "":
		header = awsconfig.Header{Type: awsconfig.SSOSessionSection, Name: o.SSOSession}
	case o.Profile == "":
		header.Name = o.Factory.Getenv("AWS_PROFILE")
		if header.Name == "" {
			header.Name = "default"
		}
	}
	path, kind := c.Paths().Config, awsconfig.ConfigKind
	if o.Credentials {
		path, kind = c.Paths().Credentials, awsconfig.CredentialsKind
	}
	change := func(f *awsconfig.File) (*awsconfig.File, error) {
		if o.Unset {
			return f.Unset(header, o.Key)
		}
		return f.Set(header, o.Key, o.Value)
	}
	before, after, err := apply(ctx, o, path, kind, change)
	if err != nil {
		return err
	}
	return write(o, diff(path, before, after))
}

func apply(ctx context.Context, o *Options, path string, kind awsconfig.Kind, change func(*awsconfig.File) (*awsconfig.File, error)) (before, after []byte, err error) {
	if !o.DryRun {
		return awsconfig.Update(ctx, path, kind, change)
	}
	file, err := awsconfig.ReadFile(path, kind)
	if err != nil {
		return nil, nil, err
	}
	if file == nil {
		file = awsconfig.Parse(path, kind, nil)
	}
	changed, err := change(file)
	if err != nil {
		return nil, nil, err
	}
	return file.Bytes(), changed.Bytes(), nil
}

// diff shows the lines that change; secrets are left out.
func diff(path string, before, after []byte) string {
	if string(before) == string(after) {
		return "nothing to change in " + path + "\n"
	}
	a, b := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s:%d\n", path, start+1)
	for _, line := range changed(a[start:len(a)-end], b[start:len(b)-end]) {
		if text := strings.TrimRight(line.text, "\r\n"); text != "" {
			out.WriteString(line.mark + shown(text) + "\n")
		}
	}
	return out.String()
}

type diffLine struct{ mark, text string }

// maxDiff bounds the work of a diff; longer ones are shown as one block.
const maxDiff = 1 << 20

// changed are the lines that go and those that come, in order, by the longest common subsequence.
func changed(a, b []string) []diffLine {
	var out []diffLine
	if len(a)*len(b) > maxDiff {
		for _, line := range a {
			out = append(out, diffLine{"- ", line})
		}
		for _, line := range b {
			out = append(out, diffLine{"+ ", line})
		}
		return out
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, diffLine{"- ", a[i]})
			i++
		default:
			out = append(out, diffLine{"+ ", b[j]})
			j++
		}
	}
	return out
}

func shown(line string) string {
	key, _, ok := strings.Cut(line, "=")
	if ok && secretKey(strings.ToLower(strings.TrimSpace(key))) {
		return key + "= (secret)"
	}
	return line
}
