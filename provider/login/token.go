package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
)

// token is a file of the login cache.
type token struct {
	// file and access are all members of the file and of its accessToken: a rewrite loses nothing that this
	// package does not know.
	file, access map[string]json.RawMessage

	accessKeyID, accountID        string
	secretAccessKey, sessionToken rolecall.Secret
	expires                       time.Time
	refreshToken, dpopKey         rolecall.Secret
	// clientID is public: the CLI's own, one for all its users.
	clientID string
	// region is the sign-in service's; "" in files of older sign-ins.
	region string
}

// Path is the cache file of the session: the SHA-256 of its name.
func (p *Provider) Path() string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(p.o.Session)))
	return filepath.Join(p.o.CacheDir, hex.EncodeToString(sum[:])+".json")
}

// errDamaged marks files that may look otherwise in a moment: the AWS CLI and the SDKs write them in place.
type errDamaged struct{ why string }

func (e *errDamaged) Error() string { return e.why }

// read returns the session's token. A damaged file is looked at again for a tenth of a second.
func (p *Provider) read(ctx context.Context) (*token, error) {
	const looks, pause = 5, 25 * time.Millisecond
	for n := 1; ; n++ {
		data, err := awscache.Read(p.Path())
		if awscache.IsMissing(err) {
			return nil, p.signIn("there is no login token: nobody is signed in")
		}
		if err != nil {
			return nil, err
		}
		t, err := decode(data)
		var damaged *errDamaged
		if !errors.As(err, &damaged) {
			return t, err
		}
		if n == looks {
			return nil, p.signIn("the login token file %s is damaged: %s", p.Path(), damaged.why)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// decode reads a token file. All members that the SDKs demand must be there, even when the credentials
// still live. Errors never quote the file.
func decode(data []byte) (*token, error) {
	t := &token{}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, &errDamaged{"it is empty"}
	}
	if err := json.Unmarshal(data, &t.file); err != nil || t.file == nil {
		return nil, &errDamaged{"it is not the JSON that it should be"}
	}
	if err := json.Unmarshal(t.file["accessToken"], &t.access); err != nil || t.access == nil {
		return nil, &errDamaged{"it has no accessToken"}
	}
	var missing []string
	need := func(from map[string]json.RawMessage, name string) string {
		s := text(from, name)
		if s == "" {
			missing = append(missing, name)
		}
		return s
	}
	t.accessKeyID = need(t.access, "accessKeyId")
	t.secretAccessKey = rolecall.NewSecret(need(t.access, "secretAccessKey"))
	t.sessionToken = rolecall.NewSecret(need(t.access, "sessionToken"))
	t.accountID = need(t.access, "accountId")
	expires := need(t.access, "expiresAt")
	t.refreshToken = rolecall.NewSecret(need(t.file, "refreshToken"))
	t.clientID = need(t.file, "clientId")
	t.dpopKey = rolecall.NewSecret(need(t.file, "dpopKey"))
	t.region = text(t.file, "signInRegion")
	if len(missing) > 0 {
		return nil, &errDamaged{"it has no " + strings.Join(missing, ", no ")}
	}
	var err error
	if t.expires, err = awscache.ParseTime(expires); err != nil {
		return nil, &errDamaged{"its expiresAt is no time"}
	}
	return t, nil
}

// Inspect reads the text of a token file: whose key it holds and until when, whether or not that is past. An
// error says what is wrong with the file; it never quotes it.
func Inspect(file []byte) (accessKeyID string, expires time.Time, err error) {
	t, err := decode(file)
	if err != nil {
		return "", time.Time{}, err
	}
	if _, err := parseKey(t.dpopKey); err != nil {
		return "", time.Time{}, err
	}
	return t.accessKeyID, t.expires, nil
}

// text returns a member's string; what is no string counts as missing.
func text(from map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(from[name], &s) != nil {
		return ""
	}
	return s
}

// with returns t with the credentials and the refresh token of an answer.
func (t *token) with(a *answer, now time.Time) *token {
	n := *t
	n.accessKeyID = a.AccessToken.AccessKeyID
	n.secretAccessKey = rolecall.NewSecret(a.AccessToken.SecretAccessKey)
	n.sessionToken = rolecall.NewSecret(a.AccessToken.SessionToken)
	n.refreshToken = rolecall.NewSecret(a.RefreshToken)
	n.expires = now.Add(time.Duration(a.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
	return &n
}

// encode writes the members that a refresh changes over those that were read.
func (t *token) encode() ([]byte, error) {
	file, access := maps.Clone(t.file), maps.Clone(t.access)
	for _, m := range []struct {
		into        map[string]json.RawMessage
		name, value string
	}{
		{access, "accessKeyId", t.accessKeyID},
		{access, "secretAccessKey", t.secretAccessKey.Expose()},
		{access, "sessionToken", t.sessionToken.Expose()},
		{access, "expiresAt", t.expires.UTC().Format("2006-01-02T15:04:05Z")},
		{file, "refreshToken", t.refreshToken.Expose()},
	} {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("encoding the login token: %w", err)
		}
		m.into[m.name] = value
	}
	var err error
	if file["accessToken"], err = json.Marshal(access); err != nil {
		return nil, fmt.Errorf("encoding the login token: %w", err)
	}
	data, err := json.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("encoding the login token: %w", err)
	}
	return data, nil
}
