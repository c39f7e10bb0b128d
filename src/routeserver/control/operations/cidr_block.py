"""Associate and disassociate the CIDR blocks of VPCs and subnets (EC2 API 2016-11-15).

A VPC has its primary IPv4 block for life, further IPv4 blocks, and one IPv6 block that is chosen
here; a subnet has one IPv4 block for life and may have one /64.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Final

from routeserver.control import network_acls
from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.control.operations.vpc import NO_POOLS
from routeserver.control.security_groups import EVERYWHERE, default_group, new_rule, spec_of
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import vpc as views
from routeserver.domain import addressing, rules, vpc_rules
from routeserver.domain.network import SecurityGroupRule
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Route, RouteTable, Subnet, Vpc
from routeserver.domain.security_rules import ALL, RuleSpec

UNSUPPORTED: Final = {
    "Ipv4IpamPoolId": NO_POOLS,
    "Ipv4NetmaskLength": NO_POOLS,
    "Ipv6CidrBlock": "the VPC's IPv6 block is chosen here; use AmazonProvidedIpv6CidrBlock",
    "Ipv6IpamPoolId": NO_POOLS,
    "Ipv6NetmaskLength": NO_POOLS,
    "Ipv6Pool": NO_POOLS,
}

ASSOCIATING: Final = "associating"
DISASSOCIATING: Final = "disassociating"


# --- VPCs -----------------------------------------------------------------------------------------


async def associate_vpc_cidr_block(call: Call, params: Params) -> Answer:
    refuse_unsupported(params, UNSUPPORTED)
    vpc = await find(call, Vpc, params["VpcId"])
    with_ipv6 = params.get("AmazonProvidedIpv6CidrBlock", False)
    if with_ipv6 and "CidrBlock" in params:
        raise Refusal(
            "InvalidParameterCombination",
            "CidrBlock and AmazonProvidedIpv6CidrBlock cannot both be given.",
        )
    if with_ipv6:
        return await _associate_ipv6(call, vpc)
    if "CidrBlock" not in params:
        raise Refusal(
            "MissingParameter",
            "The request must contain the parameter CidrBlock or AmazonProvidedIpv6CidrBlock",
        )
    rules.within(
        call.policy.quotas.cidr_blocks_per_vpc,
        1 + len(vpc.secondary_cidrs),
        "CidrLimitExceeded",
        f"CIDR blocks of network '{vpc.id}'",
    )
    network = vpc_rules.check_secondary_block(
        params["CidrBlock"],
        vpc,
        [route.destination for route in await _routes(call, vpc)],
        amazon=call.policy.profile == "aws",
        accept_loopback=call.policy.accept_loopback_vpc,
        shadows=call.policy.shadows,
    )
    cidr = str(network)
    await call.tx.update(vpc, secondary_cidrs=(*vpc.secondary_cidrs, cidr))
    association_id = views.secondary_association_id(vpc, cidr)
    return {
        "VpcId": vpc.id,
        "CidrBlockAssociation": views.ipv4_association(association_id, cidr, ASSOCIATING),
    }


async def _routes(call: Call, vpc: Vpc) -> list[Route]:
    """The static routes to a block of addresses in all tables of the VPC."""
    tables = await call.tx.list(RouteTable, vpc_id=vpc.id)
    found = await call.tx.list(Route, route_table_id=[table.id for table in tables])
    return [route for route in found if "/" in route.destination]


async def _associate_ipv6(call: Call, vpc: Vpc) -> Answer:
    """The default ACL and the default group speak of IPv6 from now on, as on EC2."""
    if vpc.ipv6_cidr is not None:
        raise Refusal(
            "CidrLimitExceeded",
            f"This network '{vpc.id}' has met its maximum number of allowed IPv6 CIDRs: 1 "
            f"({vpc.ipv6_cidr}).",
        )
    vpc = await call.tx.update(vpc, ipv6_cidr=str(addressing.vpc_ipv6_network(vpc.id)))
    await network_acls.add_ipv6_entries(call, await network_acls.default_acl(call, vpc.id))
    group = await default_group(call, vpc.id)
    leaving = await call.tx.list(SecurityGroupRule, group_id=group.id, is_egress=True)
    everything = [RuleSpec(ALL, cidr=block) for block in EVERYWHERE.values()]
    if [spec_of(rule).identity for rule in leaving] == everything[:1]:
        rule_id = call.new_id("sgr")
        rule = new_rule(group, everything[1], is_egress=True, rule_id=rule_id, now=call.now)
        await call.tx.insert(rule)
    association = views.vpc_ipv6_association(vpc, ASSOCIATING)
    return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": association}


async def disassociate_vpc_cidr_block(call: Call, params: Params) -> Answer:
    association_id = params["AssociationId"]
    for vpc in await call.tx.list(Vpc):
        if vpc.ipv6_cidr is not None and views.ipv6_association_id(vpc) == association_id:
            return await _disassociate_ipv6(call, vpc)
        cidr = views.ipv4_associations(vpc).get(association_id)
        if cidr is not None:
            return await _disassociate_ipv4(call, vpc, association_id, cidr)
    raise Refusal(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        f"The vpc CIDR block association ID '{association_id}' does not exist",
    )


async def _disassociate_ipv4(call: Call, vpc: Vpc, association_id: str, cidr: str) -> Answer:
    if cidr == vpc.cidr:
        raise Refusal(
            "OperationNotPermitted",
            f"The vpc CIDR block with association ID {association_id} may not be disassociated. It "
            "is the primary IPv4 CIDR block of the VPC",
        )
    block = IPv4Network(cidr)
    for subnet in await call.tx.list(Subnet, vpc_id=vpc.id):
        if IPv4Network(subnet.cidr).subnet_of(block):
            raise _in_use(association_id, f"subnet {subnet.id} lies in it")
    await _drop_local_targets(call, vpc, cidr)
    kept = tuple(other for other in vpc.secondary_cidrs if other != cidr)
    await call.tx.update(vpc, secondary_cidrs=kept)
    return {
        "VpcId": vpc.id,
        "CidrBlockAssociation": views.ipv4_association(association_id, cidr, DISASSOCIATING),
    }


async def _disassociate_ipv6(call: Call, vpc: Vpc) -> Answer:
    for subnet in await call.tx.list(Subnet, vpc_id=vpc.id):
        if subnet.ipv6_cidr is not None:
            raise _in_use(views.ipv6_association_id(vpc), f"subnet {subnet.id} has a part of it")
    await _drop_local_targets(call, vpc, str(vpc.ipv6_cidr))
    await call.tx.update(vpc, ipv6_cidr=None)
    association = views.vpc_ipv6_association(vpc, DISASSOCIATING)
    return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": association}


async def _drop_local_targets(call: Call, vpc: Vpc, cidr: str) -> None:
    """The local route to the block ends, and what had replaced its target with it."""
    for route in await _routes(call, vpc):
        if route.destination == cidr:
            await call.tx.delete(route)


def _in_use(association_id: str, dependency: str) -> Refusal:
    return Refusal(
        "DependencyViolation",
        f"The CIDR block with association ID {association_id} is in use and cannot be "
        f"disassociated: {dependency}.",
    )


# --- subnets --------------------------------------------------------------------------------------


async def associate_subnet_cidr_block(call: Call, params: Params) -> Answer:
    refuse_unsupported(params, {"Ipv6IpamPoolId": NO_POOLS, "Ipv6NetmaskLength": NO_POOLS})
    subnet = await find(call, Subnet, params["SubnetId"])
    if "Ipv6CidrBlock" not in params:
        raise Refusal("MissingParameter", "The request must contain the parameter Ipv6CidrBlock")
    if subnet.ipv6_cidr is not None:
        raise Refusal(
            "CidrLimitExceeded",
            f"The subnet '{subnet.id}' has met its maximum number of allowed IPv6 CIDRs: 1 "
            f"({subnet.ipv6_cidr}).",
        )
    vpc = await find(call, Vpc, subnet.vpc_id)
    neighbours = await call.tx.list(Subnet, vpc_id=vpc.id)
    network = vpc_rules.check_subnet_ipv6_block(params["Ipv6CidrBlock"], vpc, neighbours)
    subnet = await call.tx.update(subnet, ipv6_cidr=str(network))
    association = views.subnet_ipv6_association(subnet, ASSOCIATING)
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": association}


async def disassociate_subnet_cidr_block(call: Call, params: Params) -> Answer:
    association_id = params["AssociationId"]
    for subnet in await call.tx.list(Subnet):
        if subnet.ipv6_cidr is not None and views.ipv6_association_id(subnet) == association_id:
            for interface in await call.tx.list(NetworkInterface, subnet_id=subnet.id):
                if interface.ipv6_addresses:
                    block = IPv6Network(subnet.ipv6_cidr)
                    raise _in_use(association_id, f"{interface.id} has an address of {block}")
            association = views.subnet_ipv6_association(subnet, DISASSOCIATING)
            await call.tx.update(subnet, ipv6_cidr=None, assign_ipv6_address_on_creation=False)
            return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": association}
    raise Refusal(
        "InvalidSubnetCidrBlockAssociationID.NotFound",
        f"The subnet CIDR block association ID '{association_id}' does not exist",
    )
