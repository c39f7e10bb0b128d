"""The log lines of FIB changes: the first of a change at once, what follows it summed up.

A full table arrives in hundreds of slices, and nobody reads a line for each.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

PAUSE_S: Final = 0.1

log: Final = structlog.get_logger()


class FibLog:
    """Of any number of route servers. To be used in a running event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, int]] = {}
        """What was not told yet, of those that told something a moment ago."""

    def add(self, route_server_id: str, changed: int, withdrawn: int) -> None:
        waiting = self._waiting.get(route_server_id)
        if waiting is not None:
            self._waiting[route_server_id] = (waiting[0] + changed, waiting[1] + withdrawn)
            return
        _tell(route_server_id, changed, withdrawn)
        self._rest(route_server_id)

    def _rest(self, route_server_id: str) -> None:
        self._waiting[route_server_id] = (0, 0)
        asyncio.get_running_loop().call_later(PAUSE_S, self._wake, route_server_id)

    def _wake(self, route_server_id: str) -> None:
        changed, withdrawn = self._waiting.pop(route_server_id)
        if changed:
            _tell(route_server_id, changed, withdrawn)
            self._rest(route_server_id)


def _tell(route_server_id: str, changed: int, withdrawn: int) -> None:
    log.info("fib_changed", route_server_id=route_server_id, changed=changed, withdrawn=withdrawn)
