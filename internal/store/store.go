// Package store is the contract between the plane and its database: what is kept, in which units,
// and what a backend promises. It knows no SQL; sqlite is the embedded backend.
//
// A backend keeps rows; this package turns entities into rows and back, and seals the secrets in
// them under the master key before a backend sees them.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Errors that callers tell apart.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("not in the store")
	// ErrConflict: another row of the account has that name already.
	ErrConflict = errors.New("name is taken")
	// ErrStale: somebody else has written since the base revision.
	ErrStale = errors.New("store has changed")
	// ErrPruned: the change log does not reach back that far; read everything.
	ErrPruned = errors.New("change log does not reach back that far")
	// ErrCorrupt: the database is damaged, or no database of rolecall.
	ErrCorrupt = errors.New("database is damaged")
	// ErrNewerSchema: a newer rolecall wrote the database.
	ErrNewerSchema = errors.New("database was written by a newer rolecall")
	// ErrFull: there is no room on the disk. Nothing of the transaction is kept.
	ErrFull = errors.New("no space left for the database")
)

// Revision counts the committed updates: each adds one.
type Revision int64

// Store keeps the plane's entities. What Update acknowledges survives a crash of the machine.
type Store interface {
	// View runs f on one consistent state.
	View(ctx context.Context, f func(*Tx) error) error
	// Update commits what f writes, together with its changes and the next revision, if the store is
	// at base; otherwise it returns [ErrStale]. Nothing is kept if f returns an error.
	Update(ctx context.Context, base Revision, f func(*Tx) error) (Revision, error)
	// Changes returns what was written after a revision, oldest first, or [ErrPruned].
	Changes(ctx context.Context, after Revision) ([]Change, error)
	Close() error
}

// Stamps keeps when keys and roles were last used. They are no entities: they have no revision,
// and losing the latest in a crash is fine.
type Stamps interface {
	PutStamps(ctx context.Context, stamps []Stamp) error
	AllStamps(ctx context.Context) ([]Stamp, error)
}

// Stamp says when something was last used.
type Stamp struct {
	ID      string // an access key id, a role's or a user's unique id
	At      time.Time
	Service string // "s3"; "" if unknown
	Region  string
}

// Change names one row that an update wrote or deleted.
type Change struct {
	Revision Revision
	Table    Table
	ID       string
}

// Table names the rows of one aggregate.
type Table string

// The tables.
const (
	TableAccounts            Table = "accounts"
	TableUsers               Table = "users"
	TableGroups              Table = "groups"
	TableRoles               Table = "roles"
	TableManagedPolicies     Table = "managed_policies"
	TableInstanceProfiles    Table = "instance_profiles"
	TableAccessKeys          Table = "access_keys"
	TableMFADevices          Table = "mfa_devices"
	TableLoginProfiles       Table = "login_profiles"
	TableOIDCProviders       Table = "oidc_providers"
	TableSAMLProviders       Table = "saml_providers"
	TableServerCertificates  Table = "server_certificates"
	TableSigningCertificates Table = "signing_certificates"
	TableBuckets             Table = "buckets"
	TableDeniedSessions      Table = "denied_sessions"
	TableRingKeys            Table = "ring_keys"
)

// Tables returns all tables, those first that others refer to.
func Tables() []Table {
	return []Table{
		TableAccounts, TableManagedPolicies, TableGroups, TableUsers, TableRoles, TableInstanceProfiles,
		TableAccessKeys, TableMFADevices, TableLoginProfiles, TableOIDCProviders, TableSAMLProviders,
		TableServerCertificates, TableSigningCertificates, TableBuckets, TableDeniedSessions, TableRingKeys,
	}
}

// Aggregate reads and writes the entities of one type in a transaction.
type Aggregate[E any] interface {
	// Put inserts or replaces. It returns [ErrConflict] if the name is another's.
	Put(ctx context.Context, e *E) error
	// Delete returns [ErrNotFound] if there is no such entity. Its last-used stamp goes with it.
	Delete(ctx context.Context, key string) error
	// Get returns [ErrNotFound] if there is no such entity.
	Get(ctx context.Context, key string) (*E, error)
	// All calls f for each entity in the order of their keys. f must not use the transaction.
	All(ctx context.Context, f func(*E) error) error
}

// Tx is a transaction: one aggregate for each type of entity. It is for one goroutine.
type Tx struct {
	Revision Revision // of the state that is read

	Accounts            Aggregate[identity.Account]
	Users               Aggregate[identity.UserEntity]
	Groups              Aggregate[identity.Group]
	Roles               Aggregate[identity.Role]
	ManagedPolicies     Aggregate[identity.ManagedPolicy]
	InstanceProfiles    Aggregate[identity.InstanceProfile]
	AccessKeys          Aggregate[identity.AccessKey]
	MFADevices          Aggregate[identity.MFADevice]
	LoginProfiles       Aggregate[identity.LoginProfile]
	OIDCProviders       Aggregate[identity.OIDCProvider]
	SAMLProviders       Aggregate[identity.SAMLProvider]
	ServerCertificates  Aggregate[identity.ServerCertificate]
	SigningCertificates Aggregate[identity.SigningCertificate]
	Buckets             Aggregate[identity.Bucket]
	DeniedSessions      Aggregate[identity.DeniedSession]
	RingKeys            Aggregate[identity.RingKey]
}
