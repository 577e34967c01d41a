package awspolicies_test

import (
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/iam/awspolicies"
	"github.com/rolecall-dev/rolecall/policy"
)

func TestAllAreValid(t *testing.T) {
	all := awspolicies.All()
	if len(all) != 86 {
		t.Errorf("%d policies", len(all))
	}
	for _, p := range all {
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
		if p.Created.Year() < 2010 || p.Updated.Year() < 2010 || p.NextVersion < 2 {
			t.Errorf("%s: %+v", p.ARN(), p)
		}
		d, err := policy.ParseStored(policy.Identity, []byte(p.Document()))
		if err != nil {
			t.Errorf("%s: %v", p.ARN(), err)
			continue
		}
		for _, s := range d.Statements() {
			if s.Unknown {
				t.Errorf("%s: statement %s is not known whole", p.ARN(), s.Sid)
			}
		}
	}
}

func BenchmarkAll(b *testing.B) {
	for b.Loop() {
		awspolicies.All()
	}
}
