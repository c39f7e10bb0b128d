"""What holds of the arrays of a RIB whatever was done to it; only interpreted kernels show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from routeserver.net.attribute_set import AttributeSet
from routeserver.rib import record as record_words
from routeserver.rib.fib import find
from routeserver.rib.prefix_index import PrefixIndex
from routeserver.rib.prefix_table import PrefixTable
from routeserver.rib.rib import Rib


def check(rib: Rib) -> None:
    uses: Counter[int] = Counter()
    by_generation: Counter[tuple[int, int]] = Counter()
    for table in rib._tables:
        _check_table(table, uses, by_generation)
    paths = rib._paths
    freed = set(paths.freed)
    assert len(freed) == len(paths.freed), "a path is free twice"
    members: Counter[int] = Counter()
    octets: Counter[int] = Counter()
    for path in range(1, paths.size):
        attribute_set = paths.sets[path]
        assert (attribute_set is None) == (path in freed), "a path is lost, or free and used"
        if attribute_set is None:
            assert uses[path] == 0, "a route or a best path refers to a free path"
            continue
        assert paths.uses[path] == uses[path] > 0
        generation = paths.generation[path]
        members[generation] += 1
        octets[generation] += len(attribute_set.raw)
    for generation in range(1, len(paths.peer)):
        assert paths.members[generation] == members[generation]
        assert paths.octets[generation] == octets[generation]
        for family in range(2):
            assert paths.count(generation, family) == by_generation[generation, family]


def _check_table(
    table: PrefixTable, uses: Counter[int], by_generation: Counter[tuple[int, int]]
) -> None:
    index = table.index
    free = _free(index)
    placed = [slot & 0xFFFFFFFF for slot in places(index)]
    assert 4 * index.prefixes <= 3 * (index.mask + 1), "the hash table is too full"
    assert len(placed) == len(set(placed)) == index.prefixes
    assert not free & set(placed)
    assert free | set(placed) == set(range(1, index.top)), "a record is lost"
    queued = list(table.queue[table.queue_head : table.queue_tail])
    assert len(set(queued)) == len(queued), "a prefix waits twice"
    routes_seen: set[int] = set()
    best_paths = 0
    for record in range(1, index.top):
        base = record * table.stride + table.width
        word = index.records[base]
        if record in free:
            assert word & record_words.UNUSED
            assert table.best_of(record) == index.records[base + record_words.FIRST_ROUTE] == 0
            continue
        assert not word & record_words.UNUSED
        assert bool(word & record_words.QUEUED) == (record in queued)
        assert find(table, index.prefix_of(record)) == record
        best = table.best_of(record)
        if best:
            uses[best] += 1
            best_paths += 1
        peers = []
        route = index.records[base + record_words.FIRST_ROUTE]
        assert route or best or word & record_words.QUEUED, "a prefix without anything stays"
        while route:
            assert route not in routes_seen
            routes_seen.add(route)
            path = table.routes[2 * route]
            uses[path] += 1
            generation = table.paths.generation[path]
            by_generation[generation, table.family] += 1
            peers.append(table.paths.peer[generation])
            route = table.routes[2 * route + 1]
        assert len(set(peers)) == len(peers), "a peer has two routes of one prefix"
    assert best_paths == table.best_paths
    free_routes = set()
    route = table.free_route
    while route:
        assert route not in free_routes
        free_routes.add(route)
        route = table.routes[2 * route + 1]
    assert not free_routes & routes_seen
    assert free_routes | routes_seen == set(range(1, table.route_top)), "a route is lost"


def places(index: PrefixIndex) -> list[int]:
    """What the hash table holds, in the order of its places; while it grows, both tables."""
    found = [slot for slot in index.slots[: index.mask + 1] if slot]
    if index.is_moving:
        for number in range(index.moved, index.old_mask + 1):
            slot = index.old_slots[(index.old_start + number) & index.old_mask]
            found += [slot] if slot else []
    return found


def _free(index: PrefixIndex) -> set[int]:
    found: set[int] = set()
    record = index.free_record
    while record:
        assert record not in found, "a record is free twice"
        found.add(record)
        record = index.records[record * index.stride + index.width + record_words.CHANGED_AT]
    return found


def check_empty(rib: Rib, sets: Sequence[AttributeSet] = ()) -> None:
    """Everything has left and been decided: nothing is remembered."""
    assert rib.pending() == 0
    assert len(rib.fib) == 0
    assert not rib.refused
    assert rib.counts.per_peer == {}
    assert rib._generations.peers == {}
    assert len(rib._paths.freed) == rib._paths.size - 1
    assert [s for s in rib._paths.sets if s is not None] == []
    assert all(s.slot == 0 for s in sets)
    for table in rib._tables:
        assert (table.index.prefixes, table.best_paths) == (0, 0)
