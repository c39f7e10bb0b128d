"""Which netlink messages may be written, and in which pieces.

In the namespace of a VPC, everything about routes, rules, next hops, neighbours and addresses: the
whole namespace is ours. In HERE, only what can be told to be ours (see `orders.Write`).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from routeserver.netd.errors import OrderError
from routeserver.netd.orders import HERE_NEXTHOPS, HERE_PRIORITIES, ROUTE_PROTOCOL
from routeserver.netd.rtnetlink import CHUNK_MESSAGES, CHUNK_OCTETS, Netlink
from routeserver.netlink import framing, route
from routeserver.netlink.address import (
    RTM_DELADDR,
    RTM_NEWADDR,
    InterfaceAddress,
    decode_address,
    list_addresses,
)
from routeserver.netlink.framing import HEADER, Flag, Message, NetlinkError
from routeserver.netlink.neighbour import RTM_DELNEIGH, RTM_NEWNEIGH
from routeserver.netlink.nexthop import RTM_DELNEXTHOP, RTM_NEWNEXTHOP, decode_nexthop
from routeserver.netlink.route import RTM_DELROUTE, RTM_NEWROUTE, TABLE_MAIN
from routeserver.netlink.rule import RTM_DELRULE, RTM_NEWRULE

_TYPES: Final = frozenset(
    {
        RTM_NEWROUTE,
        RTM_DELROUTE,
        RTM_NEWRULE,
        RTM_DELRULE,
        RTM_NEWNEXTHOP,
        RTM_DELNEXTHOP,
        RTM_NEWNEIGH,
        RTM_DELNEIGH,
        RTM_NEWADDR,
        RTM_DELADDR,
    }
)
_HERE_TYPES: Final = frozenset(
    {RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_NEWADDR, RTM_DELADDR}
)
_FLAGS: Final = Flag.REQUEST | Flag.REPLACE | Flag.EXCLUDE | Flag.CREATE | Flag.APPEND
_OTHER_FLAGS: Final = 0xFFFF & ~int(_FLAGS)

_LONGEST_MESSAGE: Final = 1 << 16

_LEAST_ALIKE: Final = 16
_NO_INTERFACE: Final = -1
_FIRST: Final = struct.Struct("=IHH")

_DESTINATION_AT: Final = HEADER.size + route.LAYOUT.size
"""Where the destination of a route is written when it is its first attribute."""

_ROUTE: Final = struct.Struct("=4xBB")
"""Table and protocol of an rtmsg."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What of HERE this helper was started for: tables of routes, the name of an interface, empty
    for none, and whether it is what internet gateways lead to."""

    tables: frozenset[int] = frozenset()
    interface: str = ""
    is_outside: bool = False


def pieces(
    octets: bytes,
    judge: Callable[[int, int, int], None] | None = None,
    types: frozenset[int] = _TYPES,
) -> list[int]:
    """Where to cut the messages for sending; `judge` sees each one's type and where its body is.

    Raises OrderError when one of them may not be written; then none is.
    """
    ends = []
    at, place, end = 0, 1, len(octets)
    begun, counted = 0, 0
    window = _LEAST_ALIKE
    while at < end:
        length, count = _alike(octets, at, place, window, types)
        if judge is not None and count:
            # What holds of one of them holds of all that differ in their destinations alone.
            count = count if _same_but_destinations(octets, at, length, count) else 0
            if count:
                judge(_FIRST.unpack_from(octets, at)[1], at + HEADER.size, at + length)
        window = min(2 * window, CHUNK_MESSAGES) if count == window else _LEAST_ALIKE
        if not count:
            kind, length = _one(octets, at, place, types)
            if judge is not None:
                judge(kind, at + HEADER.size, at + length)
            length, count = length + 3 & ~3, 1
        if at > begun and (
            at + count * length - begun > CHUNK_OCTETS or counted + count > CHUNK_MESSAGES
        ):
            ends.append(at)
            begun, counted = at, 0
        counted += count
        place += count
        at += count * length
    if end > begun:
        ends.append(end)
    return ends


def _one(octets: bytes, at: int, place: int, types: frozenset[int]) -> tuple[int, int]:
    """Type and length of the message there. Raises OrderError."""
    try:
        length, kind, flags, sequence, _ = HEADER.unpack_from(octets, at)
    except struct.error:
        length = 0
    if not HEADER.size <= length <= min(len(octets) - at, _LONGEST_MESSAGE):
        raise OrderError(f"message {place} is none: it says {length} octets", errno.EINVAL)
    if kind not in types:
        raise OrderError(
            f"message {place} is of type {kind}, which is not written here", errno.EPERM
        )
    if flags & _OTHER_FLAGS or not flags & 1 or sequence != place:
        raise OrderError(
            f"message {place} has flags {flags:#x} and number {sequence}", errno.EINVAL
        )
    return kind, length


def _alike(
    octets: bytes, at: int, place: int, window: int, types: frozenset[int]
) -> tuple[int, int]:
    """A length, and how many messages of just that length, type and flags there are from `at` on,
    all in order; 0 where they must be looked at one by one.

    Routes by the thousand differ in their prefixes alone. A column of octets, one of each message,
    is taken out and compared in one step, which is what makes this cheaper than the kernel's part.
    """
    length, kind, flags = _FIRST.unpack_from(octets[at : at + HEADER.size].ljust(HEADER.size))
    if length % 4 or not HEADER.size <= length <= CHUNK_OCTETS // window:
        return 0, 0
    if kind not in types or flags & _OTHER_FLAGS or not flags & 1:
        return 0, 0
    run = octets[at : at + window * length]
    count = len(run) // length
    if count < _LEAST_ALIKE:
        return 0, 0
    numbers = struct.pack(f"={count}I", *range(place, place + count))
    for column in range(8):
        if run[column : count * length : length] != run[column : column + 1] * count:
            return 0, 0
    for column in range(4):
        if run[8 + column : count * length : length] != numbers[column::4]:
            return 0, 0
    return length, count


def _same_but_destinations(octets: bytes, at: int, length: int, count: int) -> bool:
    """Whether messages that are `_alike` are routes, and equal but for their numbers and the
    destinations: its length in the fixed part, and the value of a first attribute RTA_DST."""
    _, kind, _ = _FIRST.unpack_from(octets, at)
    first = octets[at : at + length]
    if kind not in {RTM_NEWROUTE, RTM_DELROUTE} or length < _DESTINATION_AT + 4:
        return False
    extent, attribute = struct.unpack_from("=HH", first, _DESTINATION_AT)
    if attribute != route.RTA_DST or extent not in {8, 20} or _DESTINATION_AT + extent > length:
        return False
    run = bytearray(octets[at : at + count * length])
    differing = (
        *range(8, 12),
        HEADER.size + 1,
        *range(_DESTINATION_AT + 4, _DESTINATION_AT + extent),
    )
    for column in differing:
        run[column::length] = first[column : column + 1] * count
    return run == first * count


class HereJudge:
    """Sees to it that what is written in HERE is this project's. Raises OrderError."""

    def __init__(self, octets: bytes, scope: Scope, here: Netlink) -> None:
        self._octets = octets
        self._scope = scope
        self._here = here
        self._interface = 0 if scope.interface else _NO_INTERFACE

    def pieces(self) -> list[int]:
        return pieces(self._octets, self._judge, _HERE_TYPES)

    def _judge(self, kind: int, begin: int, end: int) -> None:
        body = self._octets[begin:end]
        _, _, flags, _, _ = HEADER.unpack_from(self._octets, begin - HEADER.size)
        try:
            if kind in {RTM_NEWROUTE, RTM_DELROUTE}:
                self._route(body)
            elif kind in {RTM_NEWNEXTHOP, RTM_DELNEXTHOP}:
                self._nexthop(kind, body)
            else:
                self._address(kind, body, flags)
        except (NetlinkError, struct.error) as error:
            raise OrderError(f"a message is not what it says: {error}", errno.EINVAL) from error

    def _route(self, body: bytes) -> None:
        table, protocol = _ROUTE.unpack_from(body)
        found = framing.attributes(body, route.LAYOUT.size)
        if route.RTA_TABLE in found:
            table = framing.as_u32(found[route.RTA_TABLE])
        if protocol != ROUTE_PROTOCOL or table not in self._scope.tables:
            raise _not_here(f"a route of protocol {protocol} in table {table}")
        if table == TABLE_MAIN:
            priority = framing.as_u32(found.get(route.RTA_PRIORITY, bytes(4)))
            if priority not in HERE_PRIORITIES:
                raise _not_here(f"a route of priority {priority} in the main table")

    def _nexthop(self, kind: int, body: bytes) -> None:
        found = decode_nexthop(Message(kind, 0, 0, 0, body))
        is_ours = kind == RTM_DELNEXTHOP or found.protocol == ROUTE_PROTOCOL
        if not is_ours or found.id not in HERE_NEXTHOPS:
            raise _not_here(f"next hop {found.id} of protocol {found.protocol}")

    def _address(self, kind: int, body: bytes, flags: int) -> None:
        found = decode_address(Message(kind, 0, 0, 0, body))
        network = found.address.network
        if (
            found.interface != self._interface_index()
            or network.prefixlen != network.max_prefixlen
            or found.peer is not None
        ):
            raise _not_here(f"the address {found.address} on interface {found.interface}")
        if kind == RTM_NEWADDR:
            if found.protocol != ROUTE_PROTOCOL or not flags & Flag.EXCLUDE:
                raise _not_here(
                    f"an address of protocol {found.protocol}, or one in place of another"
                )
        elif not self._is_own(found):
            raise _not_here(f"the address {found.address}, which this server did not put there,")

    def _interface_index(self) -> int:
        if not self._interface:
            link = self._here.link(self._scope.interface)
            if link is None:
                raise OrderError(
                    f"there is no interface {self._scope.interface}; correct host_interface",
                    errno.ENODEV,
                )
            self._interface = link.index
        return self._interface

    def _is_own(self, address: InterfaceAddress) -> bool:
        known = self._here.all(list_addresses(address.interface), InterfaceAddress)
        return any(
            one.address == address.address
            and one.interface == address.interface
            and one.protocol == ROUTE_PROTOCOL
            for one in known
        )


def _not_here(what: str) -> OrderError:
    return OrderError(f"{what} is not written in the server's own namespace", errno.EPERM)
