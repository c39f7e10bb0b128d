"""The active side, as an appliance: connects, announces its prefixes, and tries again for ever.

Endpoints never dial; this is the other end of their sessions, for the demo, the tests and whoever
has no router at hand. It announces in slices, as fast as the peer reads, and takes no routes in.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final, assert_never

import structlog

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshEnded,
    RefreshRequested,
    RefreshStarted,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.session import Session, SessionConfig
from routeserver.net.prefix import Family
from routeserver.speaker import cease, tcp
from routeserver.speaker.announcement import Announcement
from routeserver.speaker.connection import Connection

CONNECT_TIMEOUT_S: Final = 5.0
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 5.0

SLICE_SIZE: Final = 5_000
"""Prefixes encoded in one turn of the event loop."""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Dial:
    """From where to where, as whom, and with what.

    `retry_s` is the longest pause between two attempts. `md5_password` and `ttl_security_hops` as
    in `PeerSettings`. `restarted` says in the first OPEN that this router has just restarted and
    has forwarded all the while (RFC 4724 §3, flags R and F).
    """

    local: IPv4Address
    peer: IPv4Address
    port: int
    config: SessionConfig
    announcements: Sequence[Announcement] = ()
    retry_s: float = LONGEST_DELAY_S
    md5_password: str | None = field(default=None, repr=False)
    ttl_security_hops: int | None = None
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a route refresh begins or ends."""

    family: Family
    begins: bool


class Dialler:
    """Keeps one session up until it is closed; `jitter` gives numbers in [0, 1)."""

    def __init__(
        self, dial: Dial, *, clock: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._dial = dial
        self._clock = clock
        self._jitter = jitter
        self._connection: Connection | None = None
        self._established = False
        self._families: tuple[Family, ...] = ()
        self._outbox: deque[Announcement | Family | _Mark] = deque()
        self._turn: asyncio.Handle | None = None
        self._blocked = False
        self._gone = asyncio.Event()
        self._closing = False
        self._restarting = dial.restarted
        self._offers_capabilities = True
        self._was_established = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_established(self) -> bool:
        return self._established

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep_dialling())

    def restart(self) -> None:
        """Do as a router does whose BGP restarts gracefully: drop the session without a word, dial
        again and say so. Only with `config.graceful_restart`."""
        self._restarting = True
        if self._connection is not None:
            self._connection.lose()

    def bfd_down(self) -> None:
        """BFD has lost the peer: end the session now; the next one is tried as after any loss."""
        self._stop_session(cease.BFD_DOWN, "BFD session down")

    async def close(self) -> None:
        """Cease / Administrative Shutdown, and no more dialling."""
        self._closing = True
        if self._connection is not None:
            self._stop_session(cease.ADMINISTRATIVE_SHUTDOWN, "the appliance shuts down")
            await self._gone.wait()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _stop_session(self, notification: Notification, reason: str) -> None:
        if self._connection is not None:
            self._connection.stop(notification, reason)

    # --- dialling -----------------------------------------------------------------------------

    async def _keep_dialling(self) -> None:
        delay = FIRST_DELAY_S
        while not self._closing:
            if await self._one_connection():
                delay = FIRST_DELAY_S
            await asyncio.sleep(delay * (0.75 + 0.25 * self._jitter()))
            delay = min(2 * delay, self._dial.retry_s)

    async def _one_connection(self) -> bool:
        """Connect and stay until it is over; whether a session was established."""
        dial = self._dial
        self._gone.clear()
        self._was_established = False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self, clock=self._clock), sock=await self._connected()
                )
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
            _log.info("connect_failed", peer=f"{dial.peer}:{dial.port}", reason=reason)
            return False
        await self._gone.wait()
        return self._was_established

    async def _connected(self) -> socket.socket:
        """A connected socket, protected before its SYN goes out. Raises OSError."""
        dial = self._dial
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if dial.md5_password is not None:
                tcp.set_md5(sock, str(dial.peer), dial.md5_password)
            if dial.ttl_security_hops is not None:
                tcp.set_ttl_security(sock, dial.ttl_security_hops)
            sock.bind((str(dial.local), 0))
            await asyncio.get_running_loop().sock_connect(sock, (str(dial.peer), dial.port))
        except BaseException:
            sock.close()
            raise
        return sock

    # --- connection.Owner ---------------------------------------------------------------------

    def admit(self, connection: Connection) -> Session | Notification | None:
        if self._closing:
            return None
        self._connection = connection
        self._blocked = False
        return Session(self._config())

    def _config(self) -> SessionConfig:
        config = self._dial.config
        if not self._offers_capabilities:
            return replace(config, offer_capabilities=False)
        offer = config.graceful_restart
        if self._restarting and offer is not None:
            families = config.families
            offer = replace(offer, restarting=True, families=families, forwarding=families)
        long_lived = config.long_lived
        if self._restarting and long_lived is not None:
            long_lived = replace(long_lived, forwarding=config.families)
        return replace(config, graceful_restart=offer, long_lived=long_lived)

    def take(self, connection: Connection, event: Event) -> None:
        match event:
            case Established():
                self._up(connection, event)
            case RefreshRequested(family):
                self._refresh(connection, family)
            case RoutesReceived() | EndOfRib() | RefreshStarted() | RefreshEnded():
                _log.debug("received", peer=connection.remote, event_kind=type(event).__name__)
            case UpdateIgnored(reason):
                _log.warning("update_ignored", peer=connection.remote, reason=reason)
            case SessionClosed(reason):
                if event.capabilities_refused and self._offers_capabilities:
                    # RFC 5492 §3: such a peer is asked once more, without any.
                    _log.info("capabilities_refused", peer=connection.remote, reason=reason)
                    self._offers_capabilities = False
                self._down(connection, reason)
            case _:
                assert_never(event)

    def blocked(self, connection: Connection) -> None:  # noqa: ARG002 - there is only one
        self._blocked = True

    def writable(self, connection: Connection) -> None:
        self._blocked = False
        self._schedule(connection)

    def gone(self, connection: Connection) -> None:
        if connection is self._connection:
            self._down(connection, "the connection is gone")
            self._connection = None
        self._gone.set()

    def _up(self, connection: Connection, event: Established) -> None:
        self._established = self._was_established = True
        self._restarting = False
        self._families = event.families
        _log.info(
            "bgp_session_up",
            local=connection.local,
            peer=connection.remote,
            peer_asn=event.peer_asn,
            router_id=str(event.peer_router_id),
            hold_time_s=event.hold_time_s,
            families=[family.name for family in event.families],
        )
        self._announce(connection, event.families)

    def _down(self, connection: Connection, reason: str) -> None:
        self._outbox.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._established:
            self._established = False
            _log.info(
                "bgp_session_down", local=connection.local, peer=connection.remote, reason=reason
            )

    # --- announcing ---------------------------------------------------------------------------

    def _announce(self, connection: Connection, families: Sequence[Family]) -> None:
        for family in families:
            for announcement in self._dial.announcements:
                if announcement.family is family:
                    self._outbox.extend(announcement.slices(SLICE_SIZE))
            self._outbox.append(family)
        for announcement in self._dial.announcements:
            if announcement.family not in self._families:
                _log.warning("family_not_negotiated", family=announcement.family.name)
        self._schedule(connection)

    def _refresh(self, connection: Connection, family: Family) -> None:
        """Everything of the family once more, between its marks where they were agreed on
        (RFC 7313)."""
        self._outbox.append(_Mark(family, begins=True))
        for announcement in self._dial.announcements:
            if announcement.family is family:
                self._outbox.extend(announcement.slices(SLICE_SIZE))
        self._outbox.append(_Mark(family, begins=False))
        self._schedule(connection)

    def _schedule(self, connection: Connection) -> None:
        if self._turn is None and self._outbox and not self._blocked:
            loop = asyncio.get_running_loop()
            self._turn = loop.call_soon(self._announce_slice, connection)

    def _announce_slice(self, connection: Connection) -> None:
        self._turn = None
        match self._outbox.popleft():
            case Announcement(announced, attributes, prefixes):
                connection.session.announce(attributes, prefixes)
                _log.info("announced", family=announced.name, prefixes=len(prefixes))
            case _Mark(family, begins):
                if begins:
                    connection.session.begin_refresh(family)
                else:
                    connection.session.end_refresh(family)
            case family:
                connection.session.send_end_of_rib(family)
        connection.send()
        self._schedule(connection)
