package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/state"
	"github.com/rolecall-dev/rolecall/internal/token"
)

// MaxRootSession is the longest root session, as for GetSessionToken of an account's root.
const MaxRootSession = time.Hour

// rootTokenPrefix tells root sessions from the ring's tokens, whose first byte is another version.
const rootTokenPrefix = "rolecall-root."

// RootSessions makes and opens sessions of account roots under the master key. Whoever can read that key
// can read and write everything in the plane anyway, so that handing them a session grants nothing
// new; in return there is no administrator key that could leak.
type RootSessions struct {
	sealer *state.Sealer
	mac    []byte
}

// NewRootSessions returns the sessions of the plane that has the master key.
func NewRootSessions(master *state.MasterKey) *RootSessions {
	return &RootSessions{sealer: master.Sealer("root session"), mac: master.MAC("root session")}
}

// rootSession is what a token holds.
type rootSession struct {
	Account  identity.AccountID `json:"a"`
	IssuedAt time.Time          `json:"i"`
	Expires  time.Time          `json:"e"`
}

// New makes a session of the account's root that lives from now on.
func (s *RootSessions) New(account identity.AccountID, now time.Time, life time.Duration) (rolecall.Credentials, error) {
	if life <= 0 || life > MaxRootSession {
		return rolecall.Credentials{}, fmt.Errorf("a root session lives for at most %s", MaxRootSession)
	}
	expires := now.Add(life).UTC().Truncate(time.Second)
	content, err := json.Marshal(rootSession{Account: account, IssuedAt: now.UTC(), Expires: expires})
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("making a root session: %w", err)
	}
	id := identity.NewAccessKeyID(identity.PrefixTemporaryKey, account)
	sealed, err := s.sealer.Seal(content, []byte(id))
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("sealing a root session: %w", err)
	}
	text := rootTokenPrefix + base64.RawURLEncoding.EncodeToString(sealed)
	return rolecall.Credentials{
		AccessKeyID: id, SecretAccessKey: s.secret(id, text), SessionToken: rolecall.NewSecret(text),
		Expires: expires, AccountID: string(account),
		Origin: rolecall.Origin{Source: "root session", Detail: "account " + string(account), At: now},
	}, nil
}

func (s *RootSessions) secret(id, text string) rolecall.Secret {
	mac := hmac.New(sha256.New, s.mac)
	_, _ = mac.Write([]byte(id + "\x00" + text)) // a hash never fails
	return rolecall.NewSecret(base64.StdEncoding.EncodeToString(mac.Sum(nil))[:40])
}

func (s *RootSessions) open(id, text string) (*identity.Session, rolecall.Secret, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, rootTokenPrefix))
	if err != nil {
		return nil, rolecall.Secret{}, token.ErrMalformed
	}
	content, err := s.sealer.Open(sealed, []byte(id))
	if err != nil {
		return nil, rolecall.Secret{}, token.ErrForged
	}
	var r rootSession
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, rolecall.Secret{}, token.ErrMalformed
	}
	// Access to the master key stands for the second factor: without one, the session could not call IAM.
	session := &identity.Session{Type: identity.SessionToken, Account: r.Account, IssuedAt: r.IssuedAt, Expires: r.Expires, MFAAt: r.IssuedAt}
	return session, s.secret(id, text), nil
}

// tokens opens both kinds of session tokens.
type tokens struct {
	ring  *token.Ring
	roots *RootSessions
}

// Open implements authn.Tokens.
func (t tokens) Open(accessKeyID, text string) (*identity.Session, rolecall.Secret, error) {
	if strings.HasPrefix(text, rootTokenPrefix) {
		return t.roots.open(accessKeyID, text)
	}
	return t.ring.Open(accessKeyID, text)
}
