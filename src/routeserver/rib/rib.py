"""The RIB and FIB of one route server: every peer's accepted routes, and the one best path of each
prefix.

Advertisements, withdrawals, lost sessions and swept routes all do the same two things: edit what a
peer has said, and leave prefixes waiting. `decide` takes what waits down in slices of the caller's
size, so that no table, however large, holds the event loop; each slice answers with the FIB changes
it made. Routes and best paths live in one `PrefixTable` a family; there is no Loc-RIB beside it and
no object for a route.

Cost per route: see `prefix_table`; per attribute set: `paths` and `net.attribute_set`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import nsmallest

from routeserver.net.prefix import IPV6_BIT, Family, Prefix
from routeserver.net.route_batch import RouteBatch, to_words
from routeserver.rib import by_columns
from routeserver.rib.counts import Applied, Counts, PeerCounts
from routeserver.rib.decision import best_first
from routeserver.rib.fib import Fib, FibDelta, find
from routeserver.rib.generations import FAMILIES, Generations
from routeserver.rib.import_policy import ImportPolicy
from routeserver.rib.losing import losing
from routeserver.rib.path import Path, Source
from routeserver.rib.path_objects import PathObjects
from routeserver.rib.paths import LIVE, STALE, Paths
from routeserver.rib.prefix_index import IS_COMPILED
from routeserver.rib.prefix_table import PrefixTable
from routeserver.rib.reimport import asks_not_to_be_kept, reimport

_TICKS_A_SECOND = 10
"""Of `changed_at`: 32 bits of it last thirteen years."""

_SCANNED_A_DECISION = 8
"""Looking at a prefix costs that much less than deciding it."""

_FIRST_PAGE = 1024
_LONGEST_PAGE = 2048
"""Of `routes`: finding a page takes one look at the whole table, some milliseconds for a million
prefixes, and its size times a little."""

# Interpreted, whole columns are moved where the compiled loops go from prefix to prefix.
_apply = PrefixTable.apply if IS_COMPILED else by_columns.apply
_decide = PrefixTable.decide if IS_COMPILED else by_columns.decide

_UNLIMITED = 1 << 62


class Rib:
    """Two limits: on the prefixes kept of each peer's session, the first it sends, and on those of
    the FIB.

    Neither limit ends a session. A prefix kept out of the FIB is in `refused` with the reason and
    is promoted, in prefix order, when room appears; a route discarded at the peer's limit is gone
    until the peer sends it again. What is held of a session that has ended does not count against
    the next one. `seed` makes the tables' hash unpredictable.
    """

    def __init__(
        self,
        *,
        max_routes_per_peer: int | None = None,
        max_fib_routes: int | None = None,
        seed: int = 0x9E3779B97F4A7C15,
    ) -> None:
        self._max_fib_routes = max_fib_routes
        self._paths = Paths()
        self._generations = Generations(self._paths, max_routes_per_peer)
        self._tables = (PrefixTable(self._paths, 1, seed), PrefixTable(self._paths, 4, seed))
        self._refused: dict[Prefix, str] = {}
        self._has_void = False
        self._no_room = f"The FIB already holds its maximum of {max_fib_routes} prefixes."
        self._path = PathObjects(self._paths, self._generations.source_of)
        self.fib: Fib = Fib(self._tables, self._path)
        """The best path of each prefix as far as decided; the live table, to be read and not kept
        across a change."""

    # --- what happened ----------------------------------------------------------------------------

    def peer_up(self, source: Source) -> None:
        """A session was established; what is held of the peer stays until refreshed or swept."""
        if self._generations.begin_session(source):
            self._scan()
        self._tidy()

    def apply(self, peer_id: str, batch: RouteBatch) -> Applied:
        """Take in what one peer sent, in its order.

        Raises KeyError for a peer that has not been announced by `peer_up`.
        """
        peer = self._generations.peers[peer_id]
        if peer.current is None:
            raise KeyError(peer_id)
        if not batch.ends:
            return Applied()
        family = 0 if batch.family is Family.IPV4 else 1
        room = _UNLIMITED
        if peer.limit is not None:
            room = max(0, peer.limit - self._generations.count(peer, LIVE))
        new, updated, withdrawn, over = _apply(
            self._tables[family], batch.words, batch.sets, batch.ends, peer.current[family], room
        )
        peer.discarded += over
        return Applied(new, updated, withdrawn, over)

    def reimport(self, peer_id: str, policy: ImportPolicy, slice_size: int) -> Iterator[None]:
        """Apply the rules to the peer's routes that are there, live and held, `slice_size` prefixes
        of the RIB a step; the RIB may change between two steps.
        """
        peer = self._generations.peers.get(peer_id)
        if peer is not None:
            yield from reimport(self._tables, self._paths, peer.number, policy, slice_size)

    def set_limit(self, peer_id: str, max_routes: int | None) -> None:
        """Routes that are there already stay."""
        peer = self._generations.peers.get(peer_id)
        if peer is not None:
            peer.limit = max_routes

    def limit_of(self, peer_id: str) -> int | None:
        """How many routes the peer may have."""
        peer = self._generations.peers.get(peer_id)
        return None if peer is None else peer.limit

    def peer_down(self, peer_id: str) -> None:
        """All the peer's routes go, live and held."""
        peer = self._generations.peers.get(peer_id)
        if peer is not None:
            if self._generations.drop(peer):
                self._scan()
            self._tidy()

    def hold(self, peer_id: str) -> None:
        """The session ended but the routes stay, until they are refreshed, swept or dropped by
        `peer_down`.
        """
        peer = self._generations.peers.get(peer_id)
        if peer is not None:
            self._generations.hold(peer)

    def sweep(self, peer_id: str, family: Family | None = None) -> None:
        """Drop the held routes that no new session has refreshed."""
        peer = self._generations.peers.get(peer_id)
        families = FAMILIES if family is None else (0 if family is Family.IPV4 else 1,)
        if peer is not None:
            if self._generations.sweep(peer, families):
                self._scan()
            self._tidy()

    def begin_refresh(self, peer_id: str, family: Family) -> None:
        """The peer starts to send all its routes again (RFC 7313 §4, BoRR)."""
        peer = self._generations.peers.get(peer_id)
        if peer is not None:
            self._generations.begin_refresh(peer, 0 if family is Family.IPV4 else 1)

    def end_refresh(self, peer_id: str, family: Family) -> None:
        """It has sent them all (EoRR): what was not among them goes."""
        peer = self._generations.peers.get(peer_id)
        number = 0 if family is Family.IPV4 else 1
        if peer is not None:
            if self._generations.end_refresh(peer, number):
                self._scan()
            self._tidy()

    def demote(self, peer_id: str) -> None:
        """The peer's held routes become long-lived stale (RFC 9494 §4.2): any other path is better,
        and those that ask for it are not used any more (NO_LLGR).
        """
        peer = self._generations.peers.get(peer_id)
        if peer is None:
            return
        for generation in self._generations.demote(peer):
            for path in self._paths.paths_of(generation):
                attribute_set = self._paths.sets[path]
                if attribute_set is not None and asks_not_to_be_kept(attribute_set):
                    self._paths.set_unusable(path)
        self._scan()

    def all_gone(self) -> FibDelta:
        """What is to be told when the RIB itself goes: every prefix of the FIB as withdrawn."""
        delta = FibDelta({})
        for table, family in zip(self._tables, Family, strict=True):
            delta.add(family, table.best_words(), table.best_paths)
        return delta

    def _scan(self) -> None:
        for table in self._tables:
            table.request_scan()

    def _tidy(self) -> None:
        """Forget generations that are not needed any more, now or when all is decided."""
        self._has_void = any(table.pending() for table in self._tables)
        if not self._has_void:
            self._generations.collect()

    # --- the decision -----------------------------------------------------------------------------

    def pending(self) -> int:
        """How many prefixes await a decision or a look; at 0 the FIB follows from the RIB."""
        waiting = self._tables[0].pending() + self._tables[1].pending()
        return waiting + (min(self._room(), len(self._refused)) if self._refused else 0)

    def undecided(self) -> int:
        """How many prefixes await a decision because something was said of them: a backlog that
        whoever sends routes adds to. `pending` is all the work there is.
        """
        return sum(table.pending() - table.scan_left for table in self._tables)

    def decide(self, budget: int, now: float = 0.0) -> FibDelta:
        """Decide up to `budget` prefixes; answers those whose FIB entry changed, None for gone."""
        tick = int(now * _TICKS_A_SECOND) & 0xFFFFFFFF
        delta = FibDelta(self.fib)
        # Where not all fit, newcomers wait until every change is in and are then let in by prefix
        # order: which of them get in must not depend on the order of arrival.
        waiting = sum(table.pending() for table in self._tables)
        admits = self._max_fib_routes is None or (not self._refused and self._room() >= waiting)
        for table in self._tables:
            if table.scan_left:
                table.scan(_SCANNED_A_DECISION * budget)
            self._decide_table(table, budget - len(delta), tick, admits, delta)
        if not any(table.pending() for table in self._tables):
            if self._has_void:
                self._tidy()
            room = self._room()
            if self._refused and room > 0:
                self._promote(min(room, budget - len(delta)), tick, delta)
        return delta

    def _decide_table(
        self, table: PrefixTable, budget: int, tick: int, admits: bool, delta: FibDelta
    ) -> None:
        newcomers: list[Prefix] = []
        gone: list[Prefix] = []
        words, lost = _decide(table, max(0, budget), tick, admits, newcomers, gone)
        delta.add(Family.IPV4 if table.width == 1 else Family.IPV6, words, lost)
        for prefix in gone:
            self._refused.pop(prefix, None)
        for prefix in newcomers:
            self._refused[prefix] = self._no_room

    def _promote(self, count: int, tick: int, delta: FibDelta) -> None:
        """Let the lowest waiting prefixes in; with no change undecided each of them has a path."""
        for prefix in nsmallest(count, self._refused):
            del self._refused[prefix]
            table, record = self._find(prefix)
            if record and table.admit(record, tick):
                delta.add(
                    Family.IPV4 if table.width == 1 else Family.IPV6,
                    array("I", to_words(prefix)),
                    0,
                )

    def _room(self) -> int:
        """How many prefixes may still enter the FIB."""
        if self._max_fib_routes is None:
            return _UNLIMITED
        return self._max_fib_routes - len(self.fib)

    # --- what there is ----------------------------------------------------------------------------

    @property
    def is_contested(self) -> bool:
        """There may be prefixes with more than one path."""
        return len(self._generations.peers) > 1

    @property
    def refused(self) -> Mapping[Prefix, str]:
        """Prefixes that have a best path but no room in the FIB, each with the reason as a
        sentence.
        """
        return self._refused

    def candidates(self, prefix: Prefix) -> Sequence[Path]:
        """Every peer's usable path for the prefix, best first."""
        usable = [n for n in self._numbers_of(prefix) if not self._paths.is_unusable(n)]
        return best_first(self._path(number) for number in usable)

    def rejected(self, prefix: Prefix) -> Sequence[Path]:
        """The paths that were received for the prefix and may not be used, by peer."""
        unusable = [n for n in self._numbers_of(prefix) if self._paths.is_unusable(n)]
        return sorted((self._path(n) for n in unusable), key=lambda path: path.source.peer_id)

    def changed_at(self, prefix: Prefix) -> float | None:
        """When the best path of the prefix last became another one, to a tenth of a second; None
        for a prefix that is not known (any more).
        """
        table, record = self._find(prefix)
        return table.changed_of(record) / _TICKS_A_SECOND if record else None

    def routes(
        self, after: tuple[Prefix, str] | None = None
    ) -> Iterator[tuple[Prefix, Path, bool]]:
        """Every usable route with whether it is in the FIB, by prefix and then best first.

        `after` is the prefix and peer id of the last route of the page before. The RIB may change
        between two steps of the iterator: prefixes that left are passed over, those that came
        behind the reader are not seen.
        """
        last = -1
        if after is not None:
            yield from self._rows(after[0], after[1])
            last = after[0]
        size = _FIRST_PAGE
        while page := self._next_prefixes(last, size):
            for prefix in page:
                yield from self._rows(prefix, None)
            last = page[-1]
            # Each page looks at the whole table; who reads on gets larger ones, within reason.
            size = min(2 * size, _LONGEST_PAGE)

    def losing(
        self, peer_ids: Collection[str], slice_size: int = 4096
    ) -> Iterator[tuple[Prefix, Path, Path | None] | None]:
        """What would move if these peers' routes were gone: each prefix with its best path now and
        then (None: the prefix would be lost). Nothing is touched.

        Between two looks at `slice_size` prefixes a None comes: the caller may let others run.
        """
        leaving = {p.number for i, p in self._generations.peers.items() if i in peer_ids}
        return losing(self._tables, self._paths, self._path, leaving, slice_size)

    @property
    def counts(self) -> Counts:
        generations = self._generations
        per_peer = {}
        for peer_id, peer in generations.peers.items():
            held = generations.count(peer, STALE)
            routes = generations.count(peer, LIVE) + held
            if routes or peer.current is not None:
                octets = generations.octets(peer)
                per_peer[peer_id] = PeerCounts(routes, held, peer.discarded, octets)
        rib_routes = sum(peer.routes for peer in per_peer.values())
        return Counts(rib_routes, len(self.fib), len(self._refused), per_peer)

    def rejected_routes(self, peer_id: str) -> int:
        """How many routes of the peer may not be used; reads all paths."""
        peer = self._generations.peers.get(peer_id)
        return 0 if peer is None else self._generations.rejected(peer)

    # --- inside -----------------------------------------------------------------------------------

    def _find(self, prefix: Prefix) -> tuple[PrefixTable, int]:
        table = self._tables[1 if prefix & IPV6_BIT else 0]
        return table, find(table, prefix)

    def _numbers_of(self, prefix: Prefix) -> list[int]:
        table, record = self._find(prefix)
        return table.routes_of(record) if record else []

    def _rows(self, prefix: Prefix, after_peer: str | None) -> Iterator[tuple[Prefix, Path, bool]]:
        paths = self.candidates(prefix)
        # A peer whose route has left since the last page starts the prefix anew: seen twice is
        # better than never.
        seen = next((i + 1 for i, p in enumerate(paths) if p.source.peer_id == after_peer), 0)
        best = self.fib.get(prefix)
        # A route that has just been said anew is another path than the one decided on, until the
        # next decision; it is the same peer's all the same.
        winner = None if best is None else best.source.peer_id
        for path in paths[seen:]:
            yield prefix, path, path.source.peer_id == winner

    def _next_prefixes(self, last: Prefix, count: int) -> list[Prefix]:
        """The `count` lowest prefixes behind `last`, in order."""
        if last < IPV6_BIT:
            found = self._tables[0].index.next_prefixes(last, count)
            if found:
                return found
        return self._tables[1].index.next_prefixes(max(last, IPV6_BIT - 1), count)
