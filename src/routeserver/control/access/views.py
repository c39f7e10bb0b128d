"""What IAM has, in the shapes of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from routeserver.control.access.entities import (
    Entity,
    InstanceProfile,
    ManagedPolicy,
    PolicyVersion,
)
from routeserver.control.call import Answer


def tags(given: Mapping[str, str]) -> list[Answer]:
    return [{"Key": key, "Value": given[key]} for key in sorted(given)]


def encoded(document: str) -> str:
    """IAM answers documents percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def user(entity: Entity, *, full: bool = True) -> Answer:
    """Lists leave tags and the boundary out."""
    answer: Answer = {
        "Path": entity.path,
        "UserName": entity.name,
        "UserId": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
    }
    return answer | _more(entity) if full else answer


def role(entity: Entity, *, full: bool = True) -> Answer:
    answer: Answer = {
        "Path": entity.path,
        "RoleName": entity.name,
        "RoleId": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
        "AssumeRolePolicyDocument": encoded(entity.trust or ""),
        "MaxSessionDuration": entity.max_session_s,
    }
    if entity.description is not None:
        answer["Description"] = entity.description
    return answer | _more(entity) | {"RoleLastUsed": {}} if full else answer


def group(entity: Entity) -> Answer:
    return {
        "Path": entity.path,
        "GroupName": entity.name,
        "GroupId": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
    }


def instance_profile(
    profile: InstanceProfile, holder: Entity | None, *, full: bool = True
) -> Answer:
    """`holder` is its role. Lists leave tags out."""
    answer: Answer = {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created_at,
        "Roles": [] if holder is None else [_role_in_profile(holder)],
    }
    if full and profile.tags:
        answer["Tags"] = tags(profile.tags)
    return answer


def _role_in_profile(entity: Entity) -> Answer:
    return {
        "Path": entity.path,
        "RoleName": entity.name,
        "RoleId": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
        "AssumeRolePolicyDocument": encoded(entity.trust or ""),
    }


def _more(entity: Entity) -> Answer:
    answer: Answer = {}
    if entity.tags:
        answer["Tags"] = tags(entity.tags)
    if entity.boundary is not None:
        answer["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": entity.boundary,
        }
    return answer


def policy(found: ManagedPolicy, attached: int, bounding: int, *, full: bool = True) -> Answer:
    """`attached` and `bounding` count what it is attached to and what it is the boundary of."""
    answer: Answer = {
        "PolicyName": found.name,
        "PolicyId": found.id,
        "Arn": found.arn,
        "Path": found.path,
        "DefaultVersionId": found.default_version,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": found.created_at,
        "UpdateDate": found.updated_at,
    }
    if full:
        if found.description is not None:
            answer["Description"] = found.description
        answer["Tags"] = tags(found.tags)
    return answer


def version(found: ManagedPolicy, each: PolicyVersion, *, with_document: bool) -> Answer:
    answer: Answer = {
        "VersionId": each.id,
        "IsDefaultVersion": each.id == found.default_version,
        "CreateDate": each.created_at,
    }
    if with_document:
        answer["Document"] = encoded(each.document)
    return answer
