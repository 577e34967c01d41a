package explain

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// TestRemedyHolds: what is advised does what it says, whatever the situation.
func TestRemedyHolds(t *testing.T) {
	models, err := sdk.Models()
	if err != nil {
		t.Fatal(err)
	}
	const config = "[profile p]\nrole_arn=arn:aws:iam::111122223333:role/r\nsource_profile=b\n[profile b]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=x\ncredential_process=y\n"
	helped := 0
	for _, c := range []struct {
		env  map[string]string
		imds *sdk.IMDS
	}{
		{env: map[string]string{"AWS_PROFILE": "p"}},
		{env: map[string]string{"AWS_PROFILE": "b"}},
		{env: map[string]string{"AWS_DEFAULT_PROFILE": "b"}, imds: &sdk.IMDS{}},
		{env: map[string]string{"AWS_PROFILE": "gone"}, imds: &sdk.IMDS{}},
		{env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, imds: &sdk.IMDS{}},
		{env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_PROFILE": "b"}},
		{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_PROFILE": "b"}},
	} {
		s := &sdk.Situation{Env: c.env, IMDS: c.imds, NoLoadConfig: true, Real: true, Now: time.Unix(1_800_000_000, 0), Files: map[string]string{"/h/.aws/config": config}}
		s.Env["HOME"] = "/h"
		report := askAll(models, s)
		report.advise(models, s)
		if report.Agree {
			t.Errorf("%v: they agree", c.env)
			continue
		}
		if len(report.Causes) == 0 {
			t.Errorf("%v: no causes", c.env)
		}
		if report.Remedy == nil {
			continue
		}
		helped++
		// It is the best there is only if it is one of those that are tried.
		found := false
		all := changes(s)
		for i := -1; i < len(all); i++ {
			for j := range all {
				text, try := all[j].text, *s
				try.Env, try.Files = clone(s.Env), clone(s.Files)
				if i >= 0 {
					text = all[i].text + " and " + text
					all[i].do(&try)
				}
				if text != report.Remedy.Change {
					continue
				}
				all[j].do(&try)
				found = true
				for _, g := range grouped(askAll(models, &try).SDKs)[:1] {
					if diff := cmp.Diff([]any{report.Remedy.Identity, len(models) - len(report.Remedy.Apart)}, []any{g.id, len(g.answers)}); diff != "" {
						t.Errorf("%v: %s: %s", c.env, text, diff)
					}
				}
			}
		}
		if !found {
			t.Errorf("%v: %s is nothing that was tried", c.env, report.Remedy.Change)
		}
	}
	if helped < 5 {
		t.Errorf("only %d situations are helped", helped)
	}
}

func clone(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
