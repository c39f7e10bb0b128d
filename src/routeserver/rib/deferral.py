"""Selection deferral: when a speaker that has itself restarted may decide (RFC 4724 §4.1).

The data plane has kept the routes that the process before installed. A decision made while only
some peers have sent theirs would take the others' routes out, so nothing is decided until every
peer that takes part has sent End-of-RIB for all its families, or the deferral timer is over.

A peer takes part when it is configured for graceful restart; it is out again when its session turns
out not to have it, when it says that it restarts itself (flag R: it would wait for us), or when it
is removed.
"""

from __future__ import annotations

from collections.abc import Iterable

from routeserver.net.prefix import Family


class SelectionDeferral:
    """`deadline` is when waiting ends in any case, by the caller's clock."""

    def __init__(self, peer_ids: Iterable[str], deadline: float) -> None:
        self._awaited: dict[str, frozenset[Family] | None] = dict.fromkeys(peer_ids)
        self._deadline = deadline

    @property
    def is_over(self) -> bool:
        return not self._awaited

    def next_deadline(self) -> float | None:
        return None if self.is_over else self._deadline

    def session_up(self, peer_id: str, families: Iterable[Family], *, takes_part: bool) -> None:
        awaited = frozenset(families)
        if not takes_part or not awaited:
            self._awaited.pop(peer_id, None)
        elif peer_id in self._awaited:
            self._awaited[peer_id] = awaited

    def end_of_rib(self, peer_id: str, family: Family) -> None:
        awaited = self._awaited.get(peer_id)
        if awaited is None:
            return
        left = awaited - {family}
        if left:
            self._awaited[peer_id] = left
        else:
            del self._awaited[peer_id]

    def peer_removed(self, peer_id: str) -> None:
        self._awaited.pop(peer_id, None)

    def handle_timer(self, now: float) -> None:
        if now >= self._deadline:
            self._awaited.clear()
