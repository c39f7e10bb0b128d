"""When to reconcile: at once after a wake-up, again while states move, and now and then without
being asked.

A failing activation is logged and tried again, later each time; nothing that goes wrong in one ends
the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from routeserver.store import StoreError

log = structlog.get_logger()

REPAIR_INTERVAL_S: Final = 10.0
"""How long the world may drift unnoticed."""
FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 10.0
REST: Final = 4
"""How much longer than an activation the rest behind it is, while hints keep coming."""
LONGEST_REST_S: Final = 0.1


class ReconcileLoop:
    def __init__(self, activate: Callable[[], Awaitable[bool]]) -> None:
        self._activate = activate
        self._hint = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failing_since: float | None = None
        self._busy_since: float | None = None

    @property
    def failing_s(self) -> float:
        """For how long every activation has failed; 0 when the latest one did not."""
        return self._since(self._failing_since)

    @property
    def busy_s(self) -> float:
        """For how long the present activation has run."""
        return self._since(self._busy_since)

    def _since(self, at: float | None) -> float:
        return 0.0 if at is None else asyncio.get_running_loop().time() - at

    def wake(self) -> None:
        """Something may have changed. Carries nothing: the activation reads what is wanted."""
        self._hint.set()

    async def start(self) -> None:
        """Start, and return when the world has been brought in line once, or could not be.

        A server therefore answers its first request with every endpoint bound that was bound
        before.
        """
        self._hint.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="reconcile")
        await self._tried.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), REPAIR_INTERVAL_S)
            try:
                await self._activate_until_settled()
                retry_s = FIRST_RETRY_S
            except Exception as error:
                if isinstance(error, StoreError):  # it says itself what to do about it
                    log.warning("reconcile_failed", retry_s=retry_s, reason=str(error))
                else:
                    log.exception("reconcile_failed", retry_s=retry_s)
                if self._failing_since is None:
                    self._failing_since = asyncio.get_running_loop().time()
                self._tried.set()
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
                self._hint.set()
            self._tried.set()

    async def _activate_until_settled(self) -> None:
        moved = True
        while moved or self._hint.is_set():
            self._hint.clear()
            began = self._busy_since = asyncio.get_running_loop().time()
            try:
                moved = await self._activate()
            finally:
                self._busy_since = None
            self._failing_since = None
            if self._hint.is_set() and not moved:
                # Somebody writes without pause: look now and then, and leave time to answer them.
                await asyncio.sleep(min(REST * self._since(began), LONGEST_REST_S))
