"""From the shape of a VPC and what its namespace holds to the orders that make the one the other.
Pure.

What the kernel shows is compared with what is wanted; what it does not show (the far end of a pair,
the rules of a guard) with what was ordered before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Final

from routeserver.domain.kernel_names import bridge_name, gateway_port_name, port_name
from routeserver.domain.topology import Port, SubnetNetwork, VpcNetwork
from routeserver.domain.topology_rows import GATEWAY_ADDRESSES, OUTSIDE_ADDRESSES
from routeserver.fabric.looking import Observed
from routeserver.net.address import link_local_address
from routeserver.netd.orders import (
    ROUTE_PROTOCOL,
    Guard,
    MakeBridge,
    MakeOutside,
    Plug,
    RemoveLink,
)
from routeserver.netlink.link import Link
from routeserver.netlink.neighbour import (
    Forwarding,
    Neighbour,
    delete_neighbour,
    new_forwarding,
    new_neighbour,
)

_NAMES: Final = {"subnet-": bridge_name, "eni-": port_name, "igw-": gateway_port_name}


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all VPCs. `outside` is the path of the namespace that stands for it, or empty
    for the server's own."""

    mtu: int = 9001
    outside_mtu: int = 1500
    outside: str = ""
    checks: bool = True


# --- what is wanted -------------------------------------------------------------------------------


def bridge(vpc: VpcNetwork, subnet: SubnetNetwork, terms: Terms) -> MakeBridge:
    own = (f"{each}/{ip_address(each).max_prefixlen}" for each in subnet.endpoint_addresses)
    return MakeBridge(
        vpc.vpc_id,
        subnet.bridge,
        subnet.subnet_id,
        subnet.mac,
        terms.mtu,
        (*subnet.routers, *own),
    )


def plug(vpc: VpcNetwork, subnet: SubnetNetwork, port: Port, terms: Terms) -> Plug:
    """Of a port that is to be plugged in somewhere."""
    versions = {ip_address(each).version for each in port.addresses}
    routers = (str(ip_interface(each).ip) for each in subnet.routers)
    return Plug(
        namespace=vpc.vpc_id,
        bridge=subnet.bridge,
        port=port.name,
        alias=port.interface_id,
        target=port.netns or "",
        device=port.device,
        mac=port.mac,
        mtu=terms.mtu,
        addresses=port.prefixes,
        routers=tuple(each for each in routers if ip_address(each).version in versions)
        if port.wants_default_route
        else (),
        guarded=terms.checks,
    )


def guard(vpc: VpcNetwork, port: Port) -> Guard:
    return Guard(vpc.vpc_id, port.name, port.mac, port.addresses, port.source_dest_check)


def outside(vpc: VpcNetwork, terms: Terms) -> MakeOutside | None:
    gateway = vpc.gateway
    if gateway is None:
        return None
    count = len(gateway.outside)
    return MakeOutside(
        namespace=vpc.vpc_id,
        port=gateway.port,
        alias=gateway.gateway_id,
        target=terms.outside,
        device=gateway.port,
        mtu=terms.outside_mtu,
        addresses=GATEWAY_ADDRESSES[:count],
        outside_addresses=OUTSIDE_ADDRESSES[:count],
        destinations=vpc.cidrs,
    )


# --- what is missing ------------------------------------------------------------------------------


def is_bridge_right(order: MakeBridge, seen: Observed) -> bool:
    link = seen.links.get(order.name)
    return (
        link is not None
        and _is_right(link, order.alias, order.mtu)
        and link.mac == order.mac
        and seen.addresses.get(link.index, {}).keys() == {*map(ip_interface, order.addresses)}
    )


def is_plug_right(order: Plug, seen: Observed) -> bool:
    """As far as this end shows. An interface that is down at its other end is as it was left
    there."""
    link, on = seen.links.get(order.port), seen.links.get(order.bridge)
    return (
        link is not None
        and on is not None
        and link.bridge == on.index
        and _is_right(link, order.alias, order.mtu)
    )


def is_outside_right(order: MakeOutside, seen: Observed) -> bool:
    link = seen.links.get(order.port)
    there = {} if link is None else seen.addresses.get(link.index, {})
    wanted = {address for address in map(ip_interface, order.addresses) if address.version == 4}
    return link is not None and _is_right(link, order.alias, order.mtu) and wanted == there.keys()


def _is_right(link: Link, alias: str, mtu: int) -> bool:
    return link.is_up and link.alias == alias and link.mtu == mtu


def unwanted(vpc: VpcNetwork, seen: Observed) -> list[RemoveLink]:
    """Ports first, then the bridges that they are on. What has not our name for what its alias says
    is not ours."""
    wanted = {subnet.bridge for subnet in vpc.subnets}
    wanted |= {port.name for port in vpc.ports if port.netns is not None}
    if vpc.gateway is not None:
        wanted.add(vpc.gateway.port)
    gone = [
        link
        for link in seen.links.values()
        if link.name not in wanted and _named_by_us(link.alias) == link.name
    ]
    gone.sort(key=lambda link: link.kind == "bridge")
    return [RemoveLink(vpc.vpc_id, link.name) for link in gone]


def _named_by_us(alias: str) -> str | None:
    return next((name(alias) for prefix, name in _NAMES.items() if alias.startswith(prefix)), None)


def neighbours(vpc: VpcNetwork, seen: Observed) -> list[bytes]:
    """Messages that put every plugged interface's addresses, and the port that its hardware address
    is behind, where they can be found without asking; and take away what was put for others."""
    wanted: dict[tuple[int, str], Neighbour] = {}
    entries: set[tuple[int, str]] = set()
    bridges = {subnet.subnet_id: subnet.bridge for subnet in vpc.subnets}
    for port in vpc.ports:
        link, on = seen.links.get(port.name), seen.links.get(bridges.get(port.subnet_id, ""))
        if port.netns is None or link is None or on is None:
            continue
        entries.add((link.index, port.mac))
        for address in (*map(ip_address, port.addresses), link_local_address(port.mac)):
            wanted[on.index, str(address)] = Neighbour(
                on.index, address, port.mac, protocol=ROUTE_PROTOCOL
            )
    return list(_neighbour_messages(wanted, entries, seen))


def _neighbour_messages(
    wanted: Mapping[tuple[int, str], Neighbour], entries: set[tuple[int, str]], seen: Observed
) -> Iterator[bytes]:
    place = 0
    for key, known in seen.neighbours.items():
        if known.protocol == ROUTE_PROTOCOL and key not in wanted:
            place += 1
            yield delete_neighbour(known, place)
    for key, neighbour in wanted.items():
        there = seen.neighbours.get(key)
        if there is None or (there.mac, there.protocol) != (neighbour.mac, ROUTE_PROTOCOL):
            place += 1
            yield new_neighbour(neighbour, place)
    for port, mac in sorted(entries - seen.forwarding):
        place += 1
        yield new_forwarding(Forwarding(port, mac), place)
