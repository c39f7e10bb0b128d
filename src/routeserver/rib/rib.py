"""The RIB and FIB of one route server: every peer's accepted routes, and the one best path of each
prefix.

Advertisements, withdrawals, lost sessions and swept routes all do the same two things: edit an
Adj-RIB-In and put prefixes on the set of the changed. `decide` takes that set down in slices of the
caller's size, so that no table, however large, holds the event loop; each slice answers with the
FIB changes it made. There is no Loc-RIB beside the FIB and no list of candidates per prefix: they
are read from the Adj-RIBs-In when a decision needs them.

Cost per route: see `adj_rib_in`; per FIB prefix one dict slot more (40 to 80 bytes, the key
shared); per prefix waiting for a decision one set slot (20 to 70 bytes) until it is made; 8 bytes
per prefix once `routes` was read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Prefix
from routeserver.rib.adj_rib_in import AdjRibIn
from routeserver.rib.decision import best_first
from routeserver.rib.path import Path, Source


@dataclass(frozen=True, slots=True)
class Applied:
    """What one `apply` did: prefixes new to the peer, advertised again, withdrawn, and discarded
    over the limit.
    """

    announced: int = 0
    updated: int = 0
    withdrawn: int = 0
    over_limit: int = 0


@dataclass(frozen=True, slots=True)
class PeerCounts:
    """`routes` includes the `held`; `discarded` counts advertisements over the limit since the
    session came up.
    """

    routes: int
    held: int
    discarded: int


@dataclass(frozen=True, slots=True)
class Counts:
    rib_routes: int
    fib_routes: int
    refused_prefixes: int
    per_peer: Mapping[str, PeerCounts]


class Rib:
    """Two limits: on the prefixes kept of each peer, the first it sends, and on those of the FIB.

    Neither limit ends a session. A prefix kept out of the FIB is in `refused` with the reason and
    is promoted, in prefix order, when room appears; a route discarded at the peer's limit is gone
    until the peer sends it again.
    """

    def __init__(
        self, *, max_routes_per_peer: int | None = None, max_fib_routes: int | None = None
    ) -> None:
        self._max_routes_per_peer = max_routes_per_peer
        self._max_fib_routes = max_fib_routes
        self._peers: dict[str, AdjRibIn] = {}
        self._fib: dict[Prefix, Path] = {}
        self._changed: set[Prefix] = set()
        self._refused: dict[Prefix, str] = {}
        self._no_room = f"The FIB already holds its maximum of {max_fib_routes} prefixes."
        self._order: list[Prefix] | None = None

    # --- what happened ----------------------------------------------------------------------------

    def peer_up(self, source: Source) -> None:
        """A session was established; what is held of the peer stays until refreshed or swept."""
        previous = self._peers.get(source.peer_id)
        if previous is None:
            self._peers[source.peer_id] = AdjRibIn(source)
            return
        # A new session speaks for itself: what an earlier one still had here is void (RFC 4271
        # §8.2.2).
        self._changed.update(previous.fresh)
        self._peers[source.peer_id] = AdjRibIn(source, previous.held)

    def apply(
        self,
        peer_id: str,
        withdrawn: Iterable[Prefix],
        announced: Iterable[tuple[PathAttributes, Sequence[Prefix]]],
    ) -> Applied:
        """Take in a batch of one peer's UPDATEs, withdrawals first.

        Raises KeyError for a peer that has not been announced by `peer_up`.
        """
        peer = self._peers[peer_id]
        gone = peer.withdraw(withdrawn, self._changed)
        total = new = over_limit = 0
        for attributes, prefixes in announced:
            counted = peer.announce(attributes, prefixes, self._max_routes_per_peer, self._changed)
            total += len(prefixes)
            new += counted[0]
            over_limit += counted[1]
        if new:
            # Prefixes that left may stay in the order: they have no rows.
            self._order = None
        return Applied(new, total - new - over_limit, gone, over_limit)

    def peer_down(self, peer_id: str) -> None:
        """All the peer's routes go, fresh and held."""
        peer = self._peers.pop(peer_id, None)
        if peer is not None:
            self._order = None
            self._changed.update(peer.fresh)
            self._changed.update(peer.held)

    def hold(self, peer_id: str) -> None:
        """The session ended but the routes stay, until they are refreshed, swept or dropped by
        `peer_down`.
        """
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.hold()

    def sweep(self, peer_id: str) -> None:
        """Drop the held routes that no new session has refreshed."""
        peer = self._peers.get(peer_id)
        if peer is None:
            return
        peer.sweep(self._changed)
        if not peer.live:
            del self._peers[peer_id]

    # --- the decision -----------------------------------------------------------------------------

    def pending(self) -> int:
        """How many prefixes await a decision; 0 means that the FIB follows from the RIB."""
        return len(self._changed) + min(self._room(), len(self._refused))

    def decide(self, budget: int) -> dict[Prefix, Path | None]:
        """Decide up to `budget` prefixes; answers those whose FIB entry changed, None for gone."""
        tables = self._tables()
        delta = self._decide_changed(budget, tables)
        room = self._room()
        if not self._changed:
            # A set keeps the size of its largest moment, and popping from a large empty one is
            # slow.
            self._changed = set()
            if room and self._refused:
                self._promote(min(room, budget - len(delta)), tables, delta)
        return delta

    def _decide_changed(
        self, budget: int, tables: Sequence[dict[Prefix, Path]]
    ) -> dict[Prefix, Path | None]:
        delta: dict[Prefix, Path | None] = {}
        changed, fib, refused = self._changed, self._fib, self._refused
        # Where not all fit, newcomers wait until every change is in and are then let in by prefix
        # order: which of them get in must not depend on the order of a set.
        contested = self._room() < len(changed) + len(refused)
        for _ in range(min(budget, len(changed))):
            prefix = changed.pop()
            best: Path | None = None
            for table in tables:
                path = table.get(prefix)
                if path is not None and (best is None or path.key < best.key):
                    best = path
            current = fib.get(prefix)
            if best is None:
                if current is not None:
                    del fib[prefix]
                    delta[prefix] = None
                elif refused:
                    refused.pop(prefix, None)
            elif best is current:
                continue
            elif current is None and contested:
                refused[prefix] = self._no_room
            else:
                if current is None and refused:
                    refused.pop(prefix, None)
                fib[prefix] = delta[prefix] = best
        return delta

    def _promote(
        self,
        count: int,
        tables: Sequence[dict[Prefix, Path]],
        delta: dict[Prefix, Path | None],
    ) -> None:
        """Let the lowest waiting prefixes in; with no change undecided each of them has a path."""
        for prefix in nsmallest(count, self._refused):
            del self._refused[prefix]
            paths = [table[prefix] for table in tables if prefix in table]
            self._fib[prefix] = delta[prefix] = min(paths, key=lambda path: path.key)

    # --- what there is ----------------------------------------------------------------------------

    @property
    def fib(self) -> Mapping[Prefix, Path]:
        """The best path of each prefix as far as decided; the live table, to be read and not kept
        across a change.
        """
        return self._fib

    @property
    def refused(self) -> Mapping[Prefix, str]:
        """Prefixes that have a best path but no room in the FIB, each with the reason as a
        sentence.
        """
        return self._refused

    def candidates(self, prefix: Prefix) -> Sequence[Path]:
        """Every peer's path for the prefix, best first."""
        return best_first(table[prefix] for table in self._tables() if prefix in table)

    def routes(
        self, after: tuple[Prefix, str] | None = None
    ) -> Iterator[tuple[Prefix, Path, bool]]:
        """Every route with whether it is in the FIB, by prefix and then best first.

        `after` is the prefix and peer id of the last route of the page before. The RIB may change
        between two steps of the iterator: prefixes that left are passed over, those that came later
        are not seen.
        """
        order = self._prefixes_in_order()
        start = 0
        if after is not None:
            start = bisect_left(order, after[0])
            if start < len(order) and order[start] == after[0]:
                yield from self._rows(after[0], after[1])
                start += 1
        for index in range(start, len(order)):
            yield from self._rows(order[index], None)

    @property
    def counts(self) -> Counts:
        per_peer = {
            peer_id: PeerCounts(len(peer), len(peer.held), peer.discarded)
            for peer_id, peer in self._peers.items()
        }
        rib_routes = sum(peer.routes for peer in per_peer.values())
        return Counts(rib_routes, len(self._fib), len(self._refused), per_peer)

    def _rows(self, prefix: Prefix, after_peer: str | None) -> Iterator[tuple[Prefix, Path, bool]]:
        paths = self.candidates(prefix)
        # A peer whose route has left since the last page starts the prefix anew: seen twice is
        # better than never.
        seen = next((i + 1 for i, p in enumerate(paths) if p.source.peer_id == after_peer), 0)
        best = self._fib.get(prefix)
        for path in paths[seen:]:
            yield prefix, path, path is best

    def _prefixes_in_order(self) -> list[Prefix]:
        if self._order is None:
            self._order = sorted(set().union(*self._tables()))
        return self._order

    def _tables(self) -> list[dict[Prefix, Path]]:
        return [
            table for peer in self._peers.values() for table in (peer.fresh, peer.held) if table
        ]

    def _room(self) -> int:
        """How many prefixes may still enter the FIB; without a limit always enough."""
        if self._max_fib_routes is None:
            return len(self._changed) + len(self._refused)
        return self._max_fib_routes - len(self._fib)
