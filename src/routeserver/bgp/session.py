"""One BGP session: the life of one TCP connection, without the connection.

Bytes and the time go in, events and bytes come out; nothing here has a clock or a socket. Both
roles are the same from here: whoever accepted or made the connection calls `connection_opened`.
What happens in which state is in `fsm`; this module carries the actions out, keeps the two timers
of RFC 4271 §10 that belong to a connection (hold, keepalive) and folds UPDATEs into batches. A
session that has ended stays ended.

Deviation: the keepalive timer has no jitter (RFC 4271 §10). Sessions start when peers dial, so
nothing aligns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from routeserver.bgp.attributes import AttributeCache, AttributeTable, DecodeContext
from routeserver.bgp.errors import ErrorCode, FsmError, Notification, ProtocolError
from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshRequested,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.framing import Framer, MessageType
from routeserver.bgp.fsm import TRANSITIONS, Action, FsmEvent, FsmState
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, Open, RouteRefresh
from routeserver.bgp.negotiation import Negotiated, SessionConfig, local_open, negotiate
from routeserver.bgp.update import Update, decode_update
from routeserver.bgp.update_encoding import (
    encode_announcement,
    encode_end_of_rib,
    encode_withdrawal,
)
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of

__all__ = ["OPEN_SENT_HOLD_TIME_S", "FsmState", "Session", "SessionConfig"]

OPEN_SENT_HOLD_TIME_S: Final = 240  # RFC 4271 §8.2.2: how long a peer may take to say who it is

_FACTS: Final[Mapping[int, FsmEvent]] = {
    MessageType.OPEN: FsmEvent.OPEN_RECEIVED,
    MessageType.UPDATE: FsmEvent.UPDATE_RECEIVED,
    MessageType.NOTIFICATION: FsmEvent.NOTIFICATION_RECEIVED,
    MessageType.KEEPALIVE: FsmEvent.KEEPALIVE_RECEIVED,
    MessageType.ROUTE_REFRESH: FsmEvent.ROUTE_REFRESH_RECEIVED,
}

_UNEXPECTED: Final[Mapping[FsmState, FsmError]] = {
    FsmState.OPEN_SENT: FsmError.UNEXPECTED_MESSAGE_IN_OPEN_SENT,
    FsmState.OPEN_CONFIRM: FsmError.UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
    FsmState.ESTABLISHED: FsmError.UNEXPECTED_MESSAGE_IN_ESTABLISHED,
}

_HOLD_TIMER_EXPIRED: Final = Notification(ErrorCode.HOLD_TIMER_EXPIRED, 0)


class Session:
    """`state` may be read at any time; it is ESTABLISHED exactly between Established and
    SessionClosed.

    All times are seconds of one monotonic clock of the caller's.
    """

    def __init__(
        self, config: SessionConfig, attribute_cache: AttributeCache | None = None
    ) -> None:
        self.state = FsmState.CONNECT
        self._config = config
        self._cache = AttributeCache() if attribute_cache is None else attribute_cache
        self._framer = Framer()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._withdrawn: list[Prefix] = []
        self._announced: list[tuple[PathAttributes, list[Prefix]]] = []
        self._negotiated: Negotiated | None = None
        self._context = DecodeContext(config.local_asn, config.peer_asn)
        self._table: AttributeTable | None = None
        self._hold_deadline: float | None = None
        self._keepalive_deadline: float | None = None

    # --- facts --------------------------------------------------------------------------------

    def connection_opened(self, now: float) -> list[Event]:
        """TCP is up, whoever dialled: the OPEN goes out."""
        self._step(FsmEvent.CONNECTION_OPENED, now)
        return self._take_events()

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Any number of octets from the peer, cut anywhere."""
        if self._is_over:
            return []
        frames, error = self._framer.receive(data)
        for message_type, body in frames:
            self._step(_FACTS[message_type], now, body, message_type)
            if self._is_over:
                break
        else:
            if error is not None:
                self._fail(error, now)
        return self._take_events()

    def connection_lost(self, now: float) -> list[Event]:
        """TCP is gone; nothing more can be sent."""
        self._step(FsmEvent.CONNECTION_LOST, now)
        return self._take_events()

    def handle_timer(self, now: float) -> list[Event]:
        """Call at `next_deadline` or later; too early does nothing."""
        if self._hold_deadline is not None and now >= self._hold_deadline:
            self._step(FsmEvent.HOLD_TIMER_EXPIRED, now)
        elif self._keepalive_deadline is not None and now >= self._keepalive_deadline:
            self._step(FsmEvent.KEEPALIVE_TIMER_EXPIRED, now)
        return self._take_events()

    def stop(self, notification: Notification, reason: str, now: float) -> list[Event]:
        """End the session for a reason of our own, usually a Cease."""
        if not self._is_over:
            self._step(FsmEvent.STOP, now, notification=notification, reason=reason)
        return self._take_events()

    # --- questions ----------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, or None when there is nothing to wait for."""
        hold, keepalive = self._hold_deadline, self._keepalive_deadline
        if hold is None or keepalive is None:
            return hold if keepalive is None else keepalive
        return min(hold, keepalive)

    def data_to_send(self) -> bytes:
        """Takes and clears everything queued for the peer."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # --- the sending half ---------------------------------------------------------------------

    def announce(self, attributes: PathAttributes, prefixes: Sequence[Prefix]) -> None:
        """Queue UPDATEs for prefixes of one family, with the attributes exactly as given.

        Raises RuntimeError unless established, ValueError for a family that was not negotiated or
        attributes that have no encoding.
        """
        four_octet = self._check_may_send(prefixes).four_octet_asn
        self._out += encode_announcement(attributes, prefixes, four_octet=four_octet)

    def withdraw(self, prefixes: Sequence[Prefix]) -> None:
        """Queue UPDATEs that withdraw prefixes of one family; raises as `announce` does."""
        self._check_may_send(prefixes)
        self._out += encode_withdrawal(prefixes)

    def send_end_of_rib(self, family: Family) -> None:
        """Queue an End-of-RIB marker (RFC 4724 §2); raises as `announce` does."""
        self._check_family(self._check_may_send(()), family)
        self._out.append(encode_end_of_rib(family))

    def _check_may_send(self, prefixes: Sequence[Prefix]) -> Negotiated:
        if self._negotiated is None or self.state is not FsmState.ESTABLISHED:
            raise RuntimeError("routes can only be sent on an established session")
        if prefixes:
            self._check_family(self._negotiated, family_of(prefixes[0]))
        return self._negotiated

    def _check_family(self, negotiated: Negotiated, family: Family) -> None:
        if family not in negotiated.families:
            raise ValueError(f"{family.name} was not negotiated with the peer")

    # --- carrying out the table ---------------------------------------------------------------

    def _step(
        self,
        event: FsmEvent,
        now: float,
        body: bytes = b"",
        message_type: int = 0,
        *,
        notification: Notification | None = None,
        reason: str = "",
    ) -> None:
        before = self.state
        self.state, action = TRANSITIONS[before][event]
        match action:
            case Action.IGNORE:
                pass
            case Action.CLOSE:
                self._close_silently(before, event, body)
            case Action.CLOSE_WITH_REASON:
                self._close(before, reason, sent=notification)
            case Action.CLOSE_WITH_HOLD_TIMER_EXPIRED:
                self._close(before, "hold timer expired", sent=_HOLD_TIMER_EXPIRED)
            case Action.CLOSE_WITH_FSM_ERROR:
                self._close_with_fsm_error(before, event, message_type)
            case _:
                try:
                    self._act(action, body, now)
                except ProtocolError as error:
                    self._fail(error, now)

    def _act(self, action: Action, body: bytes, now: float) -> None:
        """The actions after which the session lives on; raises ProtocolError when it must not."""
        match action:
            case Action.ACCEPT_UPDATE:
                self._restart_hold_timer(now)
                assert self._table is not None  # noqa: S101 - made by _confirm_open
                self._accept(decode_update(body, self._context, self._table))
            case Action.RESTART_HOLD_TIMER:
                self._restart_hold_timer(now)
            case Action.SEND_KEEPALIVE:
                self._send_keepalive(now)
            case Action.ACCEPT_ROUTE_REFRESH:
                self._accept_route_refresh(RouteRefresh.decode(body))
            case Action.SEND_OPEN:
                self._out.append(local_open(self._config).encode())
                self._hold_deadline = now + OPEN_SENT_HOLD_TIME_S
            case Action.CONFIRM_OPEN:
                self._confirm_open(Open.decode(body), now)
            case Action.ESTABLISH:
                self._restart_hold_timer(now)
                self._establish()
            case (
                Action.IGNORE
                | Action.CLOSE
                | Action.CLOSE_WITH_REASON
                | Action.CLOSE_WITH_HOLD_TIMER_EXPIRED
                | Action.CLOSE_WITH_FSM_ERROR
            ):
                raise AssertionError(f"{action.name} is carried out by _step")
            case _:
                assert_never(action)

    def _confirm_open(self, peer: Open, now: float) -> None:
        config = self._config
        negotiated = negotiate(config, peer)
        self._negotiated = negotiated
        self._context = DecodeContext(
            local_asn=config.local_asn,
            peer_asn=config.peer_asn,
            four_octet_asn=negotiated.four_octet_asn,
            families=negotiated.families,
            accept_loopback_next_hops=config.accept_loopback_next_hops,
            local_address=config.local_address,
        )
        self._table = self._cache.table(self._context)
        self._hold_deadline = None
        self._restart_hold_timer(now)
        self._send_keepalive(now)

    def _establish(self) -> None:
        negotiated = self._negotiated
        assert negotiated is not None  # noqa: S101 - made by _confirm_open
        self._events.append(
            Established(
                peer_router_id=negotiated.peer_router_id,
                peer_asn=self._config.peer_asn,
                hold_time_s=negotiated.hold_time_s,
                families=negotiated.families,
                four_octet_asn=negotiated.four_octet_asn,
            )
        )

    def _accept(self, update: Update) -> None:
        """Add an UPDATE to the batch, which ends where its order would no longer be true."""
        withdrawn, announced, end_of_rib, ignored = update
        if withdrawn:
            if self._announced:
                self._end_batch()
            self._withdrawn += withdrawn
        for attributes, prefixes in announced:
            batches = self._announced
            if batches and batches[-1][0] is attributes:
                batches[-1][1].extend(prefixes)
            else:
                batches.append((attributes, prefixes))
        if end_of_rib is not None:
            self._end_batch()
            self._events.append(EndOfRib(end_of_rib))
        for reason, data in ignored:
            self._events.append(UpdateIgnored(reason, data))

    def _accept_route_refresh(self, refresh: RouteRefresh) -> None:
        """RFC 2918 §4 and RFC 7313 §5: what was not negotiated is ignored."""
        if refresh.subtype == 0 and refresh.family in self._context.families:
            self._end_batch()
            self._events.append(RefreshRequested(refresh.family))

    def _restart_hold_timer(self, now: float) -> None:
        negotiated = self._negotiated
        if negotiated is not None and negotiated.hold_time_s:
            self._hold_deadline = now + negotiated.hold_time_s

    def _send_keepalive(self, now: float) -> None:
        self._out.append(KEEPALIVE)
        negotiated = self._negotiated
        if negotiated is not None and negotiated.hold_time_s:
            self._keepalive_deadline = now + negotiated.keepalive_s

    # --- the end ------------------------------------------------------------------------------

    @property
    def _is_over(self) -> bool:
        return self.state is FsmState.IDLE

    def _fail(self, error: ProtocolError, now: float) -> None:
        """What the peer sent ends the session."""
        self._step(
            FsmEvent.MALFORMED_MESSAGE, now, notification=error.notification, reason=str(error)
        )

    def _close_silently(self, before: FsmState, event: FsmEvent, body: bytes) -> None:
        if event is FsmEvent.NOTIFICATION_RECEIVED:
            received = NotificationMessage.decode(body).notification
            self._close(before, f"the peer sent {received}", received=received)
        elif event is FsmEvent.CONNECTION_LOST:
            self._close(before, "the connection was lost")
        else:
            self._close(before, "the peer spoke before the connection was opened")

    def _close_with_fsm_error(self, before: FsmState, event: FsmEvent, message_type: int) -> None:
        subcode = _UNEXPECTED.get(before, FsmError.UNSPECIFIED) if message_type else 0
        data = bytes([message_type]) if message_type else b""
        what = MessageType(message_type).name if message_type else event.name
        notification = Notification(ErrorCode.FSM_ERROR, subcode, data)
        self._close(before, f"{what} is not expected in {before.name}", sent=notification)

    def _close(
        self,
        before: FsmState,
        reason: str,
        *,
        sent: Notification | None = None,
        received: Notification | None = None,
    ) -> None:
        if sent is not None:
            self._out.append(NotificationMessage(sent).encode())
        self._hold_deadline = self._keepalive_deadline = None
        self._end_batch()
        was_established = before is FsmState.ESTABLISHED
        self._events.append(SessionClosed(reason, sent, received, was_established))

    # --- events -------------------------------------------------------------------------------

    def _end_batch(self) -> None:
        if self._withdrawn or self._announced:
            self._events.append(RoutesReceived(self._withdrawn, self._announced))
            self._withdrawn = []
            self._announced = []

    def _take_events(self) -> list[Event]:
        self._end_batch()
        events, self._events = self._events, []
        return events
