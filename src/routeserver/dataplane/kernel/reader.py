"""Looking at one namespace's kernel: lists of what is there, over a socket that may not write."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from routeserver.netd.orders import ROUTE_PROTOCOL
from routeserver.netlink.bulk import Listed, listed_routes
from routeserver.netlink.decoding import Said, Thing, decode
from routeserver.netlink.framing import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    acknowledgement,
    messages,
)
from routeserver.netlink.link import Link, list_links
from routeserver.netlink.nexthop import NextHop, list_nexthops
from routeserver.netlink.route import list_routes
from routeserver.netlink.rule import Rule, list_rules
from routeserver.netlink.values import AF_INET, AF_INET6

FAMILIES: Final = (AF_INET, AF_INET6)

_SOL_NETLINK: Final = 270
_NETLINK_GET_STRICT_CHK: Final = 12
_SO_NETNS_COOKIE: Final = 71
_DATAGRAM: Final = 1 << 18
_BUFFER: Final = 4 << 20
_DONE_SIZE: Final = HEADER.size + 4


class Looking(Protocol):
    """What is asked of a namespace's kernel. All of it raises OSError."""

    @property
    def cookie(self) -> int:
        """Tells this namespace from every other there is or was."""

    async def links(self) -> Mapping[str, Link]:
        """By name."""
        ...

    async def nexthops(self) -> Sequence[NextHop]:
        """Everybody's."""
        ...

    async def rules(self) -> Sequence[Rule]:
        """Ours, as often as they are there."""
        ...

    def routes(self) -> AsyncIterator[Sequence[Listed]]:
        """Ours, of all tables, some hundred at a time."""
        ...

    def close(self) -> None: ...


class Reader:
    """The socket is the reader's to close."""

    def __init__(self, looking: socket.socket) -> None:
        self._socket = looking
        looking.setblocking(False)
        looking.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        looking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.cookie = 0
        with suppress(OSError):  # before Linux 5.14 nobody tells
            told = looking.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
            self.cookie = int.from_bytes(told, sys.byteorder)
        self._sequence = 0
        self._one_at_a_time = asyncio.Lock()

    def close(self) -> None:
        self._socket.close()

    async def links(self) -> dict[str, Link]:
        links = [value async for value in self._list(list_links) if isinstance(value, Link)]
        return {link.name: link for link in links}

    async def nexthops(self) -> list[NextHop]:
        return [each async for each in self._list(list_nexthops) if isinstance(each, NextHop)]

    async def rules(self) -> list[Rule]:
        return [
            rule
            for family in FAMILIES
            async for rule in self._list(partial(list_rules, family))
            if isinstance(rule, Rule) and rule.protocol == ROUTE_PROTOCOL
        ]

    async def routes(self) -> AsyncIterator[list[Listed]]:
        for family in FAMILIES:
            async for octets in self._answers(partial(list_routes, family, 0, ROUTE_PROTOCOL)):
                found = [each for each in listed_routes(octets) if each.protocol == ROUTE_PROTOCOL]
                if found:
                    yield found

    async def _list(self, request: Callable[[int], bytes]) -> AsyncIterator[Thing]:
        async for octets in self._answers(request):
            for heard in decode(octets):
                if isinstance(heard, Said):
                    yield heard.value

    async def _answers(self, request: Callable[[int], bytes]) -> AsyncIterator[bytes]:
        """The datagrams of a list. Raises OSError."""
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            self._sequence += 1
            self._socket.send(request(self._sequence))
            while True:
                octets = await loop.sock_recv(self._socket, _DATAGRAM)
                _, kind, _, sequence, _ = HEADER.unpack_from(octets)
                if sequence != self._sequence:
                    continue  # of a list that nobody reads any more
                if kind in {NLMSG_ERROR, NLMSG_DONE}:
                    said = acknowledgement(next(messages(octets)))
                    if said.errno and said.errno != errno.ENOENT:
                        raise OSError(said.errno, said.text or os.strerror(said.errno))
                    return
                yield octets
                if _is_end(octets):
                    return


def _is_end(octets: bytes) -> bool:
    if len(octets) < _DONE_SIZE:
        return False
    size, kind, _, _, _ = HEADER.unpack_from(octets, len(octets) - _DONE_SIZE)
    return bool(size == _DONE_SIZE and kind == NLMSG_DONE)
