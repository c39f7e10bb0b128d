"""A place of its own on this machine for each test, and a way to wait for what is reported."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.spec import BfdChange, BfdSpec

PATIENCE_S: Final = 20.0
"""How long to wait for what must come; reached only when it does not."""

FAST: Final = BfdConfig(desired_min_tx_us=20_000, required_min_rx_us=20_000, detect_mult=5)
STEADY: Final = BfdConfig(desired_min_tx_us=50_000, required_min_rx_us=50_000, detect_mult=200)
"""Fast to meet, and not to be lost by a busy machine."""


@dataclass(frozen=True, slots=True)
class Place:
    """Two loopback addresses and a UDP port that no other test, here or in another run, uses."""

    here: str
    there: str
    port: int

    def spec(
        self, config: BfdConfig = STEADY, *, session_id: str = "here", mirrored: bool = False
    ) -> BfdSpec:
        local, remote = (self.there, self.here) if mirrored else (self.here, self.there)
        return BfdSpec(session_id, local, remote, config)


def new_place() -> Place:
    network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((f"{network}.1", 0))
        port = probe.getsockname()[1]
    return Place(f"{network}.1", f"{network}.2", port)


async def eventually(holds: Callable[[], bool]) -> None:
    """Turns the loop until it is so; for inner facts that are not announced."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - nothing to wait on
            await asyncio.sleep(0)


@dataclass
class Reports:
    """An `on_change` that can be waited for."""

    changes: list[BfdChange] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, change: BfdChange) -> None:
        self.changes.append(change)
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def next(self) -> BfdChange:
        """The report after those there are now."""
        seen = len(self.changes)
        await self.until(lambda: len(self.changes) > seen)
        return self.changes[seen]

    async def up(self, session_id: str = "here") -> None:
        """Waits until the last report of the session is that it is up."""
        await self.until(lambda: self.last(session_id) is True)

    async def down(self, session_id: str = "here") -> BfdChange:
        await self.until(lambda: self.last(session_id) is False)
        return next(c for c in reversed(self.changes) if c.session_id == session_id)

    def last(self, session_id: str) -> bool | None:
        for change in reversed(self.changes):
            if change.session_id == session_id:
                return change.up
        return None
