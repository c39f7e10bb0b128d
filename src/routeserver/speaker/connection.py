"""One TCP connection under one `bgp.Session`: bytes and time in, bytes and events out.

It belongs to an `Owner` (the passive listener or the dialler), which decides what the connection
may be and acts on its events. All of a connection's code runs behind one boundary here: whatever it
raises ends this connection and no other. What a peer sends is read in slices, one per turn of the
event loop, and a peer that is told more than it reads, or that is not drained after its last
NOTIFICATION, is cut off.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import structlog

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Event, SessionClosed
from routeserver.bgp.messages import NotificationMessage
from routeserver.bgp.plain import IS_COMPILED
from routeserver.bgp.session import Session
from routeserver.speaker import cease, tcp
from routeserver.speaker.taps import Tap

READ_SLICE_BYTES: Final = 32_768 if IS_COMPILED else 16_384
"""Of what has arrived, as much is decoded in one turn: a millisecond or two."""

READ_EFFORT: Final = 64
"""Of the messages that take a full look as many are read in one turn (`Session.receive`): a peer
that sends nothing else holds up the others for milliseconds at a time, too."""

LINGER_S: Final = 2.0
"""How long a peer may take to read the NOTIFICATION that ends its connection."""

_log: Final = structlog.get_logger()


class Owner(Protocol):
    """Whose connection it is."""

    def admit(self, connection: Connection) -> Session | Notification | None:
        """A session for a new connection, a NOTIFICATION to refuse it with, or None to close it."""

    def take(self, connection: Connection, event: Event) -> None:
        """Something happened in the session. SessionClosed is the last event there is."""

    def blocked(self, connection: Connection) -> None:
        """The peer reads less than it is sent."""

    def writable(self, connection: Connection) -> None:
        """A connection that was blocked has room again."""

    def gone(self, connection: Connection) -> None:
        """TCP is closed and nothing of the connection is left; called once for every connection."""


class Connection(asyncio.Protocol):
    """An asyncio protocol; the transport's limits and pauses are handled here, routes are not."""

    def __init__(
        self, owner: Owner, *, clock: Callable[[], float], write_buffer_bytes: int = 65_536
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._write_buffer_bytes = write_buffer_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread = b""
        self._turn: asyncio.Handle | None = None
        self._paused = False
        self._closing = False
        self._failed = False
        self._backlog = 0
        self._is_blocked = False
        self.tap: Tap | None = None
        self.local = ""
        self.remote = ""

    @property
    def session(self) -> Session:
        """The session that the owner admitted; only for owners, only after that."""
        if self._session is None:
            raise RuntimeError("the connection was not admitted")
        return self._session

    # --- what the owner may ask for -----------------------------------------------------------

    def stop(self, notification: Notification, reason: str) -> None:
        """Say why, then close; SessionClosed follows. Does nothing to a connection that closes."""
        session = self._session
        if session is not None and not self._closing:
            if self.tap is not None:
                self.tap.told("stop", self._clock(), b"", notification, reason)
            self._step(lambda now: session.stop(notification, reason, now))

    def send(self) -> None:
        """Put what the session has queued on the wire."""
        if self._session is not None and not self._closing:
            self._flush()

    def pause(self) -> None:
        """Back pressure: read nothing more until `resume`; TCP makes the peer wait."""
        self._paused = True
        self._set_reading()

    def resume(self) -> None:
        self._paused = False
        self._set_reading()
        self._schedule_turn()

    @property
    def is_paused(self) -> bool:
        return self._paused

    def lose(self) -> None:
        """Drop the connection without a word, as if TCP had broken; SessionClosed follows."""
        if self._session is not None and not self._closing:
            self._step(self._session.connection_lost, "lost")
        self.abort()

    def set_options(self, apply: Callable[[socket.socket], None]) -> None:
        """Let `apply` set options of the connection's socket. Raises what it raises."""
        if self._transport is not None and not self._transport.is_closing():
            with tcp.borrowed(self._transport.get_extra_info("socket")) as sock:
                apply(sock)

    def abort(self) -> None:
        """Cut the connection off at once."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)
        self._transport = made
        made.set_write_buffer_limits(high=self._write_buffer_bytes)
        self.remote = _host(made.get_extra_info("peername"))
        self.local = _host(made.get_extra_info("sockname"))
        try:
            admitted = self._owner.admit(self)
        except Exception:
            _log.exception("admission_failed", local=self.local, remote=self.remote)
            admitted = None
        match admitted:
            case None:
                self._closing = True
                made.abort()
            case Notification() as notification:
                self._closing = True
                made.write(NotificationMessage(notification).encode())
                self._linger()
            case session:
                self._session = session
                self._step(session.connection_opened, "opened")

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._unread += data
        if self._turn is None:
            self._read_slice()

    def eof_received(self) -> None:
        """The transport closes itself and tells `connection_lost`."""

    def pause_writing(self) -> None:
        if not self._closing:
            self._owner.blocked(self)

    def resume_writing(self) -> None:
        if not self._closing:
            self._owner.writable(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._session is not None and not self._closing:
            self._step(self._session.connection_lost, "lost")
        self._closing = True
        self._cancel_timer()
        if self._turn is not None:
            self._turn.cancel()
        self._owner.gone(self)

    # --- reading ------------------------------------------------------------------------------

    def _read_slice(self) -> None:
        self._turn = None
        session = self._session
        if self._paused or self._closing or session is None or not self._unread:
            return
        data, self._unread = self._unread[:READ_SLICE_BYTES], self._unread[READ_SLICE_BYTES:]
        self._step(lambda now: self._read(session, data, now))
        self._schedule_turn()
        self._set_reading()

    def _read(self, session: Session, data: bytes, now: float) -> list[Event]:
        left = b""
        try:
            events = session.receive(data, now, READ_EFFORT)
            left = session.take_back()
            if left:
                self._unread = left + self._unread
            return events
        finally:
            if self.tap is not None:
                self.tap.told("bytes", now, data[: len(data) - len(left)])

    def _schedule_turn(self) -> None:
        if self._unread and self._turn is None and not self._paused and not self._closing:
            self._turn = self._loop.call_soon(self._read_slice)

    def _set_reading(self) -> None:
        """Take nothing more from the socket while something of it waits here."""
        if self._transport is None or self._transport.is_closing() or self._closing:
            return
        if self._paused or self._unread:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- one step of the session --------------------------------------------------------------

    def _step(self, act: Callable[[float], list[Event]], fact: str = "", data: bytes = b"") -> None:
        """The boundary: a failure in serving this peer is logged and ends its connection."""
        now = self._clock()
        if self.tap is not None and fact:
            self.tap.told(fact, now, data)
        try:
            for event in act(now):
                if self._closing:
                    break
                if self.tap is not None:
                    self.tap.decided(event)
                if isinstance(event, SessionClosed):
                    self._close()
                self._owner.take(self, event)
        except Exception:
            _log.exception("peer_failed", local=self.local, remote=self.remote)
            self._give_up()
        if not self._closing:
            self._flush()
            self._arm_timer()

    def _give_up(self) -> None:
        if self._closing:
            return
        if self._failed:
            self._closing = True
            self.abort()
            return
        self._failed = True
        self.stop(cease.INTERNAL_ERROR, "internal error in the code that serves this peer")

    def _flush(self) -> None:
        if self._transport is None or self._session is None or self._transport.is_closing():
            return
        self._note_backlog()
        data = self._session.data_to_send()
        if data:
            if self.tap is not None:
                self.tap.said(data)
            self._transport.write(data)
            self._backlog = self._transport.get_write_buffer_size()

    def _note_backlog(self) -> None:
        """Tell the session whether what was sent before is still here: the peer does not read then,
        and its send hold timer runs (RFC 9687). Each octet that has gone since the last look starts
        the timer anew: a peer that reads slowly is not one that has stopped.
        """
        if self._transport is None or self._session is None or self._transport.is_closing():
            return
        backlog = self._transport.get_write_buffer_size()
        has_moved, self._backlog = backlog < self._backlog, backlog
        if self._is_blocked and (has_moved or not backlog):
            self._tell_blocked(self._session, False)
        if backlog and not self._is_blocked:
            self._tell_blocked(self._session, True)

    def _tell_blocked(self, session: Session, is_blocked: bool) -> None:
        self._is_blocked = is_blocked
        now = self._clock()
        if self.tap is not None:
            self.tap.told("blocked" if is_blocked else "unblocked", now)
        if is_blocked:
            session.write_blocked(now)
        else:
            session.write_unblocked(now)

    def _close(self) -> None:
        self._flush()
        self._closing = True
        self._unread = b""
        self._linger()

    def _linger(self) -> None:
        """Close our direction, discard what still arrives: no reset may overtake our last words."""
        self._cancel_timer()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
        self._timer = self._loop.call_later(LINGER_S, transport.abort)

    # --- time ---------------------------------------------------------------------------------

    def _arm_timer(self) -> None:
        """Deadlines move on with every message: a timer that is early asks again when it fires."""
        session = self._session
        deadline = session.next_deadline() if session is not None else None
        if deadline is None:
            self._cancel_timer()
            return
        at = self._loop.time() + max(0.0, deadline - self._clock())
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._session is not None and not self._closing:
            self._note_backlog()
            self._step(self._session.handle_timer, "timer")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _host(name: Any) -> str:
    """The address of a socket name; empty when the other side was gone before it could be asked."""
    return str(name[0]) if name else ""
