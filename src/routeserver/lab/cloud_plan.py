"""A lab as calls of the EC2 API, in order: pure, so that it can be read and tested as a list.

Every answer's id gets a name, such as ``vpc.shop`` or ``endpoint.rs.0``, and later calls refer to
it. Asynchronous steps are followed by the look that waits for them, as a client of Amazon's must.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from routeserver.lab.model import INTERNET_GATEWAY, Appliance, Eni, Lab, RouteServer


@dataclass(frozen=True, slots=True)
class Ref:
    """What an earlier call has given this name."""

    name: str


Params: TypeAlias = Mapping[str, "str | Ref"]


@dataclass(frozen=True, slots=True)
class Call:
    """`keeps` are names with the path of each in the answer."""

    what: str
    action: str
    params: Params
    keeps: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """Asked again until `path` of the answer is `wanted`; then `keeps` as in a Call."""

    what: str
    action: str
    params: Params
    path: str
    wanted: str
    keeps: Mapping[str, str]


CloudStep: TypeAlias = Call | Look


def eni_ref(owner: str, eni: str = "") -> str:
    return f"eni.{owner}.{eni}" if eni else f"eni.{owner}"


def endpoint_ref(server: RouteServer, place: int) -> str:
    return f"endpoint.{server.name}.{place}"


def peer_ref(appliance: Appliance, eni: Eni, server: RouteServer, place: int) -> str:
    inner = f".{eni.name}" if eni.name else ""
    return f"peer.{appliance.name}{inner}.{server.name}.{place}"


def plan(lab: Lab) -> Iterator[CloudStep]:
    """Everything up to the peers, which are `available` then with BGP down."""
    yield from _networks(lab)
    yield from _interfaces(lab)
    yield from _static_routes(lab)
    for server in lab.route_servers.values():
        yield from _route_server(server)
    for appliance in lab.appliances.values():
        yield from _peers(lab, appliance)


def _named(kind: str, name: str) -> dict[str, str | Ref]:
    return {
        "TagSpecification.1.ResourceType": kind,
        "TagSpecification.1.Tag.1.Key": "Name",
        "TagSpecification.1.Tag.1.Value": name,
    }


def _networks(lab: Lab) -> Iterator[CloudStep]:
    for vpc in lab.vpcs.values():
        ref = f"vpc.{vpc.name}"
        yield Call(
            f"VPC {vpc.name}",
            "CreateVpc",
            {"CidrBlock": str(vpc.cidr), **_named("vpc", vpc.name)},
            {ref: "vpc/vpcId"},
        )
        yield Look(
            f"VPC {vpc.name}",
            "DescribeVpcs",
            {"VpcId.1": Ref(ref)},
            "vpcSet/item/state",
            "available",
            {},
        )
        if vpc.internet_gateway:
            gateway = f"igw.{vpc.name}"
            yield Call(
                f"internet gateway of {vpc.name}",
                "CreateInternetGateway",
                _named("internet-gateway", vpc.name),
                {gateway: "internetGateway/internetGatewayId"},
            )
            yield Call(
                f"internet gateway of {vpc.name}",
                "AttachInternetGateway",
                {"InternetGatewayId": Ref(gateway), "VpcId": Ref(ref)},
                {},
            )
    for table in lab.tables.values():
        yield Call(
            f"route table {table.name}",
            "CreateRouteTable",
            {"VpcId": Ref(f"vpc.{table.vpc}"), **_named("route-table", table.name)},
            {f"table.{table.name}": "routeTable/routeTableId"},
        )
    for vpc in lab.vpcs.values():
        if vpc.gateway_table is not None:
            yield Call(
                f"route table {vpc.gateway_table}",
                "AssociateRouteTable",
                {
                    "RouteTableId": Ref(f"table.{vpc.gateway_table}"),
                    "GatewayId": Ref(f"igw.{vpc.name}"),
                },
                {},
            )
    for subnet in lab.subnets.values():
        ref = f"subnet.{subnet.name}"
        where: Params = {"VpcId": Ref(f"vpc.{subnet.vpc}"), "CidrBlock": str(subnet.cidr)}
        yield Call(
            f"subnet {subnet.name}",
            "CreateSubnet",
            {**where, **_named("subnet", subnet.name)},
            {ref: "subnet/subnetId"},
        )
        if subnet.table is not None:
            yield Call(
                f"subnet {subnet.name}",
                "AssociateRouteTable",
                {"RouteTableId": Ref(f"table.{subnet.table}"), "SubnetId": Ref(ref)},
                {},
            )


def _interfaces(lab: Lab) -> Iterator[CloudStep]:
    for appliance in lab.appliances.values():
        for eni in appliance.enis:
            ref = eni_ref(appliance.name, eni.name)
            yield _interface(ref, eni.subnet, str(eni.address))
            yield Call(
                f"interface {ref.removeprefix('eni.')}",
                "ModifyNetworkInterfaceAttribute",
                {"NetworkInterfaceId": Ref(ref), "SourceDestCheck.Value": "false"},
                {},
            )
    for host in lab.hosts.values():
        if host.subnet is not None:
            yield _interface(eni_ref(host.name), host.subnet, str(host.address))


def _interface(ref: str, subnet: str, address: str) -> Call:
    name = ref.removeprefix("eni.")
    return Call(
        f"interface {name}",
        "CreateNetworkInterface",
        {
            "SubnetId": Ref(f"subnet.{subnet}"),
            "PrivateIpAddress": address,
            **_named("network-interface", name),
        },
        {ref: "networkInterface/networkInterfaceId"},
    )


def _static_routes(lab: Lab) -> Iterator[CloudStep]:
    for table in lab.tables.values():
        for prefix, target in table.routes.items():
            to: dict[str, str | Ref] = (
                {"GatewayId": Ref(f"igw.{table.vpc}")}
                if target == INTERNET_GATEWAY
                else {"NetworkInterfaceId": Ref(eni_ref(target))}
            )
            yield Call(
                f"static route {prefix} to {target} in {table.name}",
                "CreateRoute",
                {
                    "RouteTableId": Ref(f"table.{table.name}"),
                    "DestinationCidrBlock": str(prefix),
                    **to,
                },
                {},
            )


def _route_server(server: RouteServer) -> Iterator[CloudStep]:
    ref = f"rs.{server.name}"
    mine: Params = {"RouteServerId": Ref(ref)}
    what = f"route server {server.name}, AS {server.asn}"
    made = {"AmazonSideAsn": str(server.asn), **_named("route-server", server.name)}
    yield Call(what, "CreateRouteServer", made, {ref: "routeServer/routeServerId"})
    listed: Params = {"RouteServerId.1": Ref(ref)}
    yield Look(what, "DescribeRouteServers", listed, "routeServerSet/item/state", "available", {})
    vpc = {**mine, "VpcId": Ref(f"vpc.{server.vpc}")}
    yield Call(what, "AssociateRouteServer", vpc, {})
    yield Look(
        what,
        "GetRouteServerAssociations",
        mine,
        "routeServerAssociationSet/item/state",
        "associated",
        {},
    )
    for place, subnet in enumerate(server.endpoints):
        yield Call(
            f"endpoint in {subnet}",
            "CreateRouteServerEndpoint",
            {
                **mine,
                "SubnetId": Ref(f"subnet.{subnet}"),
                **_named("route-server-endpoint", f"{server.name}-{subnet}"),
            },
            {endpoint_ref(server, place): "routeServerEndpoint/routeServerEndpointId"},
        )
    for place, subnet in enumerate(server.endpoints):
        endpoint = endpoint_ref(server, place)
        yield Look(
            f"endpoint in {subnet}",
            "DescribeRouteServerEndpoints",
            {"RouteServerEndpointId.1": Ref(endpoint)},
            "routeServerEndpointSet/item/state",
            "available",
            {f"{endpoint}.address": "routeServerEndpointSet/item/eniAddress"},
        )
    for table in server.propagate:
        link = {**mine, "RouteTableId": Ref(f"table.{table}")}
        what = f"propagation into {table}"
        yield Call(what, "EnableRouteServerPropagation", link, {})
        yield Look(
            what,
            "GetRouteServerPropagations",
            link,
            "routeServerPropagationSet/item/state",
            "available",
            {},
        )


def _peers(lab: Lab, appliance: Appliance) -> Iterator[CloudStep]:
    liveness = "bfd" if appliance.bfd else "bgp-keepalive"
    for eni, server, place in lab.peerings(appliance):
        ref = peer_ref(appliance, eni, server, place)
        what = f"peer {appliance.name} at {eni.address}, AS {appliance.asn}"
        yield Call(
            what,
            "CreateRouteServerPeer",
            {
                "RouteServerEndpointId": Ref(endpoint_ref(server, place)),
                "PeerAddress": str(eni.address),
                "BgpOptions.PeerAsn": str(appliance.asn),
                "BgpOptions.PeerLivenessDetection": liveness,
                **_named("route-server-peer", appliance.name),
            },
            {ref: "routeServerPeer/routeServerPeerId"},
        )
        yield Look(
            what,
            "DescribeRouteServerPeers",
            {"RouteServerPeerId.1": Ref(ref)},
            "routeServerPeerSet/item/state",
            "available",
            {},
        )
