"""Which role a request hands on: ``iam:PassRole`` is a permission of its own, on the role in the
instance profile that a request gives an instance, or on the role that it puts into a profile (IAM
user guide, "Grant a user permissions to pass a role to an AWS service").

A profile that does not exist passes nothing; the operation says so itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from routeserver.control.access import context as contexts
from routeserver.control.access.entities import EntityKind, entity_of
from routeserver.control.access.profiles import profile_meant, role_in
from routeserver.control.request import ApiRequest
from routeserver.domain.network import ProfileAssociation
from routeserver.ec2.iam_pattern import Context, Values
from routeserver.store import Transaction

TO_EC2: Final[Context] = {"iam:passedtoservice": ("ec2.amazonaws.com",)}


@dataclass(frozen=True, slots=True)
class Passing:
    """The role that is passed, and the condition keys that it and its profile are the value of."""

    role_arn: str | None = None
    of_role: Context = field(default_factory=dict)
    of_request: Mapping[str, Values] = field(default_factory=dict)
    of_made: Context = field(default_factory=dict)


def is_about_a_profile(request: ApiRequest) -> bool:
    if request.service == "iam":
        return request.action == "AddRoleToInstanceProfile"
    return request.service == "ec2" and bool(request.params.get("IamInstanceProfile"))


async def passing_of(request: ApiRequest, tx: Transaction) -> Passing:
    """Of a request that `is_about_a_profile`."""
    rows = tx.iam(request.account_id)
    if request.service == "iam":
        document = await rows.get(EntityKind.ROLE, request.params["RoleName"])
        return Passing() if document is None else Passing(entity_of(document).arn, TO_EC2)
    profile = await profile_meant(rows, request.params["IamInstanceProfile"])
    if profile is None:
        return Passing()
    role = await role_in(rows, profile)
    arn: Values = (profile.arn,)
    of_role = {**TO_EC2, "iam:associatedresourcearn": (await _instance_arn(request, tx),)}
    is_launch = request.action == "RunInstances"
    return Passing(
        role_arn=None if role is None else role.arn,
        of_role=of_role,
        of_request={} if is_launch else {"ec2:newinstanceprofile": arn},
        of_made={contexts.INSTANCE_PROFILE: arn} if is_launch else {},
    )


async def _instance_arn(request: ApiRequest, tx: Transaction) -> str:
    """With a star for what is not made yet, as for the resources that a request makes."""
    instance_id = request.params.get("InstanceId", "*")
    if "AssociationId" in request.params:
        for link in await tx.list(ProfileAssociation, id=[request.params["AssociationId"]]):
            instance_id = link.instance_id
    return f"arn:aws:ec2:{request.region}:{request.account_id}:instance/{instance_id}"
