package operator_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/policy/internal/operator"
)

// FuzzDate compares dates with package time, where both understand them.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:30", "-1", "0", "99999999999", "2026", "2026-02-30", "T", "2026-1-1T1:1Z", "1T-", "2026-01-01T24:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := operator.ParseDate(s)
		if std, err := timeOf(s); err == nil && (!ok || operator.InstantOf(std) != d) {
			t.Fatalf("%q: %+v %v, want %v", s, d, ok, std)
		}
		if n, ok := operator.ParseNumber(s); ok && n.Compare(n) != 0 {
			t.Fatalf("%q is not equal to itself", s)
		}
		if p, ok := operator.ParsePrefix(s); ok && !p.IsValid() {
			t.Fatalf("%q is no range", s)
		}
	})
}

// timeOf parses the full form with a zone, as package time does.
func timeOf(s string) (time.Time, error) {
	// package time also takes commas and one-digit hours, and days beyond the end of a month are its own affair.
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`).MatchString(s) {
		return time.Time{}, fmt.Errorf("not compared")
	}
	return time.Parse(time.RFC3339Nano, s)
}
