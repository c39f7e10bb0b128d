"""What was discarded, counted by reason, with one example of each kind for the log.

A flood costs a few additions a packet and no memory: beyond a fixed number of kinds, sources are no
longer told apart.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from routeserver.bfd.discard import Discard
from routeserver.bfdd.spec import Discarded

KINDS: Final = 16
_SHOWN_BYTES: Final = 64


class Discards:
    def __init__(self) -> None:
        self.total: Counter[Discard] = Counter()
        self._since: dict[tuple[str, str, Discard], tuple[int, bytes]] = {}

    def add(self, reason: Discard, session_id: str, source: str, data: bytes) -> None:
        self.total[reason] += 1
        kind = session_id, source, reason
        known = self._since.get(kind)
        if known is None and len(self._since) >= KINDS:
            kind = "", "", reason
            known = self._since.get(kind)
        count, first = known or (0, data[:_SHOWN_BYTES])
        self._since[kind] = count + 1, first

    def take(self) -> tuple[Discarded, ...]:
        """What has come since the last time."""
        since, self._since = self._since, {}
        return tuple(
            Discarded(session_id, source, reason, count, first.hex())
            for (session_id, source, reason), (count, first) in since.items()
        )
