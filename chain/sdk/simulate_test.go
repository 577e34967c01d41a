package sdk_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// recorded is a situation that real SDKs were put in.
type recorded struct {
	sdk.Situation
	ID       string
	Outcomes map[string]struct{ Kind, Akid string }
}

func readRecorded(t *testing.T) []recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.ReplaceAll(string(data), "$SOON$", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339)))
	var all []recorded
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// key is how the recordings write an outcome's credentials: a role's session as AK(Role<-key).
func key(o sdk.Outcome) string {
	if o.Kind != sdk.OK {
		return ""
	}
	head, tail := "", ""
	for _, role := range o.Roles {
		head, tail = head+"AK("+role+"<-", tail+")"
	}
	return head + o.Base + tail
}

// otherVersions are recorded beside the version that a model is of.
var otherVersions = map[string]string{"botocore-dev": "botocore", "cli-v2-deb": "cli-v2"}

// debianDiffers are the situations in which Debian's AWS CLI 2.9 does otherwise: it knows no endpoint settings (so that web
// identities and roles fail without a network), no `aws login`, no token file and fewer hosts for containers, and
// falls back to version 1 of the metadata service when it is told not to.
var debianDiffers = []string{
	"webid_env_vs_default_static", "webid_env_vs_AWS_PROFILE", "webid_in_profile", "webid_profile_and_static", "webid_no_region",
	"container_vs_webid", "container_full_eks_host", "container_ipv6_loopback",
	"container_token_file_newline", "container_token_file_missing", "container_token_file_missing_env_token",
	"imds_put403_v1disabled", "imds_custom_endpoint", "imds_disabled_config",
	"login_ok", "login_and_static", "login_and_process", "login_missing_imds", "login_expired_imds", "source_profile_is_login",
}

// TestRecordedOutcomes plays what real SDKs were seen to do: the kind of outcome, the key, and the roles on the way.
func TestRecordedOutcomes(t *testing.T) {
	models := modelsByID(t)
	// Outcomes that are not compared, by why, and how many there are.
	const (
		network = "the SDK has no setting for that endpoint: the run would have needed the network"
		caches  = "the AWS CLI has a cache of credentials, of which the simulator knows nothing"
		older   = "the AWS CLI 2.9 of Debian, which does otherwise here than the current one that is modelled"
	)
	left, compared := map[string]int{}, 0
	for _, v := range readRecorded(t) {
		for id, want := range v.Outcomes {
			m := models[id]
			if current, ok := otherVersions[id]; ok {
				m = models[current]
			}
			switch {
			case want.Kind == "network":
				left[network]++
				continue
			case strings.HasPrefix(v.ID, "cache_") && strings.HasPrefix(id, "cli-"):
				left[caches]++
				continue
			}
			compared++
			got := m.Simulate(&v.Situation)
			if id == "cli-v2-deb" && slices.Contains(debianDiffers, v.ID) {
				left[older]++
				compared--
				if got.Kind == want.Kind && key(got) == want.Akid {
					t.Errorf("%s %s does not differ", v.ID, id)
				}
				continue
			}
			if got.Kind != want.Kind || key(got) != want.Akid {
				t.Errorf("%s %s: got %s %s (%s: %s), recorded %s %s", v.ID, id, got.Kind, key(got), got.Source, got.Reason, want.Kind, want.Akid)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{network: 100, caches: 31, older: 20}, left); diff != "" {
		t.Error("not compared: " + diff)
	}
	if compared != 2989 {
		t.Errorf("%d outcomes were compared", compared)
	}
}

func modelsByID(t testing.TB) map[string]*sdk.Model {
	t.Helper()
	models, err := sdk.Models()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*sdk.Model{}
	for _, m := range models {
		out[m.ID] = m
	}
	if len(out) != 27 {
		t.Fatalf("%d models", len(out))
	}
	return out
}

// FuzzSimulate looks for texts that some model cannot stand.
func FuzzSimulate(f *testing.F) {
	for _, s := range []string{"", "[default]\na=1\n", "[profile x]\nrole_arn=a\nsource_profile=x\n", "\ufeff[profile \"a b\"]\n k\n[", "[profile]\n[profile ]\n= \n", "[default]\ncredential_source=Environment\nrole_arn=r\nmfa_serial=m\n"} {
		f.Add(s, s)
	}
	models := modelsByID(f)
	f.Fuzz(func(t *testing.T, config, credentials string) {
		texts := sdk.NewTexts()
		for _, m := range models {
			for _, profile := range []string{"", "x"} {
				got := m.Simulate(&sdk.Situation{
					Env: map[string]string{"HOME": "/h"}, Profile: profile, Real: true, Texts: texts,
					Files: map[string]string{"/h/.aws/config": config, "/h/.aws/credentials": credentials},
				})
				if got.Kind == sdk.OK != (got.Base != "") && m.ID != "minio-go" || got.Kind == sdk.OK && got.Source == "" {
					t.Fatalf("%s: %+v", m.ID, got)
				}
			}
		}
	})
}
