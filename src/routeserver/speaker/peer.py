"""One configured peer: at most one session with it, and what that session means for the RIB.

We are the passive side, so a collision is simple (RFC 4271 §6.8): an Established session stays and
the new connection is refused; before Established the newer connection replaces the older, which is
the one whose other end has most likely forgotten it.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final, assert_never

import structlog

from routeserver.bgp.attributes import AttributeCache
from routeserver.bgp.errors import Notification
from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshRequested,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.session import Session, SessionConfig
from routeserver.rib.path import Source
from routeserver.speaker import cease
from routeserver.speaker.connection import Connection
from routeserver.speaker.owner import RibOwner
from routeserver.speaker.spec import PeerSpec, Sink

IGNORED_UPDATES_LOGGED: Final = 10
"""Of one session: a peer must not be able to fill the log."""

IGNORED_BYTES_LOGGED: Final = 64

_log: Final = structlog.get_logger()


class Peer:
    """The sessions of one peer, one after the other."""

    def __init__(
        self,
        spec: PeerSpec,
        endpoint_id: str,
        config: SessionConfig,
        *,
        owner: RibOwner,
        sink: Sink,
        attribute_cache: AttributeCache,
    ) -> None:
        self.spec = spec
        self.config = config
        self._endpoint_id = endpoint_id
        self._owner = owner
        self._sink = sink
        self._attribute_cache = attribute_cache
        self._opening: Connection | None = None
        self._established: Connection | None = None
        self._ignored = 0
        self._is_over_limit = False
        self._removed = False

    @property
    def is_established(self) -> bool:
        return self._established is not None

    def admit(self, connection: Connection) -> Session | Notification:
        """A session for this connection, or why it gets none."""
        if self._established is not None:
            return cease.CONNECTION_COLLISION_RESOLUTION
        if self._opening is not None:
            self._opening.stop(
                cease.CONNECTION_COLLISION_RESOLUTION, "replaced by a newer connection of the peer"
            )
        self._opening = connection
        return Session(self.config, self._attribute_cache)

    def stop(self, notification: Notification, reason: str) -> None:
        for connection in (self._established, self._opening):
            if connection is not None:
                connection.stop(notification, reason)

    def remove(self, notification: Notification, reason: str) -> None:
        """No longer configured, or as another one: the session and all its routes go."""
        self._removed = True
        self.stop(notification, reason)
        self._owner.peer_removed(self.spec.peer_id)

    def take(self, connection: Connection, event: Event) -> None:
        match event:
            case Established():
                self._up(connection, event)
            case RoutesReceived(withdrawn, announced):
                applied = self._owner.apply(self.spec.peer_id, withdrawn, announced, connection)
                self._note_over_limit(applied.over_limit)
            case UpdateIgnored(reason, data):
                self._note_ignored(reason, data)
            case EndOfRib(family):
                _log.debug("end_of_rib", peer_id=self.spec.peer_id, family=family.name)
            case RefreshRequested(_):
                # An endpoint advertises nothing, so there is nothing to send again (RFC 2918 §4).
                pass
            case SessionClosed(reason):
                self._down(connection, reason)
            case _:
                assert_never(event)

    def gone(self, connection: Connection) -> None:
        """TCP is closed: for a session that could not even say so."""
        self._down(connection, "the connection is gone")

    def _up(self, connection: Connection, event: Established) -> None:
        self._opening = None
        self._established = connection
        self._ignored = 0
        self._is_over_limit = False
        peer_id = self.spec.peer_id
        self._owner.session_up(
            Source(
                peer_id=peer_id,
                endpoint_id=self._endpoint_id,
                router_id=int(event.peer_router_id),
                address=int(IPv4Address(self.spec.address)),
            )
        )
        _log.info(
            "bgp_session_negotiated",
            peer_id=peer_id,
            peer_address=self.spec.address,
            peer_asn=event.peer_asn,
            router_id=str(event.peer_router_id),
            hold_time_s=event.hold_time_s,
            families=[family.name for family in event.families],
        )
        self._sink.session_changed(peer_id, True, "established")

    def _down(self, connection: Connection, reason: str) -> None:
        """Idempotent; our own state comes first, so that a failure below leaves no ghost behind."""
        if connection is self._opening:
            self._opening = None
            _log.info("bgp_connection_closed", peer_id=self.spec.peer_id, reason=reason)
        if connection is not self._established:
            return
        self._established = None
        self._owner.stop_waiting(connection)
        peer_id = self.spec.peer_id
        try:
            if not self._removed:
                self._owner.session_down(peer_id)
        finally:
            self._sink.session_changed(peer_id, False, reason)

    def _note_over_limit(self, count: int) -> None:
        """Said once for each session; how many there are is counted in the RIB."""
        if count and not self._is_over_limit:
            self._is_over_limit = True
            _log.warning(
                "routes_over_limit",
                peer_id=self.spec.peer_id,
                reason="the peer has sent more routes than it may; the first ones are kept",
            )

    def _note_ignored(self, reason: str, data: bytes) -> None:
        self._ignored += 1
        if self._ignored > IGNORED_UPDATES_LOGGED:
            return
        _log.warning(
            "update_ignored",
            peer_id=self.spec.peer_id,
            reason=reason,
            data=data[:IGNORED_BYTES_LOGGED].hex(),
            last_one_logged=self._ignored == IGNORED_UPDATES_LOGGED,
        )
