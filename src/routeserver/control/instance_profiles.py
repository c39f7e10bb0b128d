"""The IAM instance profile of an instance: the one a request names, and the ones that instances
have."""

from __future__ import annotations

from collections.abc import Sequence

from routeserver.control.access.entities import InstanceProfile
from routeserver.control.access.profiles import profile_meant
from routeserver.control.call import Call, Params
from routeserver.control.ownership import owned
from routeserver.domain.network import ProfileAssociation
from routeserver.domain.refusal import Refusal


async def wanted_profile(call: Call, params: Params) -> InstanceProfile | None:
    """What IamInstanceProfile names, which has a role; None where it is not given.

    Raises Refusal InvalidParameterCombination or InvalidParameterValue.
    """
    asked = params.get("IamInstanceProfile")
    if not asked:
        return None
    arn, name = asked.get("Arn"), asked.get("Name")
    if arn and name:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter iamInstanceProfile.name may not be used in combination with "
            "iamInstanceProfile.arn",
        )
    profile = await profile_meant(call.tx.iam(call.account_id), asked)
    if profile is None:
        which = "arn" if arn else "name"
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({arn or name or ''}) for parameter iamInstanceProfile.{which} is invalid. "
            f"Invalid IAM Instance Profile {which}",
        )
    if profile.role is None:
        raise Refusal(
            "InvalidParameterValue",
            f'IAM Instance Profile "{profile.arn}" has no associated IAM Roles',
        )
    return profile


async def associate(call: Call, instance_id: str, profile: InstanceProfile) -> ProfileAssociation:
    row = ProfileAssociation(
        id=call.new_id("iip-assoc"),
        instance_id=instance_id,
        profile_arn=profile.arn,
        profile_id=profile.id,
        **owned(call),
    )
    await call.tx.insert(row)
    return row


async def associations_of(
    call: Call, instance_ids: Sequence[str] | None = None
) -> dict[str, ProfileAssociation]:
    """By instance; all of them where none are named."""
    only = {} if instance_ids is None else {"instance_id": instance_ids}
    return {row.instance_id: row for row in await call.tx.list(ProfileAssociation, **only)}


async def forget_associations(call: Call, instance_ids: Sequence[str]) -> None:
    for row in (await associations_of(call, instance_ids)).values():
        await call.tx.delete(row)
