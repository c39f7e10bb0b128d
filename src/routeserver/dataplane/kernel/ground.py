"""What a VPC's kernel tables stand on, apart from propagated routes: which table a packet is looked
up in, local routes that fall through to the connected subnets, static routes, and where each
network interface and gateway is.

Pure: a VPC and the interfaces of its namespace in, rules and routes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, assert_never

from routeserver.dataplane.kernel.hops import BLACKHOLE, Chain, Way
from routeserver.domain.routing import Alternative
from routeserver.domain.topology import Target, TargetKind, VpcNetwork
from routeserver.net.address import link_local_address
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.netd.orders import ROUTE_PROTOCOL
from routeserver.netlink.rule import Rule
from routeserver.netlink.values import AF_INET, AF_INET6

RULE_PRIORITY: Final = 17_900
"""Of all our rules: behind the kernel's local table, in front of main."""

STATIC_METRIC: Final = 178
PROPAGATED_METRIC: Final = 179
"""Two metrics, so that a static and a propagated route to one destination are two routes, of which
the static one counts; and neither is ever another program's, whose metric is another one."""

LOCAL: Final = None
"""Instead of a chain: the route falls through to the next table."""


@dataclass(frozen=True, slots=True)
class Ground:
    """`routes` are by kernel table and destination; `tables` are kernel tables by route table."""

    tables: Mapping[str, int]
    rules: frozenset[Rule]
    routes: Mapping[int, Mapping[Prefix, Chain | None]]
    ways: Mapping[tuple[int, str], Way]


def ground_of(vpc: VpcNetwork, links: Mapping[str, int]) -> Ground:
    """`links` are the indices of the interfaces in the VPC's namespace, by name."""
    tables = {table.route_table_id: table.number for table in vpc.tables}
    return Ground(
        tables,
        _rules(vpc, tables),
        {
            table.number: {parse_prefix(text): chain_to(target) for text, target in table.routes}
            for table in vpc.tables
        },
        _ways(vpc, links),
    )


def _rules(vpc: VpcNetwork, tables: Mapping[str, int]) -> frozenset[Rule]:
    found = set()
    for subnet in vpc.subnets:
        number = tables.get(subnet.route_table_id)
        if number is None:
            continue
        for family in (AF_INET, AF_INET6):
            found.add(_rule(family, number, subnet.bridge))
        for cidr in subnet.cidrs:
            family = AF_INET6 if ":" in cidr else AF_INET
            found.add(_rule(family, number, "lo", parse_prefix(cidr)))
    gateway = vpc.gateway
    number = tables.get(gateway.route_table_id or "") if gateway is not None else None
    if gateway is not None and number is not None:
        for family in (AF_INET, AF_INET6):
            found.add(_rule(family, number, gateway.port))
    return frozenset(found)


def _rule(family: int, table: int, interface: str, source: Prefix | None = None) -> Rule:
    return Rule(
        family, RULE_PRIORITY, table, input=interface, source=source, protocol=ROUTE_PROTOCOL
    )


def chain_to(target: Target) -> Chain | None:
    """LOCAL for a local route."""
    match target.kind:
        case TargetKind.LOCAL:
            return LOCAL
        case TargetKind.BLACKHOLE:
            return BLACKHOLE
        case TargetKind.INTERFACE | TargetKind.GATEWAY:
            # No peer: nobody's loss moves it.
            return (Alternative("", target.id),)
    assert_never(target.kind)


def _ways(vpc: VpcNetwork, links: Mapping[str, int]) -> dict[tuple[int, str], Way]:
    """By address family and id. What is plugged nowhere has no way."""
    bridges = {subnet.subnet_id: subnet.bridge for subnet in vpc.subnets}
    found: dict[tuple[int, str], Way] = {}
    for port in vpc.ports:
        index = links.get(bridges.get(port.subnet_id, ""))
        if port.netns is None or index is None:
            continue
        found[AF_INET6, port.interface_id] = Way(index, link_local_address(port.mac))
        for text in port.addresses:
            address = ip_address(text)
            if address.version == 4:
                found[AF_INET, port.interface_id] = Way(index, address)
                break
    gateway = vpc.gateway
    if gateway is not None and gateway.port in links:
        for text in reversed(gateway.outside):
            address = ip_address(text)
            family = AF_INET if address.version == 4 else AF_INET6
            found[family, gateway.gateway_id] = Way(links[gateway.port], address)
    return found
