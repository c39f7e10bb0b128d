"""Groups of users (IAM API 2010-05-08)."""

from __future__ import annotations

from dataclasses import replace

from routeserver.control.access import lookup, views
from routeserver.control.access.entities import ID_PREFIX, Entity, EntityKind
from routeserver.control.call import Answer, Call, Params


async def create_group(call: Call, params: Params) -> Answer:
    name = lookup.checked_name(params["GroupName"], "groupName")
    await lookup.require_new(call, EntityKind.GROUP, name)
    group = Entity(
        kind=EntityKind.GROUP,
        account_id=call.account_id,
        name=name,
        path=lookup.checked_path(params),
        id=lookup.new_id(call, ID_PREFIX[EntityKind.GROUP]),
        created_at=call.now,
    )
    await lookup.save(call, group)
    return {"Group": views.group(group)}


async def get_group(call: Call, params: Params) -> Answer:
    group = await lookup.find(call, EntityKind.GROUP, params["GroupName"])
    answer = lookup.page(
        await _members(call, group),
        params,
        "Users",
        lambda user: user.name,
        lambda user: views.user(user, full=False),
    )
    return {"Group": views.group(group), **answer}


async def list_groups(call: Call, params: Params) -> Answer:
    groups = await lookup.all_of(call, EntityKind.GROUP, params.get("PathPrefix", "/"))
    return lookup.page(groups, params, "Groups", lambda group: group.name, views.group)


async def update_group(call: Call, params: Params) -> Answer:
    group = await lookup.find(call, EntityKind.GROUP, params["GroupName"])
    name = lookup.checked_name(params.get("NewGroupName", group.name), "newGroupName")
    if name.lower() != group.name.lower():
        await lookup.require_new(call, EntityKind.GROUP, name)
    path = lookup.checked_path({"Path": params.get("NewPath", group.path)})
    members = await _members(call, group)
    await call.tx.iam(call.account_id).delete(EntityKind.GROUP, group.name)
    await lookup.save(call, replace(group, name=name, path=path))
    for user in members:
        renamed = tuple(name if each == group.name else each for each in user.groups)
        await lookup.save(call, replace(user, groups=renamed))
    return {}


async def delete_group(call: Call, params: Params) -> Answer:
    group = await lookup.find(call, EntityKind.GROUP, params["GroupName"])
    if await _members(call, group):
        raise lookup.delete_conflict("must remove users from group first")
    if group.attached:
        raise lookup.delete_conflict("must detach all policies first")
    if group.inline:
        raise lookup.delete_conflict("must delete policies first")
    await call.tx.iam(call.account_id).delete(EntityKind.GROUP, group.name)
    return {}


async def add_user_to_group(call: Call, params: Params) -> Answer:
    group = await lookup.find(call, EntityKind.GROUP, params["GroupName"])
    user = await lookup.find(call, EntityKind.USER, params["UserName"])
    if group.name not in user.groups:
        await lookup.save(call, replace(user, groups=(*user.groups, group.name)))
    return {}


async def remove_user_from_group(call: Call, params: Params) -> Answer:
    group = await lookup.find(call, EntityKind.GROUP, params["GroupName"])
    user = await lookup.find(call, EntityKind.USER, params["UserName"])
    if group.name not in user.groups:
        raise lookup.no_such_entity(f"The user {user.name} in the group {group.name}")
    left = tuple(each for each in user.groups if each != group.name)
    await lookup.save(call, replace(user, groups=left))
    return {}


async def list_groups_for_user(call: Call, params: Params) -> Answer:
    user = await lookup.find(call, EntityKind.USER, params["UserName"])
    groups = [await lookup.find(call, EntityKind.GROUP, name) for name in user.groups]
    return lookup.page(groups, params, "Groups", lambda group: group.name, views.group)


async def _members(call: Call, group: Entity) -> list[Entity]:
    users = await lookup.all_of(call, EntityKind.USER)
    return [user for user in users if group.name in user.groups]
