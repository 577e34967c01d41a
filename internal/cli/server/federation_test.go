package server

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
)

func TestFederationFlags(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "bad.pem")
	for path, text := range map[string][]byte{good: federationtest.NewIssuer(t).CAFile(), bad: []byte("no certificate")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := (&federationOptions{networks: []string{"10.1.2.3/8", "fd00::/8"}, caFile: good, allowHTTP: true}).config()
	if err != nil {
		t.Fatal(err)
	}
	want := server.Federation{TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}, AllowHTTP: true}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(server.Federation{}, "Roots"), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Roots == nil {
		t.Error("no authorities")
	}
	if got, err := (&federationOptions{}).config(); err != nil || got.Roots != nil || got.TrustedNetworks != nil {
		t.Errorf("default %+v, %v", got, err)
	}
	for flag, o := range map[string]*federationOptions{
		"--oidc-trusted-network": {networks: []string{"10.0.0.1"}},
		"--oidc-ca-file":         {caFile: bad},
		"--oidc-ca-file: open":   {caFile: filepath.Join(dir, "none.pem")},
	} {
		if _, err := o.config(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
