package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// changeAccount authorizes on "*", the resource of all actions on the account itself, and puts what
// change made of a copy.
func (v *service) changeAccount(ctx context.Context, c *awsapi.Call, action string, change func(*directory.Tx, *identity.Account) error) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.ask(ctx, c, action, "*"); err != nil {
			return err
		}
		a := tx.Account(account(c))
		if a == nil {
			return iamapi.ErrNoSuchEntity("The account %s cannot be found.", account(c))
		}
		a = a.Clone()
		if err := change(tx, a); err != nil {
			return err
		}
		return tx.Put(a)
	})
}

func (v *service) createAccountAlias(ctx context.Context, c *awsapi.Call, in *iamapi.CreateAccountAliasInput) (*iamapi.CreateAccountAliasOutput, error) {
	return nil, v.changeAccount(ctx, c, "CreateAccountAlias", func(tx *directory.Tx, a *identity.Account) error {
		if tx.AccountByAlias(in.AccountAlias) != nil {
			return iamapi.ErrEntityAlreadyExists("The account alias %s already exists.", in.AccountAlias)
		}
		// An account has one alias: a new one takes the place of the old.
		a.Alias = in.AccountAlias
		return nil
	})
}

func (v *service) deleteAccountAlias(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteAccountAliasInput) (*iamapi.DeleteAccountAliasOutput, error) {
	return nil, v.changeAccount(ctx, c, "DeleteAccountAlias", func(_ *directory.Tx, a *identity.Account) error {
		if a.Alias != in.AccountAlias {
			return iamapi.ErrNoSuchEntity("The account alias %s cannot be found.", in.AccountAlias)
		}
		a.Alias = ""
		return nil
	})
}

func (v *service) listAccountAliases(ctx context.Context, c *awsapi.Call, _ *iamapi.ListAccountAliasesInput) (*iamapi.ListAccountAliasesOutput, error) {
	if err := v.ask(ctx, c, "ListAccountAliases", "*"); err != nil {
		return nil, err
	}
	out := &iamapi.ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: new(false)}
	if a := v.directory.Snapshot().Account(account(c)); a != nil && a.Alias != "" {
		out.AccountAliases = append(out.AccountAliases, a.Alias)
	}
	return out, nil
}

func (v *service) getAccountSummary(ctx context.Context, c *awsapi.Call, _ *iamapi.GetAccountSummaryInput) (*iamapi.GetAccountSummaryOutput, error) {
	if err := v.ask(ctx, c, "GetAccountSummary", "*"); err != nil {
		return nil, err
	}
	s, id, q := v.directory.Snapshot(), account(c), v.quotas
	versions, inUse, rootMFA := 0, 0, 0
	for p := range s.Policies(id, "", "") {
		versions += len(p.Versions)
	}
	for d := range s.MFADevices(id, "") {
		if d.Assigned {
			inUse++
		}
		if d.Assigned && d.UserID == "" {
			rootMFA = 1
		}
	}
	return &iamapi.GetAccountSummaryOutput{SummaryMap: map[iamapi.SummaryKeyType]int{
		iamapi.SummaryKeyTypeUsers:                             count(s.Users(id, "", "")),
		iamapi.SummaryKeyTypeUsersQuota:                        q.Users,
		iamapi.SummaryKeyTypeGroups:                            count(s.Groups(id, "", "")),
		iamapi.SummaryKeyTypeGroupsQuota:                       q.Groups,
		iamapi.SummaryKeyTypeRoles:                             count(s.Roles(id, "", "")),
		iamapi.SummaryKeyTypeRolesQuota:                        q.Roles,
		iamapi.SummaryKeyTypePolicies:                          count(s.Policies(id, "", "")),
		iamapi.SummaryKeyTypePoliciesQuota:                     q.Policies,
		iamapi.SummaryKeyTypePolicyVersionsInUse:               versions,
		iamapi.SummaryKeyTypePolicyVersionsInUseQuota:          q.VersionsInUse,
		iamapi.SummaryKeyTypeVersionsPerPolicyQuota:            q.PolicyVersions,
		iamapi.SummaryKeyTypeInstanceProfiles:                  count(s.InstanceProfiles(id, "", "")),
		iamapi.SummaryKeyTypeInstanceProfilesQuota:             q.InstanceProfiles,
		iamapi.SummaryKeyTypeServerCertificates:                count(s.ServerCertificates(id, "", "")),
		iamapi.SummaryKeyTypeServerCertificatesQuota:           q.ServerCertificates,
		iamapi.SummaryKeyTypeProviders:                         count(s.OIDCProviders(id)) + count(s.SAMLProviders(id)),
		iamapi.SummaryKeyTypeMFADevices:                        count(s.MFADevices(id, "")),
		iamapi.SummaryKeyTypeMFADevicesInUse:                   inUse,
		iamapi.SummaryKeyTypeAccountMFAEnabled:                 rootMFA,
		iamapi.SummaryKeyTypeAccountAccessKeysPresent:          min(1, count(s.AccessKeys(id, ""))),
		iamapi.SummaryKeyTypeAccountPasswordPresent:            0,
		iamapi.SummaryKeyTypeAccountSigningCertificatesPresent: 0,
		iamapi.SummaryKeyTypeGroupsPerUserQuota:                q.GroupsPerUser,
		iamapi.SummaryKeyTypeAccessKeysPerUserQuota:            q.AccessKeys,
		iamapi.SummaryKeyTypeSigningCertificatesPerUserQuota:   q.SigningCertificates,
		iamapi.SummaryKeyTypeAttachedPoliciesPerUserQuota:      q.AttachedPolicies,
		iamapi.SummaryKeyTypeAttachedPoliciesPerGroupQuota:     q.AttachedPolicies,
		iamapi.SummaryKeyTypeAttachedPoliciesPerRoleQuota:      q.AttachedPolicies,
		iamapi.SummaryKeyTypeUserPolicySizeQuota:               policy.MaxUserInlineSize,
		iamapi.SummaryKeyTypeGroupPolicySizeQuota:              policy.MaxGroupInlineSize,
		iamapi.SummaryKeyTypeRolePolicySizeQuota:               policy.MaxRoleInlineSize,
		iamapi.SummaryKeyTypePolicySizeQuota:                   policy.MaxManagedSize,
		iamapi.SummaryKeyTypeAssumeRolePolicySizeQuota:         policy.MaxTrustSize,
		iamapi.SummaryKeyTypeGlobalEndpointTokenVersion:        1,
	}}, nil
}
