"""A dict in many: the same as one, but no step does much at once."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.prefix import Family, make_prefix
from routeserver.net.sharded_dict import SHARDS, ShardedDict

keys = st.integers(0, 1 << 140) | st.tuples(st.text(max_size=3), st.integers(0, 9))
changes = st.lists(st.tuples(keys, st.none() | st.integers()), max_size=60)


@given(changes)
def test_it_is_a_dict(changes: list[tuple[object, int | None]]) -> None:
    model: dict[object, int] = {}
    table: ShardedDict[object, int] = ShardedDict()
    for key, value in changes:
        if value is None:
            assert table.pop(key, None) == model.pop(key, None)
        else:
            table[key] = model[key] = value
        assert len(table) == len(model)
        assert (key in table) == (key in model)
        assert table.get(key) == model.get(key)
    assert dict(table) == model
    assert table == model
    with pytest.raises(KeyError):
        table["missing"]


def test_it_is_cleared_piece_by_piece() -> None:
    table = ShardedDict[int, int]()
    table.update((number, number) for number in range(10_000))
    left = [len(table) for _ in table.clearing()]
    assert len(left) == SHARDS
    assert max(before - after for before, after in pairwise([10_000, *left])) < 100
    assert not table
    assert list(table) == []


@pytest.mark.parametrize("in_order", [True, False])
def test_no_slice_of_new_keys_moves_much_of_the_table(in_order: bool) -> None:
    """A dict that is full moves all it has. Counted once the table is large."""
    count, slice_size = 200_000, 1_000
    prefixes = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(count)]
    if not in_order:
        random.Random(7).shuffle(prefixes)
    table = ShardedDict[int, None]()
    table.update(dict.fromkeys(prefixes[: count // 4]))
    sizes = [shard.__sizeof__() for shard in table._shards]
    most = 0
    for start in range(count // 4, count, slice_size):
        table.update(dict.fromkeys(prefixes[start : start + slice_size]))
        before, sizes = sizes, [shard.__sizeof__() for shard in table._shards]
        grown = zip(table._shards, before, sizes, strict=True)
        most = max(most, sum(len(shard) for shard, was, now in grown if was != now))
    assert 0 < most < count / 20, "a plain dict moves all it has"
