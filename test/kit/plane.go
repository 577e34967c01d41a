package kit

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Account and Region are those of every plane that this package starts.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// RootKey is the access key of the account's root; AWS's documentation uses it as an example.
var rootKey = struct{ AccessKeyId, SecretAccessKey string }{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

// RootKey returns the access key of the account's root: the example of AWS's documentation.
func RootKey() (id, secret string) { return rootKey.AccessKeyId, rootKey.SecretAccessKey }

// PlaneArgs writes the file with the root's key beside the state directory, and returns the arguments that start a
// plane on it.
func PlaneArgs(state, listen string) ([]string, error) {
	data, err := json.Marshal(rootKey)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(filepath.Dir(state), filepath.Base(state)+"-root.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	return []string{"--listen", listen, "--state", state, "--account", Account, "--root-access-key-file", file}, nil
}

// Plane is a running rolecall-server.
type Plane struct {
	*Process
	// Endpoint is the base URL, for example http://127.0.0.1:40123.
	Endpoint string
	// State is its state directory.
	State string
}

// StartPlane starts the plane on the state directory state, which it creates where there is none. listen is
// "127.0.0.1:0" for a port of the kernel's choice. It returns when the plane says that it is ready.
func StartPlane(ctx context.Context, p Programs, state, listen string, extra ...string) (*Plane, error) {
	args, err := PlaneArgs(state, listen)
	if err != nil {
		return nil, err
	}
	process, err := Start(p.Plane, append(args, extra...), []string{"HOME=" + filepath.Dir(state), "PATH=" + os.Getenv("PATH")})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	endpoint, err := process.Await(ctx, "ready ")
	if err != nil {
		process.Kill()
		return nil, err
	}
	return &Plane{Process: process, Endpoint: endpoint, State: state}, nil
}

// Listen is the address that the plane listens on, to start another on it later.
func (p *Plane) Listen() string { return strings.TrimPrefix(p.Endpoint, "http://") }
