"""One endpoint: a listening socket, and the configured peers that may connect to it.

An endpoint never dials. A connection from an address that is no configured peer is refused with a
NOTIFICATION (RFC 4486 §4, Connection Rejected); one beyond the limits of pending connections is
just closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event
from routeserver.bgp.session import Session
from routeserver.speaker import cease
from routeserver.speaker.connection import Connection
from routeserver.speaker.peer import Peer
from routeserver.speaker.pending import PendingConnections

_log: Final = structlog.get_logger()


class Listener:
    """Owns every connection that arrives at one endpoint's address."""

    def __init__(
        self,
        endpoint_id: str,
        address: str,
        *,
        pending: PendingConnections,
        clock: Callable[[], float],
        write_buffer_bytes: int,
    ) -> None:
        self.endpoint_id = endpoint_id
        self.address = address
        self.peers: dict[str, Peer] = {}
        """By the address that they connect from."""
        self._pending = pending
        self._clock = clock
        self._write_buffer_bytes = write_buffer_bytes
        self._server: asyncio.Server | None = None
        self._serves: dict[Connection, Peer | None] = {}
        self._counted: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self, listen: Callable[[str, int], socket.socket], port: int) -> str | None:
        """Start to listen; or the reason, in one line, why that is not possible now."""
        try:
            listening = listen(self.address, port)
        except OSError as error:
            return " ".join(str(error).split())
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make_connection, sock=listening)
        return None

    def close(self) -> None:
        """Accept nothing more; what is connected is the peers' business."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def is_idle(self) -> bool:
        """No connection is left."""
        return not self._serves

    async def wait_idle(self) -> None:
        """Until the last connection is gone; those that are closing take seconds at most."""
        await self._idle.wait()

    def _make_connection(self) -> Connection:
        return Connection(self, clock=self._clock, write_buffer_bytes=self._write_buffer_bytes)

    # --- connection.Owner ---------------------------------------------------------------------

    def admit(self, connection: Connection) -> Session | Notification | None:
        self._idle.clear()
        self._serves[connection] = None
        full = self._pending.enter((self.address, connection.remote))
        if full is not None:
            self._refuse(connection, full)
            return None
        self._counted.add(connection)
        peer = self.peers.get(connection.remote)
        if peer is None or self._server is None:
            self._refuse(connection, "no peer with this address is configured")
            return cease.CONNECTION_REJECTED
        answer = peer.admit(connection)
        if isinstance(answer, Notification):
            self._refuse(connection, "the peer has an established session already")
            return answer
        self._serves[connection] = peer
        return answer

    def take(self, connection: Connection, event: Event) -> None:
        if isinstance(event, Established):
            self._stop_counting(connection)
        peer = self._serves[connection]
        if peer is not None:
            peer.take(connection, event)

    def blocked(self, connection: Connection) -> None:
        connection.stop(cease.OUT_OF_RESOURCES, "the peer does not read what it is sent")

    def writable(self, connection: Connection) -> None:
        """Never: a blocked connection is closed."""

    def gone(self, connection: Connection) -> None:
        self._stop_counting(connection)
        peer = self._serves.pop(connection, None)
        if not self._serves:
            self._idle.set()
        if peer is not None:
            peer.gone(connection)

    def _stop_counting(self, connection: Connection) -> None:
        if connection in self._counted:
            self._counted.discard(connection)
            self._pending.leave((self.address, connection.remote))

    def _refuse(self, connection: Connection, reason: str) -> None:
        _log.info(
            "bgp_connection_refused",
            endpoint_id=self.endpoint_id,
            local=connection.local,
            remote=connection.remote,
            reason=reason,
        )
