"""A network interface as the EC2 answer shows it; here alone the tags are called ``TagSet``."""

from __future__ import annotations

from collections.abc import Mapping

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import NetworkInterface


def network_interface(
    row: NetworkInterface, tags: Mapping[str, str], *, zone: str, zone_id: str | None
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
        "Groups": groups(row),
        "SourceDestCheck": row.source_dest_check,
        "RequesterManaged": row.requester_managed,
        "Operator": {"Managed": False},
        "TagSet": tag_list(tags),
    }
    if row.ipv6_addresses:
        shown["Ipv6Address"] = row.ipv6_addresses[0]
    if zone_id is not None:
        shown["AvailabilityZoneId"] = zone_id
    return shown


def groups(row: NetworkInterface) -> list[Answer]:
    return [{"GroupId": group_id} for group_id in row.group_ids]
