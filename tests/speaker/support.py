"""The two ends of a speaker under test: a sink that remembers, and routers that dial it over real
TCP.

Nothing here sleeps: whoever waits is woken by the event that he waits for.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, TypeVar

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event, SessionClosed
from routeserver.bgp.session import Session, SessionConfig
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.net.peering import AWS_DEFAULTS
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.rib.path import Path
from routeserver.speaker.announcement import announcements, mapped
from routeserver.speaker.connection import Connection
from routeserver.speaker.spec import EndpointSpec, PeerSpec, RouteServerSpec

PATIENCE_S = 10.0
SERVER_ASN = 65_000
ENDPOINT = "127.77.1.4"
A = "127.77.1.10"
B = "127.77.1.20"

E = TypeVar("E")


class Waker:
    """Lets tests wait for facts."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not fact():
                self._changed.clear()
                await self._changed.wait()


class RecordingSink(Waker):
    def __init__(self) -> None:
        super().__init__()
        self.deltas: list[tuple[str, dict[Prefix, Path | None]]] = []
        self.fibs: dict[str, dict[Prefix, Path]] = {}
        self.sessions: list[tuple[str, bool, str]] = []

    def fib_changed(self, route_server_id: str, delta: Mapping[Prefix, Path | None]) -> None:
        self.deltas.append((route_server_id, dict(delta)))
        fib = self.fibs.setdefault(route_server_id, {})
        for prefix, path in delta.items():
            if path is None:
                fib.pop(prefix, None)
            else:
                fib[prefix] = path
        self.wake()

    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        self.sessions.append((peer_id, up, reason))
        self.wake()

    def winner(self, prefix: str, route_server_id: str = "rs-1") -> str | None:
        path = self.fibs.get(route_server_id, {}).get(parse_prefix(prefix))
        return None if path is None else path.source.peer_id

    async def until_winner(self, prefix: str, peer_id: str | None) -> None:
        await self.until(lambda: self.winner(prefix) == peer_id)

    async def until_up(self, peer_id: str, times: int = 1) -> None:
        await self.until(lambda: [s[:2] for s in self.sessions].count((peer_id, True)) >= times)

    async def until_down(self, peer_id: str, times: int = 1) -> None:
        await self.until(lambda: [s[:2] for s in self.sessions].count((peer_id, False)) >= times)


class EphemeralFabric:
    """Any free port for each address, so that tests never meet."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.listened: list[str] = []

    async def listen(self, network: str, address: str, port: int) -> socket.socket:
        listening = await LoopbackFabric().listen(network, address, port)
        self.ports[address] = listening.getsockname()[1]
        self.listened.append(address)
        return listening


ROUTERS: list[Router] = []
"""Those that a test has made, so that none outlives it."""


class Router(Waker):
    """A BGP router that dials: one connection, its session and every event of it. `options` are
    more of its `SessionConfig`; `protect` sets options of its socket before it connects."""

    def __init__(
        self,
        address: str,
        asn: int,
        *,
        peer_asn: int = SERVER_ASN,
        protect: Callable[[socket.socket], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.address = address
        self.asn = asn
        self.peer_asn = peer_asn
        self.events: list[Event] = []
        self.connection: Connection | None = None
        self.is_gone = False
        self._protect = protect
        self._options = options
        ROUTERS.append(self)

    async def connect(self, fabric: EphemeralFabric, endpoint: str = ENDPOINT) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if self._protect is not None:
                self._protect(sock)
            sock.bind((self.address, 0))
            await loop.sock_connect(sock, (endpoint, fabric.ports[endpoint]))
        except BaseException:
            sock.close()
            raise
        await loop.create_connection(lambda: Connection(self, clock=time.monotonic), sock=sock)

    def announce(self, *prefixes: str, med: int | None = None) -> None:
        self.announce_all([parse_prefix(prefix) for prefix in prefixes], med=med)

    def announce_all(self, prefixes: Sequence[Prefix], *, med: int | None = None) -> None:
        assert self.connection is not None
        for announcement in announcements(
            prefixes,
            asn=self.asn,
            peer_asn=self.peer_asn,
            next_hop=IPv4Address(self.address),
            next_hop6=mapped(IPv4Address(self.address)),
            med=med,
        ):
            self.connection.session.announce(announcement.attributes, announcement.prefixes)
        self.connection.send()

    def withdraw(self, *prefixes: str) -> None:
        assert self.connection is not None
        self.connection.session.withdraw([parse_prefix(prefix) for prefix in prefixes])
        self.connection.send()

    def end_of_rib(self, *families: Family) -> None:
        assert self.connection is not None
        for family in families:
            self.connection.session.send_end_of_rib(family)
        self.connection.send()

    def cut(self) -> None:
        """Die without a word."""
        assert self.connection is not None
        self.connection.abort()

    def happened(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until_established(self) -> None:
        await self.until(lambda: bool(self.happened(Established)))

    async def until_notified(self) -> Notification:
        """The NOTIFICATION that the other side ended the session with."""
        await self.until(lambda: bool(self.happened(SessionClosed)))
        [closed] = self.happened(SessionClosed)
        assert closed.received is not None, closed
        return closed.received

    async def until_gone(self) -> None:
        await self.until(lambda: self.is_gone)

    def admit(self, connection: Connection) -> Session:
        self.connection = connection
        return Session(
            SessionConfig(
                local_asn=self.asn,
                local_router_id=IPv4Address(self.address),
                peer_asn=self.peer_asn,
                accept_loopback_next_hops=True,
                **self._options,
            )
        )

    def take(self, _: Connection, event: Event) -> None:
        self.events.append(event)
        self.wake()

    def blocked(self, connection: Connection) -> None: ...

    def writable(self, connection: Connection) -> None: ...

    def gone(self, _: Connection) -> None:
        self.is_gone = True
        self.wake()


def peer(
    peer_id: str, address: str, asn: int = 65_001, *, bfd: bool = False, **settings: Any
) -> PeerSpec:
    return PeerSpec(peer_id, address, asn, bfd, replace(AWS_DEFAULTS, **settings))


def route_server(
    *peers: PeerSpec,
    persist: bool = False,
    persist_duration_s: int = 60,
    reset_serial: int = 0,
    address: str = ENDPOINT,
    asn: int = SERVER_ASN,
) -> dict[str, RouteServerSpec]:
    """One route server with one endpoint."""
    return {
        "rs-1": RouteServerSpec(
            route_server_id="rs-1",
            asn=asn,
            endpoints=(EndpointSpec("rse-1", address, peers),),
            persist=persist,
            persist_duration_s=persist_duration_s,
            accept_loopback_next_hops=True,
            reset_serial=reset_serial,
        )
    }


V4, V6 = Family.IPV4, Family.IPV6
