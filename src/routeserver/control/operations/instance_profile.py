"""Associate, Disassociate, Replace and DescribeIamInstanceProfileAssociation(s) (EC2 API
2016-11-15).

As with instances, the call that changes something answers the state on the way, and the next
description shows the state reached: ``associated``, or nothing.
"""

from __future__ import annotations

from typing import Final

from routeserver.control.access.entities import InstanceProfile
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.instance_profiles import associate, associations_of, wanted_profile
from routeserver.control.instances import find_instances
from routeserver.control.lookup import find
from routeserver.control.views import instance as views
from routeserver.domain.network import Instance, InstanceState, ProfileAssociation
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import AssociationState

FILTERS: Final[dict[str, Column[ProfileAssociation]]] = {
    "instance-id": lambda row: row.instance_id,
    "state": lambda _: AssociationState.ASSOCIATED,
}


async def associate_iam_instance_profile(call: Call, params: Params) -> Answer:
    (instance,) = await find_instances(call, [params["InstanceId"]])
    profile = await _required_profile(call, params)
    if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPED):
        raise Refusal(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is {instance.state}; an instance profile is associated "
            "with running and stopped instances.",
        )
    if await associations_of(call, [instance.id]):
        raise Refusal(
            "IncorrectState", f"There is an existing association for instance {instance.id}"
        )
    row = await associate(call, instance.id, profile)
    return _answer(row, AssociationState.ASSOCIATING)


async def disassociate_iam_instance_profile(call: Call, params: Params) -> Answer:
    row = await find(call, ProfileAssociation, params["AssociationId"])
    await call.tx.delete(row)
    return _answer(row, AssociationState.DISASSOCIATING)


async def replace_iam_instance_profile_association(call: Call, params: Params) -> Answer:
    """The association gets a new id. Of a stopped instance it is not active, says EC2."""
    old = await find(call, ProfileAssociation, params["AssociationId"])
    profile = await _required_profile(call, params)
    instance = await find(call, Instance, old.instance_id)
    if instance.state is not InstanceState.RUNNING:
        raise Refusal(
            "IncorrectState",
            f"The association {old.id} is not the active association: the instance "
            f"'{instance.id}' is {instance.state}. Disassociate it and associate another.",
        )
    await call.tx.delete(old)
    row = await associate(call, instance.id, profile)
    return _answer(row, AssociationState.ASSOCIATING)


async def describe_iam_instance_profile_associations(call: Call, params: Params) -> Answer:
    page = await describe(call, params, ProfileAssociation, "AssociationIds", FILTERS)
    return page.answer(
        "IamInstanceProfileAssociations",
        lambda row, _: views.profile_association(row, AssociationState.ASSOCIATED),
    )


async def _required_profile(call: Call, params: Params) -> InstanceProfile:
    profile = await wanted_profile(call, params)
    if profile is None:
        raise Refusal(
            "MissingParameter", "The request must contain the parameter iamInstanceProfile"
        )
    return profile


def _answer(row: ProfileAssociation, state: AssociationState) -> Answer:
    return {"IamInstanceProfileAssociation": views.profile_association(row, state)}
