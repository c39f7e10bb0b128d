"""How long the event loop was away: a tick that is due every ten milliseconds, and how late the
latest one came.

A turn that is longer than the interval shows in full less at most the interval; shorter ones do not
matter. Costs a hundred timers a second, about a thousandth of a core.
"""

from __future__ import annotations

import asyncio
from typing import Final

INTERVAL_S: Final = 0.010

WINDOW_S: Final = 15.0
"""`recent_s` looks back over one to two of these."""


class LoopTicker:
    """To be started in the event loop that is measured."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._longest_s = 0.0
        self._window_ends = 0.0
        self._in_window_s = 0.0
        self._in_last_window_s = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = self._loop.time() + self._interval_s
        self._window_ends = self._due + WINDOW_S
        self._handle = self._loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take(self) -> float:
        """The greatest lateness in seconds since the last call, the present tick's included."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return max(longest_s, self._loop.time() - self._due, 0.0)

    def recent_s(self) -> float:
        """The greatest lateness of the last seconds; may be asked by anybody, takes nothing."""
        present_s = self._loop.time() - self._due
        return max(self._in_window_s, self._in_last_window_s, present_s, 0.0)

    def _tick(self) -> None:
        now = self._loop.time()
        late_s = now - self._due
        self._longest_s = max(self._longest_s, late_s)
        if now >= self._window_ends:
            self._in_last_window_s, self._in_window_s = self._in_window_s, 0.0
            self._window_ends = now + WINDOW_S
        self._in_window_s = max(self._in_window_s, late_s)
        self._due = now + self._interval_s
        self._handle = self._loop.call_at(self._due, self._tick)
