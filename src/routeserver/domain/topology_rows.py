"""From the rows of intent to the shape that they ask for: what is in which VPC, what it is called
in a kernel, and where each route leads. Pure; everything is a function of the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Final, TypeVar

from routeserver.domain.addressing import Network, overlaps
from routeserver.domain.kernel_names import (
    bridge_mac,
    bridge_name,
    gateway_port_name,
    port_name,
    table_number,
)
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.domain.topology import (
    Gateway,
    Plugged,
    Port,
    SubnetNetwork,
    Table,
    Target,
    TargetKind,
    Topology,
    VpcNetwork,
)
from routeserver.domain.vpc_rules import LOOPBACK, local_destinations

GATEWAY_ADDRESSES: Final = ("169.254.0.1/30", "fe80::1/64")
"""Of the VPC's end of every internet gateway's pair: it is alone on its wire."""
OUTSIDE_ADDRESSES: Final = ("169.254.0.2/30", "fe80::2/64")


T = TypeVar("T", Subnet, NetworkInterface, RouteTable, RouteTableAssociation)


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything a topology follows from. Routes to prefix lists are spelled out, one for every
    entry, with the id that the route to the list has; `endpoint_addresses` are by subnet id."""

    vpcs: Sequence[Vpc] = ()
    subnets: Sequence[Subnet] = ()
    interfaces: Sequence[NetworkInterface] = ()
    tables: Sequence[RouteTable] = ()
    associations: Sequence[RouteTableAssociation] = ()
    routes: Sequence[Route] = ()
    gateways: Sequence[InternetGateway] = ()
    endpoint_addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plugs: Sequence[Plugged] = ()


def topology(rows: Rows, *, needs_plug: bool, main_table: int | None = None) -> Topology:
    """`needs_plug`: an interface that is plugged nowhere cannot be reached. `main_table` is the
    number of every main route table, where they are all one.

    All internet gateways lead to one outside, where no address can be in two VPCs.
    """
    faults: dict[str, str] = {}
    vpcs: dict[str, VpcNetwork] = {}
    by_vpc = _ByVpc(rows)
    for vpc in rows.vpcs:
        if IPv4Network(vpc.cidr).overlaps(LOOPBACK):
            faults[vpc.id] = (
                f"{vpc.cidr} is made of loopback addresses, which no other machine can have; they "
                "work with fabric loopback only"
            )
            continue
        vpcs[vpc.id] = _vpc(vpc, by_vpc, needs_plug, main_table, faults)
    _keep_outside_apart(rows.gateways, vpcs, faults)
    return Topology(vpcs, faults)


class _ByVpc:
    def __init__(self, rows: Rows) -> None:
        self.subnets = _grouped(rows.subnets)
        self.interfaces = _grouped(rows.interfaces)
        self.tables = _grouped(rows.tables)
        self.associations = _grouped(rows.associations)
        self.gateways = {gateway.vpc_id: gateway for gateway in rows.gateways if gateway.vpc_id}
        self.plugs = {plug.interface_id: plug for plug in rows.plugs}
        self.endpoint_addresses = rows.endpoint_addresses
        self.routes: defaultdict[str, list[Route]] = defaultdict(list)
        for route in rows.routes:
            self.routes[route.route_table_id].append(route)


def _vpc(
    vpc: Vpc, rows: _ByVpc, needs_plug: bool, main_table: int | None, faults: dict[str, str]
) -> VpcNetwork:
    associations = rows.associations[vpc.id]
    main = next((link.route_table_id for link in associations if link.main), "")
    explicit = {link.subnet_id: link.route_table_id for link in associations if link.subnet_id}
    edge = {link.gateway_id: link.route_table_id for link in associations if link.gateway_id}
    subnets = {subnet.id: subnet for subnet in rows.subnets[vpc.id]}
    ports = [
        _port(interface, subnets[interface.subnet_id], rows.plugs.get(interface.id))
        for interface in rows.interfaces[vpc.id]
        if not interface.requester_managed and interface.subnet_id in subnets
    ]
    gateway = rows.gateways.get(vpc.id)
    reachable = {port.interface_id for port in ports if port.netns or not needs_plug}
    return VpcNetwork(
        vpc_id=vpc.id,
        cidrs=local_destinations(vpc),
        subnets=tuple(
            _subnet(
                subnet,
                rows.endpoint_addresses.get(subnet.id, ()),
                explicit.get(subnet.id, main),
            )
            for subnet in subnets.values()
        ),
        ports=tuple(ports),
        gateway=None
        if gateway is None
        else Gateway(
            gateway_id=gateway.id,
            port=gateway_port_name(gateway.id),
            route_table_id=edge.get(gateway.id),
            outside=outside_addresses(vpc),
        ),
        tables=tuple(
            Table(
                table.id,
                number,
                _routes(vpc, rows.routes[table.id], reachable, gateway),
            )
            for number, table in _numbered(rows.tables[vpc.id], main, main_table, faults)
        ),
    )


def outside_addresses(vpc: Vpc) -> tuple[str, ...]:
    """The bare addresses at the far end of the VPC's internet gateway."""
    bare = [text.partition("/")[0] for text in OUTSIDE_ADDRESSES]
    return tuple(bare if vpc.ipv6_cidr is not None else bare[:1])


def _subnet(subnet: Subnet, endpoints: Sequence[str], route_table_id: str) -> SubnetNetwork:
    cidrs = (subnet.cidr, *([subnet.ipv6_cidr] if subnet.ipv6_cidr else []))
    return SubnetNetwork(
        subnet_id=subnet.id,
        bridge=bridge_name(subnet.id),
        mac=bridge_mac(subnet.id),
        cidrs=cidrs,
        routers=tuple(_router(ip_network(cidr)) for cidr in cidrs),
        endpoint_addresses=tuple(sorted(endpoints, key=ip_address)),
        route_table_id=route_table_id,
    )


def _router(block: Network) -> str:
    return f"{block[1]}/{block.prefixlen}"


def _port(interface: NetworkInterface, subnet: Subnet, plug: Plugged | None) -> Port:
    blocks = [ip_network(cidr) for cidr in (subnet.cidr, subnet.ipv6_cidr) if cidr]
    lengths = {block.version: block.prefixlen for block in blocks}
    addresses = [
        address
        for address in (*interface.private_ips, *interface.ipv6_addresses)
        if ip_address(address).version in lengths
    ]
    return Port(
        interface_id=interface.id,
        subnet_id=interface.subnet_id,
        name=port_name(interface.id),
        mac=interface.mac_address,
        addresses=tuple(addresses),
        prefixes=tuple(f"{each}/{lengths[ip_address(each).version]}" for each in addresses),
        source_dest_check=interface.source_dest_check,
        netns=None if plug is None else plug.netns,
        device="" if plug is None else plug.device,
        wants_default_route=True if plug is None else plug.wants_default_route,
    )


def _numbered(
    tables: Sequence[RouteTable], main: str, main_table: int | None, faults: dict[str, str]
) -> list[tuple[int, RouteTable]]:
    """Those whose number no older table of the VPC has."""
    found: dict[int, RouteTable] = {}
    for table in tables:
        number = table_number(table.id)
        if main_table is not None and table.id == main:
            number = main_table
        first = found.setdefault(number, table)
        if first is not table:
            faults[table.id] = (
                f"its kernel table would have the number of {first.id}; make another route table "
                "in its place"
            )
    return list(found.items())


def _routes(
    vpc: Vpc, routes: Sequence[Route], reachable: set[str], gateway: InternetGateway | None
) -> tuple[tuple[str, Target], ...]:
    """A route to a block goes before one to a list that names the same block."""
    found = dict.fromkeys(local_destinations(vpc), Target(TargetKind.LOCAL))
    for route in sorted(routes, key=lambda route: (_is_itself(route), route.id)):
        found[route.destination] = _target(route, reachable, gateway)
    return tuple(found.items())


def _is_itself(route: Route) -> bool:
    return route.id == f"{route.route_table_id}|{route.destination}"


def _target(route: Route, reachable: set[str], gateway: InternetGateway | None) -> Target:
    if route.gateway_id is not None and gateway is not None and gateway.id == route.gateway_id:
        return Target(TargetKind.GATEWAY, gateway.id)
    if route.network_interface_id in reachable:
        return Target(TargetKind.INTERFACE, route.network_interface_id or "")
    return Target(TargetKind.BLACKHOLE)


def _keep_outside_apart(
    gateways: Iterable[InternetGateway], vpcs: dict[str, VpcNetwork], faults: dict[str, str]
) -> None:
    """Of two VPCs with an address in common only the one with the older gateway has an outside."""
    taken: list[tuple[str, Network]] = []
    for gateway in gateways:
        vpc = vpcs.get(gateway.vpc_id or "")
        if vpc is None:
            continue
        blocks = [ip_network(cidr) for cidr in vpc.cidrs]
        other = next(
            (name for name, one in taken for block in blocks if overlaps(one, block)), None
        )
        if other is None:
            taken += [(vpc.vpc_id, block) for block in blocks]
            continue
        faults[gateway.id] = (
            f"{vpc.vpc_id} has addresses of {other} and both lead to the same outside; detach one "
            "of the two internet gateways"
        )
        vpcs[vpc.vpc_id] = _without_gateway(vpc)


def _without_gateway(vpc: VpcNetwork) -> VpcNetwork:
    lost = vpc.gateway.gateway_id if vpc.gateway is not None else ""
    blackhole = Target(TargetKind.BLACKHOLE)
    tables = tuple(
        replace(
            table,
            routes=tuple(
                (to, blackhole if target.id == lost else target) for to, target in table.routes
            ),
        )
        for table in vpc.tables
    )
    return replace(vpc, gateway=None, tables=tables)


def _grouped(rows: Sequence[T]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[row.vpc_id].append(row)
    return found
