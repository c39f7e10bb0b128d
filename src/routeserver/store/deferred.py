"""A lease on which changes that answer nothing wait for the next step that does.

Each step of a transaction crosses to the thread or the network where its connection lives; what an
operation writes is wanted there at the commit, not before. The order of steps is kept, so a query
sees every change made before it. What a waiting change raises is raised by the step it went with,
the commit at the latest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from routeserver.store.engine import Lease
from routeserver.store.steps import Step, perform

T = TypeVar("T")


class Deferred:
    __slots__ = ("_is_closed", "_lease", "_waiting")

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._waiting: list[Step] = []
        self._is_closed = False

    @property
    def dialect(self) -> str:
        return self._lease.dialect

    def later(self, step: Step) -> None:
        self._waiting.append(step)

    async def run(self, work: Callable[[Connection], T]) -> T:
        if self._is_closed:
            raise ValueError("this transaction has said that it is done reading")
        if not self._waiting:
            return await self._lease.run(work)
        waiting = self._taken()

        def both(connection: Connection) -> T:
            perform(waiting, connection)
            return work(connection)

        return await self._lease.run(both)

    def close(self) -> None:
        """Somebody else has the connection now."""
        self._is_closed = True

    async def commit(self) -> None:
        await self._lease.commit(self._taken())

    def _taken(self) -> list[Step]:
        steps, self._waiting = self._waiting, []
        return steps
