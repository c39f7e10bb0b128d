"""Writers of one SQLite connection, who take turns, and share a commit when several wait.

A commit waits for the disk, and nothing can be written meanwhile; so whoever is done while others
wait for their turn leaves the commit to the end of that queue. Each one's work is a savepoint of
the shared transaction: it can fail alone. Nobody's block ends before the commit that holds its work
is on the disk, and when that fails, it fails for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from sqlite3 import Connection as RawConnection
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

_SAVEPOINT: Final = "SAVEPOINT turn"
_RELEASE: Final = "RELEASE turn"
_ROLLBACK: Final = "ROLLBACK TO turn"


class Thread(Protocol):
    """Where the connection lives."""

    async def run(self, work: Callable[[Connection], T]) -> T: ...

    def soon(self, work: Callable[[Connection], object]) -> None:
        """Executes `work` before whatever is asked next; nobody is told how it went."""


class Turn:
    """A writer's turn, as its lease."""

    dialect: Final = "sqlite"

    def __init__(self, group: GroupCommit) -> None:
        self._group = group
        self._has_savepoint = False
        self.is_over = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        def step(connection: Connection) -> T:
            self._begin(connection)
            return work(connection)

        return await self._group.thread.run(step)

    async def commit(self, first: Callable[[Connection], None] | None = None) -> None:
        is_alone = self._group.nobody_else
        await self._group.thread.run(lambda connection: self._finish(connection, first, is_alone))
        if not is_alone:
            self.is_over = True
            await self._group.committed_with_others()

    # --- in the thread ----------------------------------------------------------------------------

    def _begin(self, connection: Connection) -> None:
        if not self._has_savepoint:
            if not connection.in_transaction():
                connection.begin()
            _raw(connection).execute(_SAVEPOINT)
            self._has_savepoint = True

    def _finish(
        self, connection: Connection, first: Callable[[Connection], None] | None, is_alone: bool
    ) -> None:
        if first is not None:
            self._begin(connection)
            first(connection)
        if self._has_savepoint:
            _raw(connection).execute(_RELEASE)
            self._has_savepoint = False
        if is_alone:
            connection.commit()

    def undo(self, connection: Connection, is_alone: bool) -> None:
        if is_alone or not _raw(connection).in_transaction:
            # SQLite ends the whole transaction itself when the disk is full.
            connection.rollback()
        elif self._has_savepoint:
            raw = _raw(connection)
            raw.execute(_ROLLBACK)
            raw.execute(_RELEASE)


def _raw(connection: Connection) -> RawConnection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, RawConnection)  # noqa: S101 - the engine is SQLite's
    return raw


class GroupCommit:
    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.turns = asyncio.Lock()
        """First come, first served."""
        self._queued = 0
        self._shared: asyncio.Future[None] | None = None
        """Ends with the commit that those who are done wait for."""
        self._finishing: asyncio.Task[None] | None = None

    @property
    def nobody_else(self) -> bool:
        return self._shared is None and not self._queued

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Turn]:
        self._queued += 1
        try:
            await self.turns.acquire()
        finally:
            self._queued -= 1
        turn = Turn(self)
        try:
            yield turn
        except BaseException:
            if not turn.is_over:
                is_alone = self._shared is None
                self.thread.soon(lambda connection: turn.undo(connection, is_alone))
            raise
        finally:
            if not turn.is_over:
                self.turns.release()

    async def committed_with_others(self) -> None:
        """Ends the caller's turn; returns when its work is on the disk."""
        if self._shared is None:
            self._shared = asyncio.get_running_loop().create_future()
            # Behind everybody who waits by now.
            self._finishing = asyncio.create_task(self._finish(), name="group commit")
        shared = self._shared
        self.turns.release()
        await asyncio.shield(shared)

    async def _finish(self) -> None:
        async with self.turns:
            shared, self._shared = self._shared, None
            assert shared is not None  # noqa: S101 - only this task takes it away
            try:
                await self.thread.run(_commit)
            except BaseException as error:
                self.thread.soon(Connection.rollback)
                shared.set_exception(error)
                shared.exception()  # whoever waits is told; perhaps nobody does any more
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                shared.set_result(None)


def _commit(connection: Connection) -> None:
    if not _raw(connection).in_transaction:
        raise RuntimeError("the transaction was rolled back by the database")
    connection.commit()
