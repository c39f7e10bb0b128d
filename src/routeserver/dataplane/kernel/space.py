"""One namespace as the data plane keeps it: its tables, next-hop objects, rules, and the way to its
kernel.

What is decided is decided in `hops`, `written` and `ground`, which know no kernel; here it is
written, and what the kernel refuses is turned into reasons. Orders about one table come one after
the other (`Written.order`), because the last one to be written is the one that counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from routeserver.dataplane.kernel.delivery import BATCH, Delivery, numbered, words
from routeserver.dataplane.kernel.ground import PROPAGATED_METRIC, STATIC_METRIC, Ground
from routeserver.dataplane.kernel.hops import Chain, Hop, Hops, Way, chain_of
from routeserver.dataplane.kernel.reader import Looking
from routeserver.dataplane.kernel.writer import Writer
from routeserver.dataplane.kernel.written import Lead, Written, told_apart
from routeserver.domain.plan import Tally
from routeserver.domain.routing import Entry
from routeserver.net.prefix import IPV6_BIT, Prefix
from routeserver.netd.orders import ROUTE_PROTOCOL, Refusal
from routeserver.netlink.bulk import Listed
from routeserver.netlink.nexthop import NextHop, delete_nexthop, new_nexthop
from routeserver.netlink.route import RouteType
from routeserver.netlink.rule import delete_rule, new_rule
from routeserver.netlink.values import AF_INET, AF_INET6, Address, address_from

log = structlog.get_logger()

GroundOf: TypeAlias = Callable[[Mapping[str, int]], Ground]
"""Given the indices of the namespace's interfaces by name."""


@dataclass(slots=True)
class Counted:
    """What happened since the process began."""

    flips: int = 0
    """Next-hop objects that were led elsewhere while routes had them."""
    repairs: int = 0
    """Routes, rules and objects that somebody else had changed or deleted."""
    refused: int = 0


class Space:
    """Made by `Space.open`."""

    def __init__(
        self,
        writer: Writer,
        reader: Looking,
        *,
        has_nexthops: bool,
        counted: Counted,
    ) -> None:
        self.namespace = writer.namespace
        self.hops = Hops(self._way_to)
        self.tables: dict[int, Written] = {}
        self.static: dict[int, dict[Prefix, Hop | None]] = {}
        """What is written; None falls through."""
        self.counted = counted
        self.faults: dict[int, str] = {}
        """What is wrong with the static part of a table."""
        self.reader = reader
        self.writer = writer
        self.delivery = Delivery(self.writer, self._refused, has_nexthops=has_nexthops)
        self.has_nexthops = has_nexthops
        self._ground: Ground | None = None
        self._found: dict[int, dict[tuple[Prefix, int], Hop | None]] = {}
        """Of an earlier life, by table, destination and metric."""
        self._ways_found: dict[tuple[int, Way | None], Hop] = {}
        self._leads: dict[tuple[int, Entry], Lead] = {}
        self._moving: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        writer: Writer,
        reader: Looking,
        only: Collection[int] | None,
        *,
        has_nexthops: bool,
        counted: Counted,
    ) -> Space:
        """Finds what stands there, in the tables of `only` if that is given; the reader is the
        space's to close. Raises OSError."""
        space = cls(writer, reader, has_nexthops=has_nexthops, counted=counted)
        try:
            await space._restore(only)
        except BaseException:
            reader.close()
            raise
        return space

    def close(self) -> None:
        for task in self._moving:
            task.cancel()
        self.reader.close()

    # --- an earlier life --------------------------------------------------------------------------

    async def _restore(self, only: Collection[int] | None) -> None:
        nexthops: dict[int, NextHop] = {}
        if self.has_nexthops:
            for nexthop in await self.reader.nexthops():
                self.hops.avoid([nexthop.id])
                if nexthop.protocol == ROUTE_PROTOCOL:
                    nexthops[nexthop.id] = nexthop
        if only is None:
            for nexthop in nexthops.values():
                self._adopt(nexthop)
        async for listed in self.reader.routes():
            for route in listed:
                if only is None or route.table in only:
                    hop = self._hop_found(route, nexthops)
                    _count(hop, 1)
                    self._found.setdefault(route.table, {})[route.prefix, route.metric] = hop
            await asyncio.sleep(0)
        self._ways_found.clear()

    def _hop_found(self, route: Listed, nexthops: Mapping[int, NextHop]) -> Hop | None:
        if route.type == RouteType.THROW:
            return None
        if route.nexthop_id:
            known, nexthop = self.hops.get(route.nexthop_id), nexthops.get(route.nexthop_id)
            return known if nexthop is None or known is not None else self._adopt(nexthop)
        family = AF_INET6 if route.prefix & IPV6_BIT else AF_INET
        gateway = address_from(route.gateway) if route.gateway else None
        way = None if route.type == RouteType.BLACKHOLE else _way(route.interface, gateway)
        if (family, way) not in self._ways_found:
            hop = self.hops.adopt(self.hops.next_id(), family, way)
            self._ways_found[family, way] = hop
        return self._ways_found[family, way]

    def _adopt(self, nexthop: NextHop) -> Hop:
        way = _way(nexthop.interface, nexthop.gateway)
        return self.hops.adopt(nexthop.id, nexthop.family, way)

    # --- what it stands on ------------------------------------------------------------------------

    async def converge(self, ground_of: GroundOf) -> bool:
        """Make rules, local and static routes so, and repair them; answers whether routes may be
        missing. Raises OSError."""
        links = await self.reader.links()
        ground = self._ground = ground_of({link.name: link.index for link in links.values()})
        self.hops.relocate()
        self._flip("network interfaces moved")
        lost = await self._mend_hops() if self.has_nexthops else False
        self.faults.clear()
        for number in self.tables.keys() | self._found.keys():
            if number not in ground.routes:
                await self._drop_table(self._table(number))
        for number, wanted in ground.routes.items():
            await self._converge_static(self._table(number), wanted)
        await self._converge_rules(ground)
        await self._try_again()
        await self.writer.drained()
        self._tidy()
        return lost

    async def _mend_hops(self) -> bool:
        """Write objects that somebody deleted; the kernel deleted their routes with them."""
        asked = list(self.hops)
        await self.writer.drained()
        there = {nexthop.id for nexthop in await self.reader.nexthops()}
        lost = [
            hop
            for hop in asked
            if hop.id not in there and not hop.fault and self.hops.get(hop.id) is hop
        ]
        self.write_hops([*lost, *(hop for hop in self.hops if hop.fault)])
        if lost:
            log.warning("kernel_nexthops_lost", namespace=self.namespace, count=len(lost))
            self.counted.repairs += len(lost)
        return bool(lost)

    def _table(self, number: int) -> Written:
        """What was found of it is told by the metric."""
        table = self.tables.get(number)
        if table is None:
            table = self.tables[number] = Written(number)
            static = self.static[number] = {}
            for (prefix, metric), hop in self._found.pop(number, {}).items():
                if metric == STATIC_METRIC:
                    static[prefix] = hop
                elif hop is not None:
                    table.found[prefix] = hop
        return table

    async def _converge_static(self, table: Written, wanted: Mapping[Prefix, Chain | None]) -> None:
        static = self.static[table.number]
        put: dict[Hop | None, list[Prefix]] = {}
        for prefix, chain in wanted.items():
            before = static.get(prefix)
            hop = None
            if chain is not None:
                hop = self.hops.of(AF_INET6 if prefix & IPV6_BIT else AF_INET, chain, before)
            if prefix not in static or before is not hop:
                _count(before, -1)
                _count(hop, 1)
                static[prefix] = hop
                put.setdefault(hop, []).append(prefix)
        gone = [prefix for prefix in static if prefix not in wanted]
        for prefix in gone:
            _count(static.pop(prefix), -1)
        self.flush_hops()
        await self.delivery.write(table.number, STATIC_METRIC, put, gone)

    async def _converge_rules(self, ground: Ground) -> None:
        seen = set()
        surplus = []
        for rule in await self.reader.rules():
            if rule in ground.rules and rule not in seen:
                seen.add(rule)
            else:
                surplus.append(rule)
        messages = [new_rule(rule) for rule in sorted(ground.rules - seen, key=repr)]
        self._write_now([*messages, *map(delete_rule, surplus)], "rules")

    async def _drop_table(self, table: Written) -> None:
        static = self.static.pop(table.number)
        for hop in static.values():
            _count(hop, -1)
        await self.delivery.write(table.number, STATIC_METRIC, {}, list(static))
        await self.clear(table)
        del self.tables[table.number]

    # --- propagated routes ------------------------------------------------------------------------

    async def assign(
        self,
        table: Written,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        async with table.order:
            return await self._assign(table, prefixes, numbers, entries)

    async def _assign(
        self,
        table: Written,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        writing = table.assign(prefixes, numbers, entries, self._lead_of)
        self.flush_hops()
        await self.delivery.write(table.number, PROPAGATED_METRIC, writing.put, writing.gone)
        return writing.tally

    def _lead_of(self, entry: Entry, family: int, standing: Hop | None) -> Lead:
        lead = self._leads.get((family, entry))
        if lead is None or not self.hops.is_current(lead.hop):
            hop = self.hops.of(family, chain_of(entry), standing)
            lead = self._leads[family, entry] = Lead(entry, hop)
        return lead

    async def clear(self, table: Written) -> None:
        """All propagated routes, also those of an earlier life."""
        table.refused.clear()
        table.wanted.clear()
        while table.leads:
            some = _some(table.leads)
            await self.assign(table, some, [0] * len(some), [None])
        await self.sweep(table)

    async def sweep(self, table: Written) -> None:
        """Those of an earlier life."""
        while table.found:
            async with table.order:
                some = _some(table.found)
                for prefix in some:
                    table.found.pop(prefix).routes -= 1
                await self.delivery.write(table.number, PROPAGATED_METRIC, {}, some)

    async def write_again(self, table: Written, prefixes: Sequence[Prefix]) -> None:
        """Routes that are there as far as we know."""
        async with table.order:
            put: dict[Hop | None, list[Prefix]] = {}
            for prefix in prefixes:
                lead = table.leads.get(prefix)
                if lead is not None:
                    put.setdefault(lead.hop, []).append(prefix)
            await self.delivery.write(table.number, PROPAGATED_METRIC, put)

    async def _try_again(self) -> None:
        for table in list(self.tables.values()):
            refused = list(table.wanted)
            for start in range(0, len(refused), BATCH):
                async with table.order:
                    some = [p for p in refused[start : start + BATCH] if p in table.wanted]
                    numbers, entries = told_apart([table.wanted[prefix] for prefix in some])
                    await self._assign(table, some, numbers, entries)
                await asyncio.sleep(0)

    # --- what happens -----------------------------------------------------------------------------

    def lose(self, peer_id: str) -> None:
        self.hops.lose(peer_id)
        self._flip(f"peer {peer_id} is lost")

    def _flip(self, why: str) -> None:
        moved = [hop for hop in self.hops.changed if hop.routes]
        self.counted.flips += len(moved)
        routes = sum(hop.routes for hop in moved)
        if moved and not self.has_nexthops:
            task = asyncio.get_running_loop().create_task(self._move_routes(moved))
            self._moving.add(task)
            task.add_done_callback(self._moving.discard)

        def switched() -> None:
            log.info(
                "kernel_switched",
                namespace=self.namespace,
                nexthops=len(moved),
                routes=routes,
                reason=why,
            )

        self.flush_hops(switched if moved else None)

    def _refused(
        self, number: int, metric: int, prefix: Prefix, hop: Hop | None, reason: str
    ) -> None:
        self.counted.refused += 1
        table = self.tables.get(number)
        if table is None:
            return
        if metric == STATIC_METRIC:
            static = self.static[number]
            if prefix in static and static[prefix] is hop:
                _count(static.pop(prefix), -1)
                self.faults[number] = f"The kernel does not take a route: {reason}."
        elif hop is not None:
            table.refuse(prefix, hop, f"The kernel does not take the route: {reason}.")

    # --- next-hop objects -------------------------------------------------------------------------

    def flush_hops(self, done: Callable[[], None] | None = None) -> None:
        """Send what has changed of them, at once."""
        changed, self.hops.changed = self.hops.changed, []
        self.write_hops(changed, done)

    def write_hops(self, hops: Sequence[Hop], done: Callable[[], None] | None = None) -> None:
        if not hops or not self.has_nexthops:
            return

        def refused(refusals: Sequence[Refusal], reason: str) -> None:
            for hop in hops if reason else ():
                hop.fault = reason
            for refusal in refusals:
                hops[refusal.place - 1].fault = words(refusal.errno)

        for hop in hops:
            hop.fault = ""
        messages = [new_nexthop(hop.as_nexthop(ROUTE_PROTOCOL)) for hop in hops]
        self.writer.now(numbered(messages), len(messages), refused, done)

    async def _move_routes(self, hops: Sequence[Hop]) -> None:
        """Without next-hop objects: every route of a hop is written anew."""
        for table in list(self.tables.values()):
            for hop in hops:
                own = [prefix for prefix, has in self.static[table.number].items() if has is hop]
                await self.delivery.write(table.number, STATIC_METRIC, {hop: own})
                for prefixes in table.led_by(hop, BATCH):
                    await self.write_again(table, prefixes)

    def _tidy(self) -> None:
        """Delete objects that no route has; to be called when nothing is being written."""
        if not self.writer.is_idle or self._moving or self._found:
            return
        unused = self.hops.unused()
        if not unused:
            return
        known = set(self.hops)
        self._leads = {key: lead for key, lead in self._leads.items() if lead.hop in known}
        if self.has_nexthops:
            self._write_now([delete_nexthop(hop.id) for hop in unused], "nexthops")

    def _write_now(self, messages: Sequence[bytes], what: str) -> None:
        if not messages:
            return

        def refused(refusals: Sequence[Refusal], reason: str) -> None:
            reasons = sorted({words(refusal.errno) for refusal in refusals}) or [reason]
            log.warning(f"kernel_{what}_refused", namespace=self.namespace, reasons=reasons)

        self.writer.now(numbered(messages), len(messages), refused)

    def _way_to(self, family: int, target_id: str) -> Way | None:
        return None if self._ground is None else self._ground.ways.get((family, target_id))


def _count(hop: Hop | None, change: int) -> None:
    if hop is not None:
        hop.routes += change


def _way(interface: int, gateway: Address | None) -> Way | None:
    return None if gateway is None else Way(interface, gateway)


def _some(table: Mapping[Prefix, object]) -> list[Prefix]:
    return [prefix for prefix, _ in zip(table, range(BATCH), strict=False)]
