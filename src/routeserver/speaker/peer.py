"""One configured peer: at most one session with it, and what that session means for the RIB.

We are the passive side, so a collision is simple (RFC 4271 §6.8): we never have a connection of our
own to compare identifiers for. Before Established the newer one replaces the older, which is the
one whose other end has most likely forgotten it. An Established session stays and the new
connection is refused, unless graceful restart was agreed: a peer that connects anew has restarted,
and the old connection is dropped as lost (RFC 4724 §5).

A connection is also refused while the peer waits for having failed (`idle_hold`), and until BFD is
Up where the settings ask for that (RFC 5882 §4.4); a peer that has taken BFD down itself is not
made to wait (§3.2).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, assert_never

import structlog

from routeserver.bgp.errors import ErrorCode, Notification
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
from routeserver.net.peering import PeerSettings
from routeserver.rib.path import Source
from routeserver.speaker import cease, endings, tcp
from routeserver.speaker.connection import Connection
from routeserver.speaker.idle_hold import IdleHold
from routeserver.speaker.ignored_updates import BYTES_LOGGED, IgnoredUpdates
from routeserver.speaker.intake import NOTIFICATIONS, REASONS, Excess, Intake
from routeserver.speaker.refreshing import Refreshing
from routeserver.speaker.session_settings import Effect, effects, restart_terms
from routeserver.speaker.spec import PeerSpec
from routeserver.speaker.surroundings import PeerSurroundings, Refused
from routeserver.speaker.tally import PeerTally
from routeserver.speaker.taps import Joined, Taps

_log: Final = structlog.get_logger()
_WAITS_FOR_BFD: Final = "BFD with the peer is not up yet"


class Peer:
    """The sessions of one peer, one after the other. `make_config` is asked anew for each: what is
    said of a restart of this process changes with time."""

    def __init__(
        self,
        spec: PeerSpec,
        endpoint_id: str,
        make_config: Callable[[PeerSpec], SessionConfig],
        around: PeerSurroundings,
    ) -> None:
        self.spec = spec
        self.config = make_config(spec)
        """Of the present or the last session."""
        self._make_config = make_config
        self._endpoint_id = endpoint_id
        self._around = around
        self._owner = around.owner
        self._opening: Connection | None = None
        self._established: Connection | None = None
        self._taps: Taps | None = None
        self.tally = PeerTally()
        self.intake = Intake(
            spec.peer_id,
            spec.settings,
            owner=around.owner,
            server_limit=around.server_limit,
            tally=self.tally,
        )
        self.negotiated: Established | None = None
        """What the present session has agreed on."""
        self.idle_hold = IdleHold(spec.settings.idle_hold_s, spec.settings.idle_hold_max_s)
        self._ignored_updates = IgnoredUpdates(spec.peer_id)
        self.refreshing = Refreshing(
            spec.settings.refresh_wait_s,
            clock=around.clock,
            unanswered=self._refresh_unanswered,
        )
        self._up_at = 0.0
        self._removed = False

    @property
    def is_established(self) -> bool:
        return self._established is not None

    # --- intent -------------------------------------------------------------------------------

    def configure(self, spec: PeerSpec) -> None:
        """The same peer with other settings; see `session_settings.EFFECTS`."""
        changed = effects(self.spec.settings, spec.settings)
        protection = _protection(self.spec.settings) != _protection(spec.settings)
        self.spec = spec
        if not changed:
            return
        settings = spec.settings
        self.idle_hold.first_s, self.idle_hold.longest_s = (
            settings.idle_hold_s,
            settings.idle_hold_max_s,
        )
        self.idle_hold.forgive()
        self.intake.configure(settings)
        self.refreshing.configure(settings.refresh_wait_s)
        if self.negotiated is not None:
            self._owner.agree(spec.peer_id, restart_terms(self.negotiated, settings))
        if Effect.REIMPORT in changed:
            self.intake.reimport()
        if Effect.RESTART in changed:
            self._restart("the peer's settings changed")
        elif Effect.LIMIT in changed:
            self._limit_changed()
        if protection:
            for connection in (self._established, self._opening):
                if connection is not None:
                    self._protect(connection)

    def _restart(self, reason: str) -> None:
        self.stop(cease.OTHER_CONFIGURATION_CHANGE, reason)

    def _limit_changed(self) -> None:
        """What is there and too much ends the session; what was discarded and has room now is asked
        for again."""
        established = self._established
        if established is None:
            return
        excess = self.intake.excess
        if excess is not None:
            self._end_for(excess, established)
        elif self.intake.lacks_routes:
            self._refresh(established)

    def _refresh(self, established: Connection) -> None:
        agreed = self.negotiated
        assert agreed is not None  # noqa: S101 - the session is established
        if agreed.route_refresh:
            self.refreshing.ask(established, agreed, has_routes=self.intake.has_been_sent_routes)
        else:
            self._restart("the peer's limit changed and it cannot send its routes again")

    def _refresh_unanswered(self) -> None:
        reason = (
            f"the peer was asked for its routes again and has sent none for "
            f"{self.spec.settings.refresh_wait_s} s, though it offers route refresh"
        )
        _log.warning("refresh_unanswered", peer_id=self.spec.peer_id, reason=reason)
        self._restart(reason)

    @property
    def is_reimporting(self) -> bool:
        """Some of its routes are still as older import rules made them."""
        return self._owner.is_reimporting(self.spec.peer_id)

    def _protect(self, connection: Connection) -> None:
        try:
            connection.set_options(self.protect)
        except OSError as error:
            _log.error("peer_not_protected", peer_id=self.spec.peer_id, reason=str(error))
            connection.stop(cease.OTHER_CONFIGURATION_CHANGE, str(error))

    def protect(self, sock: socket.socket) -> None:
        """Put the peer's key and TTL security on a connection. Raises OSError."""
        settings = self.spec.settings
        tcp.set_md5(sock, self.spec.address, settings.md5_password)
        tcp.set_ttl_security(sock, settings.ttl_security_hops)

    def remove(self, notification: Notification, reason: str) -> None:
        """No longer configured, or as another one: the session and all its routes go."""
        self._removed = True
        self.stop(notification, reason)
        self._owner.peer_removed(self.spec.peer_id)

    # --- orders of the moment -----------------------------------------------------------------

    def refresh(self) -> str | None:
        """Ask for all routes again; why not, when that cannot be."""
        established, agreed = self._established, self.negotiated
        if established is None or agreed is None:
            return "it has no session"
        if not agreed.route_refresh:
            return "it does not offer route refresh; a reset brings its routes again"
        self._refresh(established)
        return None

    def reset(self, text: str, *, hard: bool) -> str | None:
        """End the session, for the peer to begin a new one; why not, when there is none. `hard`:
        routes are not kept through it (RFC 8538)."""
        if self._established is None and self._opening is None:
            return "it has no session"
        self.idle_hold.forgive()
        said = f"reset by the operator: {text}" if text else "reset by the operator"
        self.stop(cease.reset(text, hard=hard), said)
        return None

    # --- facts --------------------------------------------------------------------------------

    def admit(self, connection: Connection) -> Session | Refused:
        """A session for this connection, or why it gets none."""
        refused = self._refusal()
        if refused is not None:
            return refused
        if self._established is not None:
            # RFC 4724 §5; the end of the old session becomes the beginning of a restart.
            self._established.lose()
        if self._opening is not None:
            self._opening.stop(
                cease.CONNECTION_COLLISION_RESOLUTION, "replaced by a newer connection of the peer"
            )
        try:
            connection.set_options(self.protect)
        except OSError as error:
            return Refused(cease.CONNECTION_REJECTED, str(error))
        self._opening = connection
        self.config = self._make_config(self.spec)
        if self._taps is not None:
            connection.tap = self._taps.session(self.config, None)
        return Session(self.config)

    def _refusal(self) -> Refused | None:
        restart = None if self.negotiated is None else self.negotiated.graceful_restart
        if self._established is not None and (restart is None or not restart.families):
            return Refused(
                cease.CONNECTION_COLLISION_RESOLUTION,
                "the peer has an established session already",
            )
        waits_s = self.idle_hold.remaining_s(self._around.clock())
        if waits_s > 0:
            return Refused(
                cease.CONNECTION_REJECTED,
                f"the peer has failed repeatedly and is not accepted for {waits_s:.0f} s more",
            )
        if not self._may_without_bfd():
            return Refused(cease.BFD_DOWN, _WAITS_FOR_BFD)
        return None

    def _may_without_bfd(self) -> bool:
        waits = self.spec.bfd and self.spec.settings.bgp_waits_for_bfd
        return not waits or self._around.bfd_permits(self.spec.peer_id)

    def bfd_not_up(self) -> None:
        """A new session has to wait for BFD again, where that is set; an established one stays."""
        if self._opening is not None and not self._may_without_bfd():
            self._opening.stop(cease.BFD_DOWN, _WAITS_FOR_BFD)

    def bfd_down(self, *, independent: bool) -> None:
        """BFD has lost the peer: its session ends now, whatever the hold timer says (RFC 9384).

        A peer that is restarting takes BFD down with it, unless BFD is independent of its control
        plane (bit C on both sides): then it does not forward any more (RFC 5882 §4.3).
        """
        if self._established is None and independent:
            self._owner.forwarding_lost(self.spec.peer_id)
        self.stop(cease.BFD_DOWN, "BFD session down")

    def stop(self, notification: Notification, reason: str) -> None:
        for connection in (self._established, self._opening):
            if connection is not None:
                connection.stop(notification, reason)

    def listen_in(self, taps: Taps | None) -> None:
        """Show the sessions of this peer from now on, or no more."""
        if taps is self._taps:
            return
        self._taps = taps
        for connection in (self._established, self._opening):
            if connection is not None:
                connection.tap = None
        live = self._established
        if taps is not None and live is not None and self.negotiated is not None:
            session = live.session
            joined = Joined(self.negotiated, session.heard_at, session.so_far)
            live.tap = taps.session(self.config, joined)

    def take(self, connection: Connection, event: Event) -> None:
        peer_id = self.spec.peer_id
        match event:
            case Established():
                self._up(connection, event)
            case RoutesReceived(batch):
                self.refreshing.heard_routes()
                excess = self.intake.take(batch, connection)
                if excess is not None:
                    self._end_for(excess, connection)
            case UpdateIgnored(reason, data):
                self.tally.ignored[event.verdict] += 1
                self._ignored_updates.note(reason, data)
            case EndOfRib(family):
                _log.debug("end_of_rib", peer_id=peer_id, family=family.name)
                self._owner.end_of_rib(peer_id, family)
            case RefreshStarted(family):
                self.refreshing.heard_beginning()
                self._owner.begin_refresh(peer_id, family)
            case RefreshEnded(family):
                self._owner.end_refresh(peer_id, family)
            case RefreshRequested(_):
                # An endpoint advertises nothing, so there is nothing to send again (RFC 2918 §4).
                pass
            case SessionClosed(reason):
                self.tally.closed(event)
                self._closed(connection, event, reason)
            case _:
                assert_never(event)

    def gone(self, connection: Connection) -> None:
        """TCP is closed: for a session that could not even say so."""
        self._down(connection, "the connection is gone", keeps=False)

    # --- what they lead to --------------------------------------------------------------------

    def _up(self, connection: Connection, event: Established) -> None:
        self._opening = None
        self._established = connection
        self._up_at = self._around.clock()
        self.negotiated = event
        self._ignored_updates.session_up()
        peer_id = self.spec.peer_id
        restart = event.graceful_restart
        self._owner.session_up(
            Source(
                peer_id=peer_id,
                endpoint_id=self._endpoint_id,
                router_id=int(event.peer_router_id),
                address=int(IPv4Address(self.spec.address)),
            ),
            restart_terms(event, self.spec.settings),
            event.families,
            is_restarting=restart is not None and restart.restarting,
        )
        self.intake.session_up()
        if not event.hold_time_s:
            connection.set_options(tcp.watch)
        if restart is not None:
            # An endpoint has nothing to send, and a peer that restarts waits to be told so
            # (RFC 4724 §4.1).
            for family in event.families:
                connection.session.send_end_of_rib(family)
        _log.info(
            "bgp_session_negotiated",
            peer_id=peer_id,
            peer_address=self.spec.address,
            peer_asn=event.peer_asn,
            router_id=str(event.peer_router_id),
            hold_time_s=event.hold_time_s,
            families=[family.name for family in event.families],
        )
        self._around.sink.session_changed(peer_id, True, "established")

    def _end_for(self, excess: Excess, connection: Connection) -> None:
        if excess is Excess.PREFIXES:
            pause_s = self.idle_hold.over_limit(
                self.spec.settings.max_prefixes_restart_s, self._around.clock()
            )
            _log.warning(
                "peer_over_limit",
                peer_id=self.spec.peer_id,
                reason=REASONS[excess],
                not_accepted_for_s=pause_s,
            )
        connection.stop(NOTIFICATIONS[excess], REASONS[excess])

    def _closed(self, connection: Connection, event: SessionClosed, reason: str) -> None:
        restart = None if self.negotiated is None else self.negotiated.graceful_restart
        if event.sent is not None and event.sent.code != ErrorCode.CEASE:
            _log.warning(
                "bgp_session_reset",
                peer_id=self.spec.peer_id,
                reason=reason,
                code=int(event.sent.code),
                subcode=int(event.sent.subcode),
                data=event.sent.data[:BYTES_LOGGED].hex(),
            )
        now = self._around.clock()
        lasted_s = now - self._up_at if connection is self._established else 0.0
        if endings.is_failure(event, lasted_s) and not self._removed:
            pause_s = self.idle_hold.failed(now)
            if pause_s:
                _log.warning(
                    "peer_flaps",
                    peer_id=self.spec.peer_id,
                    reason=f"it has failed repeatedly, the last time: {reason}",
                    not_accepted_for_s=pause_s,
                )
        self._down(connection, reason, keeps=endings.keeps_routes(event, restart))

    def _down(self, connection: Connection, reason: str, *, keeps: bool) -> None:
        """Idempotent; our own state comes first, so that a failure below leaves no ghost behind."""
        if connection is self._opening:
            self._opening = None
            _log.info("bgp_connection_closed", peer_id=self.spec.peer_id, reason=reason)
        if connection is not self._established:
            return
        self._established = None
        self.negotiated = None
        self.refreshing.stop()
        self._owner.stop_waiting(connection)
        peer_id = self.spec.peer_id
        try:
            if not self._removed:
                self._owner.session_down(peer_id, keeps=keeps)
        finally:
            self._around.sink.session_changed(peer_id, False, reason)


def _protection(settings: PeerSettings) -> tuple[str | None, int | None]:
    return settings.md5_password, settings.ttl_security_hops
