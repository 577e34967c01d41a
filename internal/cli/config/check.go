package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// finding is something wrong, and where.
type finding struct {
	path string
	line int
	// text begins with the place.
	text  string
	fatal bool
}

func findingOf(err error, fatal bool) finding {
	f := finding{text: err.Error(), fatal: fatal}
	var at *awsconfig.Error
	if errors.As(err, &at) {
		f.path, f.line = at.Path, at.Line
	}
	return f
}

func warning(path string, line int, format string, args ...any) finding {
	return findingOf(&awsconfig.Error{Path: path, Line: line, Message: fmt.Sprintf(format, args...)}, false)
}

// RunCheck reports every problem of the files' text, and every profile that cannot work, in the order of the
// files. It ends with code 7 if there is one.
func RunCheck(_ context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	paths := c.Paths()
	var all []finding
	for _, f := range []struct {
		path string
		kind awsconfig.Kind
	}{{paths.Config, awsconfig.ConfigKind}, {paths.Credentials, awsconfig.CredentialsKind}} {
		file, err := awsconfig.ReadFile(f.path, f.kind)
		if err != nil {
			all = append(all, findingOf(err, true))
			continue
		}
		if file == nil {
			continue
		}
		for _, p := range file.Problems {
			all = append(all, findingOf(p.Error, p.Severity == awsconfig.Fatal))
		}
		all = append(all, repeated(file)...)
		all = append(all, openToOthers(f.path, file)...)
	}
	if !slices.ContainsFunc(all, func(f finding) bool { return f.fatal }) {
		all = append(all, profileProblems(c)...)
	}
	if len(all) == 0 {
		return write(o, "no problems\n")
	}
	order := map[string]int{paths.Config: 1, paths.Credentials: 2}
	slices.SortStableFunc(all, func(a, b finding) int {
		return cmp.Or(cmp.Compare(order[a.path], order[b.path]), cmp.Compare(a.line, b.line))
	})
	var b strings.Builder
	for _, f := range all {
		word := "warning"
		if f.fatal {
			word = "error"
		}
		fmt.Fprintf(&b, "%s: %s\n", word, f.text)
	}
	if err := write(o, b.String()); err != nil {
		return err
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
}

// repeated tells of sections and keys that are there twice: the AWS CLI and boto3 do not read such a
// file at all, the others take the last.
func repeated(file *awsconfig.File) []finding {
	type name struct {
		awsconfig.Header
		prefixed bool
	}
	var all []finding
	first := map[name]int{}
	for _, s := range file.Sections {
		if s.Type == awsconfig.UnknownSection {
			continue
		}
		at := name{awsconfig.Header{Type: s.Type, Name: s.Name}, s.Prefixed}
		if line, ok := first[at]; ok {
			all = append(all, warning(file.Path, s.Line, "the section of line %d again: the AWS CLI does not read such a file", line))
		} else {
			first[at] = s.Line
		}
		keys := map[string]int{}
		for _, set := range s.Settings() {
			if line, ok := keys[set.Key]; ok {
				all = append(all, warning(file.Path, set.Line, "%s again, after line %d: the AWS CLI does not read such a file", set.Key, line))
			}
			keys[set.Key] = set.Line
		}
	}
	plain := first[name{awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}, false}]
	if plain > 0 && first[name{awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}, true}] > 0 {
		all = append(all, warning(file.Path, plain, "[default] is passed over by all but the AWS CLI and boto3, for there is [profile default]"))
	}
	return all
}

// openToOthers tells of secrets in a file that others can read.
func openToOthers(path string, file *awsconfig.File) []finding {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	for _, s := range file.Sections {
		for _, set := range s.Settings() {
			if secretKey(set.Key) && set.Value != "" {
				return []finding{warning(path, set.Line, "others can read a file with secrets: run `chmod 600 %s`", path)}
			}
		}
	}
	return nil
}

func profileProblems(c *chain.Chain) []finding {
	var all []finding
	for _, p := range c.Config().Profiles() {
		if l := c.ProfileLink(p.Name); l.State == chain.Broken {
			all = append(all, findingOf(l.Err, true))
		}
		for _, key := range p.Keys() {
			s, _ := p.Get(key)
			if n := len(s.Value); n >= 2 && (s.Value[0] == '"' || s.Value[0] == '\'') && s.Value[n-1] == s.Value[0] && key != "credential_process" && key != "mfa_process" && key != "saml_process" {
				all = append(all, warning(s.Path, s.Line, "the quotes are part of the value of %s", key))
			}
		}
	}
	return all
}
