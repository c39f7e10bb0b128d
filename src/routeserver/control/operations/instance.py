"""Run, Describe, Terminate, Start, Stop and RebootInstances (EC2 API 2016-11-15).

An instance is a record with network interfaces, for whoever needs one to route to; it runs nothing.
How it would run is taken: its disks and CPUs are not kept, the rest is shown as asked. The call
that changes a state answers the state on the way; the next description shows the state reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from routeserver.control import attachments, idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.instance_profiles import (
    associate,
    associations_of,
    forget_associations,
    wanted_profile,
)
from routeserver.control.instances import (
    find_instances,
    forget_expired,
    give_interface,
    interface_requests,
    interfaces_of,
    subnet_of,
)
from routeserver.control.operations.instance_options import launch_options
from routeserver.control.ownership import owned
from routeserver.control.security_groups import names_of_groups
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import instance as views
from routeserver.domain import vpc_rules
from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.refusal import Refusal
from routeserver.net.ids import is_well_formed

MAX_COUNT: Final = 100
"""Instances in one request; it bounds one transaction."""

MAX_USER_DATA: Final = 25_600
"""Characters: 16 KB of data in base64, and some."""

DEFAULT_TYPE: Final = "m1.small"
BY_USER: Final = "User initiated"

UNSUPPORTED: Final = {
    "AdditionalInfo": "it is reserved",
    "ElasticGpuSpecification": "there are no accelerators here",
    "ElasticInferenceAccelerators": "there are no accelerators here",
    "InstanceMarketOptions": "there is no spot market here",
    "KernelId": "instances run nothing here",
    "LaunchTemplate": "there are no launch templates here; give the parameters themselves",
    "LicenseSpecifications": "there are no licences here",
    "Operator": "instances are managed by their account here",
    "RamdiskId": "instances run nothing here",
    "SecondaryInterfaces": "an instance has NetworkInterfaces here",
    "SecurityGroups": "groups are named by id here; use SecurityGroupIds",
}


async def run_instances(call: Call, params: Params) -> Answer:
    first = await idempotency.once(call, params, Instance)
    if first is not None:
        return await _reservation(call, first.reservation_id)
    refuse_unsupported(params, UNSUPPORTED)
    count = _count(params)
    _check(params)
    options = launch_options(params)
    profile = await wanted_profile(call, params)
    requests = interface_requests(params, count)
    tags = tagging.specified_tags(params, ("instance", "network-interface"))
    subnet = await subnet_of(call, requests[0])
    _check_zone(params, subnet.availability_zone)
    await forget_expired(call)
    reservation_id = call.new_id("r")
    for index in range(count):
        row = Instance(
            id=call.new_id("i"),
            reservation_id=reservation_id,
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.id,
            availability_zone=subnet.availability_zone,
            image_id=params["ImageId"],
            instance_type=params.get("InstanceType", DEFAULT_TYPE),
            state=InstanceState.RUNNING,
            launch_index=index,
            launched_at=call.now,
            key_name=params.get("KeyName"),
            user_data=params.get("UserData"),
            monitoring=params.get("Monitoring", {}).get("Enabled", False),
            ebs_optimized=params.get("EbsOptimized", False),
            disable_api_termination=params.get("DisableApiTermination", False),
            disable_api_stop=params.get("DisableApiStop", False),
            shutdown_behavior=params.get("InstanceInitiatedShutdownBehavior", "stop"),
            client_token=params.get("ClientToken"),
            **options,
            **owned(call),
        )
        await call.tx.insert(row)
        await tagging.put_tags(call, row, tags["instance"])
        if profile is not None:
            await associate(call, row.id, profile)
        for request in requests:
            await give_interface(call, row, request, tags["network-interface"])
        if index == 0:
            await idempotency.remember(call, params, row)
    return await _reservation(call, reservation_id)


def _count(params: Params) -> int:
    least, most = params["MinCount"], params["MaxCount"]
    if least < 1:
        raise vpc_rules.invalid_value("minCount", least, "It is at least 1.")
    if most < least:
        raise vpc_rules.invalid_value("maxCount", most, f"It is at least MinCount ({least}).")
    if least > MAX_COUNT:
        raise Refusal(
            "InstanceLimitExceeded",
            f"One request can make {MAX_COUNT} instances, not {least}.",
        )
    return int(min(most, MAX_COUNT))


def _check(params: Params) -> None:
    if "ImageId" not in params:
        raise Refusal("MissingParameter", "The request must contain the parameter ImageId")
    image_id = params["ImageId"]
    if not is_well_formed(image_id, "ami"):
        raise Refusal("InvalidAMIID.Malformed", f"Invalid id: '{image_id}' (expecting 'ami-...')")
    if len(params.get("UserData", "")) > MAX_USER_DATA:
        raise Refusal(
            "InvalidParameterValue", f"User data is limited to {MAX_USER_DATA} characters of base64"
        )


def _check_zone(params: Params, zone: str) -> None:
    asked = params.get("Placement", {}).get("AvailabilityZone", zone)
    if asked != zone:
        raise vpc_rules.invalid_value(
            "availabilityZone", asked, f"The subnet is in the availability zone {zone}."
        )


async def _reservation(call: Call, reservation_id: str) -> Answer:
    """What RunInstances answers, the first time and again."""
    rows = await call.tx.list(Instance, reservation_id=reservation_id)
    interfaces = await interfaces_of(call, rows)
    profiles = await associations_of(call, [row.id for row in rows])
    names = await names_of_groups(call.tx)
    tags = await call.tx.tags_of([row.id for row in rows])
    rows.sort(key=lambda row: row.launch_index)
    return {
        "ReservationId": reservation_id,
        "OwnerId": call.account_id,
        "Groups": [],
        "Instances": [
            views.instance(
                row,
                interfaces.get(row.id, ()),
                names,
                tags[row.id],
                association=profiles.get(row.id),
                shown_state=InstanceState.PENDING if row.state is InstanceState.RUNNING else None,
            )
            for row in rows
        ],
    }


# --- states ---------------------------------------------------------------------------------------


async def terminate_instances(call: Call, params: Params) -> Answer:
    """Interfaces that end with their instance go; the others are detached."""
    rows = await find_instances(call, _ids(params))
    for row in rows:
        if row.disable_api_termination and row.state is not InstanceState.TERMINATED:
            raise _protected(row, "terminated", "disableApiTermination")
    interfaces = await interfaces_of(call, rows)
    await forget_associations(call, [row.id for row in rows])
    changes = []
    for row in rows:
        if row.state is InstanceState.TERMINATED:
            changes.append(_change(row, row.state))
            continue
        for interface in interfaces.get(row.id, ()):
            if interface.delete_on_termination:
                await call.tx.delete(interface)
            else:
                await attachments.detach(call, interface)
        changes.append(_change(row, InstanceState.SHUTTING_DOWN))
        await call.tx.update(
            row,
            state=InstanceState.TERMINATED,
            state_reason=BY_USER,
            terminated_at=call.now,
        )
    await forget_expired(call)
    return {"TerminatingInstances": changes}


def _protected(row: Instance, what: str, attribute: str) -> Refusal:
    return Refusal(
        "OperationNotPermitted",
        f"The instance '{row.id}' may not be {what}. Modify its '{attribute}' instance attribute "
        "and try again.",
    )


async def stop_instances(call: Call, params: Params) -> Answer:
    if params.get("Hibernate"):
        raise Refusal(
            "UnsupportedHibernationConfiguration", "Instances run nothing here to hibernate."
        )
    rows = await find_instances(call, _ids(params))
    for row in rows:
        if row.disable_api_stop and row.state is InstanceState.RUNNING:
            raise _protected(row, "stopped", "disableApiStop")
    changes = await _move(
        call, rows, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED
    )
    return {"StoppingInstances": changes}


async def start_instances(call: Call, params: Params) -> Answer:
    changes = await _move(
        call,
        await find_instances(call, _ids(params)),
        InstanceState.STOPPED,
        InstanceState.PENDING,
        InstanceState.RUNNING,
    )
    return {"StartingInstances": changes}


async def reboot_instances(call: Call, params: Params) -> Answer:
    for row in await find_instances(call, _ids(params)):
        _require(row, (InstanceState.RUNNING, InstanceState.STOPPED))
    return {}


async def _move(
    call: Call,
    rows: Sequence[Instance],
    start: InstanceState,
    way: InstanceState,
    end: InstanceState,
) -> list[Answer]:
    for row in rows:
        _require(row, (start, end))
    changes = []
    for row in rows:
        changes.append(_change(row, way if row.state is start else end))
        if row.state is start:
            since: dict[str, Any] = {}
            if end is InstanceState.RUNNING:
                since = {"launched_at": call.now, "state_reason": None}
            else:
                since = {"state_reason": BY_USER}
            await call.tx.update(row, state=end, **since)
    return changes


def _require(row: Instance, states: Sequence[InstanceState]) -> None:
    if row.state not in states:
        raise Refusal(
            "IncorrectInstanceState",
            f"The instance '{row.id}' is not in a state from which it can be started, stopped or "
            f"rebooted: {row.state}.",
        )


def _change(row: Instance, current: InstanceState) -> Answer:
    return {
        "InstanceId": row.id,
        "CurrentState": views.state(current),
        "PreviousState": views.state(row.state),
    }


def _ids(params: Params) -> Sequence[str]:
    ids: Sequence[str] = params["InstanceIds"]
    return ids
