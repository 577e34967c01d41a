package server

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// ReadRootKey reads {"AccessKeyId": …, "SecretAccessKey": …} from a file that only its owner may read.
// The key acts as the account's root while the server runs; it is not stored.
func ReadRootKey(path string, account identity.AccountID) (*identity.AccessKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the root access key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, &PermissionError{Path: path, Mode: mode}
	}
	data, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own flag
	if err != nil {
		return nil, fmt.Errorf("reading the root access key: %w", err)
	}
	var file struct {
		AccessKeyID     string `json:"AccessKeyId"` //nolint:tagliatelle // as AWS's create-access-key prints it
		SecretAccessKey string `json:"SecretAccessKey"`
	}
	// The decoder's own error may quote the secret.
	if json.Unmarshal(data, &file) != nil {
		return nil, fmt.Errorf(`root access key file %s: want the JSON object {"AccessKeyId": "…", "SecretAccessKey": "…"}`, path)
	}
	if !wellFormedKeyID(file.AccessKeyID) {
		return nil, fmt.Errorf("root access key file %s: AccessKeyId: want 16 to 128 letters, digits or underscores", path)
	}
	if len(file.SecretAccessKey) < 16 {
		return nil, fmt.Errorf("root access key file %s: SecretAccessKey: want at least 16 characters", path)
	}
	return &identity.AccessKey{
		ID: file.AccessKeyID, Account: account, Status: identity.StatusActive, Created: info.ModTime().UTC(),
		Secret: rolecall.NewSecret(file.SecretAccessKey),
	}, nil
}

// PermissionError says that others may read what only the owner should.
type PermissionError struct {
	Path string
	Mode fs.FileMode
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s is open to others (mode %04o)", e.Path, e.Mode)
}

// Hint is the command that mends it.
func (e *PermissionError) Hint() string { return "run `chmod 600 " + e.Path + "`" }

// wellFormedKeyID applies the shape that the service models give access key ids.
func wellFormedKeyID(id string) bool {
	if len(id) < 16 || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}
