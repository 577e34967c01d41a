// Package awspolicies has the managed policies of AWS that people attach first, as data.
package awspolicies

import (
	"crypto/sha256"
	_ "embed" // the policies are data
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// text is managed policies as AWS publishes them: those that people attach first. The list
// was put together with moto's copy of AWS's data (Apache-2.0). Each is a line of name, path, times
// and version between tabs, its document, and an empty line: text that costs no start-up time to read.
//
//go:embed policies.txt
var text string

// All returns the managed policies of AWS that this plane knows, for the directory. A policy
// that is not among them does not exist here.
func All() []*identity.ManagedPolicy {
	var out []*identity.ManagedPolicy
	for entry := range strings.SplitSeq(text, "\n\n") {
		head, document, ok := strings.Cut(entry, "\n")
		fields := strings.Split(head, "\t")
		if !ok || len(fields) != 5 {
			continue // the end; a test counts what was read
		}
		created, _ := time.Parse(time.RFC3339, fields[2])
		updated, _ := time.Parse(time.RFC3339, fields[3])
		version := fields[4]
		n, _ := strconv.Atoi(strings.TrimPrefix(version, "v"))
		out = append(out, &identity.ManagedPolicy{
			ID: policyID(fields[0]), Account: identity.AWSAccount, Path: fields[1], Name: fields[0],
			Created: created, Updated: updated, Default: version, NextVersion: n + 1,
			Versions: []identity.PolicyVersion{{ID: version, Document: document, Created: updated}},
		})
	}
	return out
}

// policyID is the same on every plane and at every start.
func policyID(name string) string {
	sum := sha256.Sum256([]byte("arn:aws:iam::aws:policy/" + name))
	return string(identity.PrefixManagedPolicy) + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
