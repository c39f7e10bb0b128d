"""What a `PrefixTable` does with a batch, done by columns: for where nothing is compiled.

Interpreted, a step for each prefix costs more than everything that is done in it. A table that
arrives is new prefixes with one route each, which are decided in the order in which they came:
their words lie side by side in every column, and Python moves columns without a step for each. What
is anything else is left to the table, a prefix at a time. Either way the tables are the same after,
which tests hold both to.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Collection
from struct import iter_unpack
from typing import Final, cast

from routeserver.net.attribute_set import AttributeSet
from routeserver.rib.paths import Paths
from routeserver.rib.prefix_table import PrefixTable
from routeserver.rib.record import BEST_PATH, CHANGED_AT, FIRST_ROUTE, QUEUED

_FEWEST: Final = 16
"""Prefixes for which columns are worth while."""

_CAN: Final = sys.byteorder == "little"
"""A pair of words is one number of 64 bits only then; see `PrefixIndex.key_of`."""


def apply(
    table: PrefixTable,
    words: array[int],
    sets: list[AttributeSet | None],
    ends: list[int],
    generation: int,
    room: int,
) -> tuple[int, int, int, int]:
    """As `PrefixTable.apply`."""
    count = ends[-1]
    index = table.index
    if (
        _CAN
        and _FEWEST <= count <= room
        and not (index.has_slots or index.free_record or table.free_route)
        and None not in sets
    ):
        keys = _keys(words, table.width)
        records = range(index.top, index.top + count)
        if _are_new(index.by_key, keys, records):
            _enter(table, words, records)
            _route(table, _paths(table.paths, sets, ends, generation), generation)
            return count, 0, 0, 0
    return table.apply(words, sets, ends, generation, room)


def _are_new(by_key: dict[object, int], keys: Collection[object], numbers: range) -> bool:
    """Enter them; if any of them is there already, or twice among them, do nothing."""
    if not by_key.keys().isdisjoint(keys):
        return False
    before = len(by_key)
    by_key.update(zip(keys, numbers, strict=True))
    if len(by_key) == before + len(keys):
        return True
    for key in keys:
        by_key.pop(key, None)
    return False


def _keys(words: array[int], width: int) -> Collection[object]:
    if width == 1:
        return array("Q", words.tobytes()).tolist()
    return [key for (key,) in iter_unpack("20s", words)]


def _enter(table: PrefixTable, words: array[int], numbers: range) -> None:
    """Records for new prefixes, all of them queued, each with the next route there is."""
    index, count = table.index, len(numbers)
    table._reserve(count)  # noqa: SLF001 - the other half of the table
    width, stride = table.width, table.stride
    records = index.records
    at, stop = numbers.start * stride, numbers.stop * stride
    for word in range(width):
        records[at + word : stop : stride] = words[word :: width + 1]
    records[at + width : stop : stride] = _marked(words[width :: width + 1], QUEUED >> 8)
    routes = array("I", range(table.route_top, table.route_top + count))
    records[at + width + FIRST_ROUTE : stop : stride] = routes
    table.queue[table.queue_tail : table.queue_tail + count] = array("I", numbers)
    table.queue_tail += count
    index.top = numbers.stop
    index.prefixes += count
    if table.scan_left:
        table.scan_left += count


def _marked(lengths: array[int], flags: int) -> array[int]:
    """The words of lengths with these flags, which are their second octet."""
    octets = bytearray(lengths.tobytes())
    octets[1::4] = bytes([flags]) * len(lengths)
    return array("I", bytes(octets))


def _paths(
    paths: Paths, sets: list[AttributeSet | None], ends: list[int], generation: int
) -> array[int]:
    """The path of each prefix."""
    found: list[int] = []
    start = 0
    for attribute_set, end in zip(sets, ends, strict=True):
        if attribute_set is not None:
            path = paths.path_of(attribute_set, generation)
            paths.uses[path] += end - start
            found += [path] * (end - start)
        start = end
    return array("I", found)


def _route(table: PrefixTable, of_paths: array[int], generation: int) -> None:
    count, top = len(of_paths), table.route_top
    table.routes[2 * top : 2 * (top + count) : 2] = of_paths
    table.route_top += count
    table.paths.routes[2 * generation + table.family] += count


def decide(
    table: PrefixTable,
    budget: int,
    now: int,
    admits: bool,
    newcomers: list[int],
    gone: list[int],
) -> tuple[array[int], int]:
    """As `PrefixTable.decide`."""
    count = min(budget, table.queue_tail - table.queue_head)
    if _CAN and admits and count >= _FEWEST:
        changes = _decide_new(table, count, now)
        if changes is not None:
            return changes, 0
    return table.decide(budget, now, admits, newcomers, gone)


def _decide_new(table: PrefixTable, count: int, now: int) -> array[int] | None:
    """The next so many of the queue, if they came one after the other, have one usable route each
    and no best path yet.
    """
    paths = table.paths
    # Interpreted, columns are arrays.
    records, routes = cast("array[int]", table.index.records), cast("array[int]", table.routes)
    queued = table.queue[table.queue_head : table.queue_head + count]
    first = queued[0]
    at, stop = first * table.stride, (first + count) * table.stride
    width, stride = table.width, table.stride
    if queued != array("I", range(first, first + count)):
        return None
    nothing = bytes(4 * count)
    if bytes(records[at + width + BEST_PATH : stop : stride]) != nothing:
        return None
    firsts = records[at + width + FIRST_ROUTE : stop : stride]
    route = firsts[0]
    if not route or firsts != array("I", range(route, route + count)):
        return None
    chosen = routes[2 * route : 2 * (route + count) : 2]
    if bytes(routes[2 * route + 1 : 2 * (route + count) : 2]) != nothing:
        return None
    uses = Counter(chosen)
    if not all(paths.is_usable(path, table.family) for path in uses):
        return None
    for path, more in uses.items():
        paths.uses[path] += more
    records[at + width + BEST_PATH : stop : stride] = chosen
    records[at + width + CHANGED_AT : stop : stride] = array("I", [now]) * count
    lengths = _marked(records[at + width : stop : stride], 0)
    records[at + width : stop : stride] = lengths
    changes = array("I", bytes(4 * (width + 1) * count))
    for word in range(width):
        changes[word :: width + 1] = records[at + word : stop : stride]
    changes[width :: width + 1] = lengths
    table.best_paths += count
    table.queue_head += count
    if table.queue_head == table.queue_tail:
        table.queue_head = table.queue_tail = 0
    return changes
