"""Attach and DetachNetworkInterface (EC2 API 2016-11-15)."""

from __future__ import annotations

from typing import Final

from routeserver.control import attachments
from routeserver.control.call import Answer, Call, Params
from routeserver.control.interface_requests import find_own, no_attachment
from routeserver.control.lookup import find
from routeserver.control.unsupported import refuse_unsupported
from routeserver.domain import vpc_rules
from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet
from routeserver.net.ids import is_well_formed

MAX_INTERFACES: Final = 15
"""Of one instance: what Amazon's large instances have; the type is not looked at."""

UNSUPPORTED: Final = {
    "EnaQueueCount": "interfaces have no queues here",
    "EnaSrdSpecification": "there is no ENA Express here",
    "NetworkCardIndex": "an instance has one network card here",
}


async def attach_network_interface(call: Call, params: Params) -> Answer:
    refuse_unsupported(params, UNSUPPORTED)
    interface = await find_own(call, params["NetworkInterfaceId"])
    instance = await find(call, Instance, params["InstanceId"])
    index = params["DeviceIndex"]
    if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPED):
        raise Refusal(
            "IncorrectState",
            f"Instance '{instance.id}' is in state {instance.state}; interfaces are attached to "
            "running and stopped instances.",
        )
    if interface.status != "available":
        raise Refusal(
            "InvalidNetworkInterface.InUse",
            f"Network interface '{interface.id}' is currently in use.",
        )
    await _require_same_place(call, interface, instance)
    attached = await call.tx.list(NetworkInterface, instance_id=instance.id)
    if not 0 <= index < MAX_INTERFACES:
        raise vpc_rules.invalid_value(
            "deviceIndex", index, f"It is between 0 and {MAX_INTERFACES - 1}."
        )
    if any(other.device_index == index for other in attached):
        raise Refusal(
            "InvalidParameterValue",
            f"Instance '{instance.id}' already has an interface attached at device index "
            f"'{index}'.",
        )
    interface = await attachments.attach(call, interface, instance, index)
    return {"AttachmentId": interface.attachment_id, "NetworkCardIndex": 0}


async def _require_same_place(call: Call, interface: NetworkInterface, instance: Instance) -> None:
    subnet = await find(call, Subnet, interface.subnet_id)
    if subnet.availability_zone != instance.availability_zone:
        raise Refusal(
            "InvalidParameterCombination",
            f"You may not attach a network interface to an instance if they are not in the same "
            f"availability zone: '{interface.id}' is in {subnet.availability_zone}, "
            f"'{instance.id}' in {instance.availability_zone}.",
        )
    if interface.vpc_id != instance.vpc_id:
        raise vpc_rules.different_networks(instance.id, f"interface {interface.id}")


async def detach_network_interface(call: Call, params: Params) -> Answer:
    attachment_id = params["AttachmentId"]
    if not is_well_formed(attachment_id, "eni-attach"):
        raise Refusal(
            "InvalidAttachmentID.Malformed",
            f"Invalid id: '{attachment_id}' (expecting 'eni-attach-...')",
        )
    found = await call.tx.list(NetworkInterface, attachment_id=attachment_id)
    if not found:
        raise no_attachment(attachment_id)
    if found[0].device_index == 0:
        raise Refusal(
            "OperationNotPermitted",
            "The network interface at device index 0 cannot be detached.",
        )
    await attachments.detach(call, found[0])
    return {}
