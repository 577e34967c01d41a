package storetest

import (
	"testing"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

func grants() identity.Grants {
	return identity.Grants{
		Inline:   []identity.InlinePolicy{{Name: "p", Document: `{"Version": "2012-10-17" }`}},
		Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Boundary: "arn:aws:iam::123456789012:policy/b",
	}
}

func tags() []identity.Tag { return []identity.Tag{{Key: "team", Value: "é\"\\\n\u2028"}} }

func testAggregates(t *testing.T, open Open) {
	t.Run("accounts", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.Account] { return tx.Accounts },
			&identity.Account{ID: account, Name: "a", Created: at(1), Alias: "one", PasswordPolicy: &identity.PasswordPolicy{MinimumLength: 12}, SessionsVoidBefore: at(5)},
			&identity.Account{ID: "999999999999", Created: at(2), PublicAccessBlock: &identity.PublicAccessBlock{BlockPublicACLs: true}, Tags: tags()},
			func(e *identity.Account) { e.Alias = "two" })
	})
	t.Run("users", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.UserEntity] { return tx.Users },
			&identity.UserEntity{ID: "AIDA1", Account: account, Path: "/", Name: "anna", Created: at(1), Tags: tags()},
			&identity.UserEntity{ID: "AIDA2", Account: account, Path: "/x/", Name: "bea", Created: at(2), GroupIDs: []string{"AGPA1"}},
			func(e *identity.UserEntity) { e.Grants = grants() })
	})
	t.Run("groups", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.Group] { return tx.Groups },
			&identity.Group{ID: "AGPA1", Account: account, Path: "/", Name: "devs", Created: at(1)},
			&identity.Group{ID: "AGPA2", Account: account, Path: "/", Name: "ops", Created: at(2)},
			func(e *identity.Group) { e.Grants = grants() })
	})
	t.Run("roles", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.Role] { return tx.Roles },
			&identity.Role{ID: "AROA1", Account: account, Path: "/", Name: "web", Trust: "{}", MaxSession: 3600e9, TrustIDs: map[string]string{"arn": "AIDA1"}},
			&identity.Role{ID: "AROA2", Account: account, Path: "/", Name: "batch", Trust: "{}", MaxSession: 7200e9, LinkedService: "x.amazonaws.com"},
			func(e *identity.Role) { e.SessionsVoidBefore = at(9) })
	})
	t.Run("managed policies", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.ManagedPolicy] { return tx.ManagedPolicies },
			&identity.ManagedPolicy{ID: "ANPA1", Account: account, Path: "/", Name: "a", Versions: []identity.PolicyVersion{{ID: "v1", Document: "{}", Created: at(1)}}, Default: "v1", NextVersion: 2},
			&identity.ManagedPolicy{ID: "ANPA2", Account: account, Path: "/", Name: "b", Default: "v1", Tags: tags()},
			func(e *identity.ManagedPolicy) { e.Versions = append(e.Versions, identity.PolicyVersion{ID: "v2"}) })
	})
	t.Run("instance profiles", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.InstanceProfile] { return tx.InstanceProfiles },
			&identity.InstanceProfile{ID: "AIPA1", Account: account, Path: "/", Name: "a", RoleID: "AROA1"},
			&identity.InstanceProfile{ID: "AIPA2", Account: account, Path: "/", Name: "b", Created: at(1)},
			func(e *identity.InstanceProfile) { e.RoleID = "" })
	})
	t.Run("access keys", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.AccessKey] { return tx.AccessKeys },
			&identity.AccessKey{ID: "AKIA1", Account: account, UserID: "AIDA1", Status: identity.StatusActive, Secret: secret("1")},
			&identity.AccessKey{ID: "AKIA2", Account: account, Status: identity.StatusActive, Secret: secret("2")},
			func(e *identity.AccessKey) { e.Status = identity.StatusInactive })
	})
	t.Run("MFA devices", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.MFADevice] { return tx.MFADevices },
			&identity.MFADevice{Account: account, Path: "/", Name: "a", Seed: secret("1")},
			&identity.MFADevice{Account: account, Path: "/", Name: "b", Seed: secret("2"), Assigned: true, UserID: "AIDA1", Enabled: at(1), LastStep: 1 << 40, Drift: -1},
			func(e *identity.MFADevice) { e.LastStep = 7 })
	})
	t.Run("login profiles", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.LoginProfile] { return tx.LoginProfiles },
			&identity.LoginProfile{UserID: "AIDA1", Account: account, Hash: secret("1")},
			&identity.LoginProfile{UserID: "AIDA2", Account: account, Hash: secret("2"), ResetRequired: true},
			func(e *identity.LoginProfile) { e.Hash = secret("3") })
	})
	t.Run("OIDC providers", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.OIDCProvider] { return tx.OIDCProviders },
			&identity.OIDCProvider{Account: account, URL: "a.example", ClientIDs: []string{"x"}},
			&identity.OIDCProvider{Account: account, URL: "b.example/p", Thumbprints: []string{"00"}},
			func(e *identity.OIDCProvider) { e.ClientIDs = nil })
	})
	t.Run("SAML providers", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.SAMLProvider] { return tx.SAMLProviders },
			&identity.SAMLProvider{Account: account, Name: "a", Metadata: "<a/>", ValidUntil: at(1)},
			&identity.SAMLProvider{Account: account, Name: "b", Metadata: "<b/>"},
			func(e *identity.SAMLProvider) { e.Tags = tags() })
	})
	testMoreAggregates(t, open)
}

func testMoreAggregates(t *testing.T, open Open) {
	t.Run("server certificates", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.ServerCertificate] { return tx.ServerCertificates },
			&identity.ServerCertificate{ID: "ASCA1", Account: account, Path: "/", Name: "a", Body: "PEM"},
			&identity.ServerCertificate{ID: "ASCA2", Account: account, Path: "/", Name: "b", Expires: at(1)},
			func(e *identity.ServerCertificate) { e.Path = "/x/" })
	})
	t.Run("signing certificates", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.SigningCertificate] { return tx.SigningCertificates },
			&identity.SigningCertificate{ID: "C1", Account: account, UserID: "AIDA1", Body: "PEM"},
			&identity.SigningCertificate{ID: "C2", Account: account, UserID: "AIDA1", Uploaded: at(1)},
			func(e *identity.SigningCertificate) { e.Status = identity.StatusInactive })
	})
	t.Run("buckets", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.Bucket] { return tx.Buckets },
			&identity.Bucket{Name: "a", Account: account, Region: "us-east-1", Created: at(1), Policy: "{}", PolicyIDs: map[string]string{"a": "b"}},
			&identity.Bucket{Name: "b", Account: account, Region: "us-east-1", Encryption: &identity.EncryptionRule{Algorithm: "AES256", Blocked: []string{"SSE-C"}}, Versioning: identity.VersioningEnabled},
			func(e *identity.Bucket) { e.Policy, e.PolicyIDs = "", nil })
	})
	t.Run("denied sessions", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.DeniedSession] { return tx.DeniedSessions },
			&identity.DeniedSession{ID: "a", Account: account, Expires: at(1)},
			&identity.DeniedSession{ID: "b", Account: account, Expires: at(2)},
			func(e *identity.DeniedSession) { e.Expires = at(3) })
	})
	t.Run("ring keys", func(t *testing.T) {
		roundTrip(t, open, func(tx *store.Tx) store.Aggregate[identity.RingKey] { return tx.RingKeys },
			&identity.RingKey{ID: "00000001", Node: "n", Use: "session", State: "active", Since: at(1), Sealed: []byte{1}},
			&identity.RingKey{ID: "00000002", Node: "n", Use: "data", State: "old", Since: at(2), Sealed: []byte{0, 255}},
			func(e *identity.RingKey) { e.State = "old" })
	})
}
