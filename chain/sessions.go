package chain

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
)

// freshFor is how long a kept session must still live to be used without asking for a new one.
// botocore asks its source again and again for credentials with less than 15 minutes left; for
// short sessions it is a quarter of their life.
func freshFor(duration time.Duration) time.Duration {
	const usual = 15 * time.Minute
	if duration <= 0 {
		return usual
	}
	return min(usual, duration/4)
}

// kept makes a provider that shares its sessions through the session store. The provider behind it and the
// session's key are made when they are asked for: most profiles of a large file never are.
func (c *Chain) kept(p func() rolecall.Provider, key func() SessionKey, duration time.Duration, plan rolecall.Origin) rolecall.Provider {
	window := freshFor(duration)
	return rolecall.ProviderFunc(func(ctx context.Context) (rolecall.Credentials, error) {
		fresh := func(creds rolecall.Credentials) bool {
			return creds.Expires.Sub(c.o.Now()) > window
		}
		creds, err := c.o.Sessions.Session(ctx, key(), fresh, p().Retrieve)
		if err != nil {
			return rolecall.Credentials{}, err
		}
		if creds.Origin.Via == nil && plan.Source != "" && creds.Origin.Source != plan.Source {
			// From a store: the way that led to the session is the one that is planned.
			via := plan
			creds.Origin.Via = &via
		}
		return creds, nil
	})
}

// NoSessions keeps nothing.
type NoSessions struct{}

var _ SessionStore = NoSessions{}

// Session calls fetch.
func (NoSessions) Session(ctx context.Context, _ SessionKey, _ func(rolecall.Credentials) bool, fetch func(context.Context) (rolecall.Credentials, error)) (rolecall.Credentials, error) {
	return fetch(ctx)
}

// CLICacheSource is the Origin.Source of sessions from the AWS CLI's cache folder.
const CLICacheSource = "cli-cache"

// lockWait bounds how long a process waits for another one that gets the same session; then it gets
// one itself.
const lockWait = time.Minute

// FileSessions is the AWS CLI's cache folder: sessions that the CLI would ask for too are shared with
// it, in its files; all others go to Other.
type FileSessions struct {
	// Dir is the folder, ~/.aws/cli/cache.
	Dir string
	// Other keeps the sessions that the AWS CLI does not know; nil keeps none.
	Other SessionStore
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

var _ SessionStore = (*FileSessions)(nil)

// cliEntry is a file of the AWS CLI's cache. Rolecall is ours; the CLI passes over it.
type cliEntry struct {
	ProviderType string `json:",omitempty"`
	Credentials  struct {
		AccessKeyId     string //nolint:revive // the file's spelling
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountId       string `json:",omitempty"` //nolint:revive // the file's spelling
	}
	Rolecall *cliMark `json:",omitempty"`
}

// cliMark remembers who assumed the role. The file's name does not tell, so that with another source
// the CLI goes on using the old principal's session; an entry of ours is not used then.
type cliMark struct{ Source string }

// Session implements [SessionStore].
func (s *FileSessions) Session(ctx context.Context, key SessionKey, fresh func(rolecall.Credentials) bool, fetch func(context.Context) (rolecall.Credentials, error)) (rolecall.Credentials, error) {
	if !key.Shared {
		if s.Other == nil {
			return fetch(ctx)
		}
		return s.Other.Session(ctx, key, fresh, fetch)
	}
	path := filepath.Join(s.Dir, key.ID+".json")
	kept, ok := s.read(path, key)
	if ok && fresh(kept) {
		return kept, nil
	}
	lockCtx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := awscache.Lock(lockCtx, path)
	if ctx.Err() != nil {
		return rolecall.Credentials{}, ctx.Err()
	}
	if err == nil {
		// A folder that cannot be written is no reason to fail.
		defer unlock()
		if kept, ok = s.read(path, key); ok && fresh(kept) {
			return kept, nil
		}
	}
	creds, err := fetch(ctx)
	if err != nil {
		if ok {
			return kept, nil
		}
		return rolecall.Credentials{}, err
	}
	s.write(path, key, creds)
	return creds, nil
}

func (s *FileSessions) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// read returns an entry that is complete, lives, and belongs to the key. A damaged one is as good as none.
func (s *FileSessions) read(path string, key SessionKey) (rolecall.Credentials, bool) {
	data, err := awscache.Read(path)
	if err != nil {
		return rolecall.Credentials{}, false
	}
	return s.decode(path, data, key)
}

func (s *FileSessions) decode(path string, data []byte, key SessionKey) (rolecall.Credentials, bool) {
	var none rolecall.Credentials
	var e cliEntry
	if json.Unmarshal(data, &e) != nil {
		return none, false
	}
	expires, err := awscache.ParseTime(e.Credentials.Expiration)
	if err != nil || e.Rolecall != nil && key.Source != "" && e.Rolecall.Source != key.Source {
		return none, false
	}
	k := e.Credentials
	creds := rolecall.Credentials{
		AccessKeyID: k.AccessKeyId, SecretAccessKey: rolecall.NewSecret(k.SecretAccessKey),
		SessionToken: rolecall.NewSecret(k.SessionToken), Expires: expires, AccountID: k.AccountId,
		Origin: rolecall.Origin{Source: CLICacheSource, Location: path, At: s.now()},
	}
	return creds, creds.Complete() && !creds.SessionToken.IsZero() && !creds.ExpiredAt(s.now())
}

func (s *FileSessions) write(path string, key SessionKey, creds rolecall.Credentials) {
	if !creds.CanExpire() {
		return
	}
	var e cliEntry
	if key.SSO {
		e.ProviderType = "sso"
	}
	e.Credentials.AccessKeyId = creds.AccessKeyID
	e.Credentials.SecretAccessKey = creds.SecretAccessKey.Expose()
	e.Credentials.SessionToken = creds.SessionToken.Expose()
	e.Credentials.Expiration = creds.Expires.UTC().Format("2006-01-02T15:04:05Z")
	e.Credentials.AccountId = creds.AccountID
	if key.Source != "" {
		e.Rolecall = &cliMark{Source: key.Source}
	}
	data, err := json.Marshal(e)
	if err != nil {
		return
	}
	// The session is good whether or not it can be kept.
	_ = awscache.Write(path, data)
}
