"""Create, Describe, Delete and the attributes of network interfaces (EC2 API 2016-11-15).

An interface is a set of addresses that next hops resolve to. Those that the service made for its
endpoints are shown, and are not the client's to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routeserver.control import idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.interface_requests import (
    checked_description,
    find_own,
    no_attachment,
    wanted_addresses,
)
from routeserver.control.interfaces import allocate_interface
from routeserver.control.lookup import find
from routeserver.control.operations.attributes import the_only_attribute
from routeserver.control.security_groups import groups_for, names_of_groups
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import network_interface as views
from routeserver.control.views.moments import timestamp
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet
from routeserver.domain.zones import zone_id_of

NO_PREFIXES: Final = "an interface has single addresses here"

UNSUPPORTED_ON_CREATE: Final = {
    "ConnectionTrackingSpecification": "connections are not tracked here",
    "EnablePrimaryIpv6": "an interface's IPv6 addresses are equal here",
    "InterfaceType": "there is one type of interface here; leave it out",
    "Ipv4PrefixCount": NO_PREFIXES,
    "Ipv4Prefixes": NO_PREFIXES,
    "Ipv6PrefixCount": NO_PREFIXES,
    "Ipv6Prefixes": NO_PREFIXES,
    "Operator": "interfaces are managed by their account here",
}

UNSUPPORTED_ON_MODIFY: Final = {
    "AssociatePublicIpAddress": "there are no public addresses here",
    "AssociatedSubnetIds": "an interface is in one subnet here",
    "ConnectionTrackingSpecification": "connections are not tracked here",
    "EnaSrdSpecification": "there is no ENA Express here",
    "EnablePrimaryIpv6": "an interface's IPv6 addresses are equal here",
}


def _of_attached(row: NetworkInterface, value: str) -> str | None:
    return None if row.attachment_id is None else value


FILTERS: Final[dict[str, Column[NetworkInterface]]] = {
    "addresses.primary": lambda row: ["true", "false"][: min(2, len(row.private_ips))],
    "addresses.private-ip-address": lambda row: row.private_ips,
    "attachment.attach-time": lambda row: timestamp(row.attached_at),
    "attachment.attachment-id": lambda row: row.attachment_id,
    "attachment.delete-on-termination": lambda row: _of_attached(
        row, str(row.delete_on_termination).lower()
    ),
    "attachment.device-index": lambda row: _of_attached(row, str(row.device_index)),
    "attachment.instance-id": lambda row: row.instance_id,
    "attachment.instance-owner-id": lambda row: _of_attached(row, row.account_id),
    "attachment.status": lambda row: _of_attached(row, views.ATTACHED),
    "description": lambda row: row.description,
    "group-id": lambda row: row.group_ids,
    "interface-type": lambda _: "interface",
    "ipv6-addresses.ipv6-address": lambda row: row.ipv6_addresses,
    "mac-address": lambda row: row.mac_address,
    "network-interface-id": lambda row: row.id,
    "operator.managed": lambda _: "false",
    "owner-id": lambda row: row.account_id,
    "private-ip-address": lambda row: row.private_ips[0],
    "requester-managed": lambda row: str(row.requester_managed).lower(),
    "source-dest-check": lambda row: str(row.source_dest_check).lower(),
    "status": lambda row: row.status,
    "subnet-id": lambda row: row.subnet_id,
    "vpc-id": lambda row: row.vpc_id,
}

NEVER_SET: Final = (
    "addresses.association.owner-id",
    "addresses.association.public-ip",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "operator.principal",
    "private-dns-name",
    "requester-id",
)
"""Filters EC2 knows on facts that no interface has here: they match nothing."""


async def create_network_interface(call: Call, params: Params) -> Answer:
    subnet = await find(call, Subnet, params["SubnetId"])
    row = await idempotency.once(call, params, NetworkInterface)
    if row is not None:
        tags = (await call.tx.tags_of([row.id]))[row.id]
    else:
        refuse_unsupported(params, UNSUPPORTED_ON_CREATE)
        row = await allocate_interface(
            call.tx,
            subnet=subnet,
            description=checked_description(params.get("Description", "")),
            requester_managed=False,
            new_id=call.new_id,
            random_bytes=call.random_bytes,
            now=call.now,
            group_ids=await groups_for(call, params.get("Groups", ()), subnet),
            wanted=wanted_addresses(params),
        )
        tags = await tagging.tag_on_create(call, params, row)
        await idempotency.remember(call, params, row)
    names = await names_of_groups(call.tx)
    answer: Answer = {"NetworkInterface": _view(call, row, tags, subnet.availability_zone, names)}
    if "ClientToken" in params:
        answer["ClientToken"] = params["ClientToken"]
    return answer


def _view(
    call: Call,
    row: NetworkInterface,
    tags: Mapping[str, str],
    zone: str,
    group_names: Mapping[str, str],
) -> Answer:
    zone_id = zone_id_of(call.region, call.policy.zones, zone)
    return views.network_interface(row, tags, zone=zone, zone_id=zone_id, group_names=group_names)


async def describe_network_interfaces(call: Call, params: Params) -> Answer:
    zones = {subnet.id: subnet.availability_zone for subnet in await call.tx.list(Subnet)}
    names = await names_of_groups(call.tx)
    filters: dict[str, Column[NetworkInterface]] = {
        **FILTERS,
        "group-name": lambda row: [names[each] for each in row.group_ids if each in names],
        "availability-zone": lambda row: zones[row.subnet_id],
        "availability-zone-id": lambda row: zone_id_of(
            call.region, call.policy.zones, zones[row.subnet_id]
        ),
        **dict.fromkeys(NEVER_SET, _nothing),
    }
    page = await describe(call, params, NetworkInterface, "NetworkInterfaceIds", filters)
    return page.answer(
        "NetworkInterfaces", lambda row, tags: _view(call, row, tags, zones[row.subnet_id], names)
    )


def _nothing(row: NetworkInterface) -> None:  # noqa: ARG001 - a column of no row
    return None


async def delete_network_interface(call: Call, params: Params) -> Answer:
    """Static routes that lead to the interface stay and become a blackhole, as on EC2."""
    row = await find_own(call, params["NetworkInterfaceId"])
    if row.status != "available":
        raise Refusal(
            "InvalidNetworkInterface.InUse", f"Network interface '{row.id}' is currently in use."
        )
    await call.tx.delete(row)
    return {}


async def modify_network_interface_attribute(call: Call, params: Params) -> Answer:
    row = await find_own(call, params["NetworkInterfaceId"])
    refuse_unsupported(params, UNSUPPORTED_ON_MODIFY)
    match the_only_attribute(params, ("Description", "SourceDestCheck", "Groups", "Attachment")):
        case "Description":
            text = checked_description(params["Description"].get("Value", ""))
            await call.tx.update(row, description=text)
        case "SourceDestCheck":
            check = params["SourceDestCheck"].get("Value", False)
            await call.tx.update(row, source_dest_check=check)
        case "Groups":
            subnet = await find(call, Subnet, row.subnet_id)
            await call.tx.update(row, group_ids=await groups_for(call, params["Groups"], subnet))
        case _:
            await _modify_attachment(call, row, params["Attachment"])
    return {}


async def _modify_attachment(call: Call, row: NetworkInterface, changes: Params) -> None:
    refuse_unsupported(
        changes,
        {
            "DefaultEnaQueueCount": "interfaces have no queues here",
            "EnaQueueCount": "interfaces have no queues here",
        },
    )
    if changes.get("AttachmentId") != row.attachment_id or row.attachment_id is None:
        raise no_attachment(str(changes.get("AttachmentId")))
    if "DeleteOnTermination" in changes:
        await call.tx.update(row, delete_on_termination=changes["DeleteOnTermination"])


async def reset_network_interface_attribute(call: Call, params: Params) -> Answer:
    """SourceDestCheck is the only attribute that can be reset; EC2 takes any text for it."""
    row = await find_own(call, params["NetworkInterfaceId"])
    the_only_attribute(params, ("SourceDestCheck",))
    await call.tx.update(row, source_dest_check=True)
    return {}


async def describe_network_interface_attribute(call: Call, params: Params) -> Answer:
    row = await find(call, NetworkInterface, params["NetworkInterfaceId"])
    answer: Answer = {"NetworkInterfaceId": row.id}
    match params.get("Attribute"):
        case "description":
            answer["Description"] = {"Value": row.description}
        case "groupSet":
            answer["Groups"] = views.groups(row, await names_of_groups(call.tx))
        case "sourceDestCheck":
            answer["SourceDestCheck"] = {"Value": row.source_dest_check}
        case "attachment":
            # EC2 leaves the attachment out of the answer when there is none.
            if row.attachment_id is not None:
                answer["Attachment"] = {
                    **views.attachment(row),
                    "InstanceId": row.instance_id,
                    "InstanceOwnerId": row.account_id,
                }
        case "associatePublicIpAddress":
            answer["AssociatePublicIpAddress"] = False
        case _:
            raise Refusal("MissingParameter", "The request must contain the parameter Attribute")
    return answer
