"""Comparing what we have written with what stands in the kernel, and writing the difference.

Somebody flushed a table, or an interface that routes led by was away for a moment: the kernel says
nothing of many of these, so everything is looked at, in slices, and what is changed by ourselves
meanwhile is left out of the comparison.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog

from routeserver.dataplane.kernel.ground import PROPAGATED_METRIC, STATIC_METRIC
from routeserver.dataplane.kernel.hops import Hop
from routeserver.dataplane.kernel.space import Space
from routeserver.dataplane.kernel.written import Written
from routeserver.net.prefix import Prefix
from routeserver.netlink.bulk import Listed
from routeserver.netlink.route import RouteType

log = structlog.get_logger()

SLICE: Final = 5_000
"""Routes looked at in one turn of the event loop."""


@dataclass(slots=True)
class _Seen:
    """Of one table: what stands as it should, and what should not stand."""

    right: set[Prefix] = field(default_factory=set)
    right_static: set[Prefix] = field(default_factory=set)
    strange: list[Prefix] = field(default_factory=list)
    strange_static: list[Prefix] = field(default_factory=list)


async def audit(space: Space) -> int:
    """Answers how many routes were wrong. Raises OSError."""
    tables = dict(space.tables)
    seen = {number: _Seen() for number in tables}
    for table in tables.values():
        async with table.order:  # what is half written is not looked at
            table.touched = set()
    try:
        await space.writer.drained()
        async for listed in space.reader.routes():
            for route in listed:
                table_ = tables.get(route.table)
                if table_ is not None:
                    _look(space, table_, route, seen[route.table])
            await asyncio.sleep(0)
        wrong = 0
        for number, table in tables.items():
            wrong += await _repair(space, table, seen[number])
    finally:
        for table in tables.values():
            table.touched = None
    if wrong:
        space.counted.repairs += wrong
        log.warning("kernel_drift_repaired", namespace=space.namespace, routes=wrong)
    return wrong


def _look(space: Space, table: Written, route: Listed, seen: _Seen) -> None:
    prefix = route.prefix
    if route.metric == STATIC_METRIC:
        static = space.static[table.number]
        if prefix not in static:
            seen.strange_static.append(prefix)
        elif _is(space, route, static[prefix]):
            seen.right_static.add(prefix)
        return
    if route.metric != PROPAGATED_METRIC:
        return
    lead = table.leads.get(prefix)
    if lead is None:
        if prefix not in table.found:
            seen.strange.append(prefix)
    elif _is(space, route, lead.hop):
        seen.right.add(prefix)


def _is(space: Space, route: Listed, hop: Hop | None) -> bool:
    if hop is None:
        return route.type == RouteType.THROW
    if space.has_nexthops:
        return route.nexthop_id == hop.id
    if hop.way is None:
        return route.type == RouteType.BLACKHOLE
    way = hop.way
    return (route.interface, route.gateway) == (way.interface, way.gateway.packed)


async def _repair(space: Space, table: Written, seen: _Seen) -> int:
    touched = table.touched or set()
    static = space.static.get(table.number, {})
    lost: dict[Hop | None, list[Prefix]] = {}
    for prefix, hop in static.items():
        if prefix not in seen.right_static:
            lost.setdefault(hop, []).append(prefix)
    await space.delivery.write(table.number, STATIC_METRIC, lost, seen.strange_static)
    wrong = sum(map(len, lost.values())) + len(seen.strange_static)
    known = list(table.leads)
    for start in range(0, len(known), SLICE):
        some = known[start : start + SLICE]
        missing = [p for p in some if p not in seen.right and p not in touched]
        await space.write_again(table, missing)
        wrong += len(missing)
        await asyncio.sleep(0)
    async with table.order:
        strange = [
            p for p in seen.strange if p not in table.leads and p not in (table.touched or touched)
        ]
        await space.delivery.write(table.number, PROPAGATED_METRIC, {}, strange)
    return wrong + len(strange)
