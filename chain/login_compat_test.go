//go:build compat

package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/sts"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

// python runs botocore with the C runtime that its login provider signs with; scripts/setup puts it there.
func python(t *testing.T, environ []string, program string) string {
	t.Helper()
	crt, err := filepath.Abs("../.cache/awscrt")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", program)
	cmd.Env = append([]string{"PYTHONPATH=" + crt}, environ...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func needCRT(t *testing.T) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import botocore").Run(); err == nil {
		if _, err := os.Stat("../.cache/awscrt/awscrt"); err == nil {
			return
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("python3 with botocore and awscrt is needed: run scripts/setup peers")
	}
	t.Skip("python3 with botocore and awscrt is not here")
}

const (
	botocoreLogin = `
import botocore.session
c = botocore.session.Session(profile="p").get_credentials().get_frozen_credentials()
print(c.access_key)
`
	jsLogin = `
const { fromLoginCredentials } = require("@aws-sdk/credential-provider-login");
fromLoginCredentials({ profile: "p" })().then((c) => console.log(c.accessKeyId), (e) => { console.error(e); process.exit(1); });
`
)

// TestLoginSessionIsSharedWithTheSDKs lets rolecall, botocore and the SDK for JavaScript refresh one session in
// turns: each, and the SDK for Go, has to read what another one wrote, and the service checks every proof.
func TestLoginSessionIsSharedWithTheSDKs(t *testing.T) {
	needCRT(t)
	s, err := signin.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const session = "arn:aws:iam::111122223333:user/ada"
	home := t.TempDir()
	dir := filepath.Join(home, ".aws", "login", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := "[profile p]\nlogin_session = " + session + "\nregion = eu-west-1\n"
	if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_SIGNIN=" + s.URL, "AWS_EC2_METADATA_DISABLED=true"}
	clients := map[string]func() string{
		"rolecall": func() string {
			return ours(t, situation{Profile: "p"}, environ)
		},
		"botocore": func() string { return python(t, environ, botocoreLogin) },
		"js": func() string {
			cmd := exec.CommandContext(t.Context(), "node", "-e", jsLogin)
			cmd.Dir, cmd.Env, cmd.Stderr = "../test/peers/clients", append([]string{"NODE_NO_WARNINGS=1"}, environ...), os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(out))
		},
	}
	// The SDK for Go reads only: when it writes, it drops what it does not know.
	clients["go"] = func() string { return goSDK(t, situation{Profile: "p"}, environ) }
	path := signin.Path(dir, session)
	write := func(token map[string]any) {
		data, err := json.Marshal(token)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	token := s.Token(time.Now().Add(-time.Hour), true)
	token["future"] = "kept"
	write(token)
	for n, who := range []string{"rolecall", "botocore", "rolecall", "js", "rolecall", "botocore", "js", "rolecall"} {
		if n > 0 {
			// What the one before wrote, expired.
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			token = nil
			if err := json.Unmarshal(data, &token); err != nil {
				t.Fatal(err)
			}
			token["accessToken"].(map[string]any)["expiresAt"] = "2020-01-01T00:00:00Z" //nolint:errcheck // the test ends
			if n == 4 {
				token["dpopKey"] = s.PEM(false) // and from here on with a SEC1 key, as the AWS CLI makes it
			}
			write(token)
		}
		want := signin.AccessKeyID(n + 1)
		if got := clients[who](); got != want {
			t.Fatalf("round %d: %s got %s, want %s; faults %v", n, who, got, want, s.Faults())
		}
		for other, get := range clients {
			if got := get(); got != want || s.Calls() != n+1 {
				t.Errorf("round %d: after %s, %s got %s with %d calls, want %s", n, who, other, got, s.Calls(), want)
			}
		}
		if token["future"] != "kept" {
			t.Errorf("round %d: a member is lost", n)
		}
	}
	if f := s.Faults(); len(f) > 0 {
		t.Error(f)
	}
}

// hosts prints hosts by botocore's endpoint rules: service, region, FIPS, dual stack, host.
const hosts = `
import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
loader = botocore.session.Session().get_component("data_loader")
partitions = loader.load_data("partitions")
for service, more in (("signin", {"IsControlPlane": False}), ("sts", {"UseGlobalEndpoint": False})):
    rules = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
    for p in partitions["partitions"]:
        for region in p["regions"]:
            if "global" in region: continue
            for fips in (False, True):
                for dual in (False, True):
                    try:
                        e = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual, **more)
                    except EndpointProviderError:
                        continue
                    print(service, region, fips, dual, e.url.removeprefix("https://"))
`

func TestHostsAreBotocores(t *testing.T) {
	needCRT(t)
	lines := strings.Split(python(t, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, hosts), "\n")
	if len(lines) < 200 {
		t.Fatalf("only %d hosts to compare", len(lines))
	}
	for _, line := range lines {
		var service, region, fips, dual, want string
		if _, err := fmt.Sscan(line, &service, &region, &fips, &dual, &want); err != nil {
			t.Fatal(line, err)
		}
		got, err := login.Host(region, fips == "True", dual == "True")
		if service == "sts" {
			client := &sts.Client{Region: region, UseFIPS: fips == "True", UseDualStack: dual == "True", MaxAttempts: 1}
			client.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				got = r.URL.Host
				return nil, errors.New("no network")
			})}
			_, _ = client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{}) //nolint:errcheck // the host tells
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", line, got, err)
		}
	}
}
