"""Ways through many prefixes: the same as the short way, in small steps."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from routeserver.control.reconcile.walks import in_order, slices, smallest

parts = st.lists(st.lists(st.integers(0, 50), max_size=20), max_size=4)


@given(parts, st.integers(1, 7))
def test_in_order_is_a_sort_without_repetition(parts: list[list[int]], size: int) -> None:
    async def walk() -> list[list[int]]:
        return [batch async for batch in in_order(parts, size)]

    found = asyncio.run(walk())
    assert [prefix for batch in found for prefix in batch] == sorted({n for p in parts for n in p})
    assert all(0 < len(batch) <= size for batch in found)


@given(st.lists(st.integers(0, 99), unique=True), st.integers(0, 9), st.integers(1, 7))
def test_the_smallest_are_the_head_of_a_sort(prefixes: list[int], count: int, size: int) -> None:
    assert asyncio.run(smallest(count, prefixes, size)) == sorted(prefixes)[:count]


def test_slices_take_from_an_iterator_no_more_than_they_give() -> None:
    numbers = iter(range(10))
    assert next(slices(numbers, 4)) == [0, 1, 2, 3]
    assert next(numbers) == 4
