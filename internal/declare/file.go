// Package declare makes accounts look as a rolecall.yaml says: it reads the file, compares it with
// what is there, shows the difference and applies it.
//
// It speaks the AWS IAM Query API and S3's REST API and nothing else, so that it works against a
// plane, over the network or within its process, and against AWS. It changes what the file names,
// and deletes what it does not name only when asked to prune, and then only what carries the tag
// [ManagedTag]. Access keys, passwords and MFA devices are not its business: no secret is in the
// file.
package declare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/yamlx"
)

// ManagedTag marks the users, roles, policies, instance profiles and buckets that a rolecall.yaml
// manages; its value is "true". Groups cannot carry tags, so they are never pruned.
const ManagedTag = "rolecall:managed"

// File is a rolecall.yaml that has been found good.
type File struct {
	// Accounts in the order of the file.
	Accounts []Account

	name string
}

// Account is one account's part of a file.
type Account struct {
	// ID is the twelve-digit account.
	ID string
	// Profile names the AWS profile whose credentials administer the account; "" means that the
	// caller's do.
	Profile string

	alias    string
	entities []*entity
}

// Problems are all that is wrong with a file.
type Problems []Problem

// Problem is one thing that is wrong.
type Problem struct {
	// File is the name of the file, Line the line in it, 0 if unknown.
	File string
	Line int
	Text string
}

// Error lists the problems, one on a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.File + ": " + problem.Text
		if problem.Line > 0 {
			lines[i] = problem.File + ":" + strconv.Itoa(problem.Line) + ": " + problem.Text
		}
	}
	return strings.Join(lines, "\n")
}

// Load reads a file; "file:" references in it are relative to its directory. An error about the
// content is a [Problems].
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("reading the declaration: %w", err)
	}
	return Parse(path, data)
}

// Parse is [Load] for content that has been read; path is for messages and "file:" references.
func Parse(path string, data []byte) (*File, error) {
	p := &parser{name: path, dir: filepath.Dir(path)}
	var d document
	p.decode(data, &d)
	if len(p.problems) == 0 {
		p.accounts(d.Accounts)
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, p.problems
	}
	return &File{Accounts: p.result, name: path}, nil
}

// document is rolecall.yaml. The agent reads the sections agent and workloads; here they are only
// known to exist.
type document struct {
	Version   yamlx.Node    `yaml:"version"`
	Accounts  []accountYAML `yaml:"accounts"`
	Agent     yamlx.Node    `yaml:"agent"`
	Workloads yamlx.Node    `yaml:"workloads"`
}

type accountYAML struct {
	ID               text           `yaml:"id"`
	Alias            text           `yaml:"alias"`
	Profile          text           `yaml:"profile"`
	Policies         []policyYAML   `yaml:"policies"`
	Groups           []groupYAML    `yaml:"groups"`
	Users            []userYAML     `yaml:"users"`
	Roles            []roleYAML     `yaml:"roles"`
	InstanceProfiles []instanceYAML `yaml:"instance_profiles"`
	Buckets          []bucketYAML   `yaml:"buckets"`
}

type policyYAML struct {
	Name        text            `yaml:"name"`
	Path        text            `yaml:"path"`
	Description text            `yaml:"description"`
	Document    policyText      `yaml:"document"`
	Tags        map[string]text `yaml:"tags"`
}

// grants are what users, groups and roles have alike.
type grants struct {
	// Inline are inline policies by name, Attached managed policies: ARNs, or names of the account's
	// own in this file.
	Inline   map[string]policyText `yaml:"inline_policies"`
	Attached []text                `yaml:"attached_policies"`
}

type groupYAML struct {
	Name   text `yaml:"name"`
	Path   text `yaml:"path"`
	grants `yaml:",inline"`
}

type userYAML struct {
	Name     text            `yaml:"name"`
	Path     text            `yaml:"path"`
	Boundary text            `yaml:"permissions_boundary"`
	Groups   []text          `yaml:"groups"`
	Tags     map[string]text `yaml:"tags"`
	grants   `yaml:",inline"`
}

type roleYAML struct {
	Name        text            `yaml:"name"`
	Path        text            `yaml:"path"`
	Description text            `yaml:"description"`
	MaxSession  text            `yaml:"max_session_duration"`
	Trust       policyText      `yaml:"trust"`
	Boundary    text            `yaml:"permissions_boundary"`
	Tags        map[string]text `yaml:"tags"`
	grants      `yaml:",inline"`
}

type instanceYAML struct {
	Name text            `yaml:"name"`
	Path text            `yaml:"path"`
	Role text            `yaml:"role"`
	Tags map[string]text `yaml:"tags"`
}

type bucketYAML struct {
	Name       text            `yaml:"name"`
	Policy     policyText      `yaml:"policy"`
	Encryption text            `yaml:"encryption"`
	Versioning text            `yaml:"versioning"`
	Tags       map[string]text `yaml:"tags"`
	Objects    []objectYAML    `yaml:"objects"`
}

type objectYAML struct {
	Key         text `yaml:"key"`
	File        text `yaml:"file"`
	Content     text `yaml:"content"`
	ContentType text `yaml:"content_type"`
	Overwrite   bool `yaml:"overwrite"`
}

// text is a scalar as it is written, with its line: YAML would read an account id as a number and a
// policy's version as a date.
type text struct {
	value string
	line  int
}

// UnmarshalYAML takes any scalar.
func (t *text) UnmarshalYAML(n *yamlx.Node) error {
	if n.Kind != yamlx.Scalar {
		return errors.New("want a single value")
	}
	*t = text{n.Value, n.Line}
	return nil
}

type parser struct {
	name, dir string
	problems  Problems
	result    []Account
}

func (p *parser) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.name, line, fmt.Sprintf(format, args...)})
}

func (p *parser) decode(data []byte, into *document) {
	found, problems := yamlx.Unmarshal(data, into)
	for _, problem := range problems {
		p.problem(problem.Line, "%s", problem.Text)
	}
	switch {
	case len(problems) > 0:
	case !found:
		p.problem(0, "the file is empty")
	case len(into.Accounts) == 0:
		p.problem(0, "no accounts: there is nothing to apply")
	}
}

// accounts checks the file and turns it into entities.
func (p *parser) accounts(declared []accountYAML) {
	seen := map[string]bool{}
	for _, d := range declared {
		id := d.ID
		switch {
		case !regexp.MustCompile(`^\d{12}$`).MatchString(id.value):
			p.problem(id.line, "account id %q: want 12 digits", id.value)
			continue
		case seen[id.value]:
			p.problem(id.line, "account %s is declared twice", id.value)
			continue
		}
		seen[id.value] = true
		a := &accountParser{parser: p, account: Account{ID: id.value, Profile: d.Profile.value, alias: d.Alias.value}, seen: map[string]int{}, policies: map[string]string{}}
		a.parse(d)
		p.result = append(p.result, a.account)
	}
}

func seconds(t text) (string, error) {
	if t.value == "" {
		return "3600", nil // AWS's default
	}
	d, err := time.ParseDuration(t.value)
	if n, numeric := strconv.Atoi(t.value); numeric == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < time.Hour || d > 12*time.Hour {
		return "", fmt.Errorf("max_session_duration %q: want 1h to 12h", t.value)
	}
	return strconv.Itoa(int(d / time.Second)), nil
}
