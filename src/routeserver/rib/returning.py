"""Whether the peers of before a restart are back: until then, what a data plane has kept of their
routes stays, though no peer has announced it again yet.

Unlike selection deferral (`deferral`) this needs nothing of the peers and holds no decision back;
it only tells when what is left over may be cleared away. A peer is back when its session is up and
it has had nothing to say for some seconds, because most send no End-of-RIB without graceful
restart. Nobody is waited for longer than until the deadline.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

QUIET_S: Final = 5.0
"""A table comes without pauses of this length."""


class Returning:
    """`deadline` and all times are by the caller's clock."""

    def __init__(self, peer_ids: Iterable[str], deadline: float) -> None:
        self._awaited: dict[str, float | None] = dict.fromkeys(peer_ids)
        """When each was heard last."""
        self._deadline = deadline

    def heard(self, peer_id: str, now: float) -> None:
        """Its session came up, or it sent something."""
        if peer_id in self._awaited:
            self._awaited[peer_id] = now

    def gone(self, peer_id: str) -> None:
        """Its session ended: it has to come back again."""
        if peer_id in self._awaited:
            self._awaited[peer_id] = None

    def excuse(self, peer_id: str) -> None:
        """It need not be waited for: it is not wanted any more."""
        self._awaited.pop(peer_id, None)

    def is_over(self, now: float) -> bool:
        if now >= self._deadline:
            self._awaited.clear()
        return all(at is not None and now - at >= QUIET_S for at in self._awaited.values())
