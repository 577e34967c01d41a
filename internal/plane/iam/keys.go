package iam

import (
	"context"
	"net/http"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// owner is the holder of access keys, MFA devices and the like: a user, or the account's root.
type owner struct {
	user *identity.UserEntity // nil for root
	name string               // as answered; the alias or account for root
}

func (o owner) id() string {
	if o.user == nil {
		return ""
	}
	return o.user.ID
}

// owner finds the user that is named, or the caller if none is, and authorizes.
func (v *service) owner(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action string, name *string) (owner, error) {
	who, root, err := userOf(c, s, name)
	if err != nil {
		return owner{}, err
	}
	if root {
		return owner{name: string(account(c))}, v.ask(ctx, c, action, identity.RootARN(account(c)))
	}
	u, err := v.user(ctx, c, s, action, who)
	if err != nil {
		return owner{}, err
	}
	return owner{u, u.Name}, nil
}

func noKey(id string) error {
	return iamapi.ErrNoSuchEntity("The Access Key with id %s cannot be found.", id)
}

// keyOf finds an access key of the owner.
func keyOf(c *awsapi.Call, s *directory.Snapshot, o owner, id string) (*identity.AccessKey, error) {
	k := s.AccessKey(id)
	if k == nil || k.Account != account(c) || k.UserID != o.id() {
		return nil, noKey(id)
	}
	return k, nil
}

func (v *service) createAccessKey(ctx context.Context, c *awsapi.Call, in *iamapi.CreateAccessKeyInput) (*iamapi.CreateAccessKeyOutput, error) {
	var made *identity.AccessKey
	var o owner
	err := v.directory.Update(ctx, func(tx *directory.Tx) (err error) {
		if o, err = v.owner(ctx, c, tx.Snapshot, "CreateAccessKey", in.UserName); err != nil {
			return err
		}
		if err := room(count(tx.AccessKeys(account(c), o.id())), v.quotas.AccessKeys, "AccessKeysPerUser"); err != nil {
			return err
		}
		if made, err = identity.NewAccessKey(account(c), o.id(), c.Time); err != nil {
			return err
		}
		return tx.Put(made)
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateAccessKeyOutput{AccessKey: &iamapi.AccessKey{
		UserName: o.name, AccessKeyId: made.ID, Status: iamapi.StatusTypeActive,
		SecretAccessKey: made.Secret.Expose(), CreateDate: &made.Created,
	}}, nil
}

func (v *service) listAccessKeys(ctx context.Context, c *awsapi.Call, in *iamapi.ListAccessKeysInput) (*iamapi.ListAccessKeysOutput, error) {
	s := v.directory.Snapshot()
	o, err := v.owner(ctx, c, s, "ListAccessKeys", in.UserName)
	if err != nil {
		return nil, err
	}
	var keys []*identity.AccessKey
	for k := range s.AccessKeys(account(c), o.id()) {
		keys = append(keys, k)
	}
	name := func(k *identity.AccessKey) string { return k.ID }
	p, err := paginate(in.Marker, in.MaxItems, sliced(keys, name), name)
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(k *identity.AccessKey) iamapi.AccessKeyMetadata {
		return iamapi.AccessKeyMetadata{UserName: &o.name, AccessKeyId: &k.ID, Status: new(iamapi.StatusType(k.Status)), CreateDate: &k.Created}
	})
	return &iamapi.ListAccessKeysOutput{AccessKeyMetadata: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) updateAccessKey(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateAccessKeyInput) (*iamapi.UpdateAccessKeyOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		k, err := v.ownedKey(ctx, c, tx, "UpdateAccessKey", in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		k = k.Clone()
		switch in.Status {
		case iamapi.StatusTypeActive:
			k.Status = identity.StatusActive
		case iamapi.StatusTypeInactive:
			k.Status = identity.StatusInactive
		default: // Expired is the plane's to say
			return awsapi.ValidationError("The status %s cannot be set.", in.Status)
		}
		return tx.Put(k)
	})
}

func (v *service) deleteAccessKey(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteAccessKeyInput) (*iamapi.DeleteAccessKeyOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		k, err := v.ownedKey(ctx, c, tx, "DeleteAccessKey", in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		return tx.Delete(k)
	})
}

// ownedKey finds the key of the named user, or, without a name, of whom the key itself names: AWS
// lets the key id say whose it is, and asks for the right on that user.
func (v *service) ownedKey(ctx context.Context, c *awsapi.Call, tx *directory.Tx, action string, name *string, id string) (*identity.AccessKey, error) {
	if name == nil {
		if k := tx.AccessKey(id); k != nil && k.Account == account(c) && k.UserID != "" {
			if u := tx.UserByID(k.UserID); u != nil {
				name = &u.Name
			}
		}
	}
	o, err := v.owner(ctx, c, tx.Snapshot, action, name)
	if err != nil {
		return nil, err
	}
	return keyOf(c, tx.Snapshot, o, id)
}

func (v *service) getAccessKeyLastUsed(ctx context.Context, c *awsapi.Call, in *iamapi.GetAccessKeyLastUsedInput) (*iamapi.GetAccessKeyLastUsedOutput, error) {
	s := v.directory.Snapshot()
	k := s.AccessKey(in.AccessKeyId)
	if k != nil && k.Account != account(c) {
		k = nil
	}
	arn, name := "*", ""
	if k != nil {
		if u := s.UserByID(k.UserID); k.UserID != "" && u != nil {
			arn, name = u.ARN(), u.Name
		} else {
			arn, name = identity.RootARN(account(c)), string(account(c))
		}
	}
	if err := v.ask(ctx, c, "GetAccessKeyLastUsed", arn); err != nil {
		return nil, err
	}
	if k == nil {
		// Whether there is such a key in another account is not told.
		return nil, awsapi.Errorf(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key %s", c.Principal.ARN, in.AccessKeyId)
	}
	used := &iamapi.AccessKeyLastUsed{ServiceName: "N/A", Region: "N/A"}
	if last, ok := v.directory.LastUsed(k.ID); ok {
		used.LastUsedDate = &last.At
		if last.Service != "" {
			used.ServiceName = last.Service
		}
		if last.Region != "" {
			used.Region = last.Region
		}
	}
	return &iamapi.GetAccessKeyLastUsedOutput{UserName: &name, AccessKeyLastUsed: used}, nil
}
