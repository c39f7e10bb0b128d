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

T = TypeVar("T")


class Deferred:
    __slots__ = ("_is_closed", "_lease", "_waiting")

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._waiting: list[Callable[[Connection], object]] = []
        self._is_closed = False

    @property
    def dialect(self) -> str:
        return self._lease.dialect

    def later(self, work: Callable[[Connection], object]) -> None:
        self._waiting.append(work)

    async def run(self, work: Callable[[Connection], T]) -> T:
        if self._is_closed:
            raise ValueError("this transaction has said that it is done reading")
        waiting = self._taken()
        if waiting is None:
            return await self._lease.run(work)

        def both(connection: Connection) -> T:
            waiting(connection)
            return work(connection)

        return await self._lease.run(both)

    def close(self) -> None:
        """Somebody else has the connection now."""
        self._is_closed = True

    async def commit(self) -> None:
        await self._lease.commit(self._taken())

    def _taken(self) -> Callable[[Connection], None] | None:
        if not self._waiting:
            return None
        steps, self._waiting = self._waiting, []

        def work(connection: Connection) -> None:
            for step in steps:
                step(connection)

        return work
