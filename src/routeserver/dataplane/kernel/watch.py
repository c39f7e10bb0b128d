"""Hearing what others do to one namespace's kernel: routes of ours that are deleted, next-hop
objects, rules and interfaces that come and go.

Routes are made and deleted by the hundred thousand, by ourselves, and each would be told; so the
kernel is asked (by a filter on the socket) to keep to itself what the writer of our routes does.
Who that is follows from the first next-hop object that is told of under a number of ours. What
cannot be told any more because too much happened is itself told: then everything is to be looked
at.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from routeserver.netd.orders import ROUTE_PROTOCOL
from routeserver.netlink.bulk import Listed, listed_routes
from routeserver.netlink.decoding import Group, Said, decode
from routeserver.netlink.framing import HEADER
from routeserver.netlink.link import RTM_DELLINK, RTM_NEWLINK
from routeserver.netlink.nexthop import RTM_DELNEXTHOP, RTM_NEWNEXTHOP, NextHop
from routeserver.netlink.route import RTM_DELROUTE, RTM_NEWROUTE
from routeserver.netlink.rule import RTM_DELRULE

_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_SO_ATTACH_FILTER: Final = 26
_DATAGRAM: Final = 1 << 16
_AT_ONCE: Final = 64
"""Notifications read in one turn of the event loop."""

_GROUPS: Final = (
    Group.LINK,
    Group.IPV4_ROUTE,
    Group.IPV6_ROUTE,
    Group.IPV4_RULE,
    Group.IPV6_RULE,
    Group.NEXTHOP,
)
_PROTOCOL_AT: Final = HEADER.size + 5
_LINKS: Final = frozenset({RTM_NEWLINK, RTM_DELLINK})
_NOBODY: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom to tell. `ground`: interfaces, rules or next hops are not what they were; `all`:
    anything may be."""

    route_gone: Callable[[Listed], None]
    is_own: Callable[[int], bool]
    """Whether a next-hop object of this number is one that we write."""
    ground: Callable[[], None]
    all: Callable[[], None]


class Watch:
    """The socket is the watch's to close."""

    def __init__(self, hearing: socket.socket, ears: Ears) -> None:
        self._socket = hearing
        self._ears = ears
        hearing.setblocking(False)
        # Without a port of its own it would not hear what the kernel does of its own accord.
        hearing.bind((0, 0))
        self._writer = _NOBODY
        _attach(hearing, _without(self._writer))
        for group in _GROUPS:
            hearing.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        asyncio.get_running_loop().add_reader(hearing.fileno(), self._hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _hear(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                octets = self._socket.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self._ears.all()
                    continue
                raise
            self._take(octets)

    def _take(self, octets: bytes) -> None:
        if len(octets) < HEADER.size:
            return
        _, kind, _, _, port = HEADER.unpack_from(octets)
        if kind in _LINKS:
            self._ears.ground()
        elif port != self._writer:
            self._take_from_others(octets, kind, port)

    def _take_from_others(self, octets: bytes, kind: int, port: int) -> None:
        if kind == RTM_DELROUTE:
            for route in listed_routes(octets):
                if route.protocol == ROUTE_PROTOCOL:
                    self._ears.route_gone(route)
        elif kind == RTM_NEWROUTE and self._writer != _NOBODY:
            self._ears.all()
        elif kind == RTM_NEWNEXTHOP:
            self._learn(octets, port)
        elif kind in {RTM_DELRULE, RTM_DELNEXTHOP}:
            self._ears.ground()

    def _learn(self, octets: bytes, port: int) -> None:
        """Who writes our next-hop objects writes our routes."""
        for heard in decode(octets):
            if (
                self._writer == _NOBODY
                and isinstance(heard, Said)
                and isinstance(heard.value, NextHop)
                and self._ears.is_own(heard.value.id)
            ):
                self._writer = port
                _attach(self._socket, _without(self._writer))


# --- the filter (linux/filter.h): classic BPF, which loads in network order -----------------------

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06


def _without(writer: int) -> list[bytes]:
    """Of routes, only ours, and not what `writer` does to them."""
    new_route, del_route = (
        int.from_bytes(struct.pack("=H", kind), "big") for kind in (RTM_NEWROUTE, RTM_DELROUTE)
    )
    port = int.from_bytes(struct.pack("=I", writer), "big")
    return [
        _INSTRUCTION.pack(_LOAD_HALF, 0, 0, 4),
        _INSTRUCTION.pack(_IF_EQUAL, 1, 0, new_route),
        _INSTRUCTION.pack(_IF_EQUAL, 0, 5, del_route),
        _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _PROTOCOL_AT),
        _INSTRUCTION.pack(_IF_EQUAL, 0, 2, ROUTE_PROTOCOL),
        _INSTRUCTION.pack(_LOAD_WORD, 0, 0, 12),
        _INSTRUCTION.pack(_IF_EQUAL, 0, 1, port),
        _INSTRUCTION.pack(_RETURN, 0, 0, 0),
        _INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFFFFFF),
    ]


def _attach(hearing: socket.socket, program: list[bytes]) -> None:
    code = ctypes.create_string_buffer(b"".join(program), 8 * len(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    hearing.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
