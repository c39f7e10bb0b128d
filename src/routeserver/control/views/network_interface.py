"""A network interface as the EC2 answer shows it; here alone the tags are called ``TagSet``."""

from __future__ import annotations

from collections.abc import Mapping

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import NetworkInterface

ATTACHED = "attached"


def network_interface(
    row: NetworkInterface,
    tags: Mapping[str, str],
    *,
    zone: str,
    zone_id: str | None,
    group_names: Mapping[str, str],
) -> Answer:
    """`zone` is the availability zone of the interface's subnet."""
    shown: Answer = {
        "NetworkInterfaceId": row.id,
        "VpcId": row.vpc_id,
        "SubnetId": row.subnet_id,
        "OwnerId": row.account_id,
        "AvailabilityZone": zone,
        "Description": row.description,
        "Status": row.status,
        "InterfaceType": "interface",
        "MacAddress": row.mac_address,
        "PrivateIpAddress": row.private_ips[0],
        "PrivateIpAddresses": [
            {"PrivateIpAddress": address, "Primary": position == 0}
            for position, address in enumerate(row.private_ips)
        ],
        "Ipv6Addresses": [
            {"Ipv6Address": address, "IsPrimaryIpv6": False} for address in row.ipv6_addresses
        ],
        "Groups": groups(row, group_names),
        "SourceDestCheck": row.source_dest_check,
        "RequesterManaged": row.requester_managed,
        "Operator": {"Managed": False},
        "TagSet": tag_list(tags),
    }
    if row.ipv6_addresses:
        shown["Ipv6Address"] = row.ipv6_addresses[0]
    if row.attachment_id is not None:
        shown["Attachment"] = {
            **attachment(row),
            "InstanceId": row.instance_id,
            "InstanceOwnerId": row.account_id,
        }
    if zone_id is not None:
        shown["AvailabilityZoneId"] = zone_id
    return shown


def attachment(row: NetworkInterface) -> Answer:
    """What the interface and its instance both show of the attachment."""
    return {
        "AttachmentId": row.attachment_id,
        "AttachTime": row.attached_at,
        "DeleteOnTermination": row.delete_on_termination,
        "DeviceIndex": row.device_index,
        "NetworkCardIndex": 0,
        "Status": ATTACHED,
    }


def groups(row: NetworkInterface, names: Mapping[str, str]) -> list[Answer]:
    return [
        {"GroupId": group_id, "GroupName": names[group_id]}
        for group_id in row.group_ids
        if group_id in names
    ]
