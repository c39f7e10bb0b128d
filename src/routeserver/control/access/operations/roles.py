"""Roles and who may assume them (IAM API 2010-05-08)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from routeserver.control.access import lookup, profiles, views
from routeserver.control.access.entities import (
    DEFAULT_SESSION_S,
    ID_PREFIX,
    Entity,
    EntityKind,
)
from routeserver.control.call import Answer, Call, Params
from routeserver.ec2.iam_policy import Kind

MAX_NAME: Final = 64
MAX_TRUST: Final = 2048


async def create_role(call: Call, params: Params) -> Answer:
    name = lookup.checked_name(params["RoleName"], "roleName", MAX_NAME)
    await lookup.require_new(call, EntityKind.ROLE, name)
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        await lookup.find_policy(call, boundary)
    role = Entity(
        kind=EntityKind.ROLE,
        account_id=call.account_id,
        name=name,
        path=lookup.checked_path(params),
        id=lookup.new_id(call, ID_PREFIX[EntityKind.ROLE]),
        created_at=call.now,
        boundary=boundary,
        tags=lookup.checked_tags(params.get("Tags", ())),
        trust=lookup.checked_document(params["AssumeRolePolicyDocument"], Kind.TRUST, MAX_TRUST),
        description=params.get("Description"),
        max_session_s=params.get("MaxSessionDuration", DEFAULT_SESSION_S),
    )
    await lookup.save(call, role)
    return {"Role": views.role(role)}


async def get_role(call: Call, params: Params) -> Answer:
    return {"Role": views.role(await lookup.find(call, EntityKind.ROLE, params["RoleName"]))}


async def list_roles(call: Call, params: Params) -> Answer:
    roles = await lookup.all_of(call, EntityKind.ROLE, params.get("PathPrefix", "/"))
    return lookup.page(
        roles, params, "Roles", lambda role: role.name, lambda role: views.role(role, full=False)
    )


async def update_role(call: Call, params: Params) -> Answer:
    changes: dict[str, Any] = {}
    if "Description" in params:
        changes["description"] = params["Description"]
    if "MaxSessionDuration" in params:
        changes["max_session_s"] = params["MaxSessionDuration"]
    await _change(call, params, **changes)
    return {}


async def update_role_description(call: Call, params: Params) -> Answer:
    return {"Role": views.role(await _change(call, params, description=params["Description"]))}


async def update_assume_role_policy(call: Call, params: Params) -> Answer:
    trust = lookup.checked_document(params["PolicyDocument"], Kind.TRUST, MAX_TRUST)
    await _change(call, params, trust=trust)
    return {}


async def delete_role(call: Call, params: Params) -> Answer:
    role = await lookup.find(call, EntityKind.ROLE, params["RoleName"])
    if role.attached:
        raise lookup.delete_conflict("must detach all policies first")
    if role.inline:
        raise lookup.delete_conflict("must delete policies first")
    if await profiles.profiles_with(call, role):
        raise lookup.delete_conflict("must remove roles from instance profile first")
    await call.tx.iam(call.account_id).delete(EntityKind.ROLE, role.name)
    return {}


async def _change(call: Call, params: Params, **changes: Any) -> Entity:
    role = replace(await lookup.find(call, EntityKind.ROLE, params["RoleName"]), **changes)
    await lookup.save(call, role)
    return role
