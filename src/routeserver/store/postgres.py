"""PostgreSQL behind the store, through asyncpg.

Writers run side by side, serializable: the slower of two that touch the same rows gets BusyError
and may try again. A connection that was lost while nobody used it is replaced before it is handed
out; one that is lost in use fails what was being done with it, and PostgreSQL rolls that back. Only
a commit under way then may have happened without anybody being told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from routeserver.store.errors import StoreError, translate
from routeserver.store.migrate import migrate
from routeserver.store.steps import Step, perform

_DRIVERS: tuple[type[Exception], ...] = ()
"""What connecting raises past SQLAlchemy."""
try:
    import asyncpg
except ImportError:  # it is there for those who use PostgreSQL
    pass
else:
    _DRIVERS = (asyncpg.InterfaceError, asyncpg.PostgresError)
_FAILURES: Final[tuple[type[Exception], ...]] = (
    SQLAlchemyError,
    CommandError,
    OSError,
    *_DRIVERS,
)

T = TypeVar("T")

CONNECTIONS: Final = 10
"""At once; whoever finds none free waits."""
CONNECT_S: Final = 5.0
COMMAND_S: Final = 30.0
"""How long one statement may take, and how long to wait for a free connection."""

_MIGRATION_LOCK: Final = 0x7274_7365_7276
"""The advisory lock that lets one process at a time bring the tables up to date."""


@dataclass(frozen=True, slots=True)
class PostgresLease:
    connection: AsyncConnection
    what: str
    dialect: str = "postgresql"

    async def run(self, work: Callable[[Connection], T]) -> T:
        with _translated(self.what):
            return await self.connection.run_sync(work)

    async def commit(self, steps: Sequence[Step] = ()) -> None:
        with _translated(self.what):
            if steps:
                await self.connection.run_sync(lambda connection: perform(steps, connection))
            await self.connection.commit()


class PostgresEngine:
    """Made by `open`."""

    def __init__(self, engine: AsyncEngine, what: str) -> None:
        self._readers = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._engine = engine
        self._what = what
        self._closed = False
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(cls, url: URL) -> Self:
        what = url.render_as_string(hide_password=True)
        try:
            pool = create_async_engine(
                url.set(drivername="postgresql+asyncpg"),
                isolation_level="SERIALIZABLE",
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=COMMAND_S,
                pool_pre_ping=True,
                connect_args={"timeout": CONNECT_S, "command_timeout": COMMAND_S},
            )
        except ModuleNotFoundError as error:
            raise StoreError(
                f"{what}: PostgreSQL needs the asyncpg package; run: pip install asyncpg"
            ) from error
        engine = cls(pool, what)
        try:
            async with engine.writer() as lease:
                await lease.run(_migrate_alone)
                await lease.commit()
        except BaseException:
            await engine.close()
            raise
        return engine

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[PostgresLease]:
        async with self._connected(self._readers) as lease:
            yield lease

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[PostgresLease]:
        async with self._connected(self._engine) as lease:
            yield lease

    async def close(self) -> None:
        """Waits for the transactions in hand; later ones get StoreError."""
        self._closed = True
        await self._idle.wait()
        with _translated(self._what):
            await self._engine.dispose()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[PostgresLease]:
        if self._closed:
            raise StoreError(f"{self._what}: the store is closed")
        self._in_hand += 1
        self._idle.clear()
        try:
            with _translated(self._what):
                connection = await engine.connect()
            try:
                yield PostgresLease(connection, self._what)
            finally:
                # A connection that is lost has taken its transaction with it.
                with suppress(*_FAILURES):
                    await connection.close()
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._idle.set()


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise translate(error, what) from error


def _migrate_alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    migrate(connection)
