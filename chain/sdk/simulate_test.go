package sdk_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// TestRecordedOutcomes plays what real SDKs were seen to do.
func TestRecordedOutcomes(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.ReplaceAll(string(data), "$SOON$", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339)))
	var vectors []struct {
		sdk.Situation
		ID       string
		Outcomes map[string]struct{ Kind, Akid string }
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	models, err := sdk.Models()
	if err != nil {
		t.Fatal(err)
	}
	total, wrong := 0, map[string]int{}
	for _, v := range vectors {
		for _, m := range models {
			want, ok := v.Outcomes[m.ID]
			if !ok || want.Kind == "network" || strings.HasPrefix(v.ID, "cache_") {
				continue
			}
			total++
			got := m.Simulate(&v.Situation)
			if (got.Kind == sdk.OK) != (want.Kind == "ok") || got.AccessKeyID != want.Akid {
				wrong[m.ID]++
				t.Errorf("%s %s: got %s %s (%s: %s), recorded %s %s", v.ID, m.ID, got.Kind, got.AccessKeyID, got.Source, got.Reason, want.Kind, want.Akid)
			}
		}
	}
	if total < 2400 {
		t.Errorf("only %d outcomes", total)
	}
	t.Logf("%d outcomes, wrong: %v", total, wrong)
}

// FuzzSimulate looks for texts that some model cannot stand.
func FuzzSimulate(f *testing.F) {
	for _, s := range []string{"", "[default]\na=1\n", "[profile x]\nrole_arn=a\nsource_profile=x\n", "\ufeff[profile \"a b\"]\n k\n[", "[profile]\n[profile ]\n= \n", "[default]\ncredential_source=Environment\nrole_arn=r\nmfa_serial=m\n"} {
		f.Add(s, s)
	}
	models, err := sdk.Models()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, credentials string) {
		for _, m := range models {
			for _, profile := range []string{"", "x"} {
				got := m.Simulate(&sdk.Situation{
					Env: map[string]string{"HOME": "/h"}, Profile: profile, Real: true,
					Files: map[string]string{"/h/.aws/config": config, "/h/.aws/credentials": credentials},
				})
				if got.Kind == sdk.OK != (got.AccessKeyID != "") && m.ID != "minio-go" {
					t.Fatalf("%s: %+v", m.ID, got)
				}
			}
		}
	})
}
