package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/benbjohnson/immutable"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

func (d *Directory) empty() *Snapshot {
	h := d.hasher
	return &Snapshot{
		dir: d, grants: d.counter.Add(1),
		accounts: newTable[identity.Account](h), users: newTable[identity.UserEntity](h),
		groups: newTable[identity.Group](h), roles: newTable[identity.Role](h),
		policies: newTable[identity.ManagedPolicy](h), profiles: newTable[identity.InstanceProfile](h),
		keys: newTable[identity.AccessKey](h), mfa: newTable[identity.MFADevice](h),
		logins: newTable[identity.LoginProfile](h), oidc: newTable[identity.OIDCProvider](h),
		saml: newTable[identity.SAMLProvider](h), serverCerts: newTable[identity.ServerCertificate](h),
		signingCerts: newTable[identity.SigningCertificate](h), buckets: newTable[identity.Bucket](h),
		deniedSession: newTable[identity.DeniedSession](h),
		aliases:       immutable.NewMap[string, string](h),
	}
}

// reload reads everything. The caller holds mu.
func (d *Directory) reload(ctx context.Context) error {
	s := d.empty()
	refs := immutable.NewSortedMapBuilder[string, string](stringComparer{})
	var revision store.Revision
	err := d.store.View(ctx, func(st *store.Tx) error {
		revision = st.Revision
		for name, k := range d.kinds {
			if err := k.load(ctx, st, s, refs); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.refs = refs.Map()
	for a := range s.accounts.prefix("", "") {
		if a.Alias != "" {
			s.aliases = s.aliases.Set(a.Alias, string(a.ID))
		}
	}
	for _, p := range d.awsPolicies {
		policyKind().insert(s, p)
	}
	d.publish(s, revision)
	return nil
}

// follow takes over what the store has and the snapshot has not. The caller holds mu.
func (d *Directory) follow(ctx context.Context) error {
	base := d.current.Load()
	changes, err := d.store.Changes(ctx, base.revision)
	switch {
	case errors.Is(err, store.ErrPruned):
		return d.reload(ctx)
	case err != nil:
		return fmt.Errorf("reading the change log: %w", err)
	case len(changes) == 0:
		return nil
	}
	s := *base
	seen := make(map[store.Change]bool, len(changes))
	var revision store.Revision
	err = d.store.View(ctx, func(st *store.Tx) error {
		// The rows may be newer than the log that was read; they are then read again next time.
		revision = changes[len(changes)-1].Revision
		for _, c := range changes {
			k, ok := d.kinds[c.Table]
			which := store.Change{Table: c.Table, ID: c.ID}
			if !ok || seen[which] {
				continue
			}
			seen[which] = true
			if err := k.fetch(ctx, st, &s, c.ID); err != nil {
				return fmt.Errorf("row %s of %s: %w", c.ID, c.Table, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading changed rows: %w", err)
	}
	d.publish(&s, revision)
	return nil
}
