//go:build peers

package peers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// restic finds its role at the agent, keeps a repository in the S3 front, and gets its data back.
func TestRestic(t *testing.T) {
	w := shared(t)
	restic := tool(t, "restic")
	vars := append(w.workload(t, "backup"), "RESTIC_PASSWORD=correct horse battery staple", "RESTIC_CACHE_DIR="+t.TempDir())
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.MkdirAll(source, 0o700); err != nil {
		t.Fatal(err)
	}
	// Larger than a part of a multipart upload, and not compressible to less.
	big := make([]byte, 9<<20)
	for i, x := 0, uint32(1); i < len(big); i++ {
		x = x*1664525 + 1013904223
		big[i] = byte(x >> 24)
	}
	files := map[string]string{"small": "hello", "big": string(big)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repository := []string{"-r", "s3:" + w.plane.Endpoint + "/backups/repository"}
	do := func(args ...string) string {
		return mustRun(t, vars, dir, restic, append(repository[:2:2], args...)...)
	}
	do("init")
	do("backup", source)
	do("check", "--read-data")
	target := filepath.Join(dir, "target")
	do("restore", "latest", "--target", target)
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(target, source, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s came back with %d bytes instead of %d, or other ones", name, len(got), len(text))
		}
	}
	do("forget", "latest", "--prune")

	t.Run("may not use another bucket", func(t *testing.T) {
		_, stderr, err := run(t, vars, dir, restic, "-r", "s3:"+w.plane.Endpoint+"/private/repository", "init")
		if err == nil || !strings.Contains(stderr, "Access Denied") && !strings.Contains(stderr, "AccessDenied") {
			t.Errorf("init in a bucket that is not the role's: %v\n%s", err, stderr)
		}
	})
}

// rclone finds its role at the agent, copies up, compares, copies down and deletes.
func TestRclone(t *testing.T) {
	w := shared(t)
	rclone := tool(t, "rclone")
	vars := append(w.workload(t, "backup"),
		"RCLONE_CONFIG="+filepath.Join(t.TempDir(), "none"),
		"RCLONE_S3_PROVIDER=Other",
		"RCLONE_S3_ENV_AUTH=true",
		"RCLONE_S3_ENDPOINT="+w.plane.Endpoint,
		"RCLONE_S3_REGION="+kit.Region,
		"RCLONE_S3_FORCE_PATH_STYLE=true",
		"RCLONE_S3_NO_CHECK_BUCKET=true",
	)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.MkdirAll(filepath.Join(source, "a folder", "ü"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"one": "1", "a folder/two words": "2", "a folder/ü/plus+and%percent": "3"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do := func(args ...string) string {
		return mustRun(t, vars, dir, rclone, append([]string{"--retries", "1", "--low-level-retries", "2"}, args...)...)
	}
	do("sync", source, ":s3:backups/rclone")
	do("check", source, ":s3:backups/rclone", "--download")
	if got := do("lsf", "-R", "--files-only", ":s3:backups/rclone"); len(strings.Fields(strings.ReplaceAll(got, " ", "_"))) != 3 {
		t.Errorf("lsf shows %q, want three files", got)
	}
	do("copy", ":s3:backups/rclone", filepath.Join(dir, "target"))
	do("check", source, filepath.Join(dir, "target"))
	do("moveto", ":s3:backups/rclone/one", ":s3:backups/rclone/uno")
	do("purge", ":s3:backups/rclone")

	t.Run("may not read another bucket", func(t *testing.T) {
		_, stderr, err := run(t, vars, dir, rclone, "--retries", "1", "--low-level-retries", "1", "cat", ":s3:private/"+ownKey)
		if err == nil || !strings.Contains(stderr, "403") && !strings.Contains(stderr, "AccessDenied") {
			t.Errorf("reading from a bucket that is not the role's: %v\n%s", err, stderr)
		}
	})
}

const terraformMain = `
terraform {
  backend "s3" {
    bucket       = "tfstate"
    key          = "KEY"
    region       = "us-east-1"
    use_lockfile = true
    encrypt      = true
    endpoints = {
      s3  = "ENDPOINT"
      sts = "ENDPOINT"
      iam = "ENDPOINT"
    }
    use_path_style = true
    assume_role = {
      role_arn     = "arn:aws:iam::123456789012:role/terraform-state"
      session_name = "terraform"
    }
  }
}

resource "terraform_data" "release" {
  input = var.release
}

variable "release" {
  type    = string
  default = "one"
}

output "release" {
  value = terraform_data.release.output
}
`

// terraform finds its role at the agent, assumes the state's role from it, and keeps and locks its state in the S3
// front. It needs no provider, so nothing is downloaded.
func TestTerraform(t *testing.T) {
	w := shared(t)
	terraform := tool(t, "terraform")
	vars := append(w.workload(t, "deploy"), "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
	project := func(t *testing.T, key string) string {
		dir := t.TempDir()
		text := strings.NewReplacer("ENDPOINT", w.plane.Endpoint, "KEY", key).Replace(terraformMain)
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := project(t, "app/state")
	mustRun(t, vars, dir, terraform, "init")
	mustRun(t, vars, dir, terraform, "apply", "-auto-approve")
	mustRun(t, vars, dir, terraform, "apply", "-auto-approve", "-var", "release=two")

	// Another clone of the project sees the state.
	other := project(t, "app/state")
	mustRun(t, vars, other, terraform, "init")
	if got := strings.TrimSpace(mustRun(t, vars, other, terraform, "output", "-raw", "release")); got != "two" {
		t.Errorf("the state says %q, want two", got)
	}
	if keys := awscli(t, w.plane, "s3api", "list-objects-v2", "--bucket", "tfstate", "--query", "Contents[].Key", "--output", "text"); strings.TrimSpace(keys) != "app/state" {
		t.Errorf("the bucket holds %q: want the state and no lock", keys)
	}

	t.Run("a lock that is held stops it", func(t *testing.T) {
		lock := filepath.Join(t.TempDir(), "lock")
		info := `{"ID":"5f0c8a3e-0000-0000-0000-000000000000","Operation":"OperationTypeApply","Info":"","Who":"somebody@else","Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":"tfstate/app/state"}`
		if err := os.WriteFile(lock, []byte(info), 0o600); err != nil {
			t.Fatal(err)
		}
		awscli(t, w.plane, "s3api", "put-object", "--bucket", "tfstate", "--key", "app/state.tflock", "--body", lock)
		_, stderr, err := run(t, vars, dir, terraform, "apply", "-auto-approve", "-no-color")
		if err == nil || !strings.Contains(stderr, "Error acquiring the state lock") || !strings.Contains(stderr, "somebody@else") {
			t.Errorf("apply under somebody's lock: %v\n%s", err, stderr)
		}
		awscli(t, w.plane, "s3api", "delete-object", "--bucket", "tfstate", "--key", "app/state.tflock")
		mustRun(t, vars, dir, terraform, "apply", "-auto-approve")
	})
	t.Run("may not keep its state elsewhere", func(t *testing.T) {
		dir := project(t, "others/state")
		stdout, stderr, err := run(t, vars, dir, terraform, "init", "-no-color")
		if err == nil {
			stdout, stderr, err = run(t, vars, dir, terraform, "apply", "-auto-approve", "-no-color")
		}
		// Refused at a HEAD request, whose answer has no body to say AccessDenied in.
		if err == nil || !strings.Contains(stderr, "StatusCode: 403") {
			t.Errorf("state at a key that is not the role's: %v\n%s%s", err, stdout, stderr)
		}
	})
	t.Run("may not assume another role", func(t *testing.T) {
		dir := project(t, "app/state")
		file := filepath.Join(dir, "main.tf")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "role/terraform-state", "role/web-app")), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, err := run(t, vars, dir, terraform, "init", "-no-color")
		if err == nil || !strings.Contains(stderr, "AccessDenied") {
			t.Errorf("init with a role that does not trust it: %v\n%s", err, stderr)
		}
	})
}
