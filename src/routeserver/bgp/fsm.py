"""The finite state machine of RFC 4271 §8 as one table, for the life of one TCP connection.

Inputs are facts (`FsmEvent`, with the event numbers of §8.1), outputs are imperatives (`Action`).
A session is made when its connection exists, so it starts in Connect and a new connection gets a
new session; Active, waiting for one, is the business of whoever listens. Idle is the end. Every
(state, event) pair stands in the table: what is missing from RFC 4271's lists is "any other
event", which closes with an FSM error that names the message (RFC 6608).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Final, NamedTuple


class FsmState(IntEnum):
    IDLE = 0
    CONNECT = 1
    OPEN_SENT = 3
    OPEN_CONFIRM = 4
    ESTABLISHED = 5


class FsmEvent(IntEnum):
    """Facts. `STOP` covers every decision of our own to end the session, whatever its reason."""

    CONNECTION_OPENED = auto()  # events 16, 17
    CONNECTION_LOST = auto()  # event 18
    STOP = auto()  # events 2, 8, 23
    HOLD_TIMER_EXPIRED = auto()  # event 10
    KEEPALIVE_TIMER_EXPIRED = auto()  # event 11
    SEND_HOLD_TIMER_EXPIRED = auto()  # event 29, RFC 9687
    OPEN_RECEIVED = auto()  # event 19
    KEEPALIVE_RECEIVED = auto()  # event 26
    UPDATE_RECEIVED = auto()  # event 27
    ROUTE_REFRESH_RECEIVED = auto()  # RFC 2918
    NOTIFICATION_RECEIVED = auto()  # events 24, 25
    MALFORMED_MESSAGE = auto()  # events 21, 22, 28


class Action(IntEnum):
    """Imperatives, carried out by the session."""

    IGNORE = auto()
    SEND_OPEN = auto()
    CONFIRM_OPEN = auto()  # negotiate, send KEEPALIVE, start the timers
    ESTABLISH = auto()
    RESTART_HOLD_TIMER = auto()
    ACCEPT_UPDATE = auto()
    ACCEPT_ROUTE_REFRESH = auto()
    SEND_KEEPALIVE = auto()
    CLOSE = auto()  # silently
    CLOSE_WITH_REASON = auto()  # send the NOTIFICATION that came with the event
    CLOSE_WITH_HOLD_TIMER_EXPIRED = auto()
    CLOSE_WITH_SEND_HOLD_TIMER_EXPIRED = auto()
    CLOSE_WITH_FSM_ERROR = auto()


class Transition(NamedTuple):
    state: FsmState
    action: Action


_IDLE: Final = FsmState.IDLE
_CLOSE: Final = Transition(_IDLE, Action.CLOSE)
_CLOSE_WITH_REASON: Final = Transition(_IDLE, Action.CLOSE_WITH_REASON)
_HOLD_TIMER_EXPIRED: Final = Transition(_IDLE, Action.CLOSE_WITH_HOLD_TIMER_EXPIRED)
_SEND_HOLD_TIMER_EXPIRED: Final = Transition(_IDLE, Action.CLOSE_WITH_SEND_HOLD_TIMER_EXPIRED)
_FSM_ERROR: Final = Transition(_IDLE, Action.CLOSE_WITH_FSM_ERROR)


def _ignore(state: FsmState) -> Transition:
    return Transition(state, Action.IGNORE)


TRANSITIONS: Final[Mapping[FsmState, Mapping[FsmEvent, Transition]]] = {
    FsmState.IDLE: {event: _ignore(FsmState.IDLE) for event in FsmEvent},
    FsmState.CONNECT: {
        FsmEvent.CONNECTION_OPENED: Transition(FsmState.OPEN_SENT, Action.SEND_OPEN),
        FsmEvent.CONNECTION_LOST: _CLOSE,
        FsmEvent.STOP: _CLOSE_WITH_REASON,
        FsmEvent.HOLD_TIMER_EXPIRED: _CLOSE,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: _CLOSE,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: _CLOSE,
        FsmEvent.OPEN_RECEIVED: _CLOSE,
        FsmEvent.KEEPALIVE_RECEIVED: _CLOSE,
        FsmEvent.UPDATE_RECEIVED: _CLOSE,
        FsmEvent.ROUTE_REFRESH_RECEIVED: _CLOSE,
        FsmEvent.NOTIFICATION_RECEIVED: _CLOSE,
        FsmEvent.MALFORMED_MESSAGE: _CLOSE_WITH_REASON,
    },
    FsmState.OPEN_SENT: {
        FsmEvent.CONNECTION_OPENED: _ignore(FsmState.OPEN_SENT),
        FsmEvent.CONNECTION_LOST: _CLOSE,
        FsmEvent.STOP: _CLOSE_WITH_REASON,
        FsmEvent.HOLD_TIMER_EXPIRED: _HOLD_TIMER_EXPIRED,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: _FSM_ERROR,
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: _SEND_HOLD_TIMER_EXPIRED,
        FsmEvent.OPEN_RECEIVED: Transition(FsmState.OPEN_CONFIRM, Action.CONFIRM_OPEN),
        FsmEvent.KEEPALIVE_RECEIVED: _FSM_ERROR,
        FsmEvent.UPDATE_RECEIVED: _FSM_ERROR,
        FsmEvent.ROUTE_REFRESH_RECEIVED: _FSM_ERROR,
        # Deviation: §8.2.2 counts event 25 among "any other event" here, but a NOTIFICATION is
        # never answered with one (§6.4).
        FsmEvent.NOTIFICATION_RECEIVED: _CLOSE,
        FsmEvent.MALFORMED_MESSAGE: _CLOSE_WITH_REASON,
    },
    FsmState.OPEN_CONFIRM: {
        FsmEvent.CONNECTION_OPENED: _ignore(FsmState.OPEN_CONFIRM),
        FsmEvent.CONNECTION_LOST: _CLOSE,
        FsmEvent.STOP: _CLOSE_WITH_REASON,
        FsmEvent.HOLD_TIMER_EXPIRED: _HOLD_TIMER_EXPIRED,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: Transition(FsmState.OPEN_CONFIRM, Action.SEND_KEEPALIVE),
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: _SEND_HOLD_TIMER_EXPIRED,
        # A second OPEN on the same connection is no collision (§6.8), only unexpected.
        FsmEvent.OPEN_RECEIVED: _FSM_ERROR,
        FsmEvent.KEEPALIVE_RECEIVED: Transition(FsmState.ESTABLISHED, Action.ESTABLISH),
        FsmEvent.UPDATE_RECEIVED: _FSM_ERROR,
        FsmEvent.ROUTE_REFRESH_RECEIVED: _FSM_ERROR,
        FsmEvent.NOTIFICATION_RECEIVED: _CLOSE,
        FsmEvent.MALFORMED_MESSAGE: _CLOSE_WITH_REASON,
    },
    FsmState.ESTABLISHED: {
        FsmEvent.CONNECTION_OPENED: _ignore(FsmState.ESTABLISHED),
        FsmEvent.CONNECTION_LOST: _CLOSE,
        FsmEvent.STOP: _CLOSE_WITH_REASON,
        FsmEvent.HOLD_TIMER_EXPIRED: _HOLD_TIMER_EXPIRED,
        FsmEvent.KEEPALIVE_TIMER_EXPIRED: Transition(FsmState.ESTABLISHED, Action.SEND_KEEPALIVE),
        FsmEvent.SEND_HOLD_TIMER_EXPIRED: _SEND_HOLD_TIMER_EXPIRED,
        FsmEvent.OPEN_RECEIVED: _FSM_ERROR,
        FsmEvent.KEEPALIVE_RECEIVED: Transition(FsmState.ESTABLISHED, Action.RESTART_HOLD_TIMER),
        FsmEvent.UPDATE_RECEIVED: Transition(FsmState.ESTABLISHED, Action.ACCEPT_UPDATE),
        FsmEvent.ROUTE_REFRESH_RECEIVED: Transition(
            FsmState.ESTABLISHED, Action.ACCEPT_ROUTE_REFRESH
        ),
        FsmEvent.NOTIFICATION_RECEIVED: _CLOSE,
        FsmEvent.MALFORMED_MESSAGE: _CLOSE_WITH_REASON,
    },
}
