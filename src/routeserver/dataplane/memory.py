"""The data plane that only remembers: the reference for every other one, and all that a route
server needs in which no packet has to follow (tests, a laptop, an emulated VPC).

A table grows and goes in small steps (`net.sharded_dict`): a million routes must not hold the event
loop. Cost per route: one dict slot of 40 to 80 bytes, and the prefix; the entry is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from routeserver.domain.plan import Change, Tally, apply_to
from routeserver.domain.routing import Entry
from routeserver.domain.topology import Topology
from routeserver.net.prefix import Prefix
from routeserver.net.sharded_dict import ShardedDict, ShardedView

_NO_ROUTES: Final[Mapping[Prefix, Entry]] = MappingProxyType({})
_NOTHING: Final[Mapping[Any, str]] = MappingProxyType({})


class MemoryDataPlane:
    survives_restart: Final = False
    wants_alternatives: bool = False

    def __init__(self) -> None:
        self._tables: dict[str, ShardedDict[Prefix, Entry]] = {}

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        if changes:
            apply_to(self._table(route_table_id), changes)

    async def assign(
        self,
        route_table_id: str,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        table = self._table(route_table_id)
        installed = replaced = removed = 0
        for prefix, number in zip(prefixes, numbers, strict=True):
            before, after = table.get(prefix), entries[number]
            if before == after:
                continue
            if after is None:
                removed += 1
                del table[prefix]
                continue
            if before is None:
                installed += 1
            elif not before.leads_like(after):
                replaced += 1
            table[prefix] = after
        return Tally(installed=installed, removed=removed, replaced=replaced)

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        table = self._tables.get(route_table_id)
        return _NO_ROUTES if table is None else ShardedView(table)

    async def forget(self, route_table_id: str) -> None:
        table = self._tables.pop(route_table_id, None)
        if table is not None:
            for _ in table.clearing():
                await asyncio.sleep(0)

    def refused(self, route_table_id: str) -> Mapping[Prefix, str]:
        del route_table_id
        return _NOTHING

    def counts(self) -> None:
        return None

    async def written(self) -> None:
        """Everything is, at once."""

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        del topology
        return _NOTHING

    async def sweep(self, keeping: Collection[str]) -> None:
        """Nothing is left of earlier lives."""

    async def close(self) -> None:
        """It goes with the process."""

    def peer_lost(self, peer_id: str) -> None:
        """No packets, no hurry."""

    def peer_back(self, peer_id: str) -> None:
        """As little."""

    def _table(self, route_table_id: str) -> ShardedDict[Prefix, Entry]:
        if route_table_id not in self._tables:
            self._tables[route_table_id] = ShardedDict()
        return self._tables[route_table_id]
