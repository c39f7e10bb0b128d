"""Instances below their operations: which interfaces a request gives one, and what is shown of
those that are gone.

An instance is a record with interfaces; it runs nothing, so it is running as soon as it is there.
A terminated one stays described as long as a deleted route server does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from routeserver.control import attachments, tagging
from routeserver.control.call import Call, Params
from routeserver.control.interface_requests import (
    checked_description,
    find_own,
    wanted_addresses,
)
from routeserver.control.interfaces import allocate_interface
from routeserver.control.lookup import find, not_found
from routeserver.control.security_groups import groups_for
from routeserver.control.unsupported import refuse_unsupported
from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet

UNSUPPORTED_OF_INTERFACE: Final = {
    "AssociatePublicIpAddress": "there are no public addresses here",
    "AssociateCarrierIpAddress": "there are no carrier addresses here",
    "ConnectionTrackingSpecification": "connections are not tracked here",
    "EnaQueueCount": "interfaces have no queues here",
    "EnaSrdSpecification": "there is no ENA Express here",
    "Ipv4PrefixCount": "an interface has single addresses here",
    "Ipv4Prefixes": "an interface has single addresses here",
    "Ipv6PrefixCount": "an interface has single addresses here",
    "Ipv6Prefixes": "an interface has single addresses here",
    "NetworkCardIndex": "an instance has one network card here",
    "PrimaryIpv6": "an interface's IPv6 addresses are equal here",
}

OF_THE_INSTANCE: Final = (
    "SubnetId",
    "SecurityGroupIds",
    "PrivateIpAddress",
    "Ipv6Addresses",
    "Ipv6AddressCount",
)
"""What describes the one interface of an instance when NetworkInterfaces does not."""


def is_shown(call: Call) -> Callable[[Instance], bool]:
    """Whether an instance is still described."""
    expired_before = call.now - call.policy.tombstone_s
    return lambda row: row.terminated_at is None or row.terminated_at > expired_before


async def find_instances(call: Call, ids: Sequence[str]) -> list[Instance]:
    """In the order asked for. Raises Refusal as `find` does."""
    shown = is_shown(call)
    found = []
    for instance_id in dict.fromkeys(ids):
        row = await find(call, Instance, instance_id)
        if not shown(row):
            raise not_found(Instance, instance_id)
        found.append(row)
    return found


async def forget_expired(call: Call) -> None:
    shown = is_shown(call)
    for row in await call.tx.list(Instance, state=InstanceState.TERMINATED):
        if not shown(row):
            await call.tx.delete(row)


async def interfaces_of(call: Call, rows: Iterable[Instance]) -> dict[str, list[NetworkInterface]]:
    """The interfaces of each instance in order of their device index, by instance id."""
    found: defaultdict[str, list[NetworkInterface]] = defaultdict(list)
    for interface in await call.tx.list(NetworkInterface, instance_id=[row.id for row in rows]):
        found[str(interface.instance_id)].append(interface)
    for interfaces in found.values():
        interfaces.sort(key=lambda interface: interface.device_index or 0)
    return found


# --- the interfaces a request asks for ------------------------------------------------------------


def interface_requests(params: Params, count: int) -> list[Mapping[str, Any]]:
    """The interfaces that each instance shall have, in the members of NetworkInterfaces, the
    primary one first.

    Raises Refusal InvalidParameterCombination, InvalidParameterValue or MissingParameter.
    """
    given = params.get("NetworkInterfaces", ())
    if not given:
        request = {name: params[name] for name in OF_THE_INSTANCE if name in params}
        if "SecurityGroupIds" in request:
            request["Groups"] = request.pop("SecurityGroupIds")
        if "SubnetId" not in request:
            raise Refusal(
                "MissingInput",
                "No subnets found for the default VPC: there is none here, name a SubnetId.",
            )
        given = ({"DeviceIndex": 0, **request},)
    else:
        doubled = [name for name in OF_THE_INSTANCE if name in params]
        if doubled:
            raise Refusal(
                "InvalidParameterCombination",
                f"Network interfaces and an instance-level {', '.join(doubled)} may not be "
                "specified on the same request",
            )
    indices = [request.get("DeviceIndex") for request in given]
    if None in indices:
        raise Refusal(
            "MissingParameter", "Each network interface requires a device index (DeviceIndex)."
        )
    if len(set(indices)) < len(indices) or 0 not in indices or min(indices) < 0:
        raise Refusal(
            "InvalidParameterValue",
            "The device indices of the network interfaces must be different, and one of them 0: "
            f"{', '.join(map(str, indices))}.",
        )
    for request in given:
        refuse_unsupported(request, UNSUPPORTED_OF_INTERFACE)
        named = "NetworkInterfaceId" in request or "PrivateIpAddress" in request
        named = named or bool(request.get("PrivateIpAddresses") or request.get("Ipv6Addresses"))
        if named and count > 1:
            raise Refusal(
                "InvalidParameterCombination",
                "Addresses and network interfaces can be named for one instance only, not "
                f"{count}.",
            )
    return sorted(given, key=lambda request: request["DeviceIndex"])


async def subnet_of(call: Call, request: Mapping[str, Any]) -> Subnet:
    """Where an interface that a request describes is, or shall be."""
    if "NetworkInterfaceId" in request:
        interface = await find_own(call, request["NetworkInterfaceId"])
        return await find(call, Subnet, interface.subnet_id)
    if "SubnetId" not in request:
        raise Refusal(
            "MissingParameter",
            "Each network interface requires a SubnetId or a NetworkInterfaceId.",
        )
    return await find(call, Subnet, request["SubnetId"])


async def give_interface(
    call: Call, instance: Instance, request: Mapping[str, Any], tags: Mapping[str, str]
) -> NetworkInterface:
    """Make the interface that a request describes, or take the one it names, and attach it."""
    subnet = await subnet_of(call, request)
    if (subnet.vpc_id, subnet.availability_zone) != (instance.vpc_id, instance.availability_zone):
        raise Refusal(
            "InvalidParameterCombination",
            f"The network interfaces of an instance are in one VPC and availability zone; "
            f"{subnet.id} is in another than {instance.subnet_id}.",
        )
    index = request["DeviceIndex"]
    if "NetworkInterfaceId" in request:
        interface = await find_own(call, request["NetworkInterfaceId"])
        if interface.status != "available":
            raise Refusal(
                "InvalidNetworkInterface.InUse",
                f"Network interface '{interface.id}' is currently in use.",
            )
        ends = request.get("DeleteOnTermination", False)
    else:
        interface = await allocate_interface(
            call.tx,
            subnet=subnet,
            description=checked_description(request.get("Description", "")),
            requester_managed=False,
            new_id=call.new_id,
            random_bytes=call.random_bytes,
            now=call.now,
            group_ids=await groups_for(call, request.get("Groups", ()), subnet),
            wanted=wanted_addresses(request),
        )
        await tagging.put_tags(call, interface, tags)
        ends = request.get("DeleteOnTermination", True)
    return await attachments.attach(call, interface, instance, index, delete_on_termination=ends)
