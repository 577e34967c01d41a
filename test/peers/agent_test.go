//go:build peers

package peers

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// workload is what a workload's environment knows of the agent.
type workload struct {
	uri  string
	file string // with the token
}

func (w workload) token(t *testing.T) string {
	t.Helper()
	token, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// agent is a running agent of a test.
type agent struct{ *kit.Agent }

func startAgent(t *testing.T, stsEndpoint string, node nodeKey, workloads ...string) *agent {
	t.Helper()
	a, err := kit.StartAgent(t.Context(), build(t), kit.AgentOptions{
		Dir: t.TempDir(), STSEndpoint: stsEndpoint, Env: node.env(), Workloads: workloads,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Kill()
		if t.Failed() {
			t.Logf("the agent said:\n%s", tail(a.Output()))
		}
	})
	return &agent{a}
}

func (a *agent) restart(t *testing.T) {
	t.Helper()
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (a *agent) workload(t *testing.T, name string) workload {
	t.Helper()
	w := workload{uri: a.URI(name), file: a.TokenFile(name)}
	if token := w.token(t); token == "" || token[len(token)-1] == '\n' {
		t.Errorf("%s holds %d bytes: SDKs want the token without a line end", w.file, len(token))
	}
	return w
}

// world is a provisioned plane and an agent for it, shared by the tests that only use them.
type world struct {
	plane *kit.Plane
	agent *kit.Agent
	node  nodeKey
}

var theWorld struct {
	sync.Once
	world
	dir string
}

func shared(t *testing.T) *world {
	t.Helper()
	theWorld.Do(func() {
		var err error
		if theWorld.dir, err = os.MkdirTemp("", "rolecall-world-"); err != nil {
			t.Fatal(err)
		}
		if theWorld.plane, err = kit.StartPlane(t.Context(), build(t), filepath.Join(theWorld.dir, "state"), "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		theWorld.node = provision(t, theWorld.plane)
		theWorld.agent, err = kit.StartAgent(t.Context(), build(t), kit.AgentOptions{
			Dir: theWorld.dir, STSEndpoint: theWorld.plane.Endpoint, Env: theWorld.node.env(),
			Workloads: []string{"web-app", "backup", "deploy"},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	w := &theWorld.world
	if w.agent == nil {
		t.Fatal("the plane or the agent did not start; see the first test that failed")
	}
	return w
}

// endWorld stops what shared started.
func endWorld() {
	if theWorld.agent != nil {
		theWorld.agent.Kill()
	}
	if theWorld.plane != nil {
		theWorld.plane.Kill()
	}
	_ = os.RemoveAll(theWorld.dir) // temporary anyway
}

// workload is the whole environment of a client that has the role of that name: nothing but where the agent is.
func (w *world) workload(t *testing.T, name string) []string {
	t.Helper()
	token, err := os.ReadFile(w.agent.TokenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	return env(t, w.plane,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+w.agent.URI(name),
		// Clients from before 2023 know the variable only (restic, rclone); newer ones take the file first.
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+w.agent.TokenFile(name),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN="+string(token),
		"AWS_EC2_METADATA_DISABLED=true",
	)
}

// instance is the environment of a client on a machine whose instance metadata the agent serves: web-app's.
func (w *world) instance(t *testing.T) []string {
	t.Helper()
	return env(t, w.plane, "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://"+w.agent.IMDS)
}

func TestContainerEndpoint(t *testing.T) {
	w := shared(t)
	for _, s := range sdks() {
		t.Run(s.name, func(t *testing.T) { checkWebApp(t, s, w.workload(t, "web-app")) })
	}
}

func TestInstanceMetadata(t *testing.T) {
	w := shared(t)
	for _, s := range sdks() {
		t.Run(s.name, func(t *testing.T) { checkWebApp(t, s, w.instance(t)) })
	}
}
