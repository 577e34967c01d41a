package config

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// RunCheck reports every problem of the files' text, and every profile that cannot work. It ends with
// code 7 if there is one.
func RunCheck(_ context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	paths := c.Paths()
	var found []string
	fatal := false
	for _, f := range []struct {
		path string
		kind awsconfig.Kind
	}{{paths.Config, awsconfig.ConfigKind}, {paths.Credentials, awsconfig.CredentialsKind}} {
		file, err := awsconfig.ReadFile(f.path, f.kind)
		if err != nil {
			found, fatal = append(found, "error: "+err.Error()), true
			continue
		}
		if file == nil {
			continue
		}
		for _, p := range file.Problems {
			word := "warning: "
			if p.Severity == awsconfig.Fatal {
				word, fatal = "error: ", true
			}
			found = append(found, word+p.Error.Error())
		}
		found = append(found, openToOthers(f.path, file)...)
	}
	if !fatal {
		found = append(found, profileProblems(c)...)
	}
	if len(found) == 0 {
		return write(o, "no problems\n")
	}
	if err := write(o, strings.Join(found, "\n")+"\n"); err != nil {
		return err
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
}

// openToOthers tells of secrets in a file that others can read.
func openToOthers(path string, file *awsconfig.File) []string {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	for _, s := range file.Sections {
		for _, set := range s.Settings() {
			if secretKey(set.Key) && set.Value != "" {
				return []string{fmt.Sprintf("warning: %s: others can read a file with secrets: run `chmod 600 %s`", set.Where(), path)}
			}
		}
	}
	return nil
}

func profileProblems(c *chain.Chain) []string {
	var found []string
	for _, p := range c.Config().Profiles() {
		if l := c.ProfileLink(p.Name); l.State == chain.Broken {
			found = append(found, "error: "+l.Err.Error())
		}
		for _, key := range p.Keys() {
			s, _ := p.Get(key)
			if n := len(s.Value); n >= 2 && (s.Value[0] == '"' || s.Value[0] == '\'') && s.Value[n-1] == s.Value[0] && key != "credential_process" && key != "mfa_process" {
				found = append(found, fmt.Sprintf("warning: %s: the quotes are part of the value of %s", s.Where(), key))
			}
		}
	}
	return found
}
