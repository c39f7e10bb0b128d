"""Create, Replace and DeleteRoute (EC2 API 2016-11-15): the static routes of a table.

Targets are network interfaces (or the instance that has one) and internet gateways; EC2's other
kinds of target do not exist here, which is what a client that names one is told. A static route
takes its destination from a propagated one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.domain import addressing, vpc_rules
from routeserver.domain.addressing import Network
from routeserver.domain.network import Instance, ManagedPrefixList
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.net.prefix import from_network

ABSENT_TARGETS: Final = {
    "CarrierGatewayId": ("InvalidCarrierGatewayID.NotFound", "carrierGateway ID"),
    "CoreNetworkArn": ("InvalidCoreNetworkArn.NotFound", "core network"),
    "EgressOnlyInternetGatewayId": (
        "InvalidEgressOnlyInternetGatewayId.NotFound",
        "egressOnlyInternetGateway ID",
    ),
    "LocalGatewayId": ("InvalidLocalGatewayID.NotFound", "localGateway ID"),
    "NatGatewayId": ("InvalidNatGatewayID.NotFound", "natGateway ID"),
    "OdbNetworkArn": ("InvalidOdbNetworkArn.NotFound", "ODB network"),
    "TransitGatewayId": ("InvalidTransitGatewayID.NotFound", "transitGateway ID"),
    "VpcEndpointId": ("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id"),
    "VpcPeeringConnectionId": (
        "InvalidVpcPeeringConnectionID.NotFound",
        "vpcPeeringConnection ID",
    ),
}
"""Targets of kinds that do not exist here, with EC2's code and noun for one it cannot find."""

TARGETS: Final = ("GatewayId", "InstanceId", "NetworkInterfaceId", *ABSENT_TARGETS)

Destination: TypeAlias = Network | ManagedPrefixList


async def create_route(call: Call, params: Params) -> Answer:
    table = await find(call, RouteTable, params["RouteTableId"])
    destination = await _destination(call, params)
    target = await _target(call, params, table)
    await _check_destination(call, table, destination, target)
    present = await call.tx.list(Route, route_table_id=table.id)
    if any(route.destination == _text(destination) for route in present):
        raise _exists(destination)
    await _check_limit(call, present, destination)
    await call.tx.insert(_route(call, table, destination, target))
    return {"Return": True}


async def replace_route(call: Call, params: Params) -> Answer:
    """Another target for a static route; for a local route an interface in place of ``local``, or
    ``local`` again.
    """
    table = await find(call, RouteTable, params["RouteTableId"])
    destination = await _destination(call, params)
    vpc = await find(call, Vpc, table.vpc_id)
    is_local = _text(destination) in vpc_rules.local_destinations(vpc)
    present = await call.tx.get(Route, _route_id(table, destination))
    if params.get("LocalTarget"):
        return await _reset_local_route(call, params, destination, present, is_local=is_local)
    target = await _target(call, params, table)
    if is_local:
        if "network_interface_id" not in target:
            raise Refusal(
                "InvalidParameterValue",
                f"The local route {_text(destination)} can only target a network interface, or be "
                "reset with LocalTarget.",
            )
        if present is None:
            await call.tx.insert(_route(call, table, destination, target))
            return {}
    elif present is None:
        raise Refusal(
            "InvalidParameterValue",
            f"There is no route defined for '{_text(destination)}' in the route table. "
            "Use CreateRoute instead.",
        )
    else:
        await _check_destination(call, table, destination, target)
    await call.tx.update(present, **{"gateway_id": None, "network_interface_id": None, **target})
    return {}


async def _reset_local_route(
    call: Call, params: Params, destination: Destination, present: Route | None, *, is_local: bool
) -> Answer:
    if any(name in params for name in TARGETS):
        raise Refusal(
            "InvalidParameterCombination", "LocalTarget cannot be given with another target."
        )
    if not is_local:
        raise Refusal(
            "InvalidParameterValue",
            f"LocalTarget is for the VPC's own CIDR blocks, and {_text(destination)} is none of "
            "them.",
        )
    if present is not None:
        await call.tx.delete(present)
    return {}


async def delete_route(call: Call, params: Params) -> Answer:
    table = await find(call, RouteTable, params["RouteTableId"])
    destination = await _destination(call, params)
    vpc = await find(call, Vpc, table.vpc_id)
    if _text(destination) in vpc_rules.local_destinations(vpc):
        raise Refusal(
            "InvalidParameterValue",
            f"cannot remove local route {_text(destination)} in route table {table.id}",
        )
    route = await call.tx.get(Route, _route_id(table, destination))
    if route is None:
        propagated = (
            None
            if isinstance(destination, ManagedPrefixList)
            else call.observed.propagated(table.id).get(from_network(destination))
        )
        why = (
            ""
            if propagated is None
            else f": it is propagated by {propagated.route_server_id}, and goes with the "
            "propagation or the advertisement"
        )
        raise Refusal(
            "InvalidRoute.NotFound",
            f"no route with destination-cidr-block {_text(destination)} in route table "
            f"{table.id}{why}",
        )
    await call.tx.delete(route)
    return {}


# --- destination and target -----------------------------------------------------------------------


async def _destination(call: Call, params: Params) -> Destination:
    """The destination in canonical form; exactly one of the three kinds is given."""
    ipv4, ipv6 = params.get("DestinationCidrBlock"), params.get("DestinationIpv6CidrBlock")
    prefix_list_id = params.get("DestinationPrefixListId")
    if sum(given is not None for given in (ipv4, ipv6, prefix_list_id)) > 1:
        raise Refusal(
            "InvalidParameterCombination",
            "Only one of DestinationCidrBlock, DestinationIpv6CidrBlock and "
            "DestinationPrefixListId can be given.",
        )
    if prefix_list_id is not None:
        return await find(call, ManagedPrefixList, prefix_list_id)
    if ipv4 is not None:
        return vpc_rules.check_ipv4_block("destinationCidrBlock", ipv4)
    if ipv6 is not None:
        return vpc_rules.check_ipv6_block("destinationIpv6CidrBlock", ipv6)
    raise Refusal(
        "MissingParameter",
        "The request must contain the parameter DestinationCidrBlock or DestinationIpv6CidrBlock",
    )


async def _target(call: Call, params: Params, table: RouteTable) -> dict[str, str]:
    """The field of a Route that holds the one target given, and its id."""
    given = [name for name in TARGETS if name in params]
    if not given:
        raise Refusal(
            "MissingParameter",
            "The request must contain a target: GatewayId or NetworkInterfaceId",
        )
    if len(given) > 1:
        raise Refusal(
            "InvalidParameterCombination",
            f"A route has one target, not several: {', '.join(given)}.",
        )
    name, target_id = given[0], params[given[0]]
    match name:
        case "NetworkInterfaceId":
            interface = await find(call, NetworkInterface, target_id)
            if interface.vpc_id != table.vpc_id:
                raise vpc_rules.different_networks(table.id, f"interface {interface.id}")
            return {"network_interface_id": interface.id}
        case "InstanceId":
            return {"network_interface_id": await _interface_of(call, target_id, table)}
        case "GatewayId":
            return {"gateway_id": await _gateway(call, target_id, table)}
        case _:
            code, noun = ABSENT_TARGETS[name]
            raise Refusal(code, f"The {noun} '{target_id}' does not exist")


async def _interface_of(call: Call, instance_id: str, table: RouteTable) -> str:
    """The one interface of an instance that is named as a target."""
    instance = await find(call, Instance, instance_id)
    attached = await call.tx.list(NetworkInterface, instance_id=instance.id)
    if len(attached) != 1:
        count = "multiple" if attached else "no"
        raise Refusal(
            "InvalidInstanceID",
            f"There are {count} interfaces attached to instance '{instance.id}'. Please specify an "
            "interface ID for the operation instead.",
        )
    if instance.vpc_id != table.vpc_id:
        raise vpc_rules.different_networks(table.id, f"instance {instance.id}")
    return attached[0].id


async def _gateway(call: Call, gateway_id: str, table: RouteTable) -> str:
    gateway = await call.tx.get(InternetGateway, gateway_id)
    if gateway is None:
        raise Refusal("InvalidGatewayID.NotFound", f"The gateway ID '{gateway_id}' does not exist")
    if gateway.vpc_id != table.vpc_id:
        raise vpc_rules.different_networks(table.id, f"network gateway {gateway.id}")
    for association in await call.tx.list(RouteTableAssociation, route_table_id=table.id):
        if association.gateway_id is not None:
            raise vpc_rules.gateway_behind_gateway(table.id, gateway.id)
    return gateway.id


async def _check_destination(
    call: Call, table: RouteTable, destination: Destination, target: dict[str, str]
) -> None:
    if isinstance(destination, ManagedPrefixList):
        return
    vpc = await find(call, Vpc, table.vpc_id)
    if _text(destination) in vpc_rules.local_destinations(vpc):
        raise _exists(destination)
    vpc_rules.check_inside_route(
        destination,
        vpc,
        await call.tx.list(Subnet, vpc_id=vpc.id),
        to_interface="network_interface_id" in target,
    )


async def _check_limit(call: Call, present: Sequence[Route], destination: Destination) -> None:
    """IPv4 and IPv6 routes are counted apart; a prefix list counts as often as it may have
    entries."""
    limit = call.policy.quotas.static_routes_per_table
    if limit is None:
        return
    list_ids = {route.destination for route in present if "/" not in route.destination}
    lists = {row.id: row for row in await call.tx.list(ManagedPrefixList, id=list_ids)}
    family, weight = _weight(destination)
    used = weight
    for route in present:
        other = lists.get(route.destination) or addressing.parse_network(route.destination)
        other_family, other_weight = _weight(other)
        used += other_weight if other_family == family else 0
    if used > limit:
        raise Refusal(
            "RouteLimitExceeded",
            f"You have reached the limit of {limit} {family} routes per route table.",
        )


def _weight(destination: Destination) -> tuple[str, int]:
    if isinstance(destination, ManagedPrefixList):
        return destination.address_family, destination.max_entries
    return f"IPv{destination.version}", 1


def _text(destination: Destination) -> str:
    return destination.id if isinstance(destination, ManagedPrefixList) else str(destination)


def _exists(destination: Destination) -> Refusal:
    return Refusal(
        "RouteAlreadyExists", f"The route identified by {_text(destination)} already exists."
    )


async def vgw_route_propagation(call: Call, params: Params) -> Answer:
    """Enable or DisableVgwRoutePropagation: there are no virtual private gateways here."""
    await find(call, RouteTable, params["RouteTableId"])
    raise Refusal(
        "InvalidVpnGatewayID.NotFound",
        f"The vpnGateway ID '{params['GatewayId']}' does not exist; there are no virtual private "
        "gateways here.",
    )


def _route_id(table: RouteTable, destination: Destination) -> str:
    return f"{table.id}|{_text(destination)}"


def _route(
    call: Call, table: RouteTable, destination: Destination, target: dict[str, Any]
) -> Route:
    return Route(
        id=_route_id(table, destination),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_table_id=table.id,
        destination=_text(destination),
        **target,
    )
