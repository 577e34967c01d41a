package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// start times the programs that an SDK or a shell waits for.
func (b *bench) start(ctx context.Context) error {
	w, err := b.newWorld(ctx, "start-world")
	if err != nil {
		return err
	}
	defer w.plane.Kill()
	home, err := b.home(w)
	if err != nil {
		return err
	}
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}
	programs := []program{
		{name: "hello", path: b.hello},
		{name: "rolecall version", path: b.programs.Client, args: []string{"version"}, env: env},
		{name: "rolecall credential-process, static profile", path: b.programs.Client, args: []string{"credential-process", "--profile", "node"}, env: env},
		{name: "rolecall credential-process, assumed role, warm cache", path: b.programs.Client, args: []string{"credential-process", "--profile", "web-app"}, env: env},
	}
	own := len(programs)
	programs = append(programs, b.startPeers(env)...)
	found, err := b.starts(ctx, programs...)
	if err != nil {
		return err
	}
	hello := found[0]
	b.add(row{Name: "floor: a static program that links net/http and says hello", Value: hello.median(), Unit: "ms", Detail: fmt.Sprintf("wall time, median of %d", len(hello))})
	limits := map[string]float64{programs[2].name: 2, programs[3].name: 2}
	for i := 1; i < own; i++ {
		b.add(row{Name: programs[i].name + ", wall time against hello", Value: found[i].ratio(hello), Unit: "×", Limit: limits[programs[i].name],
			Detail: fmt.Sprintf("%.2f ms", found[i].median())})
	}
	warm := found[own-1].median()
	for i := own; i < len(programs); i++ {
		b.add(row{Name: "peer: " + programs[i].name, Value: found[i].median() / warm, Unit: "× rolecall",
			Detail: fmt.Sprintf("%.0f ms, median of %d", found[i].median(), len(found[i]))})
	}
	return nil
}

// startPeers are the same question asked of others, as far as the machine has them. Theirs is the easiest case: a
// profile with a static key, no role, no network.
func (b *bench) startPeers(env []string) []program {
	root, err := kit.Root()
	if err != nil {
		return nil
	}
	const runs = 10
	var peers []program
	venv := filepath.Join(root, ".cache", "venv", "bin")
	clients := filepath.Join(root, "test", "peers", "clients")
	if python := filepath.Join(venv, "python"); exists(python) {
		peers = append(peers,
			program{name: "aws --version (the CLI's bare start)", path: filepath.Join(venv, "aws"), args: []string{"--version"}, env: env, runs: runs},
			program{name: "botocore, credentials of a profile", path: python, args: []string{"-c", "import botocore.session as s; assert s.Session(profile='node').get_credentials().access_key"}, env: env, runs: runs})
	} else {
		b.note("The AWS CLI and botocore are not installed here (scripts/setup peers).")
	}
	if node, err := exec.LookPath("node"); err == nil && exists(filepath.Join(clients, "node_modules", "@aws-sdk", "credential-providers")) {
		peers = append(peers, program{name: "JavaScript SDK, credentials of a profile", path: node,
			args: []string{"--input-type=module", "-e", "import { fromIni } from '" + clients + "/node_modules/@aws-sdk/credential-providers/dist-cjs/index.js'; await fromIni({ profile: 'node' })();"},
			env:  env, runs: runs})
	} else {
		b.note("The JavaScript SDK is not installed here (scripts/setup peers).")
	}
	return peers
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// home writes a home directory whose AWS files hold the profiles node (a static key) and web-app (a role of it).
func (b *bench) home(w *world) (string, error) {
	home := filepath.Join(b.dir, "home")
	aws := filepath.Join(home, ".aws")
	if err := os.MkdirAll(aws, 0o700); err != nil {
		return "", err
	}
	config := "[profile node]\nregion = " + kit.Region + "\n\n" +
		"[profile web-app]\nregion = " + kit.Region + "\nrole_arn = " + roleARN + "\nrole_session_name = bench\nsource_profile = node\nendpoint_url = " + w.plane.Endpoint + "\n"
	keys := "[node]\naws_access_key_id = " + w.user.AccessKeyID + "\naws_secret_access_key = " + w.user.SecretAccessKey + "\n"
	if err := os.WriteFile(filepath.Join(aws, "config"), []byte(config), 0o600); err != nil {
		return "", err
	}
	return home, os.WriteFile(filepath.Join(aws, "credentials"), []byte(keys), 0o600)
}
