// Package awscache is the folders in which the AWS CLI and the SDKs keep sessions and tokens
// (~/.aws/cli/cache, ~/.aws/sso/cache): names of entries, reading, and writing so that readers never see half a
// file and processes that want the same entry do its work once.
package awscache

import (
	"context"
	"crypto/sha1" //nolint:gosec // the AWS CLI's naming scheme, not a protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/flock"
)

// maxEntry bounds what is read of an entry; real ones are below 10 kB.
const maxEntry = 1 << 20

// RoleKey are the parameters by which the AWS CLI names the cached session of a role: those that come
// from the configuration. Neither the credentials that assume the role nor the region are among them.
type RoleKey struct {
	RoleARN, SessionName, ExternalID, SerialNumber string
	// Duration is left out when it is 0.
	Duration time.Duration
}

// ID returns the entry's name without ".json": the SHA-1 of the parameters as Python's
// json.dumps(…, sort_keys=True) writes them.
func (k RoleKey) ID() string {
	fields := map[string]string{"RoleArn": pythonString(k.RoleARN)}
	for name, v := range map[string]string{"RoleSessionName": k.SessionName, "ExternalId": k.ExternalID, "SerialNumber": k.SerialNumber} {
		if v != "" {
			fields[name] = pythonString(v)
		}
	}
	if k.Duration > 0 {
		fields["DurationSeconds"] = strconv.FormatInt(int64(k.Duration/time.Second), 10)
	}
	return digest(fields, ", ", ": ")
}

// SSOKey are the parameters by which the AWS CLI names the cached credentials of an SSO role.
type SSOKey struct {
	AccountID, RoleName string
	// SessionName is the sso-session's; StartURL counts when it is empty.
	SessionName, StartURL string
}

// ID returns the entry's name without ".json".
func (k SSOKey) ID() string {
	fields := map[string]string{"accountId": pythonString(k.AccountID), "roleName": pythonString(k.RoleName)}
	if k.SessionName != "" {
		fields["sessionName"] = pythonString(k.SessionName)
	} else {
		fields["startUrl"] = pythonString(k.StartURL)
	}
	return digest(fields, ",", ":")
}

// SSOTokenID returns the name, without ".json", of the token of an sso-session, or of a start URL for
// profiles without one.
func SSOTokenID(sessionOrStartURL string) string {
	sum := sha1.Sum([]byte(sessionOrStartURL)) //nolint:gosec // the AWS CLI's naming scheme
	return hex.EncodeToString(sum[:])
}

func digest(fields map[string]string, comma, colon string) string {
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteByte('{')
	for i, n := range names {
		if i > 0 {
			b.WriteString(comma)
		}
		b.WriteString(pythonString(n) + colon + fields[n])
	}
	b.WriteByte('}')
	sum := sha1.Sum([]byte(b.String())) //nolint:gosec // the AWS CLI's naming scheme
	return hex.EncodeToString(sum[:])
}

// pythonString quotes s as Python's json module does by default: ASCII only, and unlike Go's
// encoder without escapes for HTML.
func pythonString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 0x20 || r >= utf8.RuneSelf && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Read returns an entry's text. A missing one matches fs.ErrNotExist.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	if !info.Mode().IsRegular() {
		// A FIFO would block, a folder would not read.
		return nil, fmt.Errorf("reading the cache: %s is no regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // a path in the user's own cache folder
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	if len(data) > maxEntry {
		return nil, fmt.Errorf("reading the cache: %s is too large", path)
	}
	return data, nil
}

// Write puts an entry in its place, whole, readable by its owner only; the folder is made with mode 0700.
func Write(path string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the cache: %w", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// CreateTemp makes files with mode 0600. The name does not end in .json, so that nothing
	// that lists the folder takes it for an entry.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// Lock excludes other processes (and other calls in this one) that lock the same path, until the
// returned function is called. It waits until ctx ends. The lock file lies beside path and stays.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 5*time.Millisecond); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}

// ParseTime reads the times that the CLI and the SDKs write into their caches: RFC 3339, and the
// older form that ends in "UTC".
func ParseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "UTC"))
	if err != nil {
		return time.Time{}, errors.New("not a time")
	}
	return t, nil
}

// IsMissing reports whether err says that an entry does not exist.
func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
