package config

import (
	"context"
	"fmt"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// RunRename renames a profile or an sso-session in both files, and what refers to it.
func RunRename(ctx context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	from := awsconfig.Header{Type: awsconfig.ProfileSection, Name: o.Key}
	old, taken := c.Config().Profile(o.Key) != nil, c.Config().Profile(o.Value) != nil
	if o.Session {
		from.Type = awsconfig.SSOSessionSection
		old, taken = c.Config().SSOSession(o.Key) != nil, c.Config().SSOSession(o.Value) != nil
	}
	paths := c.Paths()
	files := []struct {
		path string
		kind awsconfig.Kind
	}{{paths.Config, awsconfig.ConfigKind}, {paths.Credentials, awsconfig.CredentialsKind}}
	for _, f := range files {
		// What is wrong with a file is said before what it seems to lack.
		if file, err := awsconfig.ReadFile(f.path, f.kind); err != nil {
			return err
		} else if file != nil && file.Err() != nil {
			return file.Err()
		}
	}
	switch {
	case !old:
		return cmdutil.FlagErrorf("there is no %s %q", from.Type, o.Key)
	case taken:
		return cmdutil.FlagErrorf("there is a %s %q already", from.Type, o.Value)
	}
	change := func(f *awsconfig.File) (*awsconfig.File, error) { return f.Rename(from, o.Value) }
	// Both are tried before the first is written.
	dry := *o
	dry.DryRun = true
	for _, f := range files {
		if _, _, err := apply(ctx, &dry, f.path, f.kind, change); err != nil {
			return err
		}
	}
	for _, f := range files {
		before, after, err := apply(ctx, o, f.path, f.kind, change)
		if err != nil {
			return err
		}
		if string(before) == string(after) {
			continue
		}
		if err := write(o, diff(f.path, before, after)); err != nil {
			return err
		}
	}
	if !o.Session && o.Factory.Getenv("AWS_PROFILE") == o.Key {
		_, err = fmt.Fprintf(o.Factory.IO.ErrOut, "rolecall: AWS_PROFILE still says %s: export AWS_PROFILE=%q\n", o.Key, o.Value)
	}
	return err
}

// RunUndo takes the last edit of a file back.
func RunUndo(ctx context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	path := c.Paths().Config
	if o.Credentials {
		path = c.Paths().Credentials
	}
	before, after, err := awsconfig.Undo(ctx, path, o.DryRun)
	if err != nil {
		return err
	}
	return write(o, diff(path, before, after))
}
