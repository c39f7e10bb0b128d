"""The operations of IAM and STS, spelled out once."""

from __future__ import annotations

from typing import Final

from routeserver.control.access.entities import EntityKind
from routeserver.control.access.operations import (
    access_keys,
    attached,
    groups,
    instance_profiles,
    policies,
    roles,
    sessions,
    users,
)
from routeserver.control.operation import Operation, reads, writes

USER, ROLE, GROUP = EntityKind.USER, EntityKind.ROLE, EntityKind.GROUP

STS: Final[dict[str, Operation]] = {
    "AssumeRole": reads(sessions.assume_role),
    "DecodeAuthorizationMessage": reads(sessions.decode_authorization_message),
    "GetAccessKeyInfo": reads(sessions.get_access_key_info),
    "GetCallerIdentity": reads(sessions.get_caller_identity),
    "GetSessionToken": reads(sessions.get_session_token),
}

IAM: Final[dict[str, Operation]] = {
    # Users and their keys
    "CreateUser": writes(users.create_user),
    "GetUser": reads(users.get_user),
    "ListUsers": reads(users.list_users),
    "UpdateUser": writes(users.update_user),
    "DeleteUser": writes(users.delete_user),
    "TagUser": writes(attached.tag(USER)),
    "UntagUser": writes(attached.untag(USER)),
    "ListUserTags": reads(attached.list_tags(USER)),
    "PutUserPermissionsBoundary": writes(attached.put_boundary(USER)),
    "DeleteUserPermissionsBoundary": writes(attached.delete_boundary(USER)),
    "CreateAccessKey": writes(access_keys.create_access_key),
    "ListAccessKeys": reads(access_keys.list_access_keys),
    "UpdateAccessKey": writes(access_keys.update_access_key),
    "DeleteAccessKey": writes(access_keys.delete_access_key),
    "GetAccessKeyLastUsed": reads(access_keys.get_access_key_last_used),
    "ListMFADevices": reads(users.list_mfa_devices),
    "ListSSHPublicKeys": reads(users.list_ssh_public_keys),
    "ListSigningCertificates": reads(users.list_signing_certificates),
    "ListServiceSpecificCredentials": reads(users.list_service_specific_credentials),
    "GetLoginProfile": reads(users.login_profile),
    "DeleteLoginProfile": reads(users.login_profile),
    # Policies of users, roles and groups
    "PutUserPolicy": writes(attached.put_policy(USER)),
    "GetUserPolicy": reads(attached.get_policy(USER)),
    "ListUserPolicies": reads(attached.list_policies(USER)),
    "DeleteUserPolicy": writes(attached.delete_policy(USER)),
    "AttachUserPolicy": writes(attached.attach_policy(USER)),
    "DetachUserPolicy": writes(attached.detach_policy(USER)),
    "ListAttachedUserPolicies": reads(attached.list_attached(USER)),
    "PutRolePolicy": writes(attached.put_policy(ROLE)),
    "GetRolePolicy": reads(attached.get_policy(ROLE)),
    "ListRolePolicies": reads(attached.list_policies(ROLE)),
    "DeleteRolePolicy": writes(attached.delete_policy(ROLE)),
    "AttachRolePolicy": writes(attached.attach_policy(ROLE)),
    "DetachRolePolicy": writes(attached.detach_policy(ROLE)),
    "ListAttachedRolePolicies": reads(attached.list_attached(ROLE)),
    "PutGroupPolicy": writes(attached.put_policy(GROUP)),
    "GetGroupPolicy": reads(attached.get_policy(GROUP)),
    "ListGroupPolicies": reads(attached.list_policies(GROUP)),
    "DeleteGroupPolicy": writes(attached.delete_policy(GROUP)),
    "AttachGroupPolicy": writes(attached.attach_policy(GROUP)),
    "DetachGroupPolicy": writes(attached.detach_policy(GROUP)),
    "ListAttachedGroupPolicies": reads(attached.list_attached(GROUP)),
    # Managed policies
    "CreatePolicy": writes(policies.create_policy),
    "GetPolicy": reads(policies.get_policy),
    "ListPolicies": reads(policies.list_policies),
    "DeletePolicy": writes(policies.delete_policy),
    "CreatePolicyVersion": writes(policies.create_policy_version),
    "GetPolicyVersion": reads(policies.get_policy_version),
    "ListPolicyVersions": reads(policies.list_policy_versions),
    "DeletePolicyVersion": writes(policies.delete_policy_version),
    "SetDefaultPolicyVersion": writes(policies.set_default_policy_version),
    "ListEntitiesForPolicy": reads(policies.list_entities_for_policy),
    "TagPolicy": writes(attached.tag_policy),
    "UntagPolicy": writes(attached.untag_policy),
    "ListPolicyTags": reads(attached.list_policy_tags),
    # Roles
    "CreateRole": writes(roles.create_role),
    "GetRole": reads(roles.get_role),
    "ListRoles": reads(roles.list_roles),
    "UpdateRole": writes(roles.update_role),
    "UpdateRoleDescription": writes(roles.update_role_description),
    "UpdateAssumeRolePolicy": writes(roles.update_assume_role_policy),
    "DeleteRole": writes(roles.delete_role),
    "TagRole": writes(attached.tag(ROLE)),
    "UntagRole": writes(attached.untag(ROLE)),
    "ListRoleTags": reads(attached.list_tags(ROLE)),
    "PutRolePermissionsBoundary": writes(attached.put_boundary(ROLE)),
    "DeleteRolePermissionsBoundary": writes(attached.delete_boundary(ROLE)),
    # Instance profiles
    "CreateInstanceProfile": writes(instance_profiles.create_instance_profile),
    "GetInstanceProfile": reads(instance_profiles.get_instance_profile),
    "ListInstanceProfiles": reads(instance_profiles.list_instance_profiles),
    "ListInstanceProfilesForRole": reads(instance_profiles.list_instance_profiles_for_role),
    "DeleteInstanceProfile": writes(instance_profiles.delete_instance_profile),
    "AddRoleToInstanceProfile": writes(instance_profiles.add_role_to_instance_profile),
    "RemoveRoleFromInstanceProfile": writes(instance_profiles.remove_role_from_instance_profile),
    "TagInstanceProfile": writes(instance_profiles.tag_instance_profile),
    "UntagInstanceProfile": writes(instance_profiles.untag_instance_profile),
    "ListInstanceProfileTags": reads(instance_profiles.list_instance_profile_tags),
    # Groups
    "CreateGroup": writes(groups.create_group),
    "GetGroup": reads(groups.get_group),
    "ListGroups": reads(groups.list_groups),
    "UpdateGroup": writes(groups.update_group),
    "DeleteGroup": writes(groups.delete_group),
    "AddUserToGroup": writes(groups.add_user_to_group),
    "RemoveUserFromGroup": writes(groups.remove_user_from_group),
    "ListGroupsForUser": reads(groups.list_groups_for_user),
}
