package authn

import (
	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/token"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// openSession is an opened session token with its principal, which is good while the entity behind
// the session is the same snapshot entry.
type openSession struct {
	accessKeyID string
	session     *identity.Session
	secret      rolecall.Secret
	entity      any // *identity.Role, *identity.UserEntity or *identity.Account
	principal   *identity.Principal
}

func (a *Authenticator) identifySession(s *sigv4.Signature, d sigv4.Dialect) (*identity.Principal, rolecall.Secret, *awsapi.Error) {
	text := s.SessionToken.Expose()
	known, ok := a.sessions.get(text)
	if ok && known.accessKeyID != s.AccessKeyID {
		return nil, rolecall.Secret{}, badToken(d)
	}
	if !ok {
		session, secret, err := a.tokens.Open(s.AccessKeyID, text)
		if err != nil {
			return nil, rolecall.Secret{}, badToken(d)
		}
		known = &openSession{accessKeyID: s.AccessKeyID, session: session, secret: secret}
	}
	snapshot := a.directory.Snapshot()
	if snapshot.AnySessionDenied() {
		// A token that has no id is not the ring's, and cannot be on the list.
		if id, err := token.ID(s.AccessKeyID, text); err == nil && snapshot.SessionDenied(id) {
			return nil, rolecall.Secret{}, badToken(d)
		}
	}
	entity, alive := sessionEntity(snapshot, known.session)
	if !alive {
		return nil, rolecall.Secret{}, badToken(d)
	}
	if known.principal == nil || known.entity != entity {
		fresh := *known
		fresh.entity = entity
		fresh.principal = sessionPrincipal(known.session, entity)
		fresh.principal.AccessKeyID = s.AccessKeyID
		known = &fresh
		a.sessions.put(text, known)
	}
	return known.principal, known.secret, nil
}

// sessionEntity returns what stands behind the session, and whether the session is still in force: the
// entity exists, and its sessions of that time have not been voided.
func sessionEntity(snapshot *directory.Snapshot, s *identity.Session) (entity any, alive bool) {
	switch {
	case s.Type == identity.SessionAssumeRole:
		role := snapshot.RoleByID(s.EntityID)
		return role, role != nil && !s.IssuedAt.Before(role.SessionsVoidBefore)
	case s.EntityID == "":
		account := snapshot.Account(s.Account)
		return account, account != nil && !s.IssuedAt.Before(account.SessionsVoidBefore)
	default:
		user := snapshot.UserByID(s.EntityID)
		return user, user != nil && !s.IssuedAt.Before(user.SessionsVoidBefore)
	}
}

func rootPrincipal(account identity.AccountID) *identity.Principal {
	return &identity.Principal{Kind: identity.Root, Account: account, ARN: identity.RootARN(account), UserID: string(account)}
}

func userPrincipal(u *identity.UserEntity) *identity.Principal {
	arn := u.ARN()
	return &identity.Principal{
		Kind: identity.User, Account: u.Account, ARN: arn,
		UserID: u.ID, EntityID: u.ID, EntityARN: arn, EntityName: u.Name,
	}
}

// sessionPrincipal says who a session is. A GetSessionToken session is its user (or root) itself.
func sessionPrincipal(s *identity.Session, entity any) *identity.Principal {
	var p *identity.Principal
	switch e := entity.(type) {
	case *identity.Role:
		p = &identity.Principal{
			Kind: identity.AssumedRole, Account: e.Account, ARN: identity.AssumedRoleARN(e.Account, e.Name, s.Name),
			UserID: e.ID + ":" + s.Name, EntityID: e.ID, EntityARN: e.ARN(), EntityName: e.Name,
		}
	case *identity.UserEntity:
		p = userPrincipal(e)
	default:
		p = rootPrincipal(s.Account)
	}
	if s.Type == identity.SessionFederation {
		p.Kind = identity.FederatedUser
		p.ARN = identity.FederatedUserARN(s.Account, s.Name)
		p.UserID = string(s.Account) + ":" + s.Name
	}
	p.Session = s
	return p
}
