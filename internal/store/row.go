package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Row is what a backend keeps of an entity.
type Row struct {
	ID string
	// Account and Name are unique together among the rows of a table, unless Name is "".
	Account, Name string
	// Body is JSON.
	Body []byte
	// Sealed is the entity's secret; nil if it has none.
	Sealed []byte
}

// Rows is what a backend offers in a transaction; the contract of each method is that of
// [Aggregate].
type Rows interface {
	Put(ctx context.Context, t Table, r Row) error
	Delete(ctx context.Context, t Table, id string) error
	Get(ctx context.Context, t Table, id string) (Row, error)
	All(ctx context.Context, t Table, f func(Row) error) error
}

// Sealer seals secrets before they reach a backend. state.MasterKey.Sealer makes one.
type Sealer interface {
	Seal(plaintext, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// NewTx makes the aggregates over a backend's rows.
func NewTx(rows Rows, sealer Sealer, at Revision) *Tx {
	return &Tx{
		Revision: at,
		Accounts: &aggregate[identity.Account, *identity.Account]{rows, sealer, TableAccounts,
			func(e *identity.Account) (string, string) { return "", e.Alias }, nil},
		Users: &aggregate[identity.UserEntity, *identity.UserEntity]{rows, sealer, TableUsers,
			func(e *identity.UserEntity) (string, string) { return string(e.Account), e.Name }, nil},
		Groups: &aggregate[identity.Group, *identity.Group]{rows, sealer, TableGroups,
			func(e *identity.Group) (string, string) { return string(e.Account), e.Name }, nil},
		Roles: &aggregate[identity.Role, *identity.Role]{rows, sealer, TableRoles,
			func(e *identity.Role) (string, string) { return string(e.Account), e.Name }, nil},
		ManagedPolicies: &aggregate[identity.ManagedPolicy, *identity.ManagedPolicy]{rows, sealer, TableManagedPolicies,
			func(e *identity.ManagedPolicy) (string, string) { return string(e.Account), e.Name }, nil},
		InstanceProfiles: &aggregate[identity.InstanceProfile, *identity.InstanceProfile]{rows, sealer, TableInstanceProfiles,
			func(e *identity.InstanceProfile) (string, string) { return string(e.Account), e.Name }, nil},
		AccessKeys: &aggregate[identity.AccessKey, *identity.AccessKey]{rows, sealer, TableAccessKeys,
			func(e *identity.AccessKey) (string, string) { return string(e.Account), "" },
			func(e *identity.AccessKey) *rolecall.Secret { return &e.Secret }},
		MFADevices: &aggregate[identity.MFADevice, *identity.MFADevice]{rows, sealer, TableMFADevices,
			func(e *identity.MFADevice) (string, string) { return string(e.Account), e.Name },
			func(e *identity.MFADevice) *rolecall.Secret { return &e.Seed }},
		LoginProfiles: &aggregate[identity.LoginProfile, *identity.LoginProfile]{rows, sealer, TableLoginProfiles,
			func(e *identity.LoginProfile) (string, string) { return string(e.Account), "" },
			func(e *identity.LoginProfile) *rolecall.Secret { return &e.Hash }},
		OIDCProviders: &aggregate[identity.OIDCProvider, *identity.OIDCProvider]{rows, sealer, TableOIDCProviders,
			func(e *identity.OIDCProvider) (string, string) { return string(e.Account), "" }, nil},
		SAMLProviders: &aggregate[identity.SAMLProvider, *identity.SAMLProvider]{rows, sealer, TableSAMLProviders,
			func(e *identity.SAMLProvider) (string, string) { return string(e.Account), e.Name }, nil},
		ServerCertificates: &aggregate[identity.ServerCertificate, *identity.ServerCertificate]{rows, sealer, TableServerCertificates,
			func(e *identity.ServerCertificate) (string, string) { return string(e.Account), e.Name }, nil},
		SigningCertificates: &aggregate[identity.SigningCertificate, *identity.SigningCertificate]{rows, sealer, TableSigningCertificates,
			func(e *identity.SigningCertificate) (string, string) { return string(e.Account), "" }, nil},
		Buckets: &aggregate[identity.Bucket, *identity.Bucket]{rows, sealer, TableBuckets,
			func(e *identity.Bucket) (string, string) { return string(e.Account), "" }, nil},
		DeniedSessions: &aggregate[identity.DeniedSession, *identity.DeniedSession]{rows, sealer, TableDeniedSessions,
			func(e *identity.DeniedSession) (string, string) { return string(e.Account), "" }, nil},
		RingKeys: &aggregate[identity.RingKey, *identity.RingKey]{rows, sealer, TableRingKeys,
			func(*identity.RingKey) (string, string) { return "", "" }, nil},
	}
}

// entityOf ties an entity's type to its pointer's methods.
type entityOf[E any] interface {
	*E
	identity.Entity
}

type aggregate[E any, P entityOf[E]] struct {
	rows   Rows
	sealer Sealer
	table  Table
	// owner returns account and name.
	owner func(*E) (account, name string)
	// secret returns where the entity keeps its secret; nil if it has none.
	secret func(*E) *rolecall.Secret
}

func (a *aggregate[E, P]) aad(key string) []byte { return []byte(string(a.table) + "/" + key) }

func (a *aggregate[E, P]) Put(ctx context.Context, e *E) error {
	key := P(e).EntityKey()
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding %s of %s: %w", key, a.table, err)
	}
	account, name := a.owner(e)
	row := Row{ID: key, Account: account, Name: identity.Fold(name), Body: body}
	if a.secret != nil {
		row.Sealed, err = a.sealer.Seal([]byte(a.secret(e).Expose()), a.aad(key))
		if err != nil {
			return fmt.Errorf("sealing the secret of %s: %w", key, err)
		}
	}
	return a.rows.Put(ctx, a.table, row)
}

func (a *aggregate[E, P]) Delete(ctx context.Context, key string) error {
	return a.rows.Delete(ctx, a.table, key)
}

func (a *aggregate[E, P]) Get(ctx context.Context, key string) (*E, error) {
	row, err := a.rows.Get(ctx, a.table, key)
	if err != nil {
		return nil, err
	}
	return a.entity(row)
}

func (a *aggregate[E, P]) All(ctx context.Context, f func(*E) error) error {
	return a.rows.All(ctx, a.table, func(row Row) error {
		e, err := a.entity(row)
		if err != nil {
			return err
		}
		return f(e)
	})
}

func (a *aggregate[E, P]) entity(row Row) (*E, error) {
	e := new(E)
	if err := json.Unmarshal(row.Body, e); err != nil {
		return nil, fmt.Errorf("%w: row %s of %s: %w", ErrCorrupt, row.ID, a.table, err)
	}
	if a.secret != nil {
		plain, err := a.sealer.Open(row.Sealed, a.aad(row.ID))
		if err != nil {
			return nil, fmt.Errorf("opening the secret of %s in %s (is this the master key that sealed it?): %w", row.ID, a.table, err)
		}
		*a.secret(e) = rolecall.NewSecret(string(plain))
	}
	if key := P(e).EntityKey(); key != row.ID {
		return nil, fmt.Errorf("%w: row %s of %s holds %s", ErrCorrupt, row.ID, a.table, key)
	}
	return e, nil
}
