"""A VPC and its subnets as the EC2 answer shows them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import Resource, Subnet, Vpc

ASSOCIATED: Final = "associated"

# Block Public Access is a setting of the account that nothing here ever switches on.
_PUBLIC_ACCESS: Final = {"InternetGatewayBlockMode": "off"}


def ipv4_association_id(vpc: Vpc) -> str:
    return f"vpc-cidr-assoc-{_digits(vpc)}"


def ipv6_association_id(resource: Vpc | Subnet) -> str:
    """A block has an id of its own on the wire; as each resource has one block, its digits turned
    round are that id.
    """
    return f"{resource.kind}-cidr-assoc-{_digits(resource)[::-1]}"


def secondary_association_id(vpc: Vpc, cidr: str) -> str:
    """What tells a block of a VPC from its others is the block: its digits follow from both."""
    return f"vpc-cidr-assoc-{sha256(f'{vpc.id} {cidr}'.encode()).hexdigest()[:17]}"


def ipv4_associations(vpc: Vpc) -> dict[str, str]:
    """The VPC's IPv4 blocks by their association ids, the primary one first."""
    secondary = {secondary_association_id(vpc, cidr): cidr for cidr in vpc.secondary_cidrs}
    return {ipv4_association_id(vpc): vpc.cidr, **secondary}


def ipv4_association(association_id: str, cidr: str, state: str = ASSOCIATED) -> Answer:
    return {
        "AssociationId": association_id,
        "CidrBlock": cidr,
        "CidrBlockState": {"State": state},
    }


def vpc_ipv6_association(row: Vpc, state: str = ASSOCIATED) -> Answer:
    return {
        "AssociationId": ipv6_association_id(row),
        "Ipv6CidrBlock": row.ipv6_cidr,
        "Ipv6CidrBlockState": {"State": state},
        "NetworkBorderGroup": row.region,
        "Ipv6Pool": "Amazon",
        "Ipv6AddressAttribute": "private",
        "IpSource": "amazon",
    }


def subnet_ipv6_association(row: Subnet, state: str = ASSOCIATED) -> Answer:
    return {
        "AssociationId": ipv6_association_id(row),
        "Ipv6CidrBlock": row.ipv6_cidr,
        "Ipv6CidrBlockState": {"State": state},
        "Ipv6AddressAttribute": "private",
        "IpSource": "amazon",
    }


def _digits(resource: Resource) -> str:
    return resource.id.rpartition("-")[2]


def vpc(row: Vpc, tags: Mapping[str, str]) -> Answer:
    return {
        "VpcId": row.id,
        "OwnerId": row.account_id,
        "State": row.state,
        "CidrBlock": row.cidr,
        "CidrBlockAssociationSet": [
            ipv4_association(association_id, cidr)
            for association_id, cidr in ipv4_associations(row).items()
        ],
        "Ipv6CidrBlockAssociationSet": [vpc_ipv6_association(row)] if row.ipv6_cidr else [],
        "DhcpOptionsId": row.dhcp_options_id,
        "InstanceTenancy": row.instance_tenancy,
        "IsDefault": row.is_default,
        "BlockPublicAccessStates": _PUBLIC_ACCESS,
        "Tags": tag_list(tags),
    }


def subnet_arn(row: Subnet) -> str:
    return f"arn:aws:ec2:{row.region}:{row.account_id}:subnet/{row.id}"


def subnet(row: Subnet, tags: Mapping[str, str], *, zone_id: str | None, free: int) -> Answer:
    """`free` is how many IPv4 addresses are left; `zone_id` None leaves the zone's id out."""
    shown: Answer = {
        "SubnetId": row.id,
        "SubnetArn": subnet_arn(row),
        "VpcId": row.vpc_id,
        "OwnerId": row.account_id,
        "State": row.state,
        "CidrBlock": row.cidr,
        "AvailableIpAddressCount": free,
        "AvailabilityZone": row.availability_zone,
        "DefaultForAz": False,
        "MapPublicIpOnLaunch": row.map_public_ip_on_launch,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": row.assign_ipv6_address_on_creation,
        "Ipv6CidrBlockAssociationSet": [subnet_ipv6_association(row)] if row.ipv6_cidr else [],
        "EnableDns64": row.enable_dns64,
        "Ipv6Native": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "BlockPublicAccessStates": _PUBLIC_ACCESS,
        "Tags": tag_list(tags),
    }
    if zone_id is not None:
        shown["AvailabilityZoneId"] = zone_id
    return shown
