"""The ticker, on an event loop whose clock a test moves."""

from __future__ import annotations

import asyncio

import pytest

from routeserver.observe.loop_ticker import WINDOW_S, LoopTicker


class SteppedLoop(asyncio.SelectorEventLoop):
    """Its time is what a test says; timers run when it has come."""

    now = 100.0

    def time(self) -> float:
        return self.now


def test_the_longest_turn_since_the_last_look_is_shown() -> None:
    loop = SteppedLoop()

    def at(now: float) -> None:
        loop.now = now
        loop.call_soon(loop.stop)
        loop.run_forever()

    async def make() -> LoopTicker:
        return LoopTicker(interval_s=0.010)

    try:
        ticker = loop.run_until_complete(make())
        ticker.start()
        at(100.010)
        assert ticker.take() == pytest.approx(0, abs=1e-6)
        at(100.320)  # a turn of 300 ms behind the tick that was due
        at(100.330)
        assert ticker.take() == pytest.approx(0.300, abs=0.001)
        assert ticker.take() == pytest.approx(0, abs=0.001)
        loop.now = 100.590  # still in that turn
        assert ticker.take() == pytest.approx(0.250, abs=0.011)
        assert ticker.recent_s() == pytest.approx(0.300, abs=0.001), "looking takes nothing"
        at(100.600)
        for second in range(101, 101 + 2 * int(WINDOW_S) + 1):
            at(second + 0.0)
            loop.now = second + 0.5
        assert ticker.recent_s() < 1.0
        ticker.stop()
    finally:
        loop.close()
