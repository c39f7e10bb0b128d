"""UPDATEs that had no or less effect than they asked for, in the log: the first ones of a session,
because a peer must not be able to fill it. All of them are counted (`tally`)."""

from __future__ import annotations

from typing import Final

import structlog

LOGGED: Final = 10
"""Of one session."""
BYTES_LOGGED: Final = 64

_log: Final = structlog.get_logger()


class IgnoredUpdates:
    def __init__(self, peer_id: str) -> None:
        self._peer_id = peer_id
        self._count = 0

    def session_up(self) -> None:
        self._count = 0

    def note(self, reason: str, data: bytes) -> None:
        self._count += 1
        if self._count <= LOGGED:
            _log.warning(
                "update_ignored",
                peer_id=self._peer_id,
                reason=reason,
                data=data[:BYTES_LOGGED].hex(),
                last_one_logged=self._count == LOGGED,
            )
