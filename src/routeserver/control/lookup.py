"""Find the resource that a parameter names, or say in EC2's words why there is none.

One table holds, for each type, the id's prefix and EC2's error vocabulary; the codes come from the
EC2 API reference's list of client errors and, for route servers, from what clients of the service
expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from routeserver.control.call import Call
from routeserver.domain.network import (
    DhcpOptions,
    Instance,
    ManagedPrefixList,
    NetworkAcl,
    NetworkAclAssociation,
    ProfileAssociation,
    SecurityGroup,
    SecurityGroupRule,
)
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Resource,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.net.ids import is_well_formed

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Naming:
    id_prefix: str
    code: str
    """The stem of ``.NotFound``, and of ``.Malformed`` unless that has one of its own."""
    noun: str
    malformed_code: str | None = None
    whole: bool = False
    """Whether the codes stand as they are, without these ends."""


NAMING: Final[dict[type[Resource], Naming]] = {
    Vpc: Naming("vpc", "InvalidVpcID", "vpc ID"),
    Subnet: Naming("subnet", "InvalidSubnetID", "subnet ID"),
    RouteTable: Naming("rtb", "InvalidRouteTableID", "routeTable ID", "InvalidRouteTableId"),
    RouteTableAssociation: Naming("rtbassoc", "InvalidAssociationID", "association ID"),
    InternetGateway: Naming(
        "igw", "InvalidInternetGatewayID", "internetGateway ID", "InvalidInternetGatewayId"
    ),
    NetworkInterface: Naming(
        "eni", "InvalidNetworkInterfaceID", "networkInterface ID", "InvalidNetworkInterfaceId"
    ),
    SecurityGroup: Naming("sg", "InvalidGroup", "security group", "InvalidGroupId"),
    SecurityGroupRule: Naming(
        "sgr",
        "InvalidSecurityGroupRuleId",
        "security group rule ID",
    ),
    NetworkAcl: Naming("acl", "InvalidNetworkAclID", "networkAcl ID"),
    NetworkAclAssociation: Naming("aclassoc", "InvalidAssociationID", "association ID"),
    DhcpOptions: Naming("dopt", "InvalidDhcpOptionID", "dhcpOption ID"),
    ManagedPrefixList: Naming("pl", "InvalidPrefixListID", "prefix list ID", "InvalidPrefixListId"),
    Instance: Naming("i", "InvalidInstanceID", "instance ID"),
    ProfileAssociation: Naming(
        "iip-assoc", "NoSuchAssociation", "association", "InvalidParameterValue", whole=True
    ),
    RouteServer: Naming("rs", "InvalidRouteServerId", "routeServer ID"),
    RouteServerEndpoint: Naming("rse", "InvalidRouteServerEndpointId", "routeServerEndpoint ID"),
    RouteServerPeer: Naming("rsp", "InvalidRouteServerPeerId", "routeServerPeer ID"),
}


def malformed(type_: type[Resource], text: str) -> Refusal:
    naming = NAMING[type_]
    return Refusal(
        (naming.malformed_code or naming.code) + ("" if naming.whole else ".Malformed"),
        f"Invalid id: '{text}' (expecting '{naming.id_prefix}-...')",
    )


def not_found(type_: type[Resource], *ids: str) -> Refusal:
    naming = NAMING[type_]
    if len(ids) == 1:
        text = f"The {naming.noun} '{ids[0]}' does not exist"
    else:
        text = f"The {naming.noun}s '{', '.join(ids)}' do not exist"
    return Refusal(naming.code if naming.whole else f"{naming.code}.NotFound", text)


async def find(call: Call, type_: type[R], resource_id: str) -> R:
    """The resource of this id in the caller's account and region.

    Raises Refusal ``….Malformed`` or ``….NotFound``.
    """
    if not is_well_formed(resource_id, NAMING[type_].id_prefix):
        raise malformed(type_, resource_id)
    found = await call.tx.get(type_, resource_id)
    if found is None:
        raise not_found(type_, resource_id)
    return found


async def find_all(call: Call, type_: type[R], ids: Any) -> list[R]:
    """All resources of the type, or exactly those of the ids when some are given.

    Raises Refusal as `find` does, naming every id that is missing.
    """
    if not ids:
        return await call.tx.list(type_)
    for resource_id in ids:
        if not is_well_formed(resource_id, NAMING[type_].id_prefix):
            raise malformed(type_, resource_id)
    found = await call.tx.list(type_, id=list(ids))
    missing = sorted(set(ids) - {resource.id for resource in found})
    if missing:
        raise not_found(type_, *missing)
    return found
