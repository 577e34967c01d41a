package identity

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrInvalid marks a value that breaks one of the rules for names, paths and tags.
var ErrInvalid = errors.New("not valid")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Lengths in characters, from the IAM API reference.
const (
	maxPath       = 512
	maxUserName   = 64
	maxRoleName   = 64
	maxGroupName  = 128
	maxPolicyName = 128
	maxProfile    = 128
	maxMFAName    = 226
	maxTagKey     = 128
	maxTagValue   = 256
)

func nameChar(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("_+=,.@-", c) >= 0
}

// checkName accepts [\w+=,.@-] of the given length.
func checkName(what, name string, shortest, longest int) error {
	if len(name) < shortest || len(name) > longest {
		return invalid("%s %q: want %d to %d characters", what, name, shortest, longest)
	}
	for _, c := range []byte(name) {
		if !nameChar(c) {
			return invalid("%s %q: want letters, digits and _+=,.@-", what, name)
		}
	}
	return nil
}

// CheckUserName applies the rule for user names.
func CheckUserName(name string) error { return checkName("user name", name, 1, maxUserName) }

// CheckRoleName applies the rule for role names.
func CheckRoleName(name string) error { return checkName("role name", name, 1, maxRoleName) }

// CheckGroupName applies the rule for group names.
func CheckGroupName(name string) error { return checkName("group name", name, 1, maxGroupName) }

// CheckPolicyName applies the rule for names of managed and inline policies.
func CheckPolicyName(name string) error { return checkName("policy name", name, 1, maxPolicyName) }

// CheckInstanceProfileName applies the rule for instance profile names.
func CheckInstanceProfileName(name string) error {
	return checkName("instance profile name", name, 1, maxProfile)
}

// CheckRoleSessionName applies STS's rule for RoleSessionName and SourceIdentity.
func CheckRoleSessionName(name string) error { return checkName("role session name", name, 2, 64) }

// CheckFederatedName applies STS's rule for the name of a federated user.
func CheckFederatedName(name string) error { return checkName("federated user name", name, 2, 32) }

// CheckAlias applies the rule for account aliases.
func CheckAlias(alias string) error {
	if len(alias) < 3 || len(alias) > 63 {
		return invalid("account alias %q: want 3 to 63 characters", alias)
	}
	for _, c := range []byte(alias) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return invalid("account alias %q: want lower-case letters, digits and hyphens", alias)
		}
	}
	if alias[0] == '-' || alias[len(alias)-1] == '-' || strings.Contains(alias, "--") {
		return invalid("account alias %q: hyphens stand alone between other characters", alias)
	}
	return nil
}

// CheckPath accepts "/" and what begins and ends with a slash and has printable ASCII between,
// up to 512 characters.
func CheckPath(path string) error {
	if path == "" || len(path) > maxPath || path[0] != '/' || path[len(path)-1] != '/' {
		return invalid("path %q: want a slash at the beginning and the end, at most %d characters", path, maxPath)
	}
	for _, c := range []byte(path) {
		if c < 0x21 || c > 0x7e {
			return invalid("path %q: want printable ASCII", path)
		}
	}
	return nil
}

// CheckTags applies the rules for tags: keys of 1 to 128 characters, unique without regard to case;
// values up to 256; letters, digits, spaces and _.:/=+-@ only; no key under the reserved prefix
// "aws:".
func CheckTags(tags []Tag) error { return checkTags(tags, Fold) }

// checkCasedTags is CheckTags for resources other than users and roles, on which keys that differ in case are two.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
func checkCasedTags(tags []Tag) error {
	return checkTags(tags, func(key string) string { return key })
}

func checkTags(tags []Tag, fold func(string) string) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if n := utf8.RuneCountInString(t.Key); n < 1 || n > maxTagKey {
			return invalid("tag key %q: want 1 to %d characters", t.Key, maxTagKey)
		}
		if utf8.RuneCountInString(t.Value) > maxTagValue {
			return invalid("value of tag %q: want at most %d characters", t.Key, maxTagValue)
		}
		if !tagText(t.Key) || !tagText(t.Value) {
			return invalid("tag %q: want letters, digits, spaces and _.:/=+-@", t.Key)
		}
		if strings.HasPrefix(Fold(t.Key), "aws:") {
			return invalid("tag key %q: the prefix aws: is reserved", t.Key)
		}
		if seen[fold(t.Key)] {
			return invalid("tag key %q is given twice", t.Key)
		}
		seen[fold(t.Key)] = true
	}
	return nil
}

func tagText(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError {
			return false
		}
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return true
}

// Fold maps names that IAM holds to be equal to one spelling: names are unique without regard to
// case.
func Fold(name string) string { return strings.ToLower(name) }
