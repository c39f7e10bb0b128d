"""One endpoint: a listening socket, and the configured peers that may connect to it.

An endpoint never dials. A connection from an address that is no configured peer is refused with a
NOTIFICATION (RFC 4486 §4, Connection Rejected); one beyond the limits of pending connections is
just closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from routeserver.bgp.errors import Cease, Notification
from routeserver.bgp.events import Established, Event
from routeserver.bgp.session import Session
from routeserver.speaker import cease, tcp
from routeserver.speaker.connection import Connection
from routeserver.speaker.log_limit import LogLimit
from routeserver.speaker.peer import Peer
from routeserver.speaker.pending import PendingConnections
from routeserver.speaker.spec import Listen
from routeserver.speaker.surroundings import Refused

_log: Final = structlog.get_logger()


class Listener:
    """Owns every connection that arrives at one endpoint's address."""

    def __init__(
        self,
        endpoint_id: str,
        address: str,
        *,
        network: str = "",
        pending: PendingConnections,
        strangers: PendingConnections,
        log_limit: LogLimit,
        clock: Callable[[], float],
        write_buffer_bytes: int,
    ) -> None:
        self.endpoint_id = endpoint_id
        self.address = address
        self.network = network
        self.peers: dict[str, Peer] = {}
        """By the address that they connect from."""
        self._pending = pending
        self._strangers = strangers
        self._log_limit = log_limit
        self._clock = clock
        self._write_buffer_bytes = write_buffer_bytes
        self._server: asyncio.Server | None = None
        self._listening: socket.socket | None = None
        self._keyed: dict[str, str] = {}
        """The passwords that are on the listening socket, by peer address."""
        self._serves: dict[Connection, Peer | None] = {}
        self._counted: dict[Connection, PendingConnections] = {}
        self.refused: Counter[str] = Counter()
        """Connections that got no session, by what kept them from it."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self, listen: Listen, port: int) -> str | None:
        """Start to listen; or the reason, in one line, why that is not possible now."""
        try:
            listening = await listen(self.network, self.address, port)
        except OSError as error:
            return " ".join(str(error).split())
        self._listening = listening
        self._keyed = {}
        self.protect()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make_connection, sock=listening)
        return None

    def close(self) -> None:
        """Accept nothing more; what is connected is the peers' business."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._listening = None

    def protect(self) -> None:
        """Put every peer's key on the listening socket, and take those away that are no peer's: it
        has to be there before the peer's SYN.

        A peer whose key cannot be set is not served without: its connections are refused when the
        same fails on them.
        """
        if self._listening is None:
            return
        wanted = {
            address: password
            for address, peer in self.peers.items()
            if (password := peer.spec.settings.md5_password) is not None
        }
        try:
            if any(peer.spec.settings.ttl_security_hops for peer in self.peers.values()):
                # The SYN-ACK is the listening socket's, and the peer checks its TTL.
                tcp.set_ttl(self._listening)
        except OSError as error:
            _log.error("endpoint_not_protected", endpoint_id=self.endpoint_id, reason=str(error))
        for address in self._keyed.keys() | wanted.keys():
            password = wanted.get(address)
            if self._keyed.get(address) == password:
                continue
            try:
                tcp.set_md5(self._listening, address, password)
            except OSError as error:
                _log.error(
                    "peer_not_protected",
                    endpoint_id=self.endpoint_id,
                    remote=address,
                    reason=str(error),
                )
                continue
            if password is None:
                del self._keyed[address]
            else:
                self._keyed[address] = password

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
        peer = self.peers.get(connection.remote)
        pending = self._strangers if peer is None else self._pending
        full = pending.enter(self._counted_as(connection))
        if full is not None:
            self._refuse(connection, "too many pending", full)
            return None
        self._counted[connection] = pending
        if peer is None or self._server is None:
            reason = "no peer with this address is configured"
            self._refuse(connection, "unknown peer", reason)
            return cease.CONNECTION_REJECTED
        answer = peer.admit(connection)
        if isinstance(answer, Refused):
            kind = Cease(answer.notification.subcode).name.replace("_", " ").lower()
            self._refuse(connection, kind, answer.reason)
            return answer.notification
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
        pending = self._counted.pop(connection, None)
        if pending is not None:
            pending.leave(self._counted_as(connection))

    def _counted_as(self, connection: Connection) -> tuple[str, str, str]:
        return self.network, self.address, connection.remote

    def _refuse(self, connection: Connection, kind: str, reason: str) -> None:
        """Said a few times for each address, then once in a while."""
        self.refused[kind] += 1
        left_out = self._log_limit.take((self.network, connection.remote), self._clock())
        if left_out is None:
            return
        _log.info(
            "bgp_connection_refused",
            endpoint_id=self.endpoint_id,
            local=connection.local,
            remote=connection.remote,
            reason=reason,
            **({"not_logged_before": left_out} if left_out else {}),
        )
