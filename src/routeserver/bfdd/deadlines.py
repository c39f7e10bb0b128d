"""One timer of the event loop for the next deadline of all sessions.

A session's deadline usually moves later with every packet. Such a move costs nothing here: the old
entry stays in the heap, and when its time comes it is only put back. Only an earlier deadline adds
an entry.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar


class Timer(Protocol):
    def cancel(self) -> object: ...


class Loop(Protocol):
    """The part of an event loop that is needed here."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...


class Timed:
    """What can be put in; it is asked for its deadline again when that has come."""

    __slots__ = ("scheduled_at",)

    def __init__(self) -> None:
        self.scheduled_at = inf

    def next_deadline(self) -> float | None:
        raise NotImplementedError


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    def __init__(self, loop: Loop, due: Callable[[T, float], None]) -> None:
        self._loop = loop
        self._due = due
        self._heap: list[tuple[float, int, T]] = []
        self._order = count()
        self._timer: Timer | None = None
        self._timer_at = inf

    def update(self, item: T) -> None:
        """To be called whenever the deadline of `item` may have become earlier."""
        deadline = item.next_deadline()
        if deadline is not None and deadline < item.scheduled_at:
            item.scheduled_at = deadline
            heappush(self._heap, (deadline, next(self._order), item))
            self._arm()

    def discard(self, item: T) -> None:
        item.scheduled_at = -inf  # no entry has this time, and no deadline is earlier

    def close(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, inf

    def _arm(self) -> None:
        if self._heap and self._heap[0][0] < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = self._heap[0][0]
            self._timer = self._loop.call_at(self._timer_at, self._fire)

    def _fire(self) -> None:
        # The loop may call a hair early, within its clock's resolution.
        now = max(self._loop.time(), self._timer_at)
        self._timer, self._timer_at = None, inf
        try:
            while self._heap and self._heap[0][0] <= now:
                entry_at, _, item = heappop(self._heap)
                if entry_at != item.scheduled_at:
                    continue
                item.scheduled_at = inf
                try:
                    deadline = item.next_deadline()
                    if deadline is not None and deadline <= now:
                        self._due(item, now)
                finally:
                    if item.scheduled_at == inf:
                        self.update(item)
        finally:
            self._arm()
