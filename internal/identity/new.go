package identity

import (
	"slices"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// DefaultMaxSession is the longest session of a role that does not say otherwise.
const DefaultMaxSession = time.Hour

// NewUser returns a user with a fresh id, or an error that matches [ErrInvalid].
func NewUser(account AccountID, path, name string, now time.Time) (*UserEntity, error) {
	u := &UserEntity{ID: NewID(PrefixUser, account), Account: account, Path: path, Name: name, Created: stamp(now)}
	return checked(u)
}

// NewGroup returns a group with a fresh id.
func NewGroup(account AccountID, path, name string, now time.Time) (*Group, error) {
	g := &Group{ID: NewID(PrefixGroup, account), Account: account, Path: path, Name: name, Created: stamp(now)}
	return checked(g)
}

// NewRole returns a role with a fresh id and [DefaultMaxSession].
func NewRole(account AccountID, path, name, trust string, now time.Time) (*Role, error) {
	r := &Role{
		ID: NewID(PrefixRole, account), Account: account, Path: path, Name: name,
		Trust: trust, MaxSession: DefaultMaxSession, Created: stamp(now),
	}
	return checked(r)
}

// NewManagedPolicy returns a policy whose only version is v1.
func NewManagedPolicy(account AccountID, path, name, document string, now time.Time) (*ManagedPolicy, error) {
	p := &ManagedPolicy{
		ID: NewID(PrefixManagedPolicy, account), Account: account, Path: path, Name: name,
		Created: stamp(now), Updated: stamp(now),
		Versions: []PolicyVersion{{ID: "v1", Document: document, Created: stamp(now)}},
		Default:  "v1", NextVersion: 2,
	}
	return checked(p)
}

// NewInstanceProfile returns an instance profile with no role.
func NewInstanceProfile(account AccountID, path, name string, now time.Time) (*InstanceProfile, error) {
	p := &InstanceProfile{ID: NewID(PrefixInstanceProfile, account), Account: account, Path: path, Name: name, Created: stamp(now)}
	return checked(p)
}

// NewAccessKey returns an active key with a fresh id and secret for a user, or for root when
// userID is "".
func NewAccessKey(account AccountID, userID string, now time.Time) (*AccessKey, error) {
	k := &AccessKey{
		ID: NewAccessKeyID(PrefixAccessKey, account), Account: account, UserID: userID,
		Status: StatusActive, Created: stamp(now), Secret: rolecall.NewSecret(newSecretKey()),
	}
	return checked(k)
}

// NewBucket returns a bucket record with the settings of a bucket made today: owner-enforced
// objects, all public access blocked, AES256.
func NewBucket(account AccountID, region, name string, now time.Time) (*Bucket, error) {
	b := &Bucket{
		Name: name, Account: account, Region: region, Created: stamp(now), Ownership: BucketOwnerEnforced,
		PublicAccessBlock: &PublicAccessBlock{
			BlockPublicACLs: true, IgnorePublicACLs: true, BlockPublicPolicy: true, RestrictPublicBuckets: true,
		},
	}
	return checked(b)
}

// stamp drops what the wire does not carry, so that a value is the same before and after a restart.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func checked[E Entity](e E) (E, error) {
	if err := e.Validate(); err != nil {
		var none E
		return none, err
	}
	return e, nil
}

// ARN names the account as policies do.
func (a *Account) ARN() string { return RootARN(a.ID) }

// ARN returns the user's ARN.
func (u *UserEntity) ARN() string { return UserARN(u.Account, u.Path, u.Name) }

// ARN returns the group's ARN.
func (g *Group) ARN() string { return GroupARN(g.Account, g.Path, g.Name) }

// ARN returns the role's ARN.
func (r *Role) ARN() string { return RoleARN(r.Account, r.Path, r.Name) }

// ARN returns the policy's ARN.
func (p *ManagedPolicy) ARN() string { return PolicyARN(p.Account, p.Path, p.Name) }

// ARN returns the instance profile's ARN.
func (p *InstanceProfile) ARN() string { return InstanceProfileARN(p.Account, p.Path, p.Name) }

// ARN is the device's serial number.
func (d *MFADevice) ARN() string { return MFADeviceARN(d.Account, d.Path, d.Name) }

// ARN returns the provider's ARN.
func (p *OIDCProvider) ARN() string { return OIDCProviderARN(p.Account, p.URL) }

// ARN returns the provider's ARN.
func (p *SAMLProvider) ARN() string { return SAMLProviderARN(p.Account, p.Name) }

// ARN returns the certificate's ARN.
func (c *ServerCertificate) ARN() string { return ServerCertificateARN(c.Account, c.Path, c.Name) }

// ARN returns the bucket's ARN.
func (b *Bucket) ARN() string { return BucketARN(b.Name) }

// Version returns the version with that id, or false.
func (p *ManagedPolicy) Version(id string) (PolicyVersion, bool) {
	for _, v := range p.Versions {
		if v.ID == id {
			return v, true
		}
	}
	return PolicyVersion{}, false
}

// Document returns the document in force.
func (p *ManagedPolicy) Document() string {
	v, _ := p.Version(p.Default)
	return v.Document
}

// InlinePolicy returns the document of an inline policy by its name without regard to case, or
// false.
func (g *Grants) InlinePolicy(name string) (InlinePolicy, bool) {
	for _, p := range g.Inline {
		if Fold(p.Name) == Fold(name) {
			return p, true
		}
	}
	return InlinePolicy{}, false
}

// SetInline adds or replaces an inline policy and keeps the order.
func (g *Grants) SetInline(name, document string) {
	g.RemoveInline(name)
	i, _ := slices.BinarySearchFunc(g.Inline, name, func(p InlinePolicy, name string) int {
		if p.Name < name {
			return -1
		}
		return 1
	})
	g.Inline = slices.Insert(g.Inline, i, InlinePolicy{Name: name, Document: document})
}

// RemoveInline reports whether there was such a policy.
func (g *Grants) RemoveInline(name string) bool {
	n := len(g.Inline)
	g.Inline = slices.DeleteFunc(g.Inline, func(p InlinePolicy) bool { return Fold(p.Name) == Fold(name) })
	return len(g.Inline) < n
}

// Attach adds a managed policy's ARN; it reports false if it was attached already.
func (g *Grants) Attach(arn string) bool {
	if slices.Contains(g.Attached, arn) {
		return false
	}
	g.Attached = append(g.Attached, arn)
	return true
}

// Detach removes a managed policy's ARN; it reports false if it was not attached.
func (g *Grants) Detach(arn string) bool {
	i := slices.Index(g.Attached, arn)
	if i < 0 {
		return false
	}
	g.Attached = slices.Delete(g.Attached, i, i+1)
	return true
}
