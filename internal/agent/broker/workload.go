package broker

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"time"
)

// Tag is one session tag.
type Tag struct{ Key, Value string }

// Workload says which session a workload gets.
type Workload struct {
	// Name identifies the workload in configuration, paths and audit.
	Name string
	// RoleARN is the role to assume; "" hands over what the node itself has.
	RoleARN string
	// SessionName is the RoleSessionName, all templates resolved.
	SessionName string
	// ExternalID goes along when the role's trust policy demands it.
	ExternalID string
	// Duration of the session; 0 leaves it to STS (one hour).
	Duration time.Duration
	// Policy and PolicyARNs narrow the session.
	Policy     string
	PolicyARNs []string
	// Tags are session tags; TransitiveTagKeys name those that a chained session inherits.
	Tags              []Tag
	TransitiveTagKeys []string
	// SourceIdentity is fixed for the session and all that are chained from it.
	SourceIdentity string
	// Region is where STS is asked, and what the workload is told.
	Region string
}

// Key identifies a session: two workloads share one only if every part is equal.
type Key [sha256.Size]byte

// Key digests all of w. Each part is written with its length, so that no two workloads that differ
// have equal input; tags and ARNs count in their order.
func (w Workload) Key() Key {
	h := sha256.New()
	for _, s := range []string{"rolecall session 1", w.Name, w.RoleARN, w.SessionName, w.ExternalID, w.Policy, w.SourceIdentity, w.Region} {
		writePart(h, s)
	}
	writeCount(h, int(w.Duration))
	writeCount(h, len(w.PolicyARNs))
	for _, s := range w.PolicyARNs {
		writePart(h, s)
	}
	writeCount(h, len(w.Tags))
	for _, t := range w.Tags {
		writePart(h, t.Key)
		writePart(h, t.Value)
	}
	writeCount(h, len(w.TransitiveTagKeys))
	for _, s := range w.TransitiveTagKeys {
		writePart(h, s)
	}
	return Key(h.Sum(nil))
}

func (w Workload) clone() Workload {
	w.PolicyARNs = slices.Clone(w.PolicyARNs)
	w.Tags = slices.Clone(w.Tags)
	w.TransitiveTagKeys = slices.Clone(w.TransitiveTagKeys)
	return w
}

func writePart(h hash.Hash, s string) {
	writeCount(h, len(s))
	h.Write([]byte(s)) // a hash never fails
}

func writeCount(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // lengths and durations are not negative
	h.Write(b[:])
}
