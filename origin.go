package rolecall

import (
	"strings"
	"time"
)

// Origin is the trail that credentials left on their way: the source that yielded them and, for
// credentials got by means of other credentials, the origin of those.
//
// It holds no secrets and may be shown to anybody who may see the machine's configuration.
type Origin struct {
	// Source is the kind of source: "environment", "profile", "assume-role", "sso", "process", …
	Source string
	// Location is where exactly: a file with its line ("/home/a/.aws/config:12"), variable names, a URL.
	Location string
	// Detail says what the source was asked for: a profile, a role ARN, a command.
	Detail string
	// At is when the source yielded them.
	At time.Time
	// Via is the origin of the credentials that were used to get these; nil at the start of the trail.
	Via *Origin
}

// Trail returns the hops from o back to the first source.
func (o Origin) Trail() []Origin {
	var hops []Origin
	for p := &o; p != nil; p = p.Via {
		hop := *p
		hop.Via = nil
		hops = append(hops, hop)
	}
	return hops
}

// String renders the trail on one line, latest hop first.
func (o Origin) String() string {
	var b strings.Builder
	for i, hop := range o.Trail() {
		if i > 0 {
			b.WriteString(" ← ")
		}
		b.WriteString(hop.Source)
		if hop.Detail != "" {
			b.WriteString(" " + hop.Detail)
		}
		if hop.Location != "" {
			b.WriteString(" (" + hop.Location + ")")
		}
	}
	return b.String()
}
