"""The data plane `kernel`: propagated, static and local routes of every VPC in the tables of its
namespace, kept there whatever others do to them.

How: docs/adr/0012. A route is written with the next-hop object of its candidates (`hops`); a lost
peer moves the objects at once (`peer_lost`), and the routes follow one by one behind that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Protocol

import structlog

from routeserver.dataplane.base import KernelCounts
from routeserver.dataplane.kernel.audit import audit
from routeserver.dataplane.kernel.delivery import BATCH
from routeserver.dataplane.kernel.ground import PROPAGATED_METRIC
from routeserver.dataplane.kernel.place import InNamespaces, Place, Standing
from routeserver.dataplane.kernel.reader import Looking, Reader
from routeserver.dataplane.kernel.space import Counted, Space
from routeserver.dataplane.kernel.watch import Ears, Watch
from routeserver.dataplane.kernel.writer import IN_FLIGHT, Writer
from routeserver.dataplane.kernel.written import Entries, OneReason, Written, told_apart
from routeserver.domain.plan import Change, Tally
from routeserver.domain.routing import Entry
from routeserver.domain.topology import Topology
from routeserver.net.prefix import Prefix
from routeserver.netd.interface import Netd
from routeserver.netd.orders import OpenNetlink, Write
from routeserver.netlink.bulk import Listed

log = structlog.get_logger()

AUDIT_INTERVAL_S: Final = 300.0
"""How long what the kernel did not tell of may stay wrong."""
_REST_S: Final = 0.05
"""Notifications come in crowds: so long after the first, all of them are answered at once."""

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
_NO_TABLE: Final = "The route table has no kernel table: {}"
_UNKNOWN: Final = "its VPC has no network in this kernel yet."


class Eyes(Protocol):
    """Ways to look at a namespace's kernel. Raises OSError."""

    async def reader(self, namespace: str) -> Looking: ...

    async def watch(self, namespace: str, ears: Ears) -> Closing: ...


class Closing(Protocol):
    def close(self) -> None: ...


class ByNetlink:
    def __init__(self, netd: Netd) -> None:
        self._netd = netd

    async def reader(self, namespace: str) -> Reader:
        return Reader(await self._netd.open(OpenNetlink(namespace)))

    async def watch(self, namespace: str, ears: Ears) -> Watch:
        return Watch(await self._netd.open(OpenNetlink(namespace)), ears)


class KernelDataPlane:
    """To be made and used in a running event loop. `place` says which namespace a VPC has."""

    survives_restart: Final = True
    wants_alternatives: Final = True

    def __init__(
        self,
        netd: Netd,
        place: Place | None = None,
        *,
        eyes: Eyes | None = None,
        has_nexthops: bool = True,
        audit_interval_s: float = AUDIT_INTERVAL_S,
    ) -> None:
        self.counted = Counted()
        self._netd = netd
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._eyes = eyes or ByNetlink(netd)
        self._place = place or InNamespaces()
        self._has_nexthops = has_nexthops
        self._audit_interval_s = audit_interval_s
        self._spaces: dict[str, Space] = {}
        self._watches: dict[str, Closing] = {}
        self._where: dict[str, tuple[Space, int]] = {}
        """Namespace and kernel table of each route table."""
        self._homeless: dict[str, dict[Prefix, Entry]] = {}
        """What tables without a kernel table shall hold."""
        self._reasons: dict[str, str] = {}
        self._topology = Topology()
        self._suspects: set[str] = set()
        """Namespaces in which routes may be missing."""
        self._ground_moved: set[str] = set()
        self._gone: dict[tuple[str, int], list[Prefix]] = {}
        self._repairing: asyncio.Task[None] | None = None
        self._audits: asyncio.TimerHandle | None = None
        self._converging = asyncio.Lock()

    async def close(self) -> None:
        """Stop writing and looking; what stands in the kernel stays there, and is followed."""
        if self._audits is not None:
            self._audits.cancel()
        if self._repairing is not None:
            self._repairing.cancel()
            await asyncio.gather(self._repairing, return_exceptions=True)
        for name in list(self._spaces):
            self._leave(name)

    # --- propagated routes ------------------------------------------------------------------------

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        prefixes = [change.prefix for change in changes]
        numbers, entries = told_apart([change.after for change in changes])
        await self.assign(route_table_id, prefixes, numbers, entries)

    async def assign(
        self,
        route_table_id: str,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        if not prefixes:
            return Tally(installed=0, removed=0, replaced=0)
        table = self._table(route_table_id)
        if table is not None:
            waiting = self._homeless.get(route_table_id)
            if waiting:  # what it held before it had a kernel table is older than this
                for prefix in prefixes:
                    waiting.pop(prefix, None)
            space, written = table
            return await space.assign(written, prefixes, numbers, entries)
        waiting = self._homeless.setdefault(route_table_id, {})
        for prefix, number in zip(prefixes, numbers, strict=True):
            entry = entries[number]
            if entry is None:
                waiting.pop(prefix, None)
            else:
                waiting[prefix] = entry
        return Tally(installed=0, removed=0, replaced=0)

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        table = self._table(route_table_id)
        return _NOTHING if table is None else MappingProxyType(Entries(table[1].leads))

    def refused(self, route_table_id: str) -> Mapping[Prefix, str]:
        table = self._table(route_table_id)
        if table is not None:
            return MappingProxyType(table[1].refused)
        waiting = self._homeless.get(route_table_id)
        if not waiting:
            return _NOTHING
        reason = _NO_TABLE.format(self._reasons.get(route_table_id, _UNKNOWN))
        return OneReason(waiting.keys(), reason)

    async def forget(self, route_table_id: str) -> None:
        self._homeless.pop(route_table_id, None)
        table = self._table(route_table_id)
        if table is not None:
            space, written = table
            await space.clear(written)

    def counts(self) -> KernelCounts:
        tables = [table for space in self._spaces.values() for table in space.tables.values()]
        counted = self.counted
        return KernelCounts(
            sum(len(table.leads) for table in tables),
            counted.flips,
            counted.repairs,
            counted.refused,
        )

    async def written(self) -> None:
        for space in list(self._spaces.values()):
            await space.writer.drained()

    def _table(self, route_table_id: str) -> tuple[Space, Written] | None:
        where = self._where.get(route_table_id)
        if where is None:
            return None
        written = where[0].tables.get(where[1])
        return None if written is None else (where[0], written)

    # --- what it stands on ------------------------------------------------------------------------

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        async with self._converging:
            self._topology = topology
            faults: dict[str, str] = {}
            grounds = self._place.grounds(topology)
            for name in [known for known in self._spaces if known not in grounds]:
                await self._abandon(name)
            for name, ground in grounds.items():
                try:
                    await self._converge_space(name, ground)
                except OSError as error:
                    reason = error.strerror or str(error)
                    faults.update(dict.fromkeys(ground.tables, reason))
                    self._reasons.update(dict.fromkeys(ground.tables, reason))
                    log.warning("kernel_tables_failed", namespace=name, reason=reason)
                    self._leave(name)
                    continue
                space = self._spaces[name]
                for table_id, where in list(self._where.items()):
                    if where[0] is space and table_id not in ground.tables:
                        del self._where[table_id]
                for table_id, number in ground.tables.items():
                    self._where[table_id] = space, number
                    if number in space.faults:
                        faults[table_id] = space.faults[number]
                    await self._settle(table_id)
            self._reasons.update(self._place.homeless(topology))
            if self._audits is None:
                self._arm_audits()
            return faults

    async def _converge_space(self, name: str, standing: Standing) -> None:
        reader = await self._eyes.reader(name)
        known = self._spaces.get(name)
        if known is not None and known.reader.cookie == reader.cookie:
            reader.close()
        else:
            # Its name may have been given to another namespace, while ours is held by our sockets.
            self._leave(name)
            self._spaces[name] = await Space.open(
                Writer(self._netd, name, self._room),
                reader,
                standing.only,
                has_nexthops=self._has_nexthops,
                counted=self.counted,
            )
            self._watches[name] = await self._watch(name)
        if await self._spaces[name].converge(standing.ground_of):
            await audit(self._spaces[name])

    async def _settle(self, table_id: str) -> None:
        """What had to wait for the kernel table is written."""
        table = self._table(table_id)
        waiting = self._homeless.get(table_id)
        while waiting and table is not None:
            some = list(islice(waiting, BATCH))
            numbers, entries = told_apart([waiting.pop(prefix) for prefix in some])
            await table[0].assign(table[1], some, numbers, entries)
            await asyncio.sleep(0)
        self._homeless.pop(table_id, None)

    async def _abandon(self, name: str) -> None:
        """A namespace that shall not be ours any more; where it outlives us, nothing is left."""
        space = self._spaces[name]
        with suppress(OSError):  # it is gone, and everything in it
            await self._netd.do(Write(name, b""))
            await space.converge(self._place.nothing)
            await space.writer.drained()
        self._leave(name)

    def _leave(self, name: str) -> None:
        watch = self._watches.pop(name, None)
        if watch is not None:
            watch.close()
        space = self._spaces.pop(name, None)
        if space is not None:
            for table_id, where in list(self._where.items()):
                if where[0] is space:
                    table = self._table(table_id)
                    if table is not None and table[1].leads:
                        self._homeless[table_id] = dict(Entries(table[1].leads))
                    del self._where[table_id]
            space.close()

    async def sweep(self, keeping: Collection[str]) -> None:
        for table_id, (space, number) in list(self._where.items()):
            table = space.tables.get(number)
            if table is not None and table.found and table_id not in keeping:
                log.info("kernel_routes_swept", route_table_id=table_id, count=len(table.found))
                await space.sweep(table)

    # --- hints ------------------------------------------------------------------------------------

    def peer_lost(self, peer_id: str) -> None:
        for space in self._spaces.values():
            space.lose(peer_id)

    def peer_back(self, peer_id: str) -> None:
        for space in self._spaces.values():
            space.hops.bring_back(peer_id)

    # --- what others do ---------------------------------------------------------------------------

    async def _watch(self, name: str) -> Closing:
        ears = Ears(
            partial(self._route_gone, name),
            lambda hop_id: self._spaces[name].hops.get(hop_id) is not None,
            partial(self._suspect, name, self._ground_moved),
            partial(self._suspect, name, self._suspects),
        )
        return await self._eyes.watch(name, ears)

    def _route_gone(self, name: str, route: Listed) -> None:
        """Most of these are our own doing: then the table does not have it any more."""
        space = self._spaces.get(name)
        table = None if space is None else space.tables.get(route.table)
        if space is None or table is None:
            return
        if route.metric != PROPAGATED_METRIC:
            if route.prefix in space.static[route.table]:
                self._suspect(name, self._suspects)
        elif route.prefix in table.leads:
            self._gone.setdefault((name, route.table), []).append(route.prefix)
            self._begin_repair()

    def _suspect(self, name: str, where: set[str]) -> None:
        where.add(name)
        self._begin_repair()

    def _begin_repair(self) -> None:
        if self._repairing is None or self._repairing.done():
            self._repairing = asyncio.get_running_loop().create_task(self._repair())

    async def _repair(self) -> None:
        while self._gone or self._suspects or self._ground_moved:
            await asyncio.sleep(_REST_S)
            gone, self._gone = self._gone, {}
            moved = self._ground_moved | self._suspects
            suspects = set(self._suspects)
            self._ground_moved.clear()
            self._suspects.clear()
            try:
                for (name, number), prefixes in gone.items():
                    await self._write_again(name, number, prefixes)
                if moved:
                    await self.converge(self._topology)
                for name in suspects & self._spaces.keys():
                    await audit(self._spaces[name])
            except Exception:
                # The periodic look and the reconciler come by again.
                log.exception("kernel_repair_failed")

    async def _write_again(self, name: str, number: int, prefixes: Sequence[Prefix]) -> None:
        space = self._spaces.get(name)
        table = None if space is None else space.tables.get(number)
        if space is None or table is None:
            return
        lost = [prefix for prefix in dict.fromkeys(prefixes) if prefix in table.leads]
        if lost:
            await space.write_again(table, lost)
            self.counted.repairs += len(lost)
            log.warning("kernel_drift_repaired", namespace=name, routes=len(lost))

    def _arm_audits(self) -> None:
        loop = asyncio.get_running_loop()
        self._audits = loop.call_later(self._audit_interval_s, self._audit_all)

    def _audit_all(self) -> None:
        self._suspects |= self._spaces.keys()
        self._begin_repair()
        self._arm_audits()
