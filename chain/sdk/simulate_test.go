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
