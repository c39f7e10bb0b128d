"""Managed policies and their versions (IAM API 2010-05-08)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from routeserver.control.access import lookup, views
from routeserver.control.access.entities import (
    POLICY,
    POLICY_ID_PREFIX,
    Entity,
    EntityKind,
    ManagedPolicy,
    PolicyVersion,
    policy_of,
)
from routeserver.control.access.managed import AMAZONS
from routeserver.control.call import Answer, Call, Params
from routeserver.domain.refusal import Refusal
from routeserver.ec2.iam_policy import Kind

MAX_DOCUMENT: Final = 6144
MAX_VERSIONS: Final = 5


async def create_policy(call: Call, params: Params) -> Answer:
    name = lookup.checked_name(params["PolicyName"], "policyName")
    if await call.tx.iam(call.account_id).get(POLICY, name) is not None:
        raise lookup.already_exists(f"A policy called {name}")
    document = lookup.checked_document(params["PolicyDocument"], Kind.IDENTITY, MAX_DOCUMENT)
    policy = ManagedPolicy(
        account_id=call.account_id,
        name=name,
        path=lookup.checked_path(params),
        id=lookup.new_id(call, POLICY_ID_PREFIX),
        created_at=call.now,
        updated_at=call.now,
        versions=(PolicyVersion("v1", document, call.now),),
        default_version="v1",
        description=params.get("Description"),
        tags=lookup.checked_tags(params.get("Tags", ())),
    )
    await lookup.save_policy(call, policy)
    return {"Policy": views.policy(policy, 0, 0)}


async def get_policy(call: Call, params: Params) -> Answer:
    policy = await lookup.find_policy(call, params["PolicyArn"])
    return {"Policy": views.policy(policy, *_uses(policy, await _everybody(call)))}


async def list_policies(call: Call, params: Params) -> Answer:
    scope = params.get("Scope", "All")
    found: list[ManagedPolicy] = []
    if scope != "AWS":
        found += map(policy_of, await call.tx.iam(call.account_id).list(POLICY))
    if scope != "Local":
        found += AMAZONS.values()
    everybody = await _everybody(call)
    rows = [
        policy
        for policy in found
        if policy.path.startswith(params.get("PathPrefix", "/"))
        and (_uses(policy, everybody)[0] or not params.get("OnlyAttached"))
    ]
    return lookup.page(
        rows,
        params,
        "Policies",
        lambda policy: policy.arn,
        lambda policy: views.policy(policy, *_uses(policy, everybody), full=False),
    )


async def delete_policy(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    attached, bounding = _uses(policy, await _everybody(call))
    if attached or bounding:
        raise Refusal("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(policy.versions) > 1:
        raise Refusal(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy.",
            409,
        )
    await call.tx.iam(call.account_id).delete(POLICY, policy.name)
    return {}


async def create_policy_version(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    document = lookup.checked_document(params["PolicyDocument"], Kind.IDENTITY, MAX_DOCUMENT)
    if len(policy.versions) >= MAX_VERSIONS:
        raise lookup.limit_exceeded("VersionsPerPolicy", MAX_VERSIONS)
    version = PolicyVersion(f"v{policy.next_version}", document, call.now)
    changed = replace(
        policy,
        versions=(*policy.versions, version),
        next_version=policy.next_version + 1,
        updated_at=call.now,
        default_version=version.id if params.get("SetAsDefault") else policy.default_version,
    )
    await lookup.save_policy(call, changed)
    return {"PolicyVersion": views.version(changed, version, with_document=False)}


async def get_policy_version(call: Call, params: Params) -> Answer:
    policy = await lookup.find_policy(call, params["PolicyArn"])
    version = _version(policy, params["VersionId"])
    return {"PolicyVersion": views.version(policy, version, with_document=True)}


async def list_policy_versions(call: Call, params: Params) -> Answer:
    policy = await lookup.find_policy(call, params["PolicyArn"])
    return lookup.page(
        policy.versions,
        params,
        "Versions",
        lambda each: f"{each.id:0>8}",
        lambda each: views.version(policy, each, with_document=False),
    )


async def delete_policy_version(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    version = _version(policy, params["VersionId"])
    if version.id == policy.default_version:
        raise Refusal("DeleteConflict", "Cannot delete the default version of a policy.", 409)
    left = tuple(each for each in policy.versions if each is not version)
    await lookup.save_policy(call, replace(policy, versions=left))
    return {}


async def set_default_policy_version(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    version = _version(policy, params["VersionId"])
    changed = replace(policy, default_version=version.id, updated_at=call.now)
    await lookup.save_policy(call, changed)
    return {}


async def list_entities_for_policy(call: Call, params: Params) -> Answer:
    policy = await lookup.find_policy(call, params["PolicyArn"])
    wanted = params.get("EntityFilter")
    members = {
        EntityKind.USER: ("PolicyUsers", "User"),
        EntityKind.ROLE: ("PolicyRoles", "Role"),
        EntityKind.GROUP: ("PolicyGroups", "Group"),
    }
    answer: Answer = {member: [] for member, _ in members.values()}
    for holder in await lookup.holders_of(call, policy.arn):
        member, noun = members[holder.kind]
        if wanted in {None, noun}:
            answer[member].append({f"{noun}Name": holder.name, f"{noun}Id": holder.id})
    return answer | {"IsTruncated": False}


async def _everybody(call: Call) -> list[Entity]:
    return [entity for kind in EntityKind for entity in await lookup.all_of(call, kind)]


def _uses(policy: ManagedPolicy, everybody: Iterable[Entity]) -> tuple[int, int]:
    attached = bounding = 0
    for each in everybody:
        attached += policy.arn in each.attached
        bounding += policy.arn == each.boundary
    return attached, bounding


def _version(policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for each in policy.versions:
        if each.id == version_id:
            return each
    raise lookup.no_such_entity(f"Policy {policy.arn} version {version_id}")
