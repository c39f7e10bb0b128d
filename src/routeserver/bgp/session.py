"""One BGP session: the life of one TCP connection, without the connection.

Bytes and the time go in, events and bytes come out; nothing here has a clock or a socket. Both
roles are the same from here: whoever accepted or made the connection calls `connection_opened`.
What happens in which state is in `fsm`; this module carries the actions out, starts and stops the
`timers` and leaves routes to its two halves, `receiving` and `sending`. A session that has ended
stays ended.

Deviation: the keepalive timer has no jitter (RFC 4271 §10). Sessions start when peers dial, so
nothing aligns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from routeserver.bgp import endings
from routeserver.bgp.agreement import established
from routeserver.bgp.capabilities import Capability
from routeserver.bgp.errors import Notification, ProtocolError, hard_reset
from routeserver.bgp.events import Event, SessionClosed
from routeserver.bgp.framing import Framer, MessageType, lengths
from routeserver.bgp.fsm import TRANSITIONS, Action, FsmEvent, FsmState
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, Open
from routeserver.bgp.negotiation import Negotiated, SessionConfig, local_open, negotiate
from routeserver.bgp.receiving import Receiver
from routeserver.bgp.refresh import RefreshExchange
from routeserver.bgp.sending import Sender
from routeserver.bgp.timers import OPEN_SENT_HOLD_TIME_S, Timers
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix

__all__ = ["OPEN_SENT_HOLD_TIME_S", "FsmState", "Session", "SessionConfig"]

_FACTS: Final[Mapping[int, FsmEvent]] = {
    MessageType.OPEN: FsmEvent.OPEN_RECEIVED,
    MessageType.UPDATE: FsmEvent.UPDATE_RECEIVED,
    MessageType.NOTIFICATION: FsmEvent.NOTIFICATION_RECEIVED,
    MessageType.KEEPALIVE: FsmEvent.KEEPALIVE_RECEIVED,
    MessageType.ROUTE_REFRESH: FsmEvent.ROUTE_REFRESH_RECEIVED,
}


class Session:
    """`state` may be read at any time; it is ESTABLISHED exactly between Established and
    SessionClosed.

    All times are seconds of one monotonic clock of the caller's.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.state = FsmState.CONNECT
        self._config = config
        self._framer = Framer()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._reads_plain = False
        self._is_tired = False
        self._negotiated: Negotiated | None = None
        self._timers = Timers()
        self._receiver: Receiver | None = None
        self._sender: Sender | None = None
        self._peer_capabilities: tuple[Capability, ...] = ()

    # --- facts --------------------------------------------------------------------------------

    def connection_opened(self, now: float) -> list[Event]:
        """TCP is up, whoever dialled: the OPEN goes out."""
        self._step(FsmEvent.CONNECTION_OPENED, now)
        return self._take_events()

    def receive(self, data: bytes, now: float, effort: int | None = None) -> list[Event]:
        """Any number of octets from the peer, cut anywhere.

        `effort` bounds the work: messages that take a full look count one, and one more for each
        1024 octets. What is left then waits in `take_back`.
        """
        if self._is_over:
            return []
        framer = self._framer
        framer.feed(data)
        self._is_tired = False
        while not self._is_over:
            if effort is not None and effort <= 0:
                self._is_tired = True
                break
            if self._reads_plain and self._receiving.read_plain(framer):
                self._timers.restart_hold(now)
            try:
                frame = framer.next()
            except ProtocolError as error:
                self._fail(error, now)
                break
            if frame is None:
                break
            message_type, body = frame
            if effort is not None:
                effort -= 1 + (len(body) >> 10)
            self._step(_FACTS[message_type], now, body, message_type)
        return self._take_events()

    def take_back(self) -> bytes:
        """After `receive` with an effort: what it did not come to. It is to be given to it again,
        before what has come since.
        """
        if self._is_over or not self._is_tired:
            return b""
        return self._framer.take_back()

    def connection_lost(self, now: float) -> list[Event]:
        """TCP is gone; nothing more can be sent."""
        self._step(FsmEvent.CONNECTION_LOST, now)
        return self._take_events()

    def handle_timer(self, now: float) -> list[Event]:
        """Call at `next_deadline` or later; too early does nothing."""
        event = self._timers.due(now)
        if event is not None:
            self._step(event, now)
        return self._take_events()

    def write_blocked(self, now: float) -> None:
        """The peer does not read: what was taken from `data_to_send` waits. RFC 9687 gives it until
        the send hold time is over; any `write_unblocked` in between starts it anew.
        """
        self._timers.write_blocked(now)

    def write_unblocked(self, now: float) -> None:  # noqa: ARG002 - every fact has its time
        self._timers.write_unblocked()

    def stop(self, notification: Notification, reason: str, now: float) -> list[Event]:
        """End the session for a reason of our own, usually a Cease.

        One that means for good goes out as a Hard Reset where the peer would otherwise keep our
        routes through it (RFC 8538 §3.1).
        """
        if not self._is_over:
            if self._survives_notifications and endings.is_for_good(notification):
                notification = hard_reset(notification)
            self._step(FsmEvent.STOP, now, notification=notification, reason=reason)
        return self._take_events()

    # --- questions ----------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, or None when there is nothing to wait for."""
        return self._timers.next_deadline()

    @property
    def heard_at(self) -> float:
        """When the hold timer was last started; 0 where there is none."""
        return self._timers.heard_at

    @property
    def so_far(self) -> bytes:
        """For who listens in on an established session from here on: octets that bring a new
        session with the same OPENs to where this one is. They end in the message that has begun.
        """
        return self._receiving.marks_received() + self._framer.tail

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
        self._sending().announce(attributes, prefixes)

    def withdraw(self, prefixes: Sequence[Prefix]) -> None:
        """Queue UPDATEs that withdraw prefixes of one family; raises as `announce` does."""
        self._sending().withdraw(prefixes)

    def send_end_of_rib(self, family: Family) -> None:
        """Queue an End-of-RIB marker (RFC 4724 §2); raises as `announce` does."""
        self._sending().end_of_rib(family)

    def request_refresh(self, family: Family) -> None:
        """Ask for all routes of a family again (RFC 2918). Raises as `announce` does, and
        ValueError when the peer cannot (`Established.route_refresh`).
        """
        self._sending().request_refresh(family)

    def begin_refresh(self, family: Family) -> None:
        """Before all routes of a family are announced again (RFC 7313 §4); queues nothing where
        that was not agreed. Raises as `announce` does.
        """
        self._sending().begin_refresh(family)

    def end_refresh(self, family: Family) -> None:
        """After them; as `begin_refresh`."""
        self._sending().end_refresh(family)

    def _sending(self) -> Sender:
        if self._sender is None or self.state is not FsmState.ESTABLISHED:
            raise RuntimeError("routes can only be sent on an established session")
        return self._sender

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
            case Action.CLOSE_WITH_HOLD_TIMER_EXPIRED | Action.CLOSE_WITH_SEND_HOLD_TIMER_EXPIRED:
                why, sent = endings.EXPIRED[action]
                self._close(before, why, sent=sent)
            case Action.CLOSE_WITH_FSM_ERROR:
                why, sent = endings.fsm_error(before, event, message_type)
                self._close(before, why, sent=sent)
            case _:
                try:
                    self._act(action, body, now)
                except ProtocolError as error:
                    self._fail(error, now)

    def _act(self, action: Action, body: bytes, now: float) -> None:
        """The actions after which the session lives on; raises ProtocolError when it must not."""
        match action:
            case Action.ACCEPT_UPDATE:
                self._timers.restart_hold(now)
                self._receiving.update(body)
            case Action.RESTART_HOLD_TIMER:
                self._timers.restart_hold(now)
            case Action.SEND_KEEPALIVE:
                self._send_keepalive(now)
            case Action.ACCEPT_ROUTE_REFRESH:
                self._receiving.route_refresh(body)
            case Action.SEND_OPEN:
                self._out.append(local_open(self._config).encode())
                self._timers.wait_for_open(now)
            case Action.CONFIRM_OPEN:
                self._confirm_open(Open.decode(body), now)
            case Action.ESTABLISH:
                self._timers.restart_hold(now)
                self._establish()
            case (
                Action.IGNORE
                | Action.CLOSE
                | Action.CLOSE_WITH_REASON
                | Action.CLOSE_WITH_HOLD_TIMER_EXPIRED
                | Action.CLOSE_WITH_SEND_HOLD_TIMER_EXPIRED
                | Action.CLOSE_WITH_FSM_ERROR
            ):
                raise AssertionError(f"{action.name} is carried out by _step")
            case _:
                assert_never(action)

    def _confirm_open(self, peer: Open, now: float) -> None:
        config = self._config
        negotiated = negotiate(config, peer)
        self._negotiated = negotiated
        refresh = RefreshExchange(negotiated)
        self._receiver = Receiver(config, negotiated, refresh)
        self._sender = Sender(negotiated, refresh, self._out)
        self._peer_capabilities = peer.capabilities
        self._framer.lengths = lengths(
            negotiated.max_message_octets, any_refresh=negotiated.enhanced_refresh
        )
        self._timers.agree(negotiated, now)
        self._send_keepalive(now)

    def _establish(self) -> None:
        negotiated = self._negotiated
        assert negotiated is not None  # noqa: S101 - made by _confirm_open
        self._reads_plain = self._receiving.reads_plain
        peer_asn = self._config.peer_asn
        self._events.append(established(negotiated, peer_asn, self._peer_capabilities))

    def _send_keepalive(self, now: float) -> None:
        self._out.append(KEEPALIVE)
        self._timers.restart_keepalive(now)

    # --- the end ------------------------------------------------------------------------------

    @property
    def _is_over(self) -> bool:
        return self.state is FsmState.IDLE

    @property
    def _survives_notifications(self) -> bool:
        restart = None if self._negotiated is None else self._negotiated.graceful_restart
        return restart is not None and restart.notification

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
        self._timers.stop()
        self._end_batch()
        self._reads_plain = False
        if self._receiver is not None:
            self._receiver.end()
        was_established = before is FsmState.ESTABLISHED
        self._events.append(SessionClosed(reason, sent, received, was_established))

    # --- events -------------------------------------------------------------------------------

    @property
    def _receiving(self) -> Receiver:
        assert self._receiver is not None  # noqa: S101 - made by _confirm_open
        return self._receiver

    def _end_batch(self) -> None:
        if self._receiver is not None:
            self._events += self._receiver.take()

    def _take_events(self) -> list[Event]:
        self._end_batch()
        events, self._events = self._events, []
        return events
