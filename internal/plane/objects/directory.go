package objects

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/policy"
)

// FromDirectory lets the plane's directory be the front's.
func FromDirectory(d *directory.Directory) Directory { return planeDirectory{d} }

type planeDirectory struct{ d *directory.Directory }

func (p planeDirectory) Bucket(name string) (*identity.Bucket, *policy.Policy, bool) {
	s := p.d.Snapshot()
	b := s.Bucket(name)
	if b == nil {
		return nil, nil, false
	}
	return b, s.BucketPolicy(name), true
}

func (p planeDirectory) Buckets(account identity.AccountID) []*identity.Bucket {
	var list []*identity.Bucket
	for b := range p.d.Snapshot().Buckets(account, "", "") {
		list = append(list, b)
	}
	return list
}

func (p planeDirectory) Change(ctx context.Context, f func(DirectoryTx) error) error {
	return p.d.Update(ctx, func(tx *directory.Tx) error { return f(planeTx{tx}) })
}

type planeTx struct{ tx *directory.Tx }

func (t planeTx) Bucket(name string) *identity.Bucket {
	if b := t.tx.Bucket(name); b != nil {
		return b.Clone()
	}
	return nil
}

func (t planeTx) PutBucket(b *identity.Bucket) error { return t.tx.Put(b) }

func (t planeTx) DeleteBucket(b *identity.Bucket) error { return t.tx.Delete(b) }
