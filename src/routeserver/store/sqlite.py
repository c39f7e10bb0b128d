"""SQLite behind the store: one file, one connection to write with, a few to read with.

Each connection has a thread of its own, and a whole step of a transaction (begin, statements,
fetch) crosses to it once. Drivers that cross for every cursor, execute, fetch and close serve a
third of the transactions per second, and an await cancelled in the middle leaves them with a
connection of unknown state; here the thread finishes its step and then rolls back.

Durable: write-ahead log with ``synchronous=FULL``, so that a commit that returned is on the disk
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Self, TypeVar

import sqlalchemy
from sqlalchemy import URL, Connection, NullPool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from routeserver.store.driver import BEGIN, begun, commit, rollback
from routeserver.store.errors import StoreError, translated
from routeserver.store.group_commit import GroupCommit, Turn
from routeserver.store.migrate import migrate
from routeserver.store.steps import Step, perform
from routeserver.store.worker import Worker

T = TypeVar("T")

READERS: Final = 3
PREPARED: Final = 512
"""Statements that each connection keeps compiled; insertions have one for each size."""
CACHE_KIB: Final = 32 * 1024
"""Pages that each connection keeps in memory at most. Ids are random, so that a new row touches
pages all over its table and indexes; with SQLite's own 2 MiB they are read again for each."""
CHECKPOINT_PAGES: Final = 4096
"""How long the write-ahead log gets (16 MiB) before its pages are copied into the database. With
SQLite's own 4 MiB a busy server copies after every few commits. What is durable is not touched:
a commit is in the log, and on the disk, before it returns."""
_MIGRATING: Final = threading.Lock()
"""Alembic's scripts, which all threads share, are for one at a time."""


class Synchronous(StrEnum):
    """When SQLite waits for the disk.

    FULL: at every commit. NORMAL may lose the last commits when power fails.
    """

    OFF = "OFF"
    NORMAL = "NORMAL"
    FULL = "FULL"
    EXTRA = "EXTRA"


class ConnectionThread:
    """A connection and the only thread that touches it. Work is done in the order of asking."""

    dialect: Final = "sqlite"

    def __init__(self, engine: sqlalchemy.Engine, what: str) -> None:
        self._engine = engine
        self.what = what
        self._thread = Worker("store")
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        with translated(self.what):
            return await self._ask(lambda: self._connected(work))

    async def commit(self, steps: Sequence[Step] = ()) -> None:
        def work(connection: Connection) -> None:
            perform(steps, connection)
            commit(connection)

        await self.run(work)

    @property
    def has_more(self) -> bool:
        return self._thread.has_more

    def soon(self, work: Callable[[Connection], object]) -> None:
        """Executes `work` before whatever this thread is asked next."""
        self._soon(lambda: self._connected(work))

    def rollback_soon(self) -> None:
        """What this thread is asked next comes after the rollback, so nobody need wait for it."""
        self._soon(self._rollback)

    async def close(self) -> None:
        with translated(self.what):
            await self._ask(self._disconnect)
        self._thread.stop()

    def _ask(self, step: Callable[[], T]) -> asyncio.Future[T]:
        try:
            return self._thread.run(step)
        except RuntimeError as error:
            raise StoreError(f"{self.what}: the store is closed") from error

    def _soon(self, step: Callable[[], object]) -> None:
        try:
            self._thread.soon(step)
        except RuntimeError as error:
            raise StoreError(f"{self.what}: the store is closed") from error

    # What follows runs in the thread.

    def _connected(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        return work(self._connection)

    def _rollback(self) -> None:
        if self._connection is not None:
            rollback(self._connection)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


class SqliteEngine:
    """Made by `open`. Writers of this process take turns, those of others wait inside SQLite."""

    def __init__(self, path: Path, synchronous: Synchronous, busy_timeout_s: float) -> None:
        self._engine = _engine(path, synchronous, busy_timeout_s)
        what = str(path)
        self._writer = ConnectionThread(
            self._engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}), what
        )
        self._idle: asyncio.LifoQueue[ConnectionThread] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._idle.put_nowait(ConnectionThread(self._engine, what))
        self._group = GroupCommit(self._writer)
        self._closed = False

    @classmethod
    async def open(cls, path: Path, synchronous: Synchronous, busy_timeout_s: float) -> Self:
        """Creates the file if missing, for its owner only, and brings its tables up to date."""
        with translated(str(path)):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        engine = cls(path, synchronous, busy_timeout_s)
        try:
            await engine._writer.run(_migrate_alone)
            await engine._writer.commit()
        except BaseException:
            await engine.close()
            raise
        return engine

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[ConnectionThread]:
        lease = await self._idle.get()
        try:
            yield lease
        finally:
            self._idle.put_nowait(lease)
            lease.rollback_soon()

    def writer(self) -> AbstractAsyncContextManager[Turn]:
        return self._group.writer()

    async def close(self) -> None:
        """Waits for the transactions in hand; later ones get StoreError."""
        if self._closed:
            return
        self._closed = True
        readers = [await self._idle.get() for _ in range(READERS)]
        async with self._group.turns:
            self._group.commit_rest()
            for each in (*readers, self._writer):
                await each.close()
            self._engine.dispose()
        for reader in readers:
            self._idle.put_nowait(reader)


def _migrate_alone(connection: Connection) -> None:
    with _MIGRATING:
        migrate(connection)


def _engine(path: Path, synchronous: Synchronous, busy_timeout_s: float) -> sqlalchemy.Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={
            # BEGIN is said by the event below and by nothing else.
            "isolation_level": None,
            "cached_statements": PREPARED,
            "timeout": busy_timeout_s,
            # The last close may come from elsewhere when a store is dropped without closing it.
            "check_same_thread": False,
        },
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            row = cursor.fetchone()
            if row is None or row[0] != "wal":
                raise StoreError(
                    f"{path}: no write-ahead log is possible there; "
                    "name a data directory on a local, writable file system"
                )
            cursor.execute(f"PRAGMA synchronous={synchronous.value}")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            # Where the copies for ROLLBACK TO are: in a file they are most of what is written.
            cursor.execute("PRAGMA temp_store=MEMORY")
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        begun(connection)

    return engine
