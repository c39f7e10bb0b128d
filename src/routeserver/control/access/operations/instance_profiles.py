"""Instance profiles and the role in each (IAM API 2010-05-08)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from routeserver.control.access import lookup, views
from routeserver.control.access.entities import (
    INSTANCE_PROFILE,
    INSTANCE_PROFILE_ID_PREFIX,
    EntityKind,
    InstanceProfile,
)
from routeserver.control.access.operations.attached import tag_page, with_tags, without_tags
from routeserver.control.access.profiles import (
    all_profiles,
    find_profile,
    profiles_with,
    role_in,
    save_profile,
)
from routeserver.control.call import Answer, Call, Params

MAX_ROLES: Final = 1


async def create_instance_profile(call: Call, params: Params) -> Answer:
    name = lookup.checked_name(params["InstanceProfileName"], "instanceProfileName")
    if await call.tx.iam(call.account_id).get(INSTANCE_PROFILE, name) is not None:
        raise lookup.already_exists(f"Instance Profile {name}")
    profile = InstanceProfile(
        account_id=call.account_id,
        name=name,
        path=lookup.checked_path(params),
        id=lookup.new_id(call, INSTANCE_PROFILE_ID_PREFIX),
        created_at=call.now,
        tags=lookup.checked_tags(params.get("Tags", ())),
    )
    await save_profile(call, profile)
    return {"InstanceProfile": views.instance_profile(profile, None)}


async def get_instance_profile(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    holder = await role_in(call.tx.iam(call.account_id), profile)
    return {"InstanceProfile": views.instance_profile(profile, holder)}


async def list_instance_profiles(call: Call, params: Params) -> Answer:
    prefix = params.get("PathPrefix", "/")
    found = [each for each in await all_profiles(call) if each.path.startswith(prefix)]
    return await _page(call, params, found)


async def list_instance_profiles_for_role(call: Call, params: Params) -> Answer:
    role = await lookup.find(call, EntityKind.ROLE, params["RoleName"])
    return await _page(call, params, await profiles_with(call, role))


async def _page(call: Call, params: Params, found: Sequence[InstanceProfile]) -> Answer:
    roles = {role.name: role for role in await lookup.all_of(call, EntityKind.ROLE)}
    return lookup.page(
        found,
        params,
        "InstanceProfiles",
        lambda profile: profile.name,
        lambda profile: views.instance_profile(profile, roles.get(profile.role or ""), full=False),
    )


async def delete_instance_profile(call: Call, params: Params) -> Answer:
    """Also one that an instance has: the instance goes on naming it."""
    profile = await find_profile(call, params["InstanceProfileName"])
    if profile.role is not None:
        raise lookup.delete_conflict("must remove roles from instance profile first")
    await call.tx.iam(call.account_id).delete(INSTANCE_PROFILE, profile.name)
    return {}


async def add_role_to_instance_profile(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    role = await lookup.find(call, EntityKind.ROLE, params["RoleName"])
    if profile.role is not None:
        # Whichever role it is: the quota comes first.
        raise lookup.limit_exceeded("InstanceSessionsPerInstanceProfile", MAX_ROLES)
    await save_profile(call, replace(profile, role=role.name))
    return {}


async def remove_role_from_instance_profile(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    role = await lookup.find(call, EntityKind.ROLE, params["RoleName"])
    if profile.role != role.name:
        raise lookup.no_such_entity(f"The role {role.name} in Instance Profile {profile.name}")
    await save_profile(call, replace(profile, role=None))
    return {}


async def tag_instance_profile(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    await save_profile(call, replace(profile, tags=with_tags(profile.tags, params)))
    return {}


async def untag_instance_profile(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    await save_profile(call, replace(profile, tags=without_tags(profile.tags, params)))
    return {}


async def list_instance_profile_tags(call: Call, params: Params) -> Answer:
    profile = await find_profile(call, params["InstanceProfileName"])
    return tag_page(profile.tags, params)
