"""Long looks hold the event loop no longer than they are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise

from routeserver.control.operator.slices import in_turns


class Clock:
    """Each item costs a millisecond."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def items(self, count: int, *, found: bool = True) -> Iterator[int | None]:
        for number in range(count):
            self.now += 0.001
            yield number if found else None


async def test_every_item_comes_in_order_and_the_slices_are_short() -> None:
    clock = Clock()
    slices = [slice_ async for slice_ in in_turns(clock.items(100), clock, turn_s=0.010)]
    assert [item for slice_ in slices for item in slice_] == list(range(100))
    assert max(map(len, slices)) == 16


async def test_others_have_their_turn_between_two_slices_even_when_nothing_is_found() -> None:
    clock = Clock()
    turns: list[float] = []

    async def other() -> None:
        while clock.now < 0.1:
            turns.append(clock.now)
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    assert [s async for s in in_turns(clock.items(100, found=False), clock, turn_s=0.010)] == []
    await running
    assert max(b - a for a, b in pairwise(turns)) <= 0.006


async def test_nothing_is_no_slice() -> None:
    empty: list[int] = []
    assert [s async for s in in_turns(empty, Clock())] == []
