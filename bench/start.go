package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// many is the number of profiles in a large configuration, few that in an ordinary one.
const few, many = 10, 5000

// allowed are the project's own limits: against hello with few profiles, in milliseconds with many, and for the AWS
// CLI how many times as long it must take at least.
const (
	processAgainstHello = 2
	explainAgainstHello = 4
	millisecondsOfMany  = 40
	timesFasterThanCLI  = 100
)

// start times the programs that an SDK or a shell waits for.
func (b *bench) start(ctx context.Context) error {
	w, err := b.newWorld(ctx, "start-world")
	if err != nil {
		return err
	}
	defer w.plane.Kill()
	small, err := b.home(w, "home", few)
	if err != nil {
		return err
	}
	large, err := b.home(w, "large-home", many)
	if err != nil {
		return err
	}
	environ := func(home string) []string {
		return []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}
	}
	own := func(name, home string, args ...string) program {
		return program{name: name, path: b.programs.Client, args: args, env: environ(home)}
	}
	programs := []program{
		{name: "hello", path: b.hello},
		own("rolecall version", small, "version"),
		own("rolecall credential-process, static profile", small, "credential-process", "--profile", "node"),
		own("rolecall credential-process, assumed role, warm cache", small, "credential-process", "--profile", "web-app"),
		own("rolecall explain", small, "explain", "--profile", "web-app"),
		own("rolecall credential-process, assumed role, warm cache", large, "credential-process", "--profile", "web-app"),
		own("rolecall explain", large, "explain", "--profile", "web-app"),
		own("rolecall profiles", large, "profiles"),
	}
	const version, warm, explained, ofMany = 1, 3, 4, 5
	peers := len(programs)
	programs = append(programs, b.startPeers(environ(small))...)
	found, err := b.starts(ctx, programs...)
	if err != nil {
		return err
	}
	hello := found[0]
	b.add(row{Name: "floor: a static program that links net/http and says hello", Value: hello.median(), Unit: "ms", Detail: fmt.Sprintf("wall time, median of %d", len(hello))})
	for i := version; i < ofMany; i++ {
		r := row{Name: programs[i].name + ", wall time against hello", Value: found[i].ratio(hello), Unit: "×", Limit: processAgainstHello,
			Detail: fmt.Sprintf("%.2f ms, %d profiles", found[i].median(), few)}
		switch i {
		case version:
			r.Limit, r.Detail = 0, fmt.Sprintf("%.2f ms", found[i].median())
		case explained:
			r.Limit = explainAgainstHello
		}
		b.add(r)
	}
	for i := ofMany; i < peers; i++ {
		b.add(row{Name: fmt.Sprintf("%s, %d profiles, wall time", programs[i].name, many), Value: found[i].median(), Unit: "ms", Limit: millisecondsOfMany,
			Detail: fmt.Sprintf("%.1f × hello", found[i].ratio(hello))})
	}
	for i := peers; i < len(programs); i++ {
		p := programs[i]
		b.add(row{Name: "peer: " + p.name, Value: found[i].median() / found[warm].median(), Unit: "× rolecall", Least: p.least,
			Detail: fmt.Sprintf("%.0f ms, median of %d; %.0f × explain", found[i].median(), len(found[i]), found[i].median()/found[explained].median())})
	}
	return nil
}

// startPeers are the same question asked of others, as far as the machine has them. Theirs is the easiest case: a
// profile with a static key, no role, and no network but for get-caller-identity, which asks the plane next door.
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
		aws := filepath.Join(venv, "aws")
		export := program{name: "aws configure export-credentials", path: cliVersion2(), args: []string{"configure", "export-credentials", "--profile", "node"}, env: env, runs: runs, least: timesFasterThanCLI}
		if export.path == "" {
			b.note("There is no AWS CLI of version 2 here, and version 1 has no `configure export-credentials`; its `configure list` finds the same credentials.")
			export.name, export.path, export.args = "aws configure list (version 1)", aws, []string{"configure", "list", "--profile", "node"}
		}
		peers = append(peers, export,
			program{name: "aws sts get-caller-identity", path: aws, args: []string{"sts", "get-caller-identity", "--profile", "near"}, env: env, runs: runs, least: timesFasterThanCLI},
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

// cliVersion2 is the first AWS CLI of version 2 on the path, "" if there is none: version 1 may come before it.
func cliVersion2() string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		aws := filepath.Join(dir, "aws")
		if !exists(aws) {
			continue
		}
		if version, err := exec.Command(aws, "--version").CombinedOutput(); err == nil && strings.HasPrefix(string(version), "aws-cli/2") { //nolint:gosec // the peer's own program
			return aws
		}
	}
	return ""
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// home writes a home directory whose AWS files hold so many profiles: node (a static key), near (the same, with the plane
// as its endpoint), web-app (a role of it), and others of all kinds.
func (b *bench) home(w *world, name string, profiles int) (string, error) {
	home := filepath.Join(b.dir, name)
	aws := filepath.Join(home, ".aws")
	if err := os.MkdirAll(aws, 0o700); err != nil {
		return "", err
	}
	key := "aws_access_key_id = " + w.user.AccessKeyID + "\naws_secret_access_key = " + w.user.SecretAccessKey + "\n"
	var config, keys strings.Builder
	config.WriteString("[profile node]\nregion = " + kit.Region + "\n\n" +
		"[profile near]\nregion = " + kit.Region + "\nendpoint_url = " + w.plane.Endpoint + "\n\n" +
		"[profile web-app]\nregion = " + kit.Region + "\nrole_arn = " + roleARN + "\nrole_session_name = bench\nsource_profile = node\nendpoint_url = " + w.plane.Endpoint + "\n\n" +
		"[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = " + kit.Region + "\n\n")
	keys.WriteString("[node]\n" + key + "[near]\n" + key)
	for i := 3; i < profiles; i++ {
		_, _ = fmt.Fprintf(&config, "[profile p%d]\nregion = %s\noutput = json\n", i, kit.Region)
		switch i % 4 {
		case 0:
			_, _ = fmt.Fprintf(&keys, "[p%d]\n%s", i, key)
		case 1:
			_, _ = fmt.Fprintf(&config, "role_arn = arn:aws:iam::%s:role/r%d\nsource_profile = node\n", kit.Account, i)
		case 2:
			_, _ = fmt.Fprintf(&config, "sso_session = corp\nsso_account_id = %s\nsso_role_name = R%d\n", kit.Account, i)
		case 3:
			_, _ = fmt.Fprintf(&config, "credential_process = /usr/local/bin/broker --role r%d\n", i)
		}
		config.WriteByte('\n')
	}
	if err := os.WriteFile(filepath.Join(aws, "config"), []byte(config.String()), 0o600); err != nil {
		return "", err
	}
	return home, os.WriteFile(filepath.Join(aws, "credentials"), []byte(keys.String()), 0o600)
}
