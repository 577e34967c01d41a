package sdk

import (
	"encoding/json"
	"strings"
	"time"
)

// process is a command that prints credentials.
func (w *walk) process(profile string) result {
	command := w.value(profile, "credential_process")
	if !w.m.Process.Supported || command == "" {
		return absent()
	}
	if w.m.Process.QuotedFirstArg == "breaks" && strings.HasPrefix(command, `"`) {
		return fails(FromProcess, "the command begins with a quote")
	}
	answers, ok := w.s.Processes[command]
	run := answers.Shlex
	if w.m.Process.Shell {
		run = answers.Shell
	}
	if w.m.Process.Split == "whitespace" {
		run = answers.Fields
		if len(strings.Fields(command)) < w.m.Process.MinArgs {
			return fails(FromProcess, "the command has too few words")
		}
	}
	if w.s.Real {
		return w.called(FromProcess, "", "credential_process of profile "+profile)
	}
	if !ok || run == nil || run.RC != 0 {
		return fails(FromProcess, "the command fails")
	}
	return w.processAnswer(run.Out)
}

func (w *walk) processAnswer(out string) result {
	var a map[string]any
	if json.Unmarshal([]byte(out), &a) != nil {
		return fails(FromProcess, "the command prints no JSON")
	}
	version, has := a["Version"]
	_, number := version.(float64)
	switch {
	case w.m.Process.VersionRequired && version != 1.0, has && !number:
		return fails(FromProcess, "the command prints a version that is not 1")
	}
	id, _ := a["AccessKeyId"].(string)
	secret, hasSecret := a["SecretAccessKey"].(string)
	switch {
	case id == "":
		return fails(FromProcess, "the command prints no key")
	case !hasSecret && w.m.Process.MissingSecret != "ok", hasSecret && secret == "" && w.m.Process.BlankSecret != "ok":
		return fails(FromProcess, "the command prints no secret")
	}
	if text, _ := a["Expiration"].(string); text != "" && w.m.Process.Expired != "ok" {
		if expires, err := time.Parse(time.RFC3339, text); err != nil || !w.now.Before(expires) {
			return fails(FromProcess, "the command prints expired credentials")
		}
	}
	return yields(FromProcess, id)
}
