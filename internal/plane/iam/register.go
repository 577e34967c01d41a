package iam

import (
	"strings"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/credreport"
)

// Register binds the operations to s. What is not here answers InvalidAction.
func Register(s *awsapi.Service, o Options) {
	v := &service{authorizer: o.Authorizer, directory: o.Directory, quotas: DefaultQuotas(), accesses: o.Accesses, reports: credreport.NewKeeper(o.Directory)}
	if o.Quotas != nil {
		v.quotas = *o.Quotas
	}
	v.registerUsers(s)
	v.registerGroups(s)
	v.registerRoles(s)
	v.registerPolicies(s)
	v.registerSignIn(s)
	v.registerProviders(s)
	v.registerCertificates(s)
	v.registerAccount(s)
}

// readOnly reports whether an operation changes nothing, which its name tells.
func readOnly(operation string) bool {
	for _, verb := range []string{"Get", "List", "Simulate", "Generate"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}

func (v *service) registerUsers(s *awsapi.Service) {
	handle(s, iamapi.CreateUser, v.createUser)
	handle(s, iamapi.GetUser, v.getUser)
	handle(s, iamapi.ListUsers, v.listUsers)
	handle(s, iamapi.UpdateUser, v.updateUser)
	handle(s, iamapi.DeleteUser, v.deleteUser)
	handle(s, iamapi.TagUser, v.tagUser)
	handle(s, iamapi.UntagUser, v.untagUser)
	handle(s, iamapi.ListUserTags, v.listUserTags)
	handle(s, iamapi.PutUserPermissionsBoundary, v.putUserBoundary)
	handle(s, iamapi.DeleteUserPermissionsBoundary, v.deleteUserBoundary)
	handle(s, iamapi.PutUserPolicy, v.putUserPolicy)
	handle(s, iamapi.GetUserPolicy, v.getUserPolicy)
	handle(s, iamapi.DeleteUserPolicy, v.deleteUserPolicy)
	handle(s, iamapi.ListUserPolicies, v.listUserPolicies)
	handle(s, iamapi.AttachUserPolicy, v.attachUserPolicy)
	handle(s, iamapi.DetachUserPolicy, v.detachUserPolicy)
	handle(s, iamapi.ListAttachedUserPolicies, v.listAttachedUserPolicies)
	handle(s, iamapi.CreateAccessKey, v.createAccessKey)
	handle(s, iamapi.ListAccessKeys, v.listAccessKeys)
	handle(s, iamapi.UpdateAccessKey, v.updateAccessKey)
	handle(s, iamapi.DeleteAccessKey, v.deleteAccessKey)
	handle(s, iamapi.GetAccessKeyLastUsed, v.getAccessKeyLastUsed)
}

func (v *service) registerGroups(s *awsapi.Service) {
	handle(s, iamapi.CreateGroup, v.createGroup)
	handle(s, iamapi.GetGroup, v.getGroup)
	handle(s, iamapi.ListGroups, v.listGroups)
	handle(s, iamapi.UpdateGroup, v.updateGroup)
	handle(s, iamapi.DeleteGroup, v.deleteGroup)
	handle(s, iamapi.AddUserToGroup, v.addUserToGroup)
	handle(s, iamapi.RemoveUserFromGroup, v.removeUserFromGroup)
	handle(s, iamapi.ListGroupsForUser, v.listGroupsForUser)
	handle(s, iamapi.PutGroupPolicy, v.putGroupPolicy)
	handle(s, iamapi.GetGroupPolicy, v.getGroupPolicy)
	handle(s, iamapi.DeleteGroupPolicy, v.deleteGroupPolicy)
	handle(s, iamapi.ListGroupPolicies, v.listGroupPolicies)
	handle(s, iamapi.AttachGroupPolicy, v.attachGroupPolicy)
	handle(s, iamapi.DetachGroupPolicy, v.detachGroupPolicy)
	handle(s, iamapi.ListAttachedGroupPolicies, v.listAttachedGroupPolicies)
}

func (v *service) registerRoles(s *awsapi.Service) {
	handle(s, iamapi.CreateRole, v.createRole)
	handle(s, iamapi.GetRole, v.getRole)
	handle(s, iamapi.ListRoles, v.listRoles)
	handle(s, iamapi.UpdateRole, v.updateRole)
	handle(s, iamapi.UpdateRoleDescription, v.updateRoleDescription)
	handle(s, iamapi.UpdateAssumeRolePolicy, v.updateAssumeRolePolicy)
	handle(s, iamapi.DeleteRole, v.deleteRole)
	handle(s, iamapi.TagRole, v.tagRole)
	handle(s, iamapi.UntagRole, v.untagRole)
	handle(s, iamapi.ListRoleTags, v.listRoleTags)
	handle(s, iamapi.PutRolePermissionsBoundary, v.putRoleBoundary)
	handle(s, iamapi.DeleteRolePermissionsBoundary, v.deleteRoleBoundary)
	handle(s, iamapi.PutRolePolicy, v.putRolePolicy)
	handle(s, iamapi.GetRolePolicy, v.getRolePolicy)
	handle(s, iamapi.DeleteRolePolicy, v.deleteRolePolicy)
	handle(s, iamapi.ListRolePolicies, v.listRolePolicies)
	handle(s, iamapi.AttachRolePolicy, v.attachRolePolicy)
	handle(s, iamapi.DetachRolePolicy, v.detachRolePolicy)
	handle(s, iamapi.ListAttachedRolePolicies, v.listAttachedRolePolicies)
	handle(s, iamapi.CreateServiceLinkedRole, v.createServiceLinkedRole)
	handle(s, iamapi.DeleteServiceLinkedRole, v.deleteServiceLinkedRole)
	handle(s, iamapi.GetServiceLinkedRoleDeletionStatus, v.getServiceLinkedRoleDeletionStatus)
	handle(s, iamapi.CreateInstanceProfile, v.createInstanceProfile)
	handle(s, iamapi.GetInstanceProfile, v.getInstanceProfile)
	handle(s, iamapi.ListInstanceProfiles, v.listInstanceProfiles)
	handle(s, iamapi.ListInstanceProfilesForRole, v.listInstanceProfilesForRole)
	handle(s, iamapi.DeleteInstanceProfile, v.deleteInstanceProfile)
	handle(s, iamapi.AddRoleToInstanceProfile, v.addRoleToInstanceProfile)
	handle(s, iamapi.RemoveRoleFromInstanceProfile, v.removeRoleFromInstanceProfile)
	handle(s, iamapi.TagInstanceProfile, v.tagInstanceProfile)
	handle(s, iamapi.UntagInstanceProfile, v.untagInstanceProfile)
	handle(s, iamapi.ListInstanceProfileTags, v.listInstanceProfileTags)
}

func (v *service) registerPolicies(s *awsapi.Service) {
	handle(s, iamapi.CreatePolicy, v.createPolicy)
	handle(s, iamapi.GetPolicy, v.getPolicy)
	handle(s, iamapi.ListPolicies, v.listPolicies)
	handle(s, iamapi.DeletePolicy, v.deletePolicy)
	handle(s, iamapi.TagPolicy, v.tagPolicy)
	handle(s, iamapi.UntagPolicy, v.untagPolicy)
	handle(s, iamapi.ListPolicyTags, v.listPolicyTags)
	handle(s, iamapi.CreatePolicyVersion, v.createPolicyVersion)
	handle(s, iamapi.GetPolicyVersion, v.getPolicyVersion)
	handle(s, iamapi.ListPolicyVersions, v.listPolicyVersions)
	handle(s, iamapi.SetDefaultPolicyVersion, v.setDefaultPolicyVersion)
	handle(s, iamapi.DeletePolicyVersion, v.deletePolicyVersion)
	handle(s, iamapi.ListEntitiesForPolicy, v.listEntitiesForPolicy)
	handle(s, iamapi.ListPoliciesGrantingServiceAccess, v.listPoliciesGrantingServiceAccess)
	handle(s, iamapi.GenerateServiceLastAccessedDetails, v.generateServiceLastAccessedDetails)
	handle(s, iamapi.GetServiceLastAccessedDetails, v.getServiceLastAccessedDetails)
	handle(s, iamapi.GetServiceLastAccessedDetailsWithEntities, v.getServiceLastAccessedDetailsWithEntities)
}

func (v *service) registerSignIn(s *awsapi.Service) {
	handle(s, iamapi.CreateLoginProfile, v.createLoginProfile)
	handle(s, iamapi.GetLoginProfile, v.getLoginProfile)
	handle(s, iamapi.UpdateLoginProfile, v.updateLoginProfile)
	handle(s, iamapi.DeleteLoginProfile, v.deleteLoginProfile)
	handle(s, iamapi.ChangePassword, v.changePassword)
	handle(s, iamapi.UpdateAccountPasswordPolicy, v.updateAccountPasswordPolicy)
	handle(s, iamapi.GetAccountPasswordPolicy, v.getAccountPasswordPolicy)
	handle(s, iamapi.DeleteAccountPasswordPolicy, v.deleteAccountPasswordPolicy)
	handle(s, iamapi.CreateVirtualMFADevice, v.createVirtualMFADevice)
	handle(s, iamapi.DeleteVirtualMFADevice, v.deleteVirtualMFADevice)
	handle(s, iamapi.ListVirtualMFADevices, v.listVirtualMFADevices)
	handle(s, iamapi.EnableMFADevice, v.enableMFADevice)
	handle(s, iamapi.ResyncMFADevice, v.resyncMFADevice)
	handle(s, iamapi.DeactivateMFADevice, v.deactivateMFADevice)
	handle(s, iamapi.ListMFADevices, v.listMFADevices)
	handle(s, iamapi.GetMFADevice, v.getMFADevice)
	handle(s, iamapi.TagMFADevice, v.tagMFADevice)
	handle(s, iamapi.UntagMFADevice, v.untagMFADevice)
	handle(s, iamapi.ListMFADeviceTags, v.listMFADeviceTags)
}

func (v *service) registerProviders(s *awsapi.Service) {
	handle(s, iamapi.CreateOpenIDConnectProvider, v.createOIDCProvider)
	handle(s, iamapi.GetOpenIDConnectProvider, v.getOIDCProvider)
	handle(s, iamapi.ListOpenIDConnectProviders, v.listOIDCProviders)
	handle(s, iamapi.DeleteOpenIDConnectProvider, v.deleteOIDCProvider)
	handle(s, iamapi.UpdateOpenIDConnectProviderThumbprint, v.updateOIDCThumbprint)
	handle(s, iamapi.AddClientIDToOpenIDConnectProvider, v.addClientID)
	handle(s, iamapi.RemoveClientIDFromOpenIDConnectProvider, v.removeClientID)
	handle(s, iamapi.TagOpenIDConnectProvider, v.tagOIDC)
	handle(s, iamapi.UntagOpenIDConnectProvider, v.untagOIDC)
	handle(s, iamapi.ListOpenIDConnectProviderTags, v.listOIDCTags)
	handle(s, iamapi.CreateSAMLProvider, v.createSAMLProvider)
	handle(s, iamapi.GetSAMLProvider, v.getSAMLProvider)
	handle(s, iamapi.ListSAMLProviders, v.listSAMLProviders)
	handle(s, iamapi.UpdateSAMLProvider, v.updateSAMLProvider)
	handle(s, iamapi.DeleteSAMLProvider, v.deleteSAMLProvider)
	handle(s, iamapi.TagSAMLProvider, v.tagSAML)
	handle(s, iamapi.UntagSAMLProvider, v.untagSAML)
	handle(s, iamapi.ListSAMLProviderTags, v.listSAMLTags)
}

func (v *service) registerCertificates(s *awsapi.Service) {
	handle(s, iamapi.UploadServerCertificate, v.uploadServerCertificate)
	handle(s, iamapi.GetServerCertificate, v.getServerCertificate)
	handle(s, iamapi.ListServerCertificates, v.listServerCertificates)
	handle(s, iamapi.UpdateServerCertificate, v.updateServerCertificate)
	handle(s, iamapi.DeleteServerCertificate, v.deleteServerCertificate)
	handle(s, iamapi.TagServerCertificate, v.tagServerCertificate)
	handle(s, iamapi.UntagServerCertificate, v.untagServerCertificate)
	handle(s, iamapi.ListServerCertificateTags, v.listServerCertificateTags)
	handle(s, iamapi.UploadSigningCertificate, v.uploadSigningCertificate)
	handle(s, iamapi.ListSigningCertificates, v.listSigningCertificates)
	handle(s, iamapi.UpdateSigningCertificate, v.updateSigningCertificate)
	handle(s, iamapi.DeleteSigningCertificate, v.deleteSigningCertificate)
}

func (v *service) registerAccount(s *awsapi.Service) {
	handle(s, iamapi.CreateAccountAlias, v.createAccountAlias)
	handle(s, iamapi.DeleteAccountAlias, v.deleteAccountAlias)
	handle(s, iamapi.ListAccountAliases, v.listAccountAliases)
	handle(s, iamapi.GetAccountSummary, v.getAccountSummary)
	handle(s, iamapi.GetAccountAuthorizationDetails, v.getAccountAuthorizationDetails)
	handle(s, iamapi.GenerateCredentialReport, v.generateCredentialReport)
	handle(s, iamapi.GetCredentialReport, v.getCredentialReport)
	handle(s, iamapi.SimulateCustomPolicy, v.simulateCustomPolicy)
	handle(s, iamapi.SimulatePrincipalPolicy, v.simulatePrincipalPolicy)
	handle(s, iamapi.GetContextKeysForCustomPolicy, v.getContextKeysForCustomPolicy)
	handle(s, iamapi.GetContextKeysForPrincipalPolicy, v.getContextKeysForPrincipalPolicy)
}
