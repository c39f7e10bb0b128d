"""The way of messages into one namespace's kernel: in order, in batches, never too many at once.

Routes wait for room (`routes`), so that whoever brings them feels how fast the kernel is. Next-hop
objects do not (`now`): they go out at once, before every batch of routes that still waits, which is
what makes a switch quick; and because a route is written only after its object was, the order is
right as well.

What the kernel refuses comes back to the caller of each batch, in the order of the batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from routeserver.netd.interface import Netd, NetdError
from routeserver.netd.orders import Refusal, Write

IN_FLIGHT: Final = 2
"""Batches of routes that the helper has, of all namespaces: one that it writes and one that it need
not wait for."""

OnRefused: TypeAlias = Callable[[Sequence[Refusal], str], None]
"""The messages refused, by their places in the batch; with none but a reason, all of them were."""


class Writer:
    def __init__(self, netd: Netd, namespace: str, room: asyncio.Semaphore) -> None:
        self._netd = netd
        self.namespace = namespace
        self._room = room
        self._tasks: set[asyncio.Task[None]] = set()
        self.messages = 0
        """How many were sent."""

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    async def routes(
        self,
        messages: bytes,
        count: int,
        refused: OnRefused,
    ) -> None:
        """Send a batch as soon as there is room; returns when it is on its way."""
        await self._room.acquire()
        self._send(messages, count, refused, self._room.release)

    def now(
        self,
        messages: bytes,
        count: int,
        refused: OnRefused,
        done: Callable[[], None] | None = None,
    ) -> None:
        """`done` is told when it has been carried out."""
        self._send(messages, count, refused, done)

    def _send(
        self,
        messages: bytes,
        count: int,
        refused: OnRefused,
        done: Callable[[], None] | None,
    ) -> None:
        self.messages += count
        task = asyncio.get_running_loop().create_task(self._carry(messages, refused, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        messages: bytes,
        refused: OnRefused,
        done: Callable[[], None] | None,
    ) -> None:
        try:
            answer = await self._netd.do(Write(self.namespace, messages))
        except NetdError as error:
            refused((), str(error) or type(error).__name__)
        else:
            if answer.refused:
                refused(answer.refused, "")
        finally:
            if done is not None:
                done()

    async def drained(self) -> None:
        """Until everything sent so far has been carried out or refused."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))
