"""PostgreSQL behind the store, through asyncpg.

Writers run side by side, serializable: the slower of two that touch the same rows gets BusyError
and may try again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from routeserver.store.errors import StoreError, translated
from routeserver.store.migrate import migrate

T = TypeVar("T")

_MIGRATION_LOCK: Final = 0x7274_7365_7276
"""The advisory lock that lets one process at a time bring the tables up to date."""


@dataclass(frozen=True, slots=True)
class PostgresLease:
    connection: AsyncConnection
    what: str
    dialect: str = "postgresql"

    async def run(self, work: Callable[[Connection], T]) -> T:
        with translated(self.what):
            return await self.connection.run_sync(work)

    async def commit(self, first: Callable[[Connection], None] | None = None) -> None:
        with translated(self.what):
            if first is not None:
                await self.connection.run_sync(first)
            await self.connection.commit()


class PostgresEngine:
    """Made by `open`."""

    def __init__(self, engine: AsyncEngine, what: str) -> None:
        self._readers = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._engine = engine
        self._what = what

    @classmethod
    async def open(cls, url: URL) -> Self:
        what = url.render_as_string(hide_password=True)
        try:
            pool = create_async_engine(
                url.set(drivername="postgresql+asyncpg"), isolation_level="SERIALIZABLE"
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
        with translated(self._what):
            await self._engine.dispose()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[PostgresLease]:
        with translated(self._what):
            connection = await engine.connect()
        try:
            yield PostgresLease(connection, self._what)
        finally:
            with translated(self._what):
                await connection.close()


def _migrate_alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    migrate(connection)
