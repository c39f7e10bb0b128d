"""Create, Describe and DeleteVpc, and a VPC's attributes (EC2 API 2016-11-15).

A VPC is born with its main route table and that table's main association, its default security
group and its default network ACL, in one transaction; all of them end with it.
"""

from __future__ import annotations

from typing import Any, Final

from routeserver.control import network_acls, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find
from routeserver.control.operations.attributes import the_only_attribute
from routeserver.control.operations.dhcp_options import default_options_id
from routeserver.control.security_groups import DEFAULT_NAME, default_group_of, delete_group
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import vpc as views
from routeserver.domain import addressing, vpc_rules
from routeserver.domain.network import NetworkAcl, SecurityGroup
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Resource,
    Route,
    RouteServerAssociation,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)

NO_POOLS: Final = "there are no address pools here; give the CIDR block itself"

UNSUPPORTED: Final = {
    "Ipv4IpamPoolId": NO_POOLS,
    "Ipv6IpamPoolId": NO_POOLS,
    "Ipv6Pool": NO_POOLS,
    "Ipv6CidrBlock": "the VPC's IPv6 block is chosen here; use AmazonProvidedIpv6CidrBlock",
    "VpcEncryptionControl": "traffic is not encrypted here",
}

FILTERS: Final[dict[str, Column[Vpc]]] = {
    "cidr": lambda row: row.cidr,
    "cidr-block-association.association-id": lambda row: list(views.ipv4_associations(row)),
    "cidr-block-association.cidr-block": lambda row: [row.cidr, *row.secondary_cidrs],
    "cidr-block-association.state": lambda _: "associated",
    "dhcp-options-id": lambda row: row.dhcp_options_id,
    "ipv6-cidr-block-association.association-id": lambda row: (
        views.ipv6_association_id(row) if row.ipv6_cidr else None
    ),
    "ipv6-cidr-block-association.ipv6-cidr-block": lambda row: row.ipv6_cidr,
    "ipv6-cidr-block-association.ipv6-pool": lambda row: "Amazon" if row.ipv6_cidr else None,
    "ipv6-cidr-block-association.state": lambda row: "associated" if row.ipv6_cidr else None,
    "instance-tenancy": lambda row: row.instance_tenancy,
    "is-default": lambda row: str(row.is_default).lower(),
    "isDefault": lambda row: str(row.is_default).lower(),
    "owner-id": lambda row: row.account_id,
    "state": lambda row: row.state,
    "vpc-id": lambda row: row.id,
}

ATTRIBUTES: Final = {
    "enableDnsHostnames": ("EnableDnsHostnames", "enable_dns_hostnames"),
    "enableDnsSupport": ("EnableDnsSupport", "enable_dns_support"),
    "enableNetworkAddressUsageMetrics": (
        "EnableNetworkAddressUsageMetrics",
        "enable_network_address_usage_metrics",
    ),
}
"""Attribute name on the wire: its member in requests and answers, and the field that holds it."""


async def create_vpc(call: Call, params: Params) -> Answer:
    refuse_unsupported(params, UNSUPPORTED)
    if "CidrBlock" not in params:
        raise Refusal("MissingParameter", "The request must contain the parameter CidrBlock")
    tenancy = params.get("InstanceTenancy", "default")
    if tenancy == "host":
        raise vpc_rules.invalid_value("instanceTenancy", tenancy, "Use default or dedicated.")
    network = vpc_rules.check_vpc_block(
        params["CidrBlock"],
        amazon=call.policy.profile == "aws",
        accept_loopback=call.policy.accept_loopback_vpc,
        shadows=call.policy.shadows,
    )
    vpc_id = call.new_id("vpc")
    with_ipv6 = params.get("AmazonProvidedIpv6CidrBlock", False)
    row = Vpc(
        id=vpc_id,
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        cidr=str(network),
        state="pending",
        ipv6_cidr=str(addressing.vpc_ipv6_network(vpc_id)) if with_ipv6 else None,
        instance_tenancy=tenancy,
        dhcp_options_id=await default_options_id(call),
    )
    table = RouteTable(
        id=call.new_id("rtb"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        vpc_id=vpc_id,
        main=True,
    )
    association = RouteTableAssociation(
        id=call.new_id("rtbassoc"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_table_id=table.id,
        vpc_id=vpc_id,
        main=True,
    )
    group, group_rules = default_group_of(row, new_id=call.new_id)
    acl, acl_entries = network_acls.default_acl_of(row, new_id=call.new_id)
    await call.tx.insert(row, table, association, group, *group_rules, acl, *acl_entries)
    tags = await tagging.tag_on_create(call, params, row)
    return {"Vpc": views.vpc(row, tags)}


async def describe_vpcs(call: Call, params: Params) -> Answer:
    page = await describe(call, params, Vpc, "VpcIds", FILTERS)
    return page.answer("Vpcs", views.vpc)


async def delete_vpc(call: Call, params: Params) -> Answer:
    row = await find(call, Vpc, params["VpcId"])
    await _refuse_while_used(call, row)
    for table in await call.tx.list(RouteTable, vpc_id=row.id):
        for route in await call.tx.list(Route, route_table_id=table.id):
            await call.tx.delete(route)
        await call.tx.delete(table)
    for association in await call.tx.list(RouteTableAssociation, vpc_id=row.id):
        await call.tx.delete(association)
    for group in await call.tx.list(SecurityGroup, vpc_id=row.id):
        await delete_group(call.tx, group)
    for acl in await call.tx.list(NetworkAcl, vpc_id=row.id):
        await network_acls.delete_acl(call.tx, acl)
    await call.tx.delete(row)
    return {}


async def _refuse_while_used(call: Call, row: Vpc) -> None:
    """In the order in which a client would take them away."""
    blockers: tuple[tuple[type[Resource], str, dict[str, Any]], ...] = (
        (RouteServerAssociation, "the association of route server", {}),
        (NetworkInterface, "network interface", {}),
        (Subnet, "subnet", {}),
        (InternetGateway, "the attachment of internet gateway", {}),
        (RouteTable, "route table", {"main": False}),
        (NetworkAcl, "network ACL", {"is_default": False}),
    )
    for type_, what, more in blockers:
        found = await call.tx.list(type_, vpc_id=row.id, **more)
        if found:
            first = found[0]
            name = first.route_server_id if isinstance(first, RouteServerAssociation) else first.id
            raise vpc_rules.in_use("vpc", row.id, f"{what} {name} is there")
    for group in await call.tx.list(SecurityGroup, vpc_id=row.id):
        if group.name != DEFAULT_NAME:
            raise vpc_rules.in_use("vpc", row.id, f"security group {group.id} is there")


async def modify_vpc_tenancy(call: Call, params: Params) -> Answer:
    row = await find(call, Vpc, params["VpcId"])
    await call.tx.update(row, instance_tenancy=params["InstanceTenancy"])
    return {"ReturnValue": True}


async def describe_vpc_attribute(call: Call, params: Params) -> Answer:
    row = await find(call, Vpc, params["VpcId"])
    member, field = ATTRIBUTES[params["Attribute"]]
    return {"VpcId": row.id, member: {"Value": getattr(row, field)}}


async def modify_vpc_attribute(call: Call, params: Params) -> Answer:
    row = await find(call, Vpc, params["VpcId"])
    member = the_only_attribute(params, [member for member, _ in ATTRIBUTES.values()])
    field = dict(ATTRIBUTES.values())[member]
    await call.tx.update(row, **{field: params[member].get("Value", False)})
    return {}
