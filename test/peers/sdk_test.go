//go:build peers

package peers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sdk is a client that takes the verbs whoami, get, put and list.
type sdk struct {
	name string
	call func(t *testing.T, env []string, verb string, args ...string) answer
}

func sdks() []sdk {
	return []sdk{
		{"AWS CLI", callCLI},
		{"boto3", func(t *testing.T, env []string, verb string, args ...string) answer {
			return callScript(t, env, tool(t, "python"), append([]string{filepath.Join(clients(t), "client.py"), verb}, args...))
		}},
		{"JavaScript SDK", func(t *testing.T, env []string, verb string, args ...string) answer {
			return callScript(t, env, tool(t, "node"), append([]string{filepath.Join(clients(t), "client.mjs"), verb}, args...))
		}},
		{"aws-sdk-go-v2", func(t *testing.T, env []string, verb string, args ...string) answer {
			return callScript(t, env, filepath.Join(build(t).Dir, "goclient"), append([]string{verb}, args...))
		}},
	}
}

// callScript runs one of the small programs in clients: exit code 1 means an error of the service.
func callScript(t *testing.T, env []string, path string, args []string) answer {
	t.Helper()
	stdout, stderr, err := run(t, env, t.TempDir(), path, args...)
	switch exitCode(err) {
	case 0:
		return answer{out: strings.TrimSuffix(stdout, "\n")}
	case 1:
		return answer{code: lastLine(stderr)}
	default:
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, stdout, stderr)
		return answer{}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

var cliError = regexp.MustCompile(`An error occurred \(([^)]+)\)`)

func callCLI(t *testing.T, env []string, verb string, args ...string) answer {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "body")
	var line []string
	switch verb {
	case "whoami":
		line = []string{"sts", "get-caller-identity", "--query", "Arn", "--output", "text"}
	case "get":
		line = []string{"s3api", "get-object", "--bucket", args[0], "--key", args[1], file}
	case "put":
		if err := os.WriteFile(file, []byte(args[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		line = []string{"s3api", "put-object", "--bucket", args[0], "--key", args[1], "--body", file}
	case "list":
		line = []string{"s3api", "list-objects-v2", "--bucket", args[0], "--prefix", args[1], "--output", "json"}
	}
	stdout, stderr, err := run(t, env, dir, tool(t, "aws"), line...)
	if err != nil {
		if found := cliError.FindStringSubmatch(stderr); found != nil {
			return answer{code: found[1]}
		}
		t.Fatalf("aws %s: %v\n%s%s", strings.Join(line, " "), err, stdout, stderr)
	}
	switch verb {
	case "get":
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return answer{out: string(body)}
	case "list":
		var listed struct{ Contents []struct{ Key string } }
		if err := json.Unmarshal([]byte(stdout), &listed); err != nil && strings.TrimSpace(stdout) != "" {
			t.Fatal(err)
		}
		var keys []string
		for _, o := range listed.Contents {
			keys = append(keys, o.Key)
		}
		return answer{out: strings.Join(keys, "\n")}
	}
	return answer{out: strings.TrimSpace(stdout)}
}

// checkWebApp drives one client through what the role web-app may and may not do.
func checkWebApp(t *testing.T, s sdk, env []string) {
	t.Helper()
	if got := s.call(t, env, "whoami"); !strings.HasPrefix(got.out, "arn:aws:sts::123456789012:assumed-role/web-app/") {
		t.Fatalf("whoami: %+v, want a session of web-app", got)
	}
	denied := answer{code: "AccessDenied"}
	for _, c := range []struct {
		name string
		call []string
		want answer
	}{
		{"reads its own object", []string{"get", bucket, ownKey}, answer{out: ownText}},
		{"lists its own prefix", []string{"list", bucket, "web-app/"}, answer{out: ownKey}},
		{"may not read another's object", []string{"get", bucket, foreignKey}, denied},
		{"may not list the bucket", []string{"list", bucket, ""}, denied},
		{"may not list another's prefix", []string{"list", bucket, "admin/"}, denied},
		{"may not write even its own", []string{"put", bucket, ownKey, "changed"}, denied},
		{"may not write into another bucket", []string{"put", "backups", "x", "x"}, denied},
		{"may not learn that an object is not there", []string{"get", bucket, "nowhere"}, denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.call(t, env, c.call[0], c.call[1:]...); got != c.want {
				t.Errorf("%s: got %+v, want %+v", strings.Join(c.call, " "), got, c.want)
			}
		})
	}
}
