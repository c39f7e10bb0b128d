"""Instance profiles below their operations: found by name or ARN, and the role that one holds."""

from __future__ import annotations

from routeserver.control.access import lookup
from routeserver.control.access.entities import (
    INSTANCE_PROFILE,
    Entity,
    EntityKind,
    InstanceProfile,
    entity_of,
    profile_of,
    to_document,
)
from routeserver.control.call import Call, Params
from routeserver.store.iam_rows import IamRows


async def find_profile(call: Call, name: str) -> InstanceProfile:
    """Raises Refusal NoSuchEntity."""
    document = await call.tx.iam(call.account_id).get(INSTANCE_PROFILE, name)
    if document is None:
        raise lookup.no_such_entity(f"Instance Profile {name}")
    return profile_of(document)


async def profile_meant(rows: IamRows, specification: Params) -> InstanceProfile | None:
    """What EC2's IamInstanceProfile names, by its Arn or else its Name."""
    arn = specification.get("Arn")
    name = arn.rpartition("/")[2] if arn else specification.get("Name")
    document = await rows.get(INSTANCE_PROFILE, name) if name else None
    if document is None:
        return None
    profile = profile_of(document)
    return None if arn and profile.arn != arn else profile


async def role_in(rows: IamRows, profile: InstanceProfile) -> Entity | None:
    if profile.role is None:
        return None
    document = await rows.get(EntityKind.ROLE, profile.role)
    return None if document is None else entity_of(document)


async def all_profiles(call: Call) -> list[InstanceProfile]:
    return [profile_of(row) for row in await call.tx.iam(call.account_id).list(INSTANCE_PROFILE)]


async def profiles_with(call: Call, role: Entity) -> list[InstanceProfile]:
    return [profile for profile in await all_profiles(call) if profile.role == role.name]


async def save_profile(call: Call, profile: InstanceProfile) -> None:
    rows = call.tx.iam(call.account_id)
    await rows.put(INSTANCE_PROFILE, profile.name, to_document(profile))
