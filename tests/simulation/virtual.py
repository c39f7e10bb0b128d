"""An asyncio event loop without a clock and without waiting: time goes on when nothing is left to
do at the present moment, straight to the next timer.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any


class Stuck(Exception):  # noqa: N818 - what happened
    """Somebody waits for something that nothing will ever do."""


class _Instant(selectors.BaseSelector):
    """A selector for a loop whose only files are its own; to wait is to move the clock."""

    def __init__(self) -> None:
        self.pass_time: Callable[[float | None], None] = lambda _: None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.pass_time(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.SelectorEventLoop):
    """`jump` moves the clock as a machine that was asleep does: every timer is late at once."""

    def __init__(self) -> None:
        selector = _Instant()
        super().__init__(selector)
        selector.pass_time = self._pass_time
        self._now = 1_000.0
        self._clock_resolution = 1e-7
        self.failures: list[str] = []
        self.create_listener: Callable[[Any, Any], Any] | None = None
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds

    async def create_server(
        self, protocol_factory: Any, *_: Any, sock: Any = None, **__: Any
    ) -> Any:
        assert self.create_listener is not None
        return self.create_listener(sock, protocol_factory)

    def waiting(self) -> int:
        """Timers that have not been cancelled."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return sum(not timer.cancelled() for timer in scheduled)

    def _pass_time(self, timeout: float | None) -> None:
        if timeout is None:
            raise Stuck("nothing is ready and no timer is set")
        if timeout > 0:
            # The moment itself, not a sum that may miss it by a rounding.
            scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
            self._now = max(self._now, scheduled[0].when())

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")
