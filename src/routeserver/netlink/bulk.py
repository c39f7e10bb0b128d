"""Very many routes as octets, and back: messages of one shape in one buffer, filled column by
column, so that no route costs a call of its own.

`route` makes any route there is, one at a time; what it makes and what this makes mean the same.

Cost per route: some 30 ns and 52 octets (IPv4), 130 ns and 64 octets (IPv6) with a next-hop object.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from routeserver.net.prefix import IPV6_BIT, Prefix
from routeserver.netlink import framing
from routeserver.netlink.framing import HEADER, PUT, Flag
from routeserver.netlink.route import (
    LAYOUT,
    RTA_DST,
    RTA_GATEWAY,
    RTA_NH_ID,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    TABLE_UNSPEC,
    RouteType,
)
from routeserver.netlink.values import AF_INET, AF_INET6, Address

_SEQUENCE_AT: Final = 8
_LENGTH_AT: Final = HEADER.size + 1
_ADDRESS_AT: Final = HEADER.size + LAYOUT.size + 4
_WIDTH: Final = {AF_INET: 4, AF_INET6: 16}
_PREFIX_OCTETS: Final = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """All that routes of a batch have in common: everything but the destination and the sequence
    number. `way` are the attributes that say where they lead."""

    family: int
    table: int
    protocol: int
    metric: int
    type: int = RouteType.UNICAST
    flags: int = 0
    way: bytes = b""


def by_nexthop(nexthop_id: int) -> bytes:
    """The way by a next-hop object."""
    return framing.u32(RTA_NH_ID, nexthop_id)


def by_gateway(interface: int, gateway: Address | None) -> bytes:
    """The way by an interface, and by a gateway of the route's own family behind it."""
    octets = framing.u32(RTA_OIF, interface)
    if gateway is not None:
        octets += framing.attribute(RTA_GATEWAY, gateway.packed)
    return octets


def new_routes(prefixes: Sequence[Prefix], shape: Shape, first: int = 1) -> bytes:
    """A message each that makes the route, or makes it this one; numbered from `first`."""
    return _filled(prefixes, shape, RTM_NEWROUTE, PUT, first)


def delete_routes(prefixes: Sequence[Prefix], shape: Shape, first: int = 1) -> bytes:
    return _filled(prefixes, shape, RTM_DELROUTE, 0, first)


def _filled(prefixes: Sequence[Prefix], shape: Shape, kind: int, flags: int, first: int) -> bytes:
    width = _WIDTH[shape.family]
    table = shape.table if shape.table < 256 else TABLE_UNSPEC
    fixed = LAYOUT.pack(shape.family, 0, 0, 0, table, shape.protocol, 0, shape.type, shape.flags)
    body = b"".join(
        (
            fixed,
            framing.attribute(RTA_DST, bytes(width)),
            framing.u32(RTA_TABLE, shape.table),
            framing.u32(RTA_PRIORITY, shape.metric),
            shape.way,
        )
    )
    size = HEADER.size + len(body)
    count = len(prefixes)
    buffer = bytearray((HEADER.pack(size, kind, flags | Flag.REQUEST, 0, 0) + body) * count)
    numbers = array("I", range(first, first + count)).tobytes()
    for place in range(4):
        buffer[_SEQUENCE_AT + place :: size] = numbers[place::4]
    if width == 4:
        column = array("Q", prefixes)
        if sys.byteorder == "big":
            column.byteswap()
        octets, stride = column.tobytes(), column.itemsize
    else:
        octets = b"".join([prefix.to_bytes(_PREFIX_OCTETS, "little") for prefix in prefixes])
        stride = _PREFIX_OCTETS
    buffer[_LENGTH_AT::size] = octets[0::stride]
    for place in range(width):
        buffer[_ADDRESS_AT + place :: size] = octets[width - place :: stride]
    return bytes(buffer)


# --- back -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A route of a dump or notification, as far as a table of this program has it: one that leads
    to a next-hop object, or (`nexthop_id` 0) anything else."""

    prefix: Prefix
    table: int
    metric: int
    protocol: int
    type: int
    nexthop_id: int
    interface: int = 0
    gateway: bytes = b""
    kind: int = RTM_NEWROUTE
    port: int = 0


_RTMSG: Final = struct.Struct("=IHHIIBBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")


def listed_routes(octets: bytes) -> Iterator[Listed]:
    """The routes among the messages of a datagram; everything else is passed over, and so are
    octets at the end that are no message.

    Some 1.5 µs a route.
    """
    at, end = 0, len(octets)
    while end - at >= _RTMSG.size:
        size, kind, _, _, port, family, length, _, _, table, protocol, _, type_, _ = (
            _RTMSG.unpack_from(octets, at)
        )
        if size < HEADER.size or size > end - at:
            return
        if kind in {RTM_NEWROUTE, RTM_DELROUTE} and family in _WIDTH:
            found = _attributes(octets, at + _RTMSG.size, at + size)
            address = int.from_bytes(found.get(RTA_DST, b""), "big")
            prefix = address << 8 | length
            yield Listed(
                prefix if family == AF_INET else IPV6_BIT | prefix,
                _number(found, RTA_TABLE, table),
                _number(found, RTA_PRIORITY),
                protocol,
                type_,
                _number(found, RTA_NH_ID),
                _number(found, RTA_OIF),
                found.get(RTA_GATEWAY, b""),
                kind,
                port,
            )
        at += (size + 3) & ~3


def _attributes(octets: bytes, at: int, stop: int) -> dict[int, bytes]:
    found = {}
    while stop - at >= _ATTRIBUTE.size:
        extent, attribute = _ATTRIBUTE.unpack_from(octets, at)
        if extent < _ATTRIBUTE.size or extent > stop - at:
            break
        found[attribute] = octets[at + _ATTRIBUTE.size : at + extent]
        at += (extent + 3) & ~3
    return found


def _number(found: dict[int, bytes], attribute: int, default: int = 0) -> int:
    octets = found.get(attribute, b"")
    return int.from_bytes(octets, sys.byteorder) if len(octets) == 4 else default
