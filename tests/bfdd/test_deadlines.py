"""The one timer of all sessions, under a made-up loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from routeserver.bfdd.deadlines import Deadlines, Timed


class Item(Timed):
    def __init__(self, deadline: float | None, period: float = 0.0) -> None:
        super().__init__()
        self.deadline = deadline
        self.period = period
        self.fired: list[float] = []

    def next_deadline(self) -> float | None:
        return self.deadline


@dataclass(eq=False)
class FakeTimer:
    when: float
    callback: Callable[[], object]
    loop: FakeLoop

    def cancel(self) -> None:
        self.loop.timers.remove(self)


class FakeLoop:
    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[FakeTimer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(when, callback, self)
        self.timers.append(timer)
        return timer

    def run_until(self, when: float) -> None:
        while due := [timer for timer in self.timers if timer.when <= when]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.callback()
        self.now = when


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def deadlines(loop: FakeLoop) -> Deadlines[Item]:
    def due(item: Item, now: float) -> None:
        item.fired.append(now)
        item.deadline = now + item.period if item.period else None

    return Deadlines(loop, due)


def test_each_is_called_at_its_time(loop: FakeLoop, deadlines: Deadlines[Item]) -> None:
    items = [Item(3.0), Item(1.0), Item(2.0, period=2.0), Item(None)]
    for item in items:
        deadlines.update(item)
    loop.run_until(6.5)
    assert [item.fired for item in items] == [[3.0], [1.0], [2.0, 4.0, 6.0], []]
    assert len(loop.timers) == 1


def test_a_deadline_that_moves_later_costs_nothing_until_its_old_time(
    loop: FakeLoop, deadlines: Deadlines[Item]
) -> None:
    item = Item(1.0)
    deadlines.update(item)
    for moved in range(100):
        item.deadline = 2.0 + moved / 100
        deadlines.update(item)
    assert len(deadlines._heap) == 1
    loop.run_until(5.0)
    assert item.fired == [2.99]


def test_a_deadline_that_moves_earlier_is_met(loop: FakeLoop, deadlines: Deadlines[Item]) -> None:
    item = Item(9.0, period=100.0)
    deadlines.update(item)
    item.deadline = 1.0
    deadlines.update(item)
    loop.run_until(20.0)
    assert item.fired == [1.0]


def test_a_discarded_one_is_never_called(loop: FakeLoop, deadlines: Deadlines[Item]) -> None:
    item, other = Item(1.0), Item(2.0)
    deadlines.update(item)
    deadlines.update(other)
    deadlines.discard(item)
    deadlines.update(item)
    loop.run_until(3.0)
    assert (item.fired, other.fired) == ([], [2.0])


def test_closing_leaves_no_timer(loop: FakeLoop, deadlines: Deadlines[Item]) -> None:
    deadlines.update(Item(1.0))
    deadlines.close()
    assert loop.timers == []
    deadlines.close()


def test_a_call_a_hair_early_still_counts(loop: FakeLoop, deadlines: Deadlines[Item]) -> None:
    item = Item(1.0)
    deadlines.update(item)
    loop.now = 1.0 - 1e-9
    loop.timers.pop().callback()
    assert item.fired == [1.0]
