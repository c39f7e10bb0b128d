"""The route tables: best paths in, entries out, for as many prefixes as changed and no more.

Two things change what a table shall hold. A FIB changes: then just those prefixes are looked at
again (`fib_changed`, which only queues). What is wanted changes (a propagation, a static route, an
interface): then the tables concerned are looked at whole (`converge`). Both end in the same step,
`domain.routing.desired` and `domain.plan.diff`, or `bulk` where that comes to the same for less,
taken in slices so that the event loop is never held: nothing here is done for all prefixes at once,
not even a sort or a clear. Where a data plane wants alternatives, prefixes of which only those may
have changed are looked at when nothing else is to be done (`routes_touched`).
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from ipaddress import IPv4Address, IPv6Address
from itertools import chain
from typing import Final, TypeAlias

import structlog

from routeserver.control.observed import Installation
from routeserver.control.reconcile.bulk import assignment, in_words, is_plain, sliced
from routeserver.control.reconcile.walks import emptied, in_order, slices, smallest
from routeserver.dataplane import DataPlane
from routeserver.domain import plan, routing
from routeserver.domain.routing import Entry, TableIntent, Verdicts
from routeserver.net.prefix import Family, Prefix
from routeserver.net.route_batch import RouteBatch, prefixes_of
from routeserver.net.sharded_dict import ShardedDict
from routeserver.rib.fib import Fib, FibDelta
from routeserver.rib.path import Path
from routeserver.rib.prefix_index import IS_COMPILED

log = structlog.get_logger()

SLICE: Final = 1_000
"""Prefixes looked at between two turns of the event loop; some 4 ms of work."""

BULK_SLICE: Final = 2_000 if IS_COMPILED else 1_000
"""The same in bulk; what a kernel is given in one order."""

Owners = Mapping[IPv4Address | IPv6Address, str]
Words: TypeAlias = tuple[Family, "array[int]", int, int]
"""A family, an array of words, and which of the prefixes in it are meant."""


def _never(_: str) -> bool:
    return False


class RouteTables:
    def __init__(
        self,
        data_plane: DataPlane,
        fib_of: Callable[[str], Mapping[Prefix, Path]],
        is_deciding: Callable[[str], bool] = _never,
    ) -> None:
        self._data_plane = data_plane
        self._fib_of = fib_of
        self._is_deciding = is_deciding
        self._intents: dict[str, TableIntent] = {}
        self._owners: Mapping[str, Owners] = {}
        self._rejected: dict[str, ShardedDict[tuple[str, Prefix], str]] = defaultdict(ShardedDict)
        self._waiting: dict[str, ShardedDict[Prefix, None]] = defaultdict(ShardedDict)
        """What only lacked room; its keys."""
        self._changed: dict[str, list[Collection[Prefix]]] = defaultdict(list)
        self._touched: deque[tuple[str, Iterator[Words], bool]] = deque()
        """By route server; whether it is all its prefixes."""
        self._unsure: set[str] = set()
        """Tables in which an update may have stopped halfway: the next `converge` redoes them."""
        self._changing = asyncio.Lock()
        self._flush: asyncio.Task[None] | None = None

    # --- what is wanted changed -------------------------------------------------------------------

    async def converge(
        self, intents: Mapping[str, TableIntent], owners: Mapping[str, Owners]
    ) -> None:
        """Make every table hold what `intents` says; tables not named are emptied. Idempotent."""
        async with self._changing:
            self._unsure.update(
                table_id
                for table_id, intent in intents.items()
                if self._intents.get(table_id) != intent
                or self._owners.get(intent.vpc_id) != owners.get(intent.vpc_id)
            )
            self._unsure |= self._intents.keys() - intents.keys()
            self._intents = dict(intents)
            self._owners = owners
            for table_id in sorted(self._unsure):
                intent = intents.get(table_id)
                if intent is None:
                    await self._forget(table_id)
                else:
                    await emptied(self._rejected[table_id])
                    await emptied(self._waiting[table_id])
                    await self._update(intent, self._every_prefix(intent))
                self._unsure.discard(table_id)
            await self._data_plane.sweep(self._undecided())
        await self._data_plane.written()

    def _undecided(self) -> set[str]:
        """Tables that do not hold yet what they shall, because a FIB is not ready."""
        return {
            table_id
            for table_id, intent in self._intents.items()
            if table_id in self._changed or any(map(self._is_deciding, intent.route_server_ids))
        }

    async def _forget(self, table_id: str) -> None:
        held = len(self._data_plane.read(table_id))
        await self._data_plane.forget(table_id)
        await emptied(self._rejected.pop(table_id, ShardedDict()))
        await emptied(self._waiting.pop(table_id, ShardedDict()))
        if held:
            log.info("route_table_changed", route_table_id=table_id, removed=held)

    def _every_prefix(self, intent: TableIntent) -> Iterator[Sequence[Prefix]]:
        """Each once, in slices: what has a best path somewhere, then what is to be cleared away."""
        fibs = list(self._fibs(intent).values())
        for number, fib in enumerate(fibs):
            others = fibs[:number]
            found = fib.slices(SLICE) if isinstance(fib, Fib) else slices(fib, SLICE)
            for batch in found:
                yield [prefix for prefix in batch if not _is_in(prefix, others)]
        gone: list[list[Prefix]] = []
        for batch in slices(self._data_plane.read(intent.route_table_id), SLICE):
            gone.append([prefix for prefix in batch if not _is_in(prefix, fibs)])
            yield ()  # nothing of the table may change while it is looked through
        yield from gone

    def _fibs(self, intent: TableIntent) -> dict[str, Mapping[Prefix, Path]]:
        return {server_id: self._fib_of(server_id) for server_id in intent.route_server_ids}

    # --- a FIB changed ----------------------------------------------------------------------------

    def fib_changed(self, route_server_id: str, prefixes: Collection[Prefix]) -> None:
        """Queue prefixes whose best path changed; the work happens in a task of its own."""
        touched = self.tables_of(route_server_id)
        if not touched:
            return
        for table_id in touched:
            self._changed[table_id].append(prefixes)
        self._begin_flush()

    def routes_touched(self, route_server_id: str, batch: RouteBatch | None) -> None:
        """Queue prefixes whose other paths may have changed, or with None all, behind those whose
        best path has."""
        if not self._data_plane.wants_alternatives or not self.tables_of(route_server_id):
            return
        if batch is None:
            others = [each for each in self._touched if each[0] != route_server_id]
            self._touched = deque(others)
            self._touched.append((route_server_id, self._every_choice(route_server_id), True))
        elif not any(each[0] == route_server_id and each[2] for each in self._touched):
            parts = sliced([(batch.family, batch.words)], SLICE)
            self._touched.append((route_server_id, parts, False))
        self._begin_flush()

    def _every_choice(self, route_server_id: str) -> Iterator[Words]:
        fib = self._fib_of(route_server_id)
        for batch in fib.slices(SLICE) if isinstance(fib, Fib) else slices(fib, SLICE):
            yield from in_words(batch)

    def _begin_flush(self) -> None:
        if self._flush is None or self._flush.done():
            self._flush = asyncio.get_running_loop().create_task(self._flush_changes())

    async def _flush_changes(self) -> None:
        while self._changed or self._touched:
            async with self._changing:
                if not self._changed:
                    await self._look_again()
                    continue
                changed, self._changed = self._changed, defaultdict(list)
                for table_id, deltas in changed.items():
                    intent = self._intents.get(table_id)
                    if intent is None:
                        continue
                    is_limited = intent.max_propagated is not None
                    # Which prefixes get the room must not depend on how they were sliced.
                    for delta in [chain.from_iterable(deltas)] if is_limited else deltas:
                        await self._update_or_doubt(intent, delta)

    async def _look_again(self) -> None:
        """One slice of what was touched."""
        server_id, parts, _ = self._touched[0]
        words = next(parts, None)
        if words is None:
            if self._touched and self._touched[0][1] is parts:
                self._touched.popleft()
            return
        prefixes = dict.fromkeys(prefixes_of(*words))
        if self._is_deciding(server_id):
            # What is not decided yet is no reason to clear away what stands of an earlier life.
            best = self._fib_of(server_id)
            prefixes = {prefix: None for prefix in prefixes if prefix in best}
        # A peer may say something of a prefix twice.
        is_once = len(prefixes) == words[3] - words[2]
        for table_id in self.tables_of(server_id):
            intent = self._intents[table_id]
            fib = is_plain(intent, self._fibs(intent))
            if fib is None:
                await self._update_or_doubt(intent, prefixes)
            else:
                again = [words] if is_once else in_words(prefixes)
                await self._update_in_bulk(intent, fib, again)

    async def _update_or_doubt(self, intent: TableIntent, prefixes: Iterable[Prefix]) -> None:
        """A table whose update fails is left to the reconciler, and the other tables go on."""
        try:
            fib = is_plain(intent, self._fibs(intent))
            if fib is not None and isinstance(prefixes, FibDelta):
                await self._update_in_bulk(intent, fib, sliced(prefixes.parts(), BULK_SLICE))
            else:
                await self._update(intent, slices(prefixes, SLICE))
        except Exception:
            self._unsure.add(intent.route_table_id)
            log.exception("route_table_failed", route_table_id=intent.route_table_id)

    async def _update_in_bulk(self, intent: TableIntent, fib: Fib, parts: Iterable[Words]) -> None:
        totals: Counter[str] = Counter()
        try:
            for words in parts:
                await self._step_in_bulk(intent, fib, words, totals)
                await asyncio.sleep(0)
        except Exception:
            self._unsure.add(intent.route_table_id)
            log.exception("route_table_failed", route_table_id=intent.route_table_id)
        self._tell(intent, totals)

    async def settled(self) -> None:
        """Wait until everything queued so far has been written."""
        if self._flush is not None:
            await asyncio.shield(self._flush)
        await self._data_plane.written()

    # --- the step both share ----------------------------------------------------------------------

    async def _update(self, intent: TableIntent, batches: Iterable[Sequence[Prefix]]) -> None:
        totals: Counter[str] = Counter()
        if intent.max_propagated is None:
            for batch in batches:
                await self._step(intent, batch, totals)
        else:
            await self._share_room(intent, intent.max_propagated, batches, totals)
        self._tell(intent, totals)

    def _tell(self, intent: TableIntent, totals: Counter[str]) -> None:
        if any(totals.values()):
            log.info("route_table_changed", route_table_id=intent.route_table_id, **totals)

    async def _share_room(
        self,
        intent: TableIntent,
        limit: int,
        batches: Iterable[Sequence[Prefix]],
        totals: Counter[str],
    ) -> None:
        """What is in the table stays there or makes room; then the room is given away in prefix
        order, to newcomers and to those that waited for it alike.
        """
        installed, waiting = self.read(intent.route_table_id), self._waiting[intent.route_table_id]
        newcomers: list[list[Prefix]] = []
        for batch in batches:
            newcomers.append([prefix for prefix in batch if prefix not in installed])
            for prefix in newcomers[-1]:
                waiting.pop(prefix, None)
            present = [prefix for prefix in batch if prefix in installed]
            await self._step(intent, present, totals)
            installed = self.read(intent.route_table_id)
        room = max(0, limit - len(installed))
        async for batch in in_order([*newcomers, await smallest(room, waiting, SLICE)], SLICE):
            await self._step(intent, batch, totals)

    async def _step(
        self, intent: TableIntent, batch: Sequence[Prefix], totals: Counter[str]
    ) -> None:
        """One slice and a turn for the others."""
        table_id = intent.route_table_id
        fibs = self._fibs(intent)
        fib = is_plain(intent, fibs)
        if batch and fib is not None:
            for words in in_words(batch):
                await self._step_in_bulk(intent, fib, words, totals)
        elif batch:
            owners = self._owners.get(intent.vpc_id, {})
            installed = self._data_plane.read(table_id)
            others_of = self._others_of(fibs) if self._data_plane.wants_alternatives else None
            verdicts = routing.desired(
                intent, batch, fibs, owners.get, installed, others_of=others_of
            )
            changes = plan.diff(verdicts.entries, installed, batch)
            await self._data_plane.apply(table_id, changes)
            rejected, waiting = self._rejected[table_id], self._waiting[table_id]
            if rejected:
                for prefix in batch:
                    for server_id in intent.route_server_ids:
                        rejected.pop((server_id, prefix), None)
            rejected.update(verdicts.rejected)
            if waiting:
                for prefix in batch:
                    waiting.pop(prefix, None)
            waiting.update(dict.fromkeys(verdicts.waiting))
            totals.update(asdict(plan.tally(changes)))
        await asyncio.sleep(0)

    async def _step_in_bulk(
        self, intent: TableIntent, fib: Fib, words: Words, totals: Counter[str]
    ) -> None:
        table_id = intent.route_table_id
        [server_id] = intent.route_server_ids
        found = assignment(
            intent,
            fib,
            words,
            self._owners.get(intent.vpc_id, {}).get,
            with_alternatives=self._data_plane.wants_alternatives,
        )
        tally = await self._data_plane.assign(
            table_id, found.prefixes, found.numbers, found.entries
        )
        rejected = self._rejected[table_id]
        if rejected:
            for prefix in found.prefixes:
                rejected.pop((server_id, prefix), None)
        for prefix, reason in found.rejected.items():
            rejected[server_id, prefix] = reason
        totals.update(asdict(tally))

    @staticmethod
    def _others_of(fibs: Mapping[str, Mapping[Prefix, Path]]) -> routing.OthersOf:
        def others_of(server_id: str, prefix: Prefix) -> Sequence[Path]:
            fib = fibs[server_id]
            return fib.others(prefix) if isinstance(fib, Fib) else ()

        return others_of

    # --- looking ----------------------------------------------------------------------------------

    def verdicts(
        self,
        route_table_id: str,
        prefixes: Iterable[Prefix],
        fibs: Mapping[str, Mapping[Prefix, Path]],
    ) -> Verdicts:
        """What the table would hold of these prefixes if the route servers had these FIBs; nothing
        is changed."""
        intent = self._intents[route_table_id]
        owners = self._owners.get(intent.vpc_id, {})
        installed = self._data_plane.read(route_table_id)
        return routing.desired(intent, prefixes, fibs, owners.get, installed)

    def servers_of(self, route_table_id: str) -> tuple[str, ...]:
        """The route servers that propagate to the table."""
        intent = self._intents.get(route_table_id)
        return () if intent is None else intent.route_server_ids

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        return self._data_plane.read(route_table_id)

    def tables_of(self, route_server_id: str) -> list[str]:
        return [
            table_id
            for table_id, intent in self._intents.items()
            if route_server_id in intent.route_server_ids
        ]

    def installations(
        self, route_server_id: str, prefix: Prefix, table_ids: Iterable[str]
    ) -> tuple[Installation, ...]:
        """Where the route server's best path for a prefix is installed, and where and why it is
        not."""
        found: list[Installation] = []
        for table_id in table_ids:
            entry = self._data_plane.read(table_id).get(prefix)
            if entry is not None and entry.route_server_id == route_server_id:
                found.append(Installation(table_id, installed=True))
            else:
                reason = self._rejected[table_id].get(
                    (route_server_id, prefix)
                ) or self._data_plane.refused(table_id).get(prefix)
                if reason is not None:
                    found.append(Installation(table_id, installed=False, reason=reason))
        return tuple(found)


def _is_in(prefix: Prefix, fibs: Iterable[Mapping[Prefix, Path]]) -> bool:
    return any(prefix in fib for fib in fibs)
