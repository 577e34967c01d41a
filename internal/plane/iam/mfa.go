package iam

import (
	"context"
	"iter"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
)

func noDevice(serial string) error {
	return iamapi.ErrNoSuchEntity("MFA Device with serial number %s does not exist.", serial)
}

// device finds a virtual device of the caller's account.
func device(c *awsapi.Call, s *directory.Snapshot, serial string) (*identity.MFADevice, error) {
	d := s.MFADevice(serial)
	if d == nil || d.Account != account(c) {
		return nil, noDevice(serial)
	}
	return d, nil
}

// askDevice finds the device and authorizes on it.
func (v *service) askDevice(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, serial string, more ...with) (*identity.MFADevice, error) {
	d, missing := device(c, s, serial)
	if d != nil {
		more = append([]with{owned(d.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, serial, more...); err != nil {
		return nil, err
	}
	return d, missing
}

func (v *service) createVirtualMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.CreateVirtualMFADeviceInput) (*iamapi.CreateVirtualMFADeviceOutput, error) {
	secret := mfa.NewSeed()
	d := &identity.MFADevice{
		Account: account(c), Path: orSlash(in.Path), Name: in.VirtualMFADeviceName,
		Created: seconds(c.Time), Seed: rolecall.NewSecret(secret),
	}
	tags := tagsIn(in.Tags)
	err := v.directory.Update(ctx, func(tx *directory.Tx) (err error) {
		if err := v.askCreate(ctx, c, "CreateVirtualMFADevice", "TagMFADevice", d.ARN(), tags); err != nil {
			return err
		}
		if tx.MFADevice(d.ARN()) != nil {
			return iamapi.ErrEntityAlreadyExists("MFA device already exists.")
		}
		if d.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		return tx.Put(d)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(d.ARN(), "AWS::IAM::MFADevice")
	picture, err := mfa.QRCode(d)
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateVirtualMFADeviceOutput{VirtualMFADevice: &iamapi.VirtualMFADevice{
		SerialNumber: d.ARN(), Base32StringSeed: []byte(secret), QRCodePNG: picture, Tags: tagsOut(d.Tags),
	}}, nil
}

func (v *service) deleteVirtualMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteVirtualMFADeviceInput) (*iamapi.DeleteVirtualMFADeviceOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		d, err := v.askDevice(ctx, c, tx.Snapshot, "DeleteVirtualMFADevice", in.SerialNumber)
		if err != nil {
			return err
		}
		if d.Assigned {
			return iamapi.ErrDeleteConflict("Cannot delete entity, must deactivate MFA device first.")
		}
		return tx.Delete(d)
	})
}

func (v *service) listVirtualMFADevices(ctx context.Context, c *awsapi.Call, in *iamapi.ListVirtualMFADevicesInput) (*iamapi.ListVirtualMFADevicesOutput, error) {
	if err := v.ask(ctx, c, "ListVirtualMFADevices", identity.MFADeviceARN(account(c), "/", "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	list := func(after string) iter.Seq[*identity.MFADevice] { return s.MFADevices(account(c), after) }
	p, err := paginate(in.Marker, in.MaxItems, filtered(list, func(d *identity.MFADevice) bool {
		switch {
		case in.AssignmentStatus == nil, *in.AssignmentStatus == iamapi.AssignmentStatusTypeAny:
			return true
		case *in.AssignmentStatus == iamapi.AssignmentStatusTypeAssigned:
			return d.Assigned
		default:
			return !d.Assigned
		}
	}), func(d *identity.MFADevice) string { return d.Name })
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(d *identity.MFADevice) iamapi.VirtualMFADevice {
		o := iamapi.VirtualMFADevice{SerialNumber: d.ARN(), EnableDate: moment(d.Enabled)}
		if !d.Assigned {
			return o
		}
		if u := s.UserByID(d.UserID); d.UserID != "" && u != nil {
			o.User = new(listedUser(u))
		} else if d.UserID == "" {
			o.User = &iamapi.User{UserId: string(d.Account), Arn: identity.RootARN(d.Account)}
			if a := s.Account(d.Account); a != nil {
				o.User.CreateDate = a.Created
			}
		}
		return o
	})
	return &iamapi.ListVirtualMFADevicesOutput{VirtualMFADevices: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// synchronized takes over what two consecutive codes tell of a device.
func synchronized(d *identity.MFADevice, first, second string, now time.Time) error {
	if !mfa.Synchronize(d, first, second, now) {
		return iamapi.ErrInvalidAuthenticationCode("Authentication code for device is not valid.")
	}
	return nil
}

// mfaOwner finds the user, or with the name of the account's root, the root itself.
func (v *service) mfaOwner(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string) (owner, error) {
	if c.Principal.Kind == identity.Root && (name == string(account(c)) || name == "root") && s.User(account(c), name) == nil {
		return v.owner(ctx, c, s, action, nil)
	}
	return v.owner(ctx, c, s, action, &name)
}

func (v *service) enableMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.EnableMFADeviceInput) (*iamapi.EnableMFADeviceOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		o, err := v.mfaOwner(ctx, c, tx.Snapshot, "EnableMFADevice", in.UserName)
		if err != nil {
			return err
		}
		d, err := device(c, tx.Snapshot, in.SerialNumber)
		if err != nil {
			return err
		}
		if d.Assigned {
			return iamapi.ErrEntityAlreadyExists("MFA Device is already in use.")
		}
		if err := room(count(tx.MFADevicesOf(account(c), o.id())), v.quotas.MFADevices, "MFADevicesPerUser"); err != nil {
			return err
		}
		d = d.Clone()
		if err := synchronized(d, in.AuthenticationCode1, in.AuthenticationCode2, c.Time); err != nil {
			return err
		}
		d.Assigned, d.UserID, d.Enabled = true, o.id(), seconds(c.Time)
		return tx.Put(d)
	})
}

// ownDevice finds an enabled device of the owner.
func ownDevice(c *awsapi.Call, s *directory.Snapshot, o owner, serial string) (*identity.MFADevice, error) {
	d, err := device(c, s, serial)
	if err != nil {
		return nil, err
	}
	if !d.Assigned || d.UserID != o.id() {
		return nil, iamapi.ErrNoSuchEntity("MFA Device invalid for user.")
	}
	return d, nil
}

func (v *service) resyncMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.ResyncMFADeviceInput) (*iamapi.ResyncMFADeviceOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		o, err := v.mfaOwner(ctx, c, tx.Snapshot, "ResyncMFADevice", in.UserName)
		if err != nil {
			return err
		}
		d, err := ownDevice(c, tx.Snapshot, o, in.SerialNumber)
		if err != nil {
			return err
		}
		d = d.Clone()
		if err := synchronized(d, in.AuthenticationCode1, in.AuthenticationCode2, c.Time); err != nil {
			return err
		}
		return tx.Put(d)
	})
}

func (v *service) deactivateMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.DeactivateMFADeviceInput) (*iamapi.DeactivateMFADeviceOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		o, err := v.namedOwner(ctx, c, tx.Snapshot, "DeactivateMFADevice", in.UserName)
		if err != nil {
			return err
		}
		d, err := ownDevice(c, tx.Snapshot, o, in.SerialNumber)
		if err != nil {
			return err
		}
		d = d.Clone()
		d.Assigned, d.UserID, d.Enabled = false, "", time.Time{}
		return tx.Put(d)
	})
}

// namedOwner is mfaOwner for an optional name.
func (v *service) namedOwner(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action string, name *string) (owner, error) {
	if name == nil {
		return v.owner(ctx, c, s, action, nil)
	}
	return v.mfaOwner(ctx, c, s, action, *name)
}

func (v *service) listMFADevices(ctx context.Context, c *awsapi.Call, in *iamapi.ListMFADevicesInput) (*iamapi.ListMFADevicesOutput, error) {
	s := v.directory.Snapshot()
	o, err := v.namedOwner(ctx, c, s, "ListMFADevices", in.UserName)
	if err != nil {
		return nil, err
	}
	var all []*identity.MFADevice
	for d := range s.MFADevicesOf(account(c), o.id()) {
		all = append(all, d)
	}
	name := func(d *identity.MFADevice) string { return d.ARN() }
	p, err := paginate(in.Marker, in.MaxItems, sliced(all, name), name)
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(d *identity.MFADevice) iamapi.MFADevice {
		return iamapi.MFADevice{UserName: o.name, SerialNumber: d.ARN(), EnableDate: d.Enabled}
	})
	return &iamapi.ListMFADevicesOutput{MFADevices: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) getMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.GetMFADeviceInput) (*iamapi.GetMFADeviceOutput, error) {
	s := v.directory.Snapshot()
	o, err := v.namedOwner(ctx, c, s, "GetMFADevice", in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := ownDevice(c, s, o, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetMFADeviceOutput{UserName: &o.name, SerialNumber: d.ARN(), EnableDate: moment(d.Enabled)}, nil
}

func (v *service) tagMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.TagMFADeviceInput) (*iamapi.TagMFADeviceOutput, error) {
	return nil, v.changeDevice(ctx, c, "TagMFADevice", in.SerialNumber, func(d *identity.MFADevice) (err error) {
		d.Tags, err = v.merged(d.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagMFADevice(ctx context.Context, c *awsapi.Call, in *iamapi.UntagMFADeviceInput) (*iamapi.UntagMFADeviceOutput, error) {
	return nil, v.changeDevice(ctx, c, "UntagMFADevice", in.SerialNumber, func(d *identity.MFADevice) error {
		d.Tags = without(d.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listMFADeviceTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListMFADeviceTagsInput) (*iamapi.ListMFADeviceTagsOutput, error) {
	d, err := v.askDevice(ctx, c, v.directory.Snapshot(), "ListMFADeviceTags", in.SerialNumber)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, d.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListMFADeviceTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) changeDevice(ctx context.Context, c *awsapi.Call, action, serial string, change func(*identity.MFADevice) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		d, err := v.askDevice(ctx, c, tx.Snapshot, action, serial, more...)
		if err != nil {
			return err
		}
		d = d.Clone()
		if err := change(d); err != nil {
			return err
		}
		return tx.Put(d)
	})
}
