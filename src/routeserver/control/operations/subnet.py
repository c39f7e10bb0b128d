"""Create, Describe, Delete and ModifySubnetAttribute (EC2 API 2016-11-15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any, Final

from routeserver.control import network_acls, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find
from routeserver.control.operations.attributes import the_only_attribute
from routeserver.control.operations.vpc import NO_POOLS
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.valueless_filters import without_values
from routeserver.control.views import vpc as views
from routeserver.domain import addressing, vpc_rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    EndpointState,
    NetworkInterface,
    RouteServerEndpoint,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.domain.zones import Zone, zone_id_of, zones_of

UNSUPPORTED: Final = {
    "Ipv4IpamPoolId": NO_POOLS,
    "Ipv6IpamPoolId": NO_POOLS,
    "Ipv6Native": "every subnet has an IPv4 block here",
    "OutpostArn": "there are no Outposts here",
}

ATTRIBUTES: Final = {
    "MapPublicIpOnLaunch": "map_public_ip_on_launch",
    "AssignIpv6AddressOnCreation": "assign_ipv6_address_on_creation",
    "EnableDns64": "enable_dns64",
}

FIXED_ATTRIBUTES: Final[dict[str, Any]] = {
    "MapCustomerOwnedIpOnLaunch": {"Value": False},
    "EnableResourceNameDnsARecordOnLaunch": {"Value": False},
    "EnableResourceNameDnsAAAARecordOnLaunch": {"Value": False},
    "DisableLniAtDeviceIndex": {"Value": False},
    "PrivateDnsHostnameTypeOnLaunch": "ip-name",
}
"""Attributes that may only be set to what they are."""


async def create_subnet(call: Call, params: Params) -> Answer:
    refuse_unsupported(params, UNSUPPORTED)
    vpc = await find(call, Vpc, params["VpcId"])
    if "CidrBlock" not in params:
        raise Refusal("MissingParameter", "The request must contain the parameter CidrBlock")
    neighbours = await call.tx.list(Subnet, vpc_id=vpc.id)
    network = vpc_rules.check_subnet_block(params["CidrBlock"], vpc, neighbours)
    ipv6 = None
    if "Ipv6CidrBlock" in params:
        ipv6 = str(vpc_rules.check_subnet_ipv6_block(params["Ipv6CidrBlock"], vpc, neighbours))
    row = Subnet(
        id=call.new_id("subnet"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        vpc_id=vpc.id,
        cidr=str(network),
        availability_zone=_chosen_zone(call, params).name,
        state="pending",
        ipv6_cidr=ipv6,
    )
    await call.tx.insert(row)
    await network_acls.associate(call, await network_acls.default_acl(call, vpc.id), row.id)
    tags = await tagging.tag_on_create(call, params, row)
    return {"Subnet": _view(call, row, tags, used=0)}


def _chosen_zone(call: Call, params: Params) -> Zone:
    """The zone asked for by name or id; the first one when none is."""
    zones = zones_of(call.region, call.policy.zones)
    name, zone_id = params.get("AvailabilityZone"), params.get("AvailabilityZoneId")
    if name is not None and zone_id is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "AvailabilityZone and AvailabilityZoneId cannot both be given.",
        )
    if name is None and zone_id is None:
        return zones[0]
    for zone in zones:
        if name == zone.name or (zone_id is not None and zone_id == zone.id):
            return zone
    parameter = "availabilityZone" if name is not None else "availabilityZoneId"
    known = ", ".join(zone.name if name is not None else zone.id for zone in zones)
    raise vpc_rules.invalid_value(
        parameter,
        name or zone_id,
        f"Subnets can currently only be created in the following availability zones: {known}.",
    )


async def describe_subnets(call: Call, params: Params) -> Answer:
    used: Counter[str] = Counter()
    for interface in await call.tx.list(NetworkInterface):
        used[interface.subnet_id] += len(interface.private_ips)
    page = await describe(call, params, Subnet, "SubnetIds", _filters(call, used))
    return page.answer("Subnets", lambda row, tags: _view(call, row, tags, used=used[row.id]))


def _view(call: Call, row: Subnet, tags: Mapping[str, str], *, used: int) -> Answer:
    return views.subnet(row, tags, zone_id=_zone_id(call, row), free=_free(row, used))


def _zone_id(call: Call, row: Subnet) -> str | None:
    return zone_id_of(call.region, call.policy.zones, row.availability_zone)


def _free(row: Subnet, used: int) -> int:
    return addressing.usable_count(IPv4Network(row.cidr)) - used


def _filters(call: Call, used: Mapping[str, int]) -> dict[str, Column[Subnet]]:
    """EC2 knows several of them by more than one name."""
    names: dict[tuple[str, ...], Column[Subnet]] = {
        ("availability-zone", "availabilityZone"): lambda row: row.availability_zone,
        ("availability-zone-id", "availabilityZoneId"): lambda row: _zone_id(call, row),
        ("available-ip-address-count",): lambda row: str(_free(row, used.get(row.id, 0))),
        ("cidr-block", "cidr", "cidrBlock"): lambda row: row.cidr,
        ("default-for-az", "defaultForAz"): lambda _: "false",
        ("enable-dns64",): lambda row: str(row.enable_dns64).lower(),
        ("ipv6-cidr-block-association.association-id",): lambda row: (
            views.ipv6_association_id(row) if row.ipv6_cidr else None
        ),
        ("ipv6-cidr-block-association.ipv6-cidr-block",): lambda row: row.ipv6_cidr,
        ("ipv6-cidr-block-association.state",): lambda row: "associated" if row.ipv6_cidr else None,
        ("ipv6-native",): lambda _: "false",
        ("map-customer-owned-ip-on-launch",): lambda _: "false",
        ("map-public-ip-on-launch",): lambda row: str(row.map_public_ip_on_launch).lower(),
        ("owner-id",): lambda row: row.account_id,
        ("private-dns-name-options-on-launch.hostname-type",): lambda _: "ip-name",
        ("private-dns-name-options-on-launch.enable-resource-name-dns-a-record",): (
            lambda _: "false"
        ),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",): (
            lambda _: "false"
        ),
        ("state",): lambda row: row.state,
        ("subnet-arn",): views.subnet_arn,
        ("subnet-id",): lambda row: row.id,
        ("vpc-id",): lambda row: row.vpc_id,
    }
    named = {name: column for aliases, column in names.items() for name in aliases}
    return named | without_values("DescribeSubnets")


async def delete_subnet(call: Call, params: Params) -> Answer:
    """Ends the subnet's associations with route table and ACL with it, as EC2 does."""
    row = await find(call, Subnet, params["SubnetId"])
    interfaces = await call.tx.list(NetworkInterface, subnet_id=row.id)
    if interfaces:
        first = interfaces[0]
        raise vpc_rules.in_use("subnet", row.id, f"network interface {first.id} is in it")
    for endpoint in await call.tx.list(RouteServerEndpoint, subnet_id=row.id):
        # One that is pending has no interface yet, and is about to have one.
        if endpoint.state is not EndpointState.DELETED:
            raise vpc_rules.in_use(
                "subnet", row.id, f"route server endpoint {endpoint.id} is in it"
            )
    for association in await call.tx.list(RouteTableAssociation, subnet_id=row.id):
        await call.tx.delete(association)
    await network_acls.forget_subnet(call, row)
    await call.tx.delete(row)
    return {}


async def modify_subnet_attribute(call: Call, params: Params) -> Answer:
    row = await find(call, Subnet, params["SubnetId"])
    refuse_unsupported(
        params,
        {
            "CustomerOwnedIpv4Pool": "there are no customer-owned addresses here",
            "EnableLniAtDeviceIndex": "there are no local network interfaces here",
        },
    )
    member = the_only_attribute(params, [*ATTRIBUTES, *FIXED_ATTRIBUTES])
    if member in FIXED_ATTRIBUTES:
        if params[member] != FIXED_ATTRIBUTES[member]:
            raise Refusal(
                "UnsupportedOperation",
                f"The attribute {member} cannot be changed from its default.",
            )
        return {}
    value = params[member].get("Value", False)
    if member == "AssignIpv6AddressOnCreation" and value and row.ipv6_cidr is None:
        raise vpc_rules.no_ipv6(row)
    await call.tx.update(row, **{ATTRIBUTES[member]: value})
    return {}
