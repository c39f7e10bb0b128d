"""The NOTIFICATION messages with which the speaker ends a session (RFC 4486 §4, RFC 9384 §3).

Every one is a Cease: what a peer's bytes deserve is decided in `bgp`, this is what we decide.
"""

from __future__ import annotations

from typing import Final

from routeserver.bgp.errors import Cease, Notification, cease, hard_reset

MAXIMUM_NUMBER_OF_PREFIXES_REACHED: Final = cease(Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
ADMINISTRATIVE_SHUTDOWN: Final = cease(Cease.ADMINISTRATIVE_SHUTDOWN)
PROCESS_ENDS: Final = cease(Cease.ADMINISTRATIVE_SHUTDOWN, "the route server process ends")
"""With the words that the peer's operator reads (RFC 9003)."""
PEER_DE_CONFIGURED: Final = cease(Cease.PEER_DE_CONFIGURED)
CONNECTION_REJECTED: Final = cease(Cease.CONNECTION_REJECTED)
OTHER_CONFIGURATION_CHANGE: Final = cease(Cease.OTHER_CONFIGURATION_CHANGE)
CONNECTION_COLLISION_RESOLUTION: Final = cease(Cease.CONNECTION_COLLISION_RESOLUTION)
OUT_OF_RESOURCES: Final = cease(Cease.OUT_OF_RESOURCES)
BFD_DOWN: Final = cease(Cease.BFD_DOWN)

INTERNAL_ERROR: Final = cease(Cease.ADMINISTRATIVE_RESET, "internal error")
"""RFC 4486 has no subcode for a failure of the sender's own; a reset is what it comes to."""


def reset(text: str, *, hard: bool) -> Notification:
    """Of an operator's, with words for the other one (RFC 9003)."""
    notification = cease(Cease.ADMINISTRATIVE_RESET, text)
    return hard_reset(notification) if hard else notification
