//go:build compat && linux

package compat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// answer is what an SDK came to.
type answer struct {
	// Kind is ok, none or error.
	Kind string `json:"kind"`
	AKID string `json:"akid"`
	// Source is the kind of source, as far as the SDK names one.
	Source string `json:"source"`
	// Detail is the SDK's own message.
	Detail string `json:"detail"`
}

// worker is an SDK's process. It is started again when a situation ends or hangs it.
type worker struct {
	id      string
	command []string
	home    string
	// spent is the time that its answers took.
	spent time.Duration

	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan string
}

// commands are the workers by the id of their model. programs is the folder that build filled.
func commands(programs string) map[string][]string {
	python := "python3"
	if own, err := filepath.Abs("../../.cache/venv/bin/python"); err == nil {
		if _, err := os.Stat(own); err == nil {
			python = own
		}
	}
	return map[string][]string{
		"go-v2":     {filepath.Join(programs, "gov2")},
		"go-v1":     {filepath.Join(programs, "gomore"), "go-v1"},
		"minio-go":  {filepath.Join(programs, "gomore"), "minio-go"},
		"js-v3":     {"node", "workers/js/v3.mjs"},
		"js-v2":     {"node", "workers/js/v2.cjs"},
		"botocore":  {python, "workers/worker.py", "botocore"},
		"cli-v1":    {python, "workers/worker.py", "cli-v1"},
		"terraform": {filepath.Join(programs, "gomore"), "terraform"},
	}
}

// always are those of them that scripts/setup installs.
func always() []string {
	return []string{"botocore", "cli-v1", "go-v1", "go-v2", "js-v2", "js-v3", "minio-go"}
}

// build compiles the workers in Go into the folder.
func build(into string) error {
	for folder, name := range map[string]string{"workers/gov2": "gov2", "workers/gomore": "gomore"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(into, name), ".") //nolint:gosec // our own programs
		if name == "gomore" && strings.Contains(*sdkFlag, "terraform") {
			cmd.Args = append(cmd.Args[:2], append([]string{"-tags", "terraform"}, cmd.Args[2:]...)...)
		}
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s (does scripts/setup need to run?): %w\n%s", folder, err, out)
		}
	}
	return nil
}

// patience is how long the SDK may take for an answer. The slowest, retries and all, need a third of it. The SDK for JavaScript v2
// never comes back from some loops of profiles, and is quick otherwise.
func (w *worker) patience() time.Duration {
	if w.id == "js-v2" {
		return 8 * time.Second
	}
	return 30 * time.Second
}

func (w *worker) start() error {
	w.answers = make(chan string)
	w.cmd = exec.Command(w.command[0], w.command[1:]...) //nolint:gosec // our own programs
	w.cmd.Env = []string{"HOME=" + w.home, "PATH=" + os.Getenv("PATH")}
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", w.id, err)
	}
	go func(answers chan<- string) { // ends with the process, for which close waits
		defer close(answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<22)
		for lines.Scan() {
			answers <- lines.Text()
		}
	}(w.answers)
	return nil
}

// ask puts one situation to the SDK. That it ends or hangs the program is an answer, too.
func (w *worker) ask(env map[string]string, profile string) (answer, error) {
	begin := time.Now()
	defer func() { w.spent += time.Since(begin) }()
	question, err := json.Marshal(map[string]any{"env": env, "profile": profile})
	if err != nil {
		return answer{}, err
	}
	_, _ = w.in.Write(append(question, '\n')) // a program that has ended shows below
	select {
	case line, ok := <-w.answers:
		if !ok {
			w.close()
			return answer{Kind: "error", Detail: "the program ended"}, w.start()
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return a, fmt.Errorf("%s: %w: %s", w.id, err, line)
		}
		return a, nil
	case <-time.After(w.patience()):
		_ = w.cmd.Process.Kill()
		w.close()
		return answer{Kind: "error", Detail: "the program hangs"}, w.start()
	}
}

// close ends the process and waits for it and for its reader.
func (w *worker) close() {
	_ = w.in.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = w.cmd.Process.Kill() })
	for range w.answers { //nolint:revive // until it ends
	}
	_ = w.cmd.Wait()
	timer.Stop()
}
