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

// diff shows the lines between the common beginning and the common end, which is where an edit was;
// secrets are left out.
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
	if len(a) == len(b) {
		// Line by line: a rename changes lines that are far apart.
		for i := start; i < len(a)-end; i++ {
			if a[i] != b[i] {
				out.WriteString("- " + shown(strings.TrimRight(a[i], "\r\n")) + "\n+ " + shown(strings.TrimRight(b[i], "\r\n")) + "\n")
			}
		}
		return out.String()
	}
	for _, part := range []struct {
		mark  string
		lines []string
	}{{"- ", a[start : len(a)-end]}, {"+ ", b[start : len(b)-end]}} {
		for _, line := range part.lines {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				out.WriteString(part.mark + shown(line) + "\n")
			}
		}
	}
	return out.String()
}

func shown(line string) string {
	key, _, ok := strings.Cut(line, "=")
	if ok && secretKey(strings.ToLower(strings.TrimSpace(key))) {
		return key + "= (secret)"
	}
	return line
}
