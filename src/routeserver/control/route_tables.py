"""What there is to know about route tables beside their own rows, read in few queries for any
number of tables.

A table's routes have three sources: local ones follow from the VPC's blocks, static ones are rows,
propagated ones are observed. The same facts serve the answers and the filters.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from routeserver.control.call import Call
from routeserver.control.prefix_lists import ID_PREFIX, spelled_out
from routeserver.control.reconcile.walks import slices
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Route,
    RouteTable,
    RouteTableAssociation,
    Vpc,
)
from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.net.sharded_dict import lasting_keys

MANY: Final = 1000
"""Propagated routes of a table that are no longer shown in one go."""
SORTED_AT_ONCE: Final = 8192


@dataclass(frozen=True, slots=True)
class TableFacts:
    """`live_targets` are the ids of interfaces and gateways that a route can lead to now."""

    vpc: Vpc
    associations: Sequence[RouteTableAssociation]
    static: Sequence[Route]
    propagated: Mapping[Prefix, Entry]
    live_targets: frozenset[str]
    instances: Mapping[str, str]
    """Which instance an interface is attached to."""
    listed: frozenset[Prefix]
    """What the prefix lists hold that static routes lead to."""
    runs: Sequence[Sequence[Prefix]] | None = None
    """What is propagated, sorted in parts, where it is much."""


async def with_runs(facts: TableFacts) -> TableFacts:
    """Ready to be gone through in order, a little at a time: routes that come meanwhile are left
    out."""
    if len(facts.propagated) <= MANY:
        return facts
    runs: list[list[Prefix]] = []
    for part in slices(lasting_keys(facts.propagated), SORTED_AT_ONCE):
        runs.append(sorted(part))
        await asyncio.sleep(0)
    return replace(facts, runs=runs)


async def facts_of(call: Call, tables: Sequence[RouteTable]) -> dict[str, TableFacts]:
    """The facts of each table, by table id."""
    table_ids = [table.id for table in tables]
    vpc_ids = sorted({table.vpc_id for table in tables})
    if not table_ids:
        return {}
    vpcs = {vpc.id: vpc for vpc in await call.tx.list(Vpc, id=vpc_ids)}
    associations: defaultdict[str, list[RouteTableAssociation]] = defaultdict(list)
    for association in await call.tx.list(RouteTableAssociation, vpc_id=vpc_ids):
        associations[association.route_table_id].append(association)
    static: defaultdict[str, list[Route]] = defaultdict(list)
    for route in await call.tx.list(Route, route_table_id=table_ids):
        static[route.route_table_id].append(route)
    listed: defaultdict[str, set[Prefix]] = defaultdict(set)
    to_lists = [
        route
        for table_id in table_ids
        for route in static[table_id]
        if route.destination.startswith(ID_PREFIX)
    ]
    for route in await spelled_out(call.tx, to_lists):
        listed[route.route_table_id].add(parse_prefix(route.destination))
    instances: dict[str, str] = {}
    live: defaultdict[str, set[str]] = defaultdict(set)
    interfaces = await call.tx.list(NetworkInterface, vpc_id=vpc_ids)
    reachable = await _reachable(call, interfaces)
    for interface in interfaces:
        live[interface.vpc_id] |= {interface.id} & reachable
        if interface.instance_id is not None:
            instances[interface.id] = interface.instance_id
    for gateway in await call.tx.list(InternetGateway, vpc_id=vpc_ids):
        if gateway.vpc_id is not None:
            live[gateway.vpc_id].add(gateway.id)
    live_targets = {vpc_id: frozenset(live[vpc_id]) for vpc_id in vpc_ids}
    return {
        table.id: TableFacts(
            vpc=vpcs[table.vpc_id],
            associations=associations[table.id],
            static=static[table.id],
            propagated=call.observed.propagated(table.id),
            live_targets=live_targets[table.vpc_id],
            instances=instances,
            listed=frozenset(listed[table.id]),
        )
        for table in tables
    }


async def _reachable(call: Call, interfaces: Sequence[NetworkInterface]) -> Set[str]:
    """The interfaces that packets can be led to."""
    if call.policy.needs_plug:
        return {plug.interface_id for plug in await call.tx.plugs()}
    return {interface.id for interface in interfaces}


async def facts_of_one(call: Call, table: RouteTable) -> TableFacts:
    return (await facts_of(call, [table]))[table.id]
