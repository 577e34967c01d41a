package chain

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// FileReader reads the files of [Options.Files].
type FileReader interface {
	// ReadFile returns a regular file's text; limit bounds it, and a longer file is an error. A file that does
	// not exist matches fs.ErrNotExist.
	ReadFile(path string, limit int64) ([]byte, error)
	// Changed is when the file's text was last changed.
	Changed(path string) (time.Time, error)
}

// maxSmallFile bounds tokens and cached sessions; real ones are below 10 kB.
const maxSmallFile = 1 << 20

// ownFiles are this process's.
type ownFiles struct{}

var _ FileReader = ownFiles{}

func (ownFiles) ReadFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		// A FIFO would block, a folder would not read.
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the user's configuration names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return text, err
}

func (ownFiles) Changed(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// files reads for explanations.
func (c *Chain) files() FileReader {
	if c.o.Files != nil {
		return c.o.Files
	}
	return ownFiles{}
}

// load reads the two shared files.
func (c *Chain) load() (*awsconfig.Config, error) {
	if c.o.Files == nil {
		return awsconfig.Load(c.paths.Config, c.paths.Credentials)
	}
	config, err := c.parse(c.paths.Config, awsconfig.ConfigKind)
	if err != nil {
		return nil, err
	}
	credentials, err := c.parse(c.paths.Credentials, awsconfig.CredentialsKind)
	if err != nil {
		return nil, err
	}
	return awsconfig.Merge(config, credentials), nil
}

func (c *Chain) parse(path string, kind awsconfig.Kind) (*awsconfig.File, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	text, err := c.o.Files.ReadFile(path, awsconfig.MaxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, &awsconfig.Error{Path: path, Message: "cannot be read", Err: err}
	}
	f := awsconfig.Parse(path, kind, text)
	return f, f.Err()
}
