// Package arn reads the names of accounts, users, roles and sessions as policies write them.
package arn

import "strings"

// IsAccount tells whether s has the form of an account id: twelve digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Account is the fifth field of an ARN, if it is an account, else "".
func Account(arn string) string {
	colons, from := 0, 0
	for i := range len(arn) {
		if arn[i] != ':' {
			continue
		}
		switch colons++; colons {
		case 4:
			from = i + 1
		case 5:
			if IsAccount(arn[from:i]) {
				return arn[from:i]
			}
			return ""
		}
	}
	return ""
}

// IsUniqueID tells whether s is an id of a user or role, as AWS writes in the place of an ARN.
func IsUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) && IsAlphanumeric(s)
}

// Split returns the service, account and resource of an ARN without wildcards.
func Split(s string) (service, account, resource string, ok bool) {
	rest, ok := strings.CutPrefix(s, "arn:aws")
	if !ok {
		return "", "", "", false
	}
	parts := strings.SplitN(rest, ":", 5)
	if len(parts) != 5 || parts[4] == "" {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[4], true
}

// IsEntity tells whether s is the ARN of an IAM user or role.
func IsEntity(s string) bool {
	service, account, resource, ok := Split(s)
	if !ok || service != "iam" || !IsAccount(account) || strings.ContainsAny(s, "*?") {
		return false
	}
	kind, name, _ := strings.Cut(resource, "/")
	return (kind == "user" || kind == "role") && name != "" && !strings.HasSuffix(name, "/")
}

// IsPrincipal tells whether s is an ARN that a Principal element takes: of an account, user, role or session.
func IsPrincipal(s string) bool {
	if IsEntity(s) {
		return true
	}
	service, account, resource, ok := Split(s)
	if !ok || !IsAccount(account) || strings.ContainsAny(s, "*?") {
		return false
	}
	kind, name, _ := strings.Cut(resource, "/")
	switch service {
	case "iam":
		return resource == "root"
	case "sts":
		role, session, found := strings.Cut(name, "/")
		return kind == "federated-user" && name != "" || kind == "assumed-role" && found && role != "" && session != ""
	}
	return false
}

// IsAlphanumeric tells whether s has nothing but ASCII letters and digits.
func IsAlphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
