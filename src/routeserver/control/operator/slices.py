"""Long looks in short turns: an iterator taken a few milliseconds at a time, so that no session
waits for a question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

TURN_S: Final = 0.004
"""What one turn of the event loop may take; half of it is left for what is done with the slice."""

LOOKED_AT: Final = 16
"""Items between two looks at the clock."""


async def in_turns(
    items: Iterable[T | None], clock: Callable[[], float], turn_s: float = TURN_S
) -> AsyncIterator[list[T]]:
    """The items as slices, each as long as a turn allows, with a turn of the event loop behind
    each. None is no item: the iterator has worked for a while and found nothing."""
    iterator = iter(items)
    is_over = False
    while not is_over:
        taken: list[T] = []
        ends = clock() + turn_s / 2
        is_over = True
        for item in iterator:
            if item is not None:
                taken.append(item)
            if (item is None or not len(taken) % LOOKED_AT) and clock() >= ends:
                is_over = False
                break
        if taken:
            yield taken
        await asyncio.sleep(0)
