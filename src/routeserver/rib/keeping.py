"""Why routes of a lost session are kept, in one place: graceful restart of each peer first, then
persistence of the whole route server.

1. A session that is lost in a way that its routes survive (`restart`) is not told to persistence:
   the peer is expected back within its Restart Time, and its routes stay as stale.
2. When that is given up (the time is over, forwarding has failed, or graceful restart never
   applied), persistence sees an ordinary loss, at that moment: with sessions left the routes go;
   with none left and persistence enabled they are held without limit of time.
3. A peer that only restarts has no session: it does not count as live. So if another session ends
   meanwhile and none is up, persistence holds that one's routes at once.
4. While a peer's restart keeps its routes, persistence sweeps none of them: End-of-RIB or the stale
   timer will. Long-lived stale routes that are given up to persistence stay the least preferred.
5. A peer that is removed loses everything, whatever kept it.

Pure, like the two it joins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from routeserver.net.prefix import Family
from routeserver.rib import restart, retention
from routeserver.rib.restart import Demote, GiveUp, PeerRestarting, RestartTerms
from routeserver.rib.retention import Drop, Hold, Retention, Sweep

Action: TypeAlias = Hold | Drop | Sweep | Demote


class Keeping:
    """What is kept of a route server's peers; `live` counts the sessions that are up after the
    fact that is told."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._restarts: dict[str, PeerRestarting] = {}

    @property
    def persisting(self) -> bool:
        return self._retention.persisting

    def is_restarting(self, peer_id: str) -> bool:
        peer = self._restarts.get(peer_id)
        return peer is not None and peer.is_keeping

    def next_deadline(self) -> float | None:
        deadlines = [peer.next_deadline() for peer in self._restarts.values()]
        known = [at for at in (*deadlines, self._retention.next_deadline()) if at is not None]
        return min(known, default=None)

    def session_up(self, peer_id: str, terms: RestartTerms | None, now: float) -> list[Action]:
        peer = self._restarts.setdefault(peer_id, PeerRestarting(peer_id))
        return [
            *self._without_give_up(peer.session_up(terms, now), 0, now),
            *self._swept(self._retention.session_up(peer_id, now)),
        ]

    def agree(self, peer_id: str, terms: RestartTerms | None) -> None:
        """Our own bounds have changed under the peer's session."""
        self._restarts.setdefault(peer_id, PeerRestarting(peer_id)).agree(terms)

    def session_down(self, peer_id: str, keeps: bool, live: int, now: float) -> list[Action]:
        peer = self._restarts.setdefault(peer_id, PeerRestarting(peer_id))
        return self._without_give_up(peer.session_lost(keeps, now), live, now)

    def end_of_rib(self, peer_id: str, family: Family, now: float) -> list[Action]:
        peer = self._restarts.get(peer_id)
        return [] if peer is None else self._without_give_up(peer.end_of_rib(family, now), 0, now)

    def forwarding_lost(self, peer_id: str, live: int, now: float) -> list[Action]:
        peer = self._restarts.get(peer_id)
        return [] if peer is None else self._without_give_up(peer.forwarding_lost(now), live, now)

    def peer_removed(self, peer_id: str, live: int, now: float) -> list[Action]:
        self._restarts.pop(peer_id, None)
        return self._swept(self._retention.peer_removed(peer_id, live, now))

    def handle_timer(self, live: int, now: float) -> list[Action]:
        """Whoever comes late counts what is over in the order in which it was, and what follows
        from then on: a clock that jumped gives nobody more time.
        """
        actions: list[Action] = []
        while (at := self.next_deadline()) is not None and at <= now:
            for peer in list(self._restarts.values()):
                actions += self._without_give_up(peer.handle_timer(at), live, at)
            actions += self._swept(self._retention.handle_timer(at))
        return actions

    def configure(self, persist: bool, duration_s: float, now: float) -> list[Action]:
        return self._swept(self._retention.configure(persist, duration_s, now))

    def reset(self, now: float) -> list[Action]:
        return self._swept(self._retention.reset(now))

    def _without_give_up(
        self, actions: Iterable[restart.Action], live: int, now: float
    ) -> list[Action]:
        out: list[Action] = []
        for action in actions:
            if isinstance(action, GiveUp):
                out += self._swept(self._retention.session_down(action.peer_id, live, now))
            else:
                out.append(action)
        return out

    def _swept(self, actions: Iterable[retention.Action]) -> list[Action]:
        return [
            action
            for action in actions
            if not (isinstance(action, Sweep) and self.is_restarting(action.peer_id))
        ]
