package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentence(t *testing.T) {
	keys := source{fromVariables, "environment variables", "the variables", true}
	role := source{fromContainer, "a task role", "the task role", false}
	env := SDKAnswer{ID: "a", Outcome: "ok", Source: "env", Base: "AKIAIOSFODNN7EXAMPLE"}
	task := SDKAnswer{ID: "b", Outcome: "ok", Source: "container", Base: "container credentials"}
	fails := SDKAnswer{ID: "c", Outcome: "error", Reason: "half a key pair"}
	for _, c := range []struct {
		declared []source
		answers  []SDKAnswer
		want     string
	}{
		{[]source{keys, role}, []SDKAnswer{env, env}, "environment variables and a task role are both set: every SDK takes the variables; the task role is never used"},
		{[]source{keys, role}, []SDKAnswer{env, task}, "environment variables and a task role are both set: a takes the variables, b takes the task role"},
		{[]source{keys, role}, []SDKAnswer{fails, env}, "environment variables and a task role are both set: a takes the variables, c gets no credentials (half a key pair)"},
		{[]source{role}, []SDKAnswer{task, task, task, env}, "only a task role is set: b, b and b take the task role, a takes the variables"},
		{nil, []SDKAnswer{{Outcome: "none"}, {Outcome: "none"}}, "nothing is set: every SDK gets no credentials"},
	} {
		if diff := cmp.Diff(c.want, sentence(c.declared, c.answers)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestEnvFile(t *testing.T) {
	got, err := fromEnvFile([]byte("\ufeff# a\r\n; b\r\nexport A = x \r\nAWS_B='y'\r\nC\r\nD=a=b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": " x", "AWS_B": "y", "D": "a=b"}, got[0].env); diff != "" {
		t.Error(diff)
	}
	if len(got[0].notes) != 3 {
		t.Error(got[0].notes)
	}
}

func FuzzDeclared(f *testing.F) {
	for _, seed := range []string{
		"A=b\nC\n", `{"containerDefinitions":[{"name":"a","environment":[{"name":"A","value":"b"}]}]}`,
		`{"FunctionName":"f","Role":"r","Environment":{"Variables":{"A":"b"}}}`,
		"kind: Pod\nspec:\n  containers:\n  - env:\n    - {name: A, valueFrom: {secretKeyRef: {name: x}}}\n---\nkind: List\nitems: [{kind: Pod}]\n",
		"spec: [1]\n---\nspec: {containers: {}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func([]byte) ([]workload, error){fromEnvFile, fromTaskDefinition, fromFunctionConfig, fromPod} {
			if loads, err := read(text); err == nil && len(loads) == 0 {
				t.Error("neither workloads nor an error")
			}
		}
	})
}
