"""Routes (rtnetlink(7), linux/rtnetlink.h): values, and the messages that make, remove and list
them. Not the fast way to write many.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from routeserver.net.prefix import Prefix, length_of
from routeserver.netlink import framing
from routeserver.netlink.framing import PUT, Flag, Message, NetlinkError, UnknownKindError, request
from routeserver.netlink.values import (
    AF_INET,
    AF_INET6,
    Address,
    address_from,
    family_of_address,
    family_of_prefix,
    prefix_from,
    prefix_octets,
)

RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26

LAYOUT: Final = struct.Struct("=BBBBBBBBI")
"""rtmsg: family, lengths of destination and source, type of service, table, protocol, scope, type,
flags."""

TABLE_UNSPEC: Final = 0
TABLE_MAIN: Final = 254
TABLE_LOCAL: Final = 255

RTA_DST: Final = 1
RTA_SRC: Final = 2
RTA_OIF: Final = 4
RTA_GATEWAY: Final = 5
RTA_PRIORITY: Final = 6
RTA_PREFSRC: Final = 7
RTA_METRICS: Final = 8
RTA_MULTIPATH: Final = 9
RTA_TABLE: Final = 15
RTA_VIA: Final = 18
RTA_NH_ID: Final = 30

RTNH_F_DEAD: Final = 1
RTNH_F_ONLINK: Final = 4
RTNH_F_OFFLOAD: Final = 8
RTNH_F_LINKDOWN: Final = 16
RTM_F_CLONED: Final = 0x200

_HOP: Final = struct.Struct("=HBBi")
_VIA: Final = struct.Struct("=H")


class RouteType(IntEnum):
    """rtm_type."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9
    NAT = 10
    XRESOLVE = 11


class Scope(IntEnum):
    """rtm_scope."""

    UNIVERSE = 0
    SITE = 200
    LINK = 253
    HOST = 254
    NOWHERE = 255


@dataclass(frozen=True, slots=True)
class Hop:
    """One way out of a route with several."""

    interface: int = 0
    gateway: Address | None = None
    weight: int = 1
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """`type` and `scope` are RouteType and Scope, or a number that those do not know.

    `priority` is the metric; the kernel makes 0 in IPv6 1024. With `nexthop_id` the way out is
    that object's; the kernel repeats it in `interface` and `gateway` when it lists routes, unless
    nexthop_compat_mode is 0.
    """

    destination: Prefix
    table: int = TABLE_MAIN
    type: int = RouteType.UNICAST
    protocol: int = 0
    scope: int = Scope.UNIVERSE
    priority: int = 0
    nexthop_id: int = 0
    interface: int = 0
    gateway: Address | None = None
    source: Address | None = None
    hops: tuple[Hop, ...] = ()
    flags: int = 0
    tos: int = 0
    mtu: int = 0


def new_route(route: Route, sequence: int = 0, flags: int = PUT) -> bytes:
    return request(RTM_NEWROUTE, _body(route), flags, sequence)


def delete_route(route: Route, sequence: int = 0) -> bytes:
    """Destination, table and priority say which one; protocol, type, scope and ways out, where
    given, must be its own."""
    return request(RTM_DELROUTE, _body(route), 0, sequence)


def list_routes(family: int = 0, table: int = 0, protocol: int = 0, sequence: int = 0) -> bytes:
    """Asks for all routes, of this table and protocol alone where the socket has
    NETLINK_GET_STRICT_CHK. A table that never had a route is the error ENOENT."""
    fixed = LAYOUT.pack(family, 0, 0, 0, TABLE_UNSPEC, protocol, 0, 0, 0)
    body = fixed + (framing.u32(RTA_TABLE, table) if table else b"")
    return request(RTM_GETROUTE, body, Flag.DUMP, sequence)


def _body(route: Route) -> bytes:
    family = family_of_prefix(route.destination)
    length = length_of(route.destination)
    table = route.table if route.table < 256 else TABLE_UNSPEC
    parts = [
        LAYOUT.pack(
            family,
            length,
            0,
            route.tos,
            table,
            route.protocol,
            route.scope,
            route.type,
            route.flags,
        ),
        framing.u32(RTA_TABLE, route.table),
    ]
    if length:
        parts.append(framing.attribute(RTA_DST, prefix_octets(route.destination)))
    if route.priority:
        parts.append(framing.u32(RTA_PRIORITY, route.priority))
    if route.nexthop_id:
        parts.append(framing.u32(RTA_NH_ID, route.nexthop_id))
    if route.interface:
        parts.append(framing.u32(RTA_OIF, route.interface))
    if route.gateway is not None:
        parts.append(_gateway(route.gateway, family))
    if route.source is not None:
        parts.append(framing.attribute(RTA_PREFSRC, route.source.packed))
    if route.hops:
        hops = b"".join(_encoded_hop(hop, family) for hop in route.hops)
        parts.append(framing.attribute(RTA_MULTIPATH, hops))
    if route.mtu:
        parts.append(framing.nested(RTA_METRICS, framing.u32(_RTAX_MTU, route.mtu)))
    return b"".join(parts)


_RTAX_MTU: Final = 2


def _gateway(gateway: Address, family: int) -> bytes:
    own = family_of_address(gateway)
    if own == family:
        return framing.attribute(RTA_GATEWAY, gateway.packed)
    return framing.attribute(RTA_VIA, _VIA.pack(own) + gateway.packed)


def _encoded_hop(hop: Hop, family: int) -> bytes:
    inner = b"" if hop.gateway is None else _gateway(hop.gateway, family)
    return _HOP.pack(_HOP.size + len(inner), hop.flags, hop.weight - 1, hop.interface) + inner


def decode_route(message: Message) -> Route:
    """Raises NetlinkError."""
    family, length, source_length, tos, table, protocol, scope, kind, flags = framing.fixed(
        LAYOUT, message.body, "a route"
    )
    if family not in {AF_INET, AF_INET6}:
        raise UnknownKindError(f"a route of address family {family}")
    if source_length:
        raise UnknownKindError("a route that depends on the source")
    found = framing.attributes(message.body, LAYOUT.size)
    return Route(
        destination=prefix_from(found.get(RTA_DST, b""), length, family),
        table=_u32(found, RTA_TABLE, table),
        type=kind,
        protocol=protocol,
        scope=scope,
        priority=_u32(found, RTA_PRIORITY),
        nexthop_id=_u32(found, RTA_NH_ID),
        interface=_u32(found, RTA_OIF),
        gateway=_gateway_of(found),
        source=address_from(found[RTA_PREFSRC]) if RTA_PREFSRC in found else None,
        hops=tuple(_hops(found.get(RTA_MULTIPATH, b""))),
        flags=flags,
        tos=tos,
        mtu=_u32(framing.attributes(found.get(RTA_METRICS, b"")), _RTAX_MTU),
    )


def _u32(found: dict[int, bytes], kind: int, default: int = 0) -> int:
    return framing.as_u32(found[kind]) if kind in found else default


def _gateway_of(found: dict[int, bytes]) -> IPv4Address | IPv6Address | None:
    if RTA_GATEWAY in found:
        return address_from(found[RTA_GATEWAY])
    if RTA_VIA in found:
        return address_from(found[RTA_VIA][_VIA.size :])
    return None


def _hops(octets: bytes) -> list[Hop]:
    hops = []
    at = 0
    while at < len(octets):
        length, flags, weight, interface = framing.fixed(_HOP, octets[at:], "a way out")
        if length < _HOP.size or length > len(octets) - at:
            raise NetlinkError(f"a way out says {length} octets of {len(octets) - at}")
        inner = framing.attributes(octets[at : at + length], _HOP.size)
        hops.append(Hop(interface, _gateway_of(inner), weight + 1, flags))
        at += length + (-length & 3)
    return hops
