package agent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/atomicfile"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/ecs"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/imds"
)

// tokenLife is how long a token file keeps its content. The token before is accepted as long again,
// and SDKs read the file whenever they renew, so nobody is left with a token that does not count.
const tokenLife = 12 * time.Hour

// apply makes c's workloads the ones that are served.
func (a *Agent) apply(c *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.config = c
	for _, w := range c.Warnings {
		a.o.Logger.Warn("configuration", "warning", w)
	}
	return a.install(time.Now())
}

// install gives the endpoints their targets and writes the token files. a.mu is held.
func (a *Agent) install(now time.Time) error {
	c := a.config
	var all []broker.Workload
	for _, w := range c.Workloads {
		all = append(all, w.Workload)
	}
	sessions := a.broker.Set(all)
	var byToken, byPath []ecs.Target
	for _, w := range c.Workloads {
		if !w.On(config.Container) {
			continue
		}
		t := ecs.Target{Key: w.Name, Tokens: a.tokens(w.Name, now), Session: sessions[w.Name], Selectors: w.Selectors}
		byToken = append(byToken, t)
		t.Key, t.Tokens = a.id(w.Name), nil
		byPath = append(byPath, t)
	}
	if a.token != nil {
		a.token.Set(byToken)
	}
	if a.path != nil {
		a.path.Set(byPath)
	}
	for i, handler := range a.instances {
		var targets []imds.Target
		for _, w := range c.OnIMDS(c.IMDS[i]) {
			targets = append(targets, imds.Target{Session: sessions[w.Name], Selectors: w.Selectors})
		}
		handler.Set(targets)
	}
	return a.writeFiles(now)
}

// rotate renews the token files when their time has come.
func (a *Agent) rotate(ctx context.Context) {
	for {
		// Looking once a minute finds the time also after the machine slept.
		select {
		case <-ctx.Done():
			return
		case <-time.After(untilRotation(time.Now())):
		}
		a.mu.Lock()
		err := a.install(time.Now())
		a.mu.Unlock()
		if err != nil {
			a.o.Logger.Error("renewing token files", "error", err)
		}
	}
}

func untilRotation(now time.Time) time.Duration {
	next := now.Truncate(tokenLife).Add(tokenLife)
	return min(next.Sub(now), time.Minute)
}

// tokens returns what counts as the workload's token at now, the current one first. Tokens derive
// from the state's key, so they outlive a restart. Without files they cannot be handed on, and stay.
func (a *Agent) tokens(name string, now time.Time) []string {
	key := a.secret("container tokens")
	if a.tokenDir() == "" {
		return []string{token(key, name, 0)}
	}
	epoch := now.Unix() / int64(tokenLife/time.Second)
	return []string{token(key, name, epoch), token(key, name, epoch-1)}
}

// token is 192 bits in 32 characters that need no quoting anywhere.
func token(key []byte, name string, epoch int64) string {
	m := hmac.New(sha256.New, key)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch))) //nolint:gosec // only has to be the same again
	m.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:24])
}

// id is the workload's unguessable path: 160 bits.
func (a *Agent) id(name string) string {
	m := hmac.New(sha256.New, a.secret("container paths"))
	m.Write([]byte(name))
	return hex.EncodeToString(m.Sum(nil)[:20])
}

func (a *Agent) tokenDir() string {
	switch c := a.config; {
	case c.Tokens.Value != "":
		return c.Tokens.Value
	case c.State.Value != "":
		return filepath.Join(c.State.Value, "tokens")
	}
	return ""
}

// Folders in the token directory with each workload's environment; workloads' names never start with
// a dot. The token itself is in a file of the workload's name.
const (
	fullFolder     = ".env"
	relativeFolder = ".relative"
)

// EnvFile returns where a running agent keeps the environment of a workload, for the full URI or the
// relative one.
func EnvFile(tokenDir, workload string, relative bool) string {
	if relative {
		return filepath.Join(tokenDir, relativeFolder, workload)
	}
	return filepath.Join(tokenDir, fullFolder, workload)
}

// TokenDir returns the directory of c's token files, "" if there are none.
func TokenDir(c *config.Config) string { return (&Agent{config: c}).tokenDir() }

// Environment returns the variables ("NAME=value") that lead a workload's SDK to this agent: the full
// URI and its token, or with relative the URI on 169.254.170.2.
func (a *Agent) Environment(workload string, relative bool) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.config.Workloads {
		if w.Name == workload && w.On(config.Container) {
			return a.environment(w, relative)
		}
	}
	return nil, fmt.Errorf("no workload %q is served on the container endpoint", workload)
}

func (a *Agent) environment(w config.Workload, relative bool) ([]string, error) {
	var env []string
	switch {
	case relative && a.path == nil:
		return nil, errors.New("there is no endpoint for relative URIs: set ecs_address")
	case relative:
		env = []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=" + ecs.PathPrefix + a.id(w.Name)}
	case a.token == nil:
		return nil, errors.New("there is no endpoint for full URIs: set listen")
	default:
		env = []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + a.url + ecs.TokenPrefix + w.Name}
		if dir := a.tokenDir(); dir != "" {
			path, err := filepath.Abs(filepath.Join(dir, w.Name))
			if err != nil {
				return nil, fmt.Errorf("finding the token file: %w", err)
			}
			env = append(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+path)
		} else {
			env = append(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+a.tokens(w.Name, time.Now())[0])
		}
	}
	if w.Region != "" {
		env = append(env, "AWS_REGION="+w.Region, "AWS_DEFAULT_REGION="+w.Region)
	}
	return env, nil
}

// makeTokenDirs makes the token directory, and returns its name, "" if there is none.
func (a *Agent) makeTokenDirs() (string, error) {
	dir := a.tokenDir()
	if dir == "" {
		return "", nil
	}
	mode := os.FileMode(0o700)
	if a.config.Tokens.Value != "" {
		mode = 0o711 // workloads of other users reach their own file and list nothing
	}
	for _, d := range []string{dir, filepath.Join(dir, fullFolder), filepath.Join(dir, relativeFolder)} {
		if err := os.MkdirAll(d, mode); err != nil {
			return "", fmt.Errorf("token directory: %w", err)
		}
	}
	return dir, nil
}

// writeTokens writes the workloads' tokens.
func (a *Agent) writeTokens(now time.Time) error {
	dir, err := a.makeTokenDirs()
	if err != nil || dir == "" || a.config.Listen.Value == "" {
		return err
	}
	for _, w := range a.config.Workloads {
		if !w.On(config.Container) {
			continue
		}
		// Without a newline, which SDKs refuse.
		if err := writeFor(w, filepath.Join(dir, w.Name), []byte(a.tokens(w.Name, now)[0])); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles writes each workload's token and environment, and removes those of former workloads.
func (a *Agent) writeFiles(now time.Time) error {
	if err := a.writeTokens(now); err != nil {
		return err
	}
	dir := a.tokenDir()
	if dir == "" {
		return nil
	}
	keep := map[string]bool{}
	for _, w := range a.config.Workloads {
		if !w.On(config.Container) {
			continue
		}
		keep[w.Name] = true
		for _, relative := range []bool{false, true} {
			if env, err := a.environment(w, relative); err == nil {
				if err := writeFor(w, EnvFile(dir, w.Name, relative), lines(env)); err != nil {
					return err
				}
			}
		}
	}
	return removeOthers(dir, keep)
}

func lines(env []string) []byte {
	var b []byte
	for _, e := range env {
		b = append(append(b, e...), '\n')
	}
	return b
}

// writeFor replaces a file, and gives it to the workload's user where there is exactly one and this
// process may do so.
func writeFor(w config.Workload, name string, content []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(content) { //nolint:gosec // the operator's directory
		return nil
	}
	if err := atomicfile.Write(name, content); err != nil {
		return err
	}
	if len(w.Selectors.UIDs) == 1 && os.Geteuid() == 0 {
		if err := os.Chown(name, int(w.Selectors.UIDs[0]), -1); err != nil {
			return fmt.Errorf("giving %s to its workload: %w", name, err)
		}
	}
	return nil
}

// removeOthers removes the files of workloads that are no more: those that have an environment file,
// since the directory may hold what is not ours.
func removeOthers(dir string, keep map[string]bool) error {
	var problems []error
	for _, folder := range []string{fullFolder, relativeFolder} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return fmt.Errorf("token directory: %w", err)
		}
		for _, e := range entries {
			if keep[e.Name()] {
				continue
			}
			problems = append(problems, os.Remove(filepath.Join(dir, folder, e.Name())))
			if err := os.Remove(filepath.Join(dir, e.Name())); !errors.Is(err, fs.ErrNotExist) {
				problems = append(problems, err)
			}
		}
	}
	return errors.Join(problems...)
}
