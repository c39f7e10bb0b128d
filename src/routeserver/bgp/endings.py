"""How a session ends: what the peer is told, and the reason in words (RFC 4271 §6.5 and §6.6,
RFC 6608, RFC 9687).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routeserver.bgp.errors import Cease, ErrorCode, FsmError, Notification
from routeserver.bgp.framing import MessageType
from routeserver.bgp.fsm import Action, FsmEvent, FsmState

_UNEXPECTED: Final[Mapping[FsmState, FsmError]] = {
    FsmState.OPEN_SENT: FsmError.UNEXPECTED_MESSAGE_IN_OPEN_SENT,
    FsmState.OPEN_CONFIRM: FsmError.UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
    FsmState.ESTABLISHED: FsmError.UNEXPECTED_MESSAGE_IN_ESTABLISHED,
}

_FOR_GOOD: Final = frozenset({Cease.ADMINISTRATIVE_SHUTDOWN, Cease.PEER_DE_CONFIGURED})

EXPIRED: Final[Mapping[Action, tuple[str, Notification]]] = {
    Action.CLOSE_WITH_HOLD_TIMER_EXPIRED: (
        "hold timer expired",
        Notification(ErrorCode.HOLD_TIMER_EXPIRED, 0),
    ),
    Action.CLOSE_WITH_SEND_HOLD_TIMER_EXPIRED: (
        "send hold timer expired",
        Notification(ErrorCode.SEND_HOLD_TIMER_EXPIRED, 0),
    ),
}
"""The reason and the NOTIFICATION of each timer that ends a session."""


def is_for_good(notification: Notification) -> bool:
    """Whether it says that the session is not to come back."""
    return notification.code == ErrorCode.CEASE and notification.subcode in _FOR_GOOD


def fsm_error(before: FsmState, event: FsmEvent, message_type: int) -> tuple[str, Notification]:
    """For an event that the state has no place for; `message_type` is 0 for one that is no
    message."""
    if not message_type:
        notification = Notification(ErrorCode.FSM_ERROR, 0)
        return f"{event.name} is not expected in {before.name}", notification
    subcode = _UNEXPECTED.get(before, FsmError.UNSPECIFIED)
    notification = Notification(ErrorCode.FSM_ERROR, subcode, bytes([message_type]))
    return f"{MessageType(message_type).name} is not expected in {before.name}", notification
