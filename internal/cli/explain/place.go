package explain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/internal/cli/explain/outside"
)

// place is where a program runs: its environment, and its files.
type place struct {
	environ []string
	// process is the one that is looked at from outside; nil for this one.
	process *outside.Process
	notes   []string
}

func here(o *Options) *place { return &place{environ: o.Factory.Environ()} }

// there is the place of a running process, to be closed.
func there(pid int) (*place, error) {
	p, err := outside.Open("/proc", pid)
	if err != nil {
		return nil, err
	}
	notes := p.Notes()
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"} {
		if file := p.Getenv(name); file != "" {
			if _, err := p.Changed(file); errors.Is(err, os.ErrNotExist) {
				notes = append(notes, name+": "+file+" is not there")
			}
		}
	}
	return &place{environ: p.Environ(), process: p, notes: notes}, nil
}

func (p *place) close() {
	if p.process != nil {
		p.process.Close()
	}
}

func (p *place) getenv(name string) string {
	// The last one of a repeated name counts.
	for i := len(p.environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// list returns the JSON files of a folder.
func (p *place) list(folder string) []string {
	var names []string
	if p.process != nil {
		names = p.process.List(folder, ".json")
	} else if found, err := filepath.Glob(filepath.Join(folder, "*.json")); err == nil {
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
	}
	paths := make([]string, 0, len(names))
	for _, n := range names {
		paths = append(paths, filepath.Join(folder, n))
	}
	return paths
}

// read returns a file's text; ok is false if it is not there, or as good as that.
func (p *place) read(path string) (text []byte, isDir, ok bool, err error) {
	if p.process != nil {
		if p.process.IsDir(path) {
			return nil, true, true, nil
		}
		text, err = p.process.ReadFile(path, awsconfig.MaxFileSize)
	} else {
		info, statErr := os.Stat(path)
		if statErr == nil && info.IsDir() {
			return nil, true, true, nil
		}
		text, err = readRegular(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, false, nil
	}
	return text, false, err == nil, err
}
