"""Looking at a namespace's kernel, as it is now, and hearing when it has changed."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from routeserver.netlink.address import InterfaceAddress, WithLength, list_addresses
from routeserver.netlink.decoding import Group, Said, Thing, decode_message
from routeserver.netlink.framing import Acknowledgement, Flag, messages
from routeserver.netlink.link import Link, list_links
from routeserver.netlink.neighbour import Forwarding, Neighbour, State, list_neighbours
from routeserver.netlink.values import AF_BRIDGE, AF_INET, AF_INET6

_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_DATAGRAM: Final = 1 << 18
_ATTEMPTS: Final = 5
_GROUPS: Final = (Group.LINK, Group.IPV4_ADDRESS, Group.IPV6_ADDRESS)


@dataclass(frozen=True, slots=True)
class Observed:
    """Interfaces by name; addresses by interface, without those that IPv6 makes by itself;
    neighbours that were put there by interface and address; ports of bridges and the hardware
    addresses that were put behind them."""

    links: Mapping[str, Link] = field(default_factory=dict)
    addresses: Mapping[int, Mapping[WithLength, InterfaceAddress]] = field(default_factory=dict)
    neighbours: Mapping[tuple[int, str], Neighbour] = field(default_factory=dict)
    forwarding: frozenset[tuple[int, str]] = frozenset()


class Eye:
    """`looking` and `hearing` are netlink sockets of one namespace, the eye's to close.
    `on_change` is called when interfaces or addresses there have changed, whoever did it."""

    def __init__(
        self, looking: socket.socket, hearing: socket.socket, on_change: Callable[[], None]
    ) -> None:
        self._looking = looking
        self._hearing = hearing
        self._on_change = on_change
        self._sequence = 0
        hearing.bind((0, 0))
        for group in _GROUPS:
            hearing.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        asyncio.get_running_loop().add_reader(hearing.fileno(), self._hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._hearing.fileno())
        self._hearing.close()
        self._looking.close()

    def look(self) -> Observed:
        """Raises OSError. The kernel answers at once; there is little in a VPC."""
        addresses: defaultdict[int, dict[WithLength, InterfaceAddress]] = defaultdict(dict)
        for known in self._list(partial(list_addresses, 0, 0)):
            if isinstance(known, InterfaceAddress) and not _is_automatic(known.address):
                addresses[known.interface][known.address] = known
        neighbours = {
            (known.interface, str(known.address)): known
            for family in (AF_INET, AF_INET6)
            for known in self._list(partial(list_neighbours, family, 0))
            if isinstance(known, Neighbour) and known.state & State.PERMANENT
        }
        forwarding = {
            (known.interface, known.mac)
            for known in self._list(partial(list_neighbours, AF_BRIDGE, 0))
            if isinstance(known, Forwarding) and known.state & State.NOARP and known.bridge
        }
        return Observed(
            {link.name: link for link in self._list(list_links) if isinstance(link, Link)},
            dict(addresses),
            neighbours,
            frozenset(forwarding),
        )

    def _list(self, request: Callable[[int], bytes]) -> list[Thing]:
        for _ in range(_ATTEMPTS):
            found, is_whole = self._answers(request)
            if is_whole:
                return found
        raise OSError(errno.EAGAIN, "the kernel's interfaces change too fast to be listed")

    def _answers(self, request: Callable[[int], bytes]) -> tuple[list[Thing], bool]:
        """Everything of a list, and whether nothing has changed meanwhile."""
        self._sequence += 1
        self._looking.send(request(self._sequence))
        found: list[Thing] = []
        is_whole = True
        while True:
            for message in messages(self._looking.recv(_DATAGRAM)):
                if message.sequence != self._sequence:
                    continue
                is_whole = is_whole and not message.flags & Flag.DUMP_INTERRUPTED
                heard = decode_message(message)
                if isinstance(heard, Acknowledgement):
                    if heard.errno:
                        raise OSError(heard.errno, heard.text or os.strerror(heard.errno))
                    return found, is_whole
                if isinstance(heard, Said):
                    found.append(heard.value)

    def _hear(self) -> None:
        try:
            while self._hearing.recv(_DATAGRAM):
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # too much has changed to be told
                raise
        self._on_change()


def _is_automatic(address: WithLength) -> bool:
    return address.version == 6 and address.is_link_local
