"""Hearing what others do to one namespace's kernel: routes of ours that are deleted, next-hop
objects, rules and interfaces that come and go.

Our own routes are made by the hundred thousand and would be told one by one, so the kernel is asked
(by a filter on the socket) to keep those notifications to itself; one that somebody else makes in
our name is found by the periodic look. What cannot be told any more because too much happened is
itself told: then everything is to be looked at.
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
from routeserver.netlink.decoding import Group
from routeserver.netlink.framing import HEADER
from routeserver.netlink.link import RTM_DELLINK, RTM_NEWLINK
from routeserver.netlink.nexthop import RTM_DELNEXTHOP
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


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom to tell. `ground`: interfaces, rules or next hops are not what they were; `all`:
    anything may be."""

    route_gone: Callable[[Listed], None]
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
        _attach(hearing, _without_own_routes())
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
        _, kind, _, _, _ = HEADER.unpack_from(octets)
        match kind:
            case _ if kind == RTM_DELROUTE:
                for route in listed_routes(octets):
                    if route.protocol == ROUTE_PROTOCOL:
                        self._ears.route_gone(route)
            case _ if kind in {RTM_NEWLINK, RTM_DELLINK, RTM_DELRULE, RTM_DELNEXTHOP}:
                self._ears.ground()


# --- the filter (linux/filter.h): classic BPF, which loads in network order -----------------------

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06


def _without_own_routes() -> list[bytes]:
    new_route = int.from_bytes(struct.pack("=H", RTM_NEWROUTE), "big")
    return [
        _INSTRUCTION.pack(_LOAD_HALF, 0, 0, 4),
        _INSTRUCTION.pack(_IF_EQUAL, 0, 3, new_route),
        _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _PROTOCOL_AT),
        _INSTRUCTION.pack(_IF_EQUAL, 0, 1, ROUTE_PROTOCOL),
        _INSTRUCTION.pack(_RETURN, 0, 0, 0),
        _INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFFFFFF),
    ]


def _attach(hearing: socket.socket, program: list[bytes]) -> None:
    code = ctypes.create_string_buffer(b"".join(program), 8 * len(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    hearing.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
