package identity

import (
	"maps"
	"slices"
)

func pointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func (g Grants) clone() Grants {
	g.Inline, g.Attached = slices.Clone(g.Inline), slices.Clone(g.Attached)
	return g
}

// Clone returns a copy that may be changed.
func (a *Account) Clone() *Account {
	c := *a
	c.PasswordPolicy, c.PublicAccessBlock = pointer(a.PasswordPolicy), pointer(a.PublicAccessBlock)
	c.Tags = slices.Clone(a.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (u *UserEntity) Clone() *UserEntity {
	c := *u
	c.GroupIDs, c.Tags, c.Grants = slices.Clone(u.GroupIDs), slices.Clone(u.Tags), u.Grants.clone()
	return &c
}

// Clone returns a copy that may be changed.
func (g *Group) Clone() *Group {
	c := *g
	c.Grants = g.Grants.clone()
	return &c
}

// Clone returns a copy that may be changed.
func (r *Role) Clone() *Role {
	c := *r
	c.Grants, c.Tags, c.TrustIDs = r.Grants.clone(), slices.Clone(r.Tags), maps.Clone(r.TrustIDs)
	return &c
}

// Clone returns a copy that may be changed.
func (p *ManagedPolicy) Clone() *ManagedPolicy {
	c := *p
	c.Versions, c.Tags = slices.Clone(p.Versions), slices.Clone(p.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (p *InstanceProfile) Clone() *InstanceProfile {
	c := *p
	c.Tags = slices.Clone(p.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (k *AccessKey) Clone() *AccessKey { return pointer(k) }

// Clone returns a copy that may be changed.
func (d *MFADevice) Clone() *MFADevice {
	c := *d
	c.Tags = slices.Clone(d.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (p *LoginProfile) Clone() *LoginProfile { return pointer(p) }

// Clone returns a copy that may be changed.
func (p *OIDCProvider) Clone() *OIDCProvider {
	c := *p
	c.ClientIDs, c.Thumbprints, c.Tags = slices.Clone(p.ClientIDs), slices.Clone(p.Thumbprints), slices.Clone(p.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (p *SAMLProvider) Clone() *SAMLProvider {
	c := *p
	c.Tags = slices.Clone(p.Tags)
	return &c
}

// Clone returns a copy that may be changed.
func (c *ServerCertificate) Clone() *ServerCertificate {
	d := *c
	d.Tags = slices.Clone(c.Tags)
	return &d
}

// Clone returns a copy that may be changed.
func (c *SigningCertificate) Clone() *SigningCertificate { return pointer(c) }

// Clone returns a copy that may be changed.
func (b *Bucket) Clone() *Bucket {
	c := *b
	c.PolicyIDs, c.Tags = maps.Clone(b.PolicyIDs), slices.Clone(b.Tags)
	c.PublicAccessBlock, c.Encryption = pointer(b.PublicAccessBlock), pointer(b.Encryption)
	if c.Encryption != nil {
		c.Encryption.Blocked = slices.Clone(b.Encryption.Blocked)
	}
	return &c
}

// Clone returns a copy that may be changed.
func (d *DeniedSession) Clone() *DeniedSession { return pointer(d) }
