package identity

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// newSecretKey returns 40 characters of base64: 240 random bits.
func newSecretKey() string {
	var raw [30]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(raw[:])
}

func checkAccount(a AccountID) error {
	if _, err := ParseAccountID(string(a)); err != nil {
		return invalid("%v", err)
	}
	return nil
}

func checkID(p Prefix, id string) error {
	if !strings.HasPrefix(id, string(p)) {
		return invalid("id %q: want the prefix %s", id, p)
	}
	return checkKeyID(id)
}

// checkKeyID accepts what IAM does for ids: 16 to 128 word characters.
func checkKeyID(id string) error {
	if len(id) < 16 || len(id) > 128 {
		return invalid("id %q: want 16 to 128 characters", id)
	}
	for _, c := range []byte(id) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return invalid("id %q: want letters, digits and underscores", id)
		}
	}
	return nil
}

func (g *Grants) validate() error {
	seen := make(map[string]bool, len(g.Inline))
	for _, p := range g.Inline {
		if err := CheckPolicyName(p.Name); err != nil {
			return err
		}
		if p.Document == "" {
			return invalid("inline policy %q is empty", p.Name)
		}
		if seen[Fold(p.Name)] {
			return invalid("inline policy %q is given twice", p.Name)
		}
		seen[Fold(p.Name)] = true
	}
	if !slices.IsSortedFunc(g.Inline, func(a, b InlinePolicy) int { return strings.Compare(a.Name, b.Name) }) {
		return invalid("inline policies are not sorted")
	}
	for i, arn := range g.Attached {
		if slices.Contains(g.Attached[:i], arn) {
			return invalid("policy %s is attached twice", arn)
		}
	}
	return nil
}

// EntityKey returns the account's number.
func (a *Account) EntityKey() string { return string(a.ID) }

// Validate implements [Entity].
func (a *Account) Validate() error {
	var alias error
	if a.Alias != "" {
		alias = CheckAlias(a.Alias)
	}
	return errors.Join(checkAccount(a.ID), alias, CheckTags(a.Tags))
}

// EntityKey returns the unique id.
func (u *UserEntity) EntityKey() string { return u.ID }

// Validate implements [Entity].
func (u *UserEntity) Validate() error {
	return errors.Join(checkID(PrefixUser, u.ID), checkAccount(u.Account), CheckPath(u.Path),
		CheckUserName(u.Name), u.Grants.validate(), CheckTags(u.Tags))
}

// EntityKey returns the unique id.
func (g *Group) EntityKey() string { return g.ID }

// Validate implements [Entity].
func (g *Group) Validate() error {
	if g.Boundary != "" {
		return invalid("group %q has a permissions boundary", g.Name)
	}
	return errors.Join(checkID(PrefixGroup, g.ID), checkAccount(g.Account), CheckPath(g.Path),
		CheckGroupName(g.Name), g.Grants.validate())
}

// EntityKey returns the unique id.
func (r *Role) EntityKey() string { return r.ID }

// Validate implements [Entity].
func (r *Role) Validate() error {
	if r.MaxSession < time.Hour || r.MaxSession > 12*time.Hour {
		return invalid("longest session %v of role %q: want 1 to 12 hours", r.MaxSession, r.Name)
	}
	if r.Trust == "" {
		return invalid("role %q has no trust policy", r.Name)
	}
	return errors.Join(checkID(PrefixRole, r.ID), checkAccount(r.Account), CheckPath(r.Path),
		CheckRoleName(r.Name), r.Grants.validate(), CheckTags(r.Tags))
}

// EntityKey returns the ARN: that is what policies are attached by.
func (p *ManagedPolicy) EntityKey() string { return p.ARN() }

// Validate implements [Entity].
func (p *ManagedPolicy) Validate() error {
	var account error
	if p.Account != AWSAccount {
		account = checkAccount(p.Account)
	}
	if _, ok := p.Version(p.Default); !ok {
		return invalid("policy %q has no version %q", p.Name, p.Default)
	}
	return errors.Join(checkID(PrefixManagedPolicy, p.ID), account, CheckPath(p.Path), CheckPolicyName(p.Name), checkCasedTags(p.Tags))
}

// EntityKey returns the unique id.
func (p *InstanceProfile) EntityKey() string { return p.ID }

// Validate implements [Entity].
func (p *InstanceProfile) Validate() error {
	return errors.Join(checkID(PrefixInstanceProfile, p.ID), checkAccount(p.Account), CheckPath(p.Path),
		CheckInstanceProfileName(p.Name), checkCasedTags(p.Tags))
}

// EntityKey returns the access key id.
func (k *AccessKey) EntityKey() string { return k.ID }

// Validate implements [Entity].
func (k *AccessKey) Validate() error {
	if k.Status != StatusActive && k.Status != StatusInactive {
		return invalid("access key %s: status %q", k.ID, k.Status)
	}
	if k.Secret.IsZero() {
		return invalid("access key %s has no secret", k.ID)
	}
	return errors.Join(checkKeyID(k.ID), checkAccount(k.Account))
}

// EntityKey returns the serial number.
func (d *MFADevice) EntityKey() string { return d.ARN() }

// Validate implements [Entity].
func (d *MFADevice) Validate() error {
	if d.Seed.IsZero() {
		return invalid("MFA device %q has no seed", d.Name)
	}
	return errors.Join(checkAccount(d.Account), CheckPath(d.Path),
		checkName("MFA device name", d.Name, 1, maxMFAName), checkCasedTags(d.Tags))
}

// EntityKey returns the user's id: there is one profile for each user.
func (p *LoginProfile) EntityKey() string { return p.UserID }

// Validate implements [Entity].
func (p *LoginProfile) Validate() error {
	if p.Hash.IsZero() {
		return invalid("login profile of %s has no password", p.UserID)
	}
	return errors.Join(checkID(PrefixUser, p.UserID), checkAccount(p.Account))
}

// EntityKey returns the ARN.
func (p *OIDCProvider) EntityKey() string { return p.ARN() }

// Validate implements [Entity].
func (p *OIDCProvider) Validate() error {
	if p.URL == "" || len(p.URL) > 255 || strings.Contains(p.URL, "://") {
		return invalid("OIDC provider URL %q: want 1 to 255 characters without the scheme", p.URL)
	}
	return errors.Join(checkAccount(p.Account), checkCasedTags(p.Tags))
}

// EntityKey returns the ARN.
func (p *SAMLProvider) EntityKey() string { return p.ARN() }

// Validate implements [Entity].
func (p *SAMLProvider) Validate() error {
	return errors.Join(checkAccount(p.Account), checkName("SAML provider name", p.Name, 1, 128), checkCasedTags(p.Tags))
}

// EntityKey returns the unique id.
func (c *ServerCertificate) EntityKey() string { return c.ID }

// Validate implements [Entity].
func (c *ServerCertificate) Validate() error {
	return errors.Join(checkID(PrefixCertificate, c.ID), checkAccount(c.Account), CheckPath(c.Path),
		checkName("server certificate name", c.Name, 1, 128), checkCasedTags(c.Tags))
}

// EntityKey returns the certificate's id.
func (c *SigningCertificate) EntityKey() string { return c.ID }

// Validate implements [Entity].
func (c *SigningCertificate) Validate() error {
	if c.Status != StatusActive && c.Status != StatusInactive {
		return invalid("signing certificate %s: status %q", c.ID, c.Status)
	}
	return errors.Join(checkKeyID(c.ID), checkAccount(c.Account), checkID(PrefixUser, c.UserID))
}

// EntityKey returns the bucket's name.
func (b *Bucket) EntityKey() string { return b.Name }

// Validate implements [Entity].
func (b *Bucket) Validate() error {
	if err := CheckBucketName(b.Name); err != nil {
		return invalid("%v", err)
	}
	if b.Region == "" {
		return invalid("bucket %q has no region", b.Name)
	}
	return checkAccount(b.Account)
}

// EntityKey returns the id.
func (d *DeniedSession) EntityKey() string { return d.ID }

// Validate implements [Entity].
func (d *DeniedSession) Validate() error {
	if d.ID == "" || d.Expires.IsZero() {
		return invalid("denied session %q without id or expiry", d.ID)
	}
	return checkAccount(d.Account)
}

// EntityKey returns the id.
func (k *RingKey) EntityKey() string { return k.ID }

// Validate implements [Entity].
func (k *RingKey) Validate() error {
	if len(k.ID) != 8 || len(k.Sealed) == 0 {
		return invalid("ring key %q", k.ID)
	}
	return nil
}
