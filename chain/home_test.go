package chain_test

import (
	"os/user"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/chain"
)

func TestPaths(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths are written otherwise")
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		environ []string
		want    chain.Paths
	}{
		{"the home folder", []string{"HOME=/h"}, chain.Paths{Config: "/h/.aws/config", Credentials: "/h/.aws/credentials"}},
		{"variables", []string{"HOME=/h", "AWS_CONFIG_FILE=/c", "AWS_SHARED_CREDENTIALS_FILE=rel/k"}, chain.Paths{Config: "/c", Credentials: "rel/k", ConfigFrom: "AWS_CONFIG_FILE", CredentialsBy: "AWS_SHARED_CREDENTIALS_FILE"}},
		{"empty variables", []string{"HOME=/h", "AWS_CONFIG_FILE=", "AWS_SHARED_CREDENTIALS_FILE="}, chain.Paths{Config: "/h/.aws/config", Credentials: "/h/.aws/credentials"}},
		{"a tilde", []string{"HOME=/h", "AWS_CONFIG_FILE=~/c", "AWS_SHARED_CREDENTIALS_FILE=~x/k"}, chain.Paths{Config: "/h/c", Credentials: "~x/k", ConfigFrom: "AWS_CONFIG_FILE", CredentialsBy: "AWS_SHARED_CREDENTIALS_FILE"}},
		{"no variables in a path", []string{"HOME=/h", "AWS_CONFIG_FILE=$HOME/c"}, chain.Paths{Config: "$HOME/c", Credentials: "/h/.aws/credentials", ConfigFrom: "AWS_CONFIG_FILE"}},
		{"no HOME: what the system knows", []string{"USERPROFILE=/w"}, chain.Paths{Config: filepath.Join(who.HomeDir, ".aws", "config"), Credentials: filepath.Join(who.HomeDir, ".aws", "credentials")}},
	} {
		c, err := chain.New(chain.Options{Environ: append([]string{"AWS_EC2_METADATA_DISABLED=true"}, tc.environ...)})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, c.Paths()); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}
