"""Users (IAM API 2010-05-08)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from routeserver.control.access import lookup, views
from routeserver.control.access.entities import ID_PREFIX, Entity, EntityKind
from routeserver.control.access.principal import PrincipalKind
from routeserver.control.call import Answer, Call, Params

MAX_NAME: Final = 64


async def create_user(call: Call, params: Params) -> Answer:
    name = lookup.checked_name(params["UserName"], "userName", MAX_NAME)
    await lookup.require_new(call, EntityKind.USER, name)
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        await lookup.find_policy(call, boundary)
    user = Entity(
        kind=EntityKind.USER,
        account_id=call.account_id,
        name=name,
        path=lookup.checked_path(params),
        id=lookup.new_id(call, ID_PREFIX[EntityKind.USER]),
        created_at=call.now,
        boundary=boundary,
        tags=lookup.checked_tags(params.get("Tags", ())),
    )
    await lookup.save(call, user)
    return {"User": views.user(user)}


async def get_user(call: Call, params: Params) -> Answer:
    if "UserName" not in params and call.principal.kind is PrincipalKind.ROOT:
        root = {
            "Path": "/",
            "UserName": "root",
            "UserId": call.account_id,
            "Arn": call.principal_arn,
            "CreateDate": 0.0,
        }
        return {"User": root}
    return {"User": views.user(await lookup.find_user(call, params))}


async def list_users(call: Call, params: Params) -> Answer:
    users = await lookup.all_of(call, EntityKind.USER, params.get("PathPrefix", "/"))
    return lookup.page(
        users, params, "Users", lambda user: user.name, lambda user: views.user(user, full=False)
    )


async def update_user(call: Call, params: Params) -> Answer:
    """Gives a user another name or path; its keys go with it."""
    user = await lookup.find(call, EntityKind.USER, params["UserName"])
    name = lookup.checked_name(params.get("NewUserName", user.name), "newUserName", MAX_NAME)
    if name.lower() != user.name.lower():
        await lookup.require_new(call, EntityKind.USER, name)
    path = lookup.checked_path({"Path": params.get("NewPath", user.path)})
    changed = replace(user, name=name, path=path)
    rows = call.tx.iam(call.account_id)
    await rows.delete(EntityKind.USER, user.name)
    await lookup.save(call, changed)
    for key in await rows.keys_of(user.name):
        moved = replace(key, user_name=changed.name, principal_arn=changed.arn)
        await call.tx.put_access_key(moved)
    return {}


async def delete_user(call: Call, params: Params) -> Answer:
    user = await lookup.find(call, EntityKind.USER, params["UserName"])
    rows = call.tx.iam(call.account_id)
    if await rows.keys_of(user.name):
        raise lookup.delete_conflict("must delete access keys first")
    if user.attached:
        raise lookup.delete_conflict("must detach all policies first")
    if user.inline:
        raise lookup.delete_conflict("must delete policies first")
    if user.groups:
        raise lookup.delete_conflict("must remove users from group first")
    await rows.delete(EntityKind.USER, user.name)
    return {}


async def list_nothing(call: Call, params: Params, member: str) -> Answer:
    """A list that exists for clients that ask for it: users here have none of these."""
    await lookup.find_user(call, params)
    return {member: [], "IsTruncated": False}


async def list_mfa_devices(call: Call, params: Params) -> Answer:
    return await list_nothing(call, params, "MFADevices")


async def list_ssh_public_keys(call: Call, params: Params) -> Answer:
    return await list_nothing(call, params, "SSHPublicKeys")


async def list_signing_certificates(call: Call, params: Params) -> Answer:
    return await list_nothing(call, params, "Certificates")


async def list_service_specific_credentials(call: Call, params: Params) -> Answer:
    await lookup.find_user(call, params)
    return {"ServiceSpecificCredentials": []}


async def login_profile(call: Call, params: Params) -> Answer:
    """GetLoginProfile and DeleteLoginProfile: there is no console to log in to."""
    user = await lookup.find_user(call, params)
    raise lookup.no_such_entity(f"Login Profile for User {user.name}")
