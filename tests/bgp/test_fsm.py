"""The state machine: every (state, event) pair, against RFC 4271 §8.2.2 written a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from routeserver.bgp.errors import Cease, ErrorCode, FsmError, Notification, cease
from routeserver.bgp.events import Event, SessionClosed
from routeserver.bgp.framing import MARKER, MessageType
from routeserver.bgp.fsm import TRANSITIONS, FsmEvent, FsmState
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, RouteRefresh
from routeserver.bgp.negotiation import MIN_SEND_HOLD_TIME_S
from routeserver.bgp.session import Session
from tests.bgp.support import peer_open, session_in, update

SHUTDOWN: Final = cease(Cease.ADMINISTRATIVE_SHUTDOWN)


def blocked_for_long(session: Session) -> list[Event]:
    session.write_blocked(1 - MIN_SEND_HOLD_TIME_S)
    return session.handle_timer(1)


# What the outside world does to a session to make each event happen.
STIMULI: Final[Mapping[FsmEvent, Callable[[Session], list[Event]]]] = {
    FsmEvent.CONNECTION_OPENED: lambda s: s.connection_opened(1),
    FsmEvent.CONNECTION_LOST: lambda s: s.connection_lost(1),
    FsmEvent.STOP: lambda s: s.stop(SHUTDOWN, "shut down", 1),
    FsmEvent.HOLD_TIMER_EXPIRED: lambda s: s.handle_timer(1000),
    FsmEvent.KEEPALIVE_TIMER_EXPIRED: lambda s: s.handle_timer(10),
    FsmEvent.SEND_HOLD_TIMER_EXPIRED: blocked_for_long,
    FsmEvent.OPEN_RECEIVED: lambda s: s.receive(peer_open().encode(), 1),
    FsmEvent.KEEPALIVE_RECEIVED: lambda s: s.receive(KEEPALIVE, 1),
    FsmEvent.UPDATE_RECEIVED: lambda s: s.receive(update(), 1),
    FsmEvent.ROUTE_REFRESH_RECEIVED: lambda s: s.receive(RouteRefresh(1, 1).encode(), 1),
    FsmEvent.NOTIFICATION_RECEIVED: lambda s: s.receive(NotificationMessage(SHUTDOWN).encode(), 1),
    FsmEvent.MALFORMED_MESSAGE: lambda s: s.receive(MARKER + bytes(3), 1),
}

SEND_HOLD: Final = Notification(ErrorCode.SEND_HOLD_TIMER_EXPIRED, 0)
HOLD: Final = Notification(ErrorCode.HOLD_TIMER_EXPIRED, 0)
BAD_LENGTH: Final = Notification(ErrorCode.MESSAGE_HEADER_ERROR, 2, b"\x00\x00")


def unexpected(subcode: FsmError, message_type: MessageType) -> Notification:
    return Notification(ErrorCode.FSM_ERROR, subcode, bytes([message_type]))


SENT: Final = FsmError.UNEXPECTED_MESSAGE_IN_OPEN_SENT
CONFIRM: Final = FsmError.UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM
UP: Final = FsmError.UNEXPECTED_MESSAGE_IN_ESTABLISHED

# State -> event -> the state afterwards, or the NOTIFICATION (None: silence) with which it ends.
Outcome = FsmState | Notification | None
EXPECTED: Final[Mapping[FsmState, Mapping[FsmEvent, Outcome]]] = {
    FsmState.IDLE: dict.fromkeys(FsmEvent, FsmState.IDLE),
    FsmState.CONNECT: {
        FsmEvent.CONNECTION_OPENED: FsmState.OPEN_SENT,
        FsmEvent.CONNECTION_LOST: None,
        FsmEvent.STOP: SHUTDOWN,
        FsmEvent.HOLD_TIMER_EXPIRED: FsmState.CONNECT,  # no timer runs yet
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: FsmState.CONNECT,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: FsmState.CONNECT,
        FsmEvent.OPEN_RECEIVED: None,
        FsmEvent.KEEPALIVE_RECEIVED: None,
        FsmEvent.UPDATE_RECEIVED: None,
        FsmEvent.ROUTE_REFRESH_RECEIVED: None,
        FsmEvent.NOTIFICATION_RECEIVED: None,
        FsmEvent.MALFORMED_MESSAGE: BAD_LENGTH,
    },
    FsmState.OPEN_SENT: {
        FsmEvent.CONNECTION_OPENED: FsmState.OPEN_SENT,
        FsmEvent.CONNECTION_LOST: None,
        FsmEvent.STOP: SHUTDOWN,
        FsmEvent.HOLD_TIMER_EXPIRED: HOLD,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: FsmState.OPEN_SENT,  # does not run yet
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: FsmState.OPEN_SENT,  # nor does this
        FsmEvent.OPEN_RECEIVED: FsmState.OPEN_CONFIRM,
        FsmEvent.KEEPALIVE_RECEIVED: unexpected(SENT, MessageType.KEEPALIVE),
        FsmEvent.UPDATE_RECEIVED: unexpected(SENT, MessageType.UPDATE),
        FsmEvent.ROUTE_REFRESH_RECEIVED: unexpected(SENT, MessageType.ROUTE_REFRESH),
        FsmEvent.NOTIFICATION_RECEIVED: None,
        FsmEvent.MALFORMED_MESSAGE: BAD_LENGTH,
    },
    FsmState.OPEN_CONFIRM: {
        FsmEvent.CONNECTION_OPENED: FsmState.OPEN_CONFIRM,
        FsmEvent.CONNECTION_LOST: None,
        FsmEvent.STOP: SHUTDOWN,
        FsmEvent.HOLD_TIMER_EXPIRED: HOLD,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: FsmState.OPEN_CONFIRM,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: SEND_HOLD,
        FsmEvent.OPEN_RECEIVED: unexpected(CONFIRM, MessageType.OPEN),
        FsmEvent.KEEPALIVE_RECEIVED: FsmState.ESTABLISHED,
        FsmEvent.UPDATE_RECEIVED: unexpected(CONFIRM, MessageType.UPDATE),
        FsmEvent.ROUTE_REFRESH_RECEIVED: unexpected(CONFIRM, MessageType.ROUTE_REFRESH),
        FsmEvent.NOTIFICATION_RECEIVED: None,
        FsmEvent.MALFORMED_MESSAGE: BAD_LENGTH,
    },
    FsmState.ESTABLISHED: {
        FsmEvent.CONNECTION_OPENED: FsmState.ESTABLISHED,
        FsmEvent.CONNECTION_LOST: None,
        FsmEvent.STOP: SHUTDOWN,
        FsmEvent.HOLD_TIMER_EXPIRED: HOLD,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: FsmState.ESTABLISHED,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: SEND_HOLD,
        FsmEvent.OPEN_RECEIVED: unexpected(UP, MessageType.OPEN),
        FsmEvent.KEEPALIVE_RECEIVED: FsmState.ESTABLISHED,
        FsmEvent.UPDATE_RECEIVED: FsmState.ESTABLISHED,
        FsmEvent.ROUTE_REFRESH_RECEIVED: FsmState.ESTABLISHED,
        FsmEvent.NOTIFICATION_RECEIVED: None,
        FsmEvent.MALFORMED_MESSAGE: BAD_LENGTH,
    },
}


def test_every_pair_of_state_and_event_stands_in_the_table() -> None:
    assert set(TRANSITIONS) == set(FsmState)
    assert all(set(row) == set(FsmEvent) for row in TRANSITIONS.values())


@pytest.mark.parametrize("event", list(FsmEvent), ids=lambda event: event.name)
@pytest.mark.parametrize("state", list(FsmState), ids=lambda state: state.name)
def test_every_event_in_every_state_does_what_the_rfc_says(
    state: FsmState, event: FsmEvent
) -> None:
    session = session_in(state)
    events = STIMULI[event](session)
    closings = [e for e in events if isinstance(e, SessionClosed)]
    match EXPECTED[state][event]:
        case FsmState() as expected:
            assert session.state is expected
            assert closings == []
        case notification:
            assert session.state is FsmState.IDLE
            (end,) = closings
            assert end.sent == notification
            assert end.was_established is (state is FsmState.ESTABLISHED)
            assert end.reason
            assert session.next_deadline() is None
            sent = b"" if notification is None else NotificationMessage(notification).encode()
            assert session.data_to_send() == sent


@pytest.mark.parametrize("event", list(FsmEvent), ids=lambda event: event.name)
def test_the_session_follows_the_table(event: FsmEvent) -> None:
    """Where the stimulus is the event itself, the state afterwards is the table's."""
    timers = {
        FsmEvent.HOLD_TIMER_EXPIRED,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED,
    }
    for state, row in TRANSITIONS.items():
        if event in timers and state in {FsmState.CONNECT, FsmState.OPEN_SENT}:
            continue
        session = session_in(state)
        STIMULI[event](session)
        assert session.state is row[event].state
