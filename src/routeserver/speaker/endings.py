"""What the end of a session means: whether the peer's routes may survive it, and whether it counts
against the peer.
"""

from __future__ import annotations

from typing import Final

from routeserver.bgp.errors import Cease, ErrorCode, Notification
from routeserver.bgp.events import SessionClosed
from routeserver.bgp.graceful_restart import PeerRestart

_FORFEITING: Final = frozenset(
    {
        # Forwarding has failed, so there is nothing to keep routes for (RFC 5882 §4.3.1).
        # Deviation: §4.3.2 would keep them where BFD shares the fate of the peer's control plane;
        # the failover that BFD is there for would then take the whole Restart Time (ADR 0008).
        Cease.BFD_DOWN,
        # What a peer has sent too much of is not kept for it.
        Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
        Cease.OUT_OF_RESOURCES,
    }
)

_ORDERLY: Final = frozenset(
    {
        Cease.ADMINISTRATIVE_SHUTDOWN,
        Cease.PEER_DE_CONFIGURED,
        Cease.ADMINISTRATIVE_RESET,
        Cease.OTHER_CONFIGURATION_CHANGE,
        Cease.CONNECTION_COLLISION_RESOLUTION,
        Cease.HARD_RESET,
    }
)
"""Somebody wanted it so. The prefix limit has pauses of its own."""


def keeps_routes(closed: SessionClosed, restart: PeerRestart | None) -> bool:
    """Whether the peer may only be restarting (RFC 4724 §4.2, RFC 8538 §4)."""
    return closed.keeps_routes(restart) and not any(
        _is_cease(notification, _FORFEITING) for notification in (closed.sent, closed.received)
    )


BRIEF_S: Final = 5.0
"""A session that the peer ends so soon has failed, whatever the peer says of it: one that comes and
goes all the time costs the same with good manners and without."""


def is_failure(closed: SessionClosed, lasted_s: float) -> bool:
    """Whether it counts when a peer that keeps failing is made to wait."""
    if closed.received is not None and lasted_s < BRIEF_S:
        return True
    orderly = _ORDERLY | {Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED}
    return not any(
        _is_cease(notification, orderly) for notification in (closed.sent, closed.received)
    )


def _is_cease(notification: Notification | None, subcodes: frozenset[Cease]) -> bool:
    return (
        notification is not None
        and notification.code == ErrorCode.CEASE
        and notification.subcode in subcodes
    )
