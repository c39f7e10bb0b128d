"""What the speaker is told to be, and whom it tells: frozen values, compared to see what changed.

A specification is a level, not an order: the speaker compares it with what runs and closes the gap.
Addresses are IPv4 in their canonical text form (the endpoints of a route server have no other).
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from routeserver.net.peering import AWS_DEFAULTS, PeerSettings
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.fib import FibDelta

Listen: TypeAlias = Callable[[str, str, int], Awaitable[socket.socket]]
"""A listening socket for an address of a network at a port. Raises OSError, in one line."""


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """An appliance that may connect to an endpoint. `bfd` is liveness kept elsewhere; no session
    restarts when it alone changes. What a change of `settings` does: `session_settings`."""

    peer_id: str
    address: str
    asn: int
    bfd: bool = False
    settings: PeerSettings = AWS_DEFAULTS


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """An address to listen on, in a network: the same address may be in several. It is also the BGP
    Identifier of the sessions that it accepts."""

    endpoint_id: str
    address: str
    peers: tuple[PeerSpec, ...] = ()
    network: str = ""


@dataclass(frozen=True, slots=True)
class RouteServerSpec:
    """One RIB, one FIB. A `reset_serial` that differs from the last one seen drops held routes."""

    route_server_id: str
    asn: int
    endpoints: tuple[EndpointSpec, ...] = ()
    persist: bool = False
    persist_duration_s: int = 60
    accept_loopback_next_hops: bool = False
    reset_serial: int = 0


@dataclass(frozen=True, slots=True)
class Timers:
    """What is offered in OPEN where the peer's settings leave it open; the lower hold time of the
    two sides holds (RFC 4271 §4.2).

    For `restart_window_s` after the start, sessions with graceful restart say that this process has
    restarted (RFC 4724 §3, flag R) and, when `forwarding_kept`, that its forwarding state has not
    (flag F); for at most `selection_deferral_s` nothing is decided until their peers have sent
    End-of-RIB (§4.1), which is of use where the data plane has kept the routes of the process
    before. The first process of all has not restarted: both are 0 for it.
    """

    hold_time_s: int = 30
    keepalive_s: int | None = 10
    restart_window_s: float = 0.0
    selection_deferral_s: float = 0.0
    forwarding_kept: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. A connection is pending until it is Established or gone."""

    max_routes_per_peer: int | None = None
    max_fib_routes: int | None = None
    max_pending_connections: int = 1024
    max_pending_strangers: int = 256
    """From addresses that are no peer's."""
    max_pending_per_address: int = 8
    write_buffer_bytes: int = 65_536


class Sink(Protocol):
    """Who is told, synchronously: a sink takes note and returns, it never blocks."""

    def fib_changed(self, route_server_id: str, delta: FibDelta) -> None:
        """The best path of these prefixes is another one now; None when there is none."""

    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        """A BGP session reached Established or left it."""


class Follower(Protocol):
    """Who wants to know more than best paths, as one that holds backups of them ready does; told as
    a sink is."""

    def routes_touched(self, route_server_id: str, batch: RouteBatch | None) -> None:
        """What there is besides the best path may have changed, for these prefixes or, with None,
        for any."""

    def peer_lost(self, route_server_id: str, peer_id: str) -> None:
        """All routes of the peer are about to go. Told before the first of them does."""

    def peer_back(self, peer_id: str) -> None:
        """The peer has a new session: what it sends from now on counts."""
