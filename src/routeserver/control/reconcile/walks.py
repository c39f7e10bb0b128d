"""Ways through very many prefixes that let others run: in slices, and in order without a sort of
the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from heapq import merge, nsmallest
from itertools import groupby, islice
from typing import Any

from routeserver.net.prefix import Prefix
from routeserver.net.sharded_dict import ShardedDict


def slices(prefixes: Iterable[Prefix], size: int) -> Iterator[list[Prefix]]:
    iterator = iter(prefixes)
    while batch := list(islice(iterator, size)):
        yield batch


async def in_order(parts: Iterable[Iterable[Prefix]], size: int) -> AsyncIterator[list[Prefix]]:
    """The prefixes of all parts, each once, in ascending slices."""
    runs = []
    for part in parts:
        for batch in slices(part, size):
            runs.append(sorted(batch))
            await asyncio.sleep(0)
    for batch in slices((prefix for prefix, _ in groupby(merge(*runs))), size):
        yield batch


async def smallest(count: int, prefixes: Iterable[Prefix], size: int) -> list[Prefix]:
    """The `count` lowest, in order."""
    found: list[Prefix] = []
    for batch in slices(prefixes, size):
        found = nsmallest(count, [*found, *batch])
        await asyncio.sleep(0)
    return found


async def emptied(table: ShardedDict[Any, Any]) -> None:
    """Clear it, a little at a time."""
    for _ in table.clearing():
        await asyncio.sleep(0)
