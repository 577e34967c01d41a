//go:build compat

package chain

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// botocoreProgram reads situations as JSON lines and prints the access key id that each gives. Each one is
// resolved in a process of its own, since botocore caches.
const botocoreProgram = `
import json, os, sys
for line in sys.stdin:
    s = json.loads(line)
    r, w = os.pipe()
    if os.fork() == 0:
        os.environ.clear()
        os.environ.update(s["environ"])
        try:
            import botocore.session
            session = botocore.session.Session(profile=s["profile"] or None)
            creds = session.get_credentials()
            out = creds.get_frozen_credentials().access_key if creds else "fails"
        except Exception as e:
            out = "fails"
        os.write(w, out.encode())
        os._exit(0)
    os.close(w)
    print(os.read(r, 1000).decode(), flush=True)
    os.close(r)
    os.wait()
`

// TestAgainstBotocore is [TestAgainstGoSDK] with Python's SDK.
func TestAgainstBotocore(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import botocore").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 with botocore is needed: ", err)
		}
		t.Skip("python3 with botocore is not here")
	}
	world := newWorld(t, vector{})
	r := rand.New(rand.NewPCG(20261122, 2)) //nolint:gosec // reproducible situations
	var in bytes.Buffer
	var got []string
	var all []situation
	for range 30 {
		s := randomSituation(r)
		// botocore reads [profile default] and [default] as two, and a comment after a header not at all.
		s.Config = strings.ReplaceAll(s.Config, "] # c\n", "]\n")
		environ := stage(t, s, world)
		vars := map[string]string{}
		for _, kv := range environ {
			name, value, _ := strings.Cut(kv, "=")
			vars[name] = value
		}
		if err := json.NewEncoder(&in).Encode(map[string]any{"environ": vars, "profile": s.Profile}); err != nil {
			t.Fatal(err)
		}
		got, all = append(got, ours(t, s, environ)), append(all, s)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", botocoreProgram)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(out))
	if len(want) != len(all) {
		t.Fatalf("%d answers for %d situations", len(want), len(all))
	}
	for i, s := range all {
		if got[i] != want[i] {
			t.Errorf("situation %d: got %s, botocore %s\nenv %v, profile %q\nconfig:\n%s\ncredentials:\n%s", i, got[i], want[i], s.Env, s.Profile, s.Config, s.Credentials)
		}
	}
}
