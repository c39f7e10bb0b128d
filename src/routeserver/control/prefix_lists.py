"""Prefix lists below their operations: what is in one, and who refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from routeserver.domain import prefix_lists
from routeserver.domain.network import ManagedPrefixList, PrefixListVersion, SecurityGroupRule
from routeserver.domain.resources import Route
from routeserver.store import Transaction

ID_PREFIX = "pl-"


def version_id(prefix_list_id: str, version: int) -> str:
    return f"{prefix_list_id}|{version}"


async def entries_of(tx: Transaction, row: ManagedPrefixList) -> dict[str, str]:
    """Description by block, as the list is now."""
    version = await tx.get(PrefixListVersion, version_id(row.id, row.version))
    return {} if version is None else prefix_lists.from_texts(version.entries)


async def spelled_out(tx: Transaction, routes: Sequence[Route]) -> list[Route]:
    """The static routes with a route for every entry in place of each route to a prefix list: what
    takes which destination."""
    list_ids = {route.destination for route in routes if route.destination.startswith(ID_PREFIX)}
    blocks: dict[str, list[str]] = {}
    for row in await tx.list(ManagedPrefixList, id=list_ids):
        blocks[row.id] = list(await entries_of(tx, row))
    spelled: list[Route] = []
    for route in routes:
        if route.destination in list_ids:
            listed = blocks.get(route.destination, ())
            spelled += [replace(route, destination=block) for block in listed]
        else:
            spelled.append(route)
    return spelled


async def referrers_of(tx: Transaction, row: ManagedPrefixList) -> list[str]:
    """Ids of the security groups and route tables that refer to the list."""
    rules = await tx.list(SecurityGroupRule, prefix_list_id=row.id)
    routes = await tx.list(Route, destination=row.id)
    ids = {rule.group_id for rule in rules} | {route.route_table_id for route in routes}
    return sorted(ids)
