"""The store: opens the database that a URL names, and hands out transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from routeserver.store.engine import Engine
from routeserver.store.errors import StoreError
from routeserver.store.postgres import PostgresEngine
from routeserver.store.sqlite import SqliteEngine, Synchronous
from routeserver.store.transaction import Scope, Transaction


def _nothing() -> None:
    pass


class Store:
    """Made by `open`; `close` it when done.

    `on_commit` is told, without payload, that something was committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.on_commit: Callable[[], None] = _nothing

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        synchronous: Synchronous | str = Synchronous.FULL,
        busy_timeout_s: float = 5.0,
    ) -> Self:
        """Opens the database and brings its tables up to date.

        `url` is ``sqlite:////path/to/file`` or ``postgresql://user@host/database``; the other two
        arguments are SQLite's: when to wait for the disk, and how long for another process's lock.
        Raises StoreError with a one-line remedy.
        """
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise StoreError(
                "the database URL cannot be read; use sqlite:////path/to/file or postgresql://user@host/database"
            ) from error
        match parsed.get_backend_name():
            case "sqlite":
                if parsed.database in {None, "", ":memory:"}:
                    raise StoreError(
                        "an SQLite database in memory keeps nothing; name a file: sqlite:////path/to/file"
                    )
                path = Path(str(parsed.database))
                return cls(await SqliteEngine.open(path, Synchronous(synchronous), busy_timeout_s))
            case "postgresql":
                return cls(await PostgresEngine.open(parsed))
            case other:
                raise StoreError(
                    f"databases of type {other!r} are not supported; use sqlite or postgresql"
                )

    async def close(self) -> None:
        await self._engine.close()

    @asynccontextmanager
    async def read(self, scope: Scope | None = None) -> AsyncIterator[Transaction]:
        """A consistent view: what is committed while the block runs is not seen by it.

        Whoever has read everything and has more to do calls the transaction's `done_reading`.
        """
        async with AsyncExitStack() as held:
            lease = await held.enter_async_context(self._engine.reader())
            yield Transaction(lease, scope, writes=False, give_back=held.aclose)

    @asynccontextmanager
    async def write(self, scope: Scope | None = None) -> AsyncIterator[Transaction]:
        """Commits when the block ends, rolls back when it raises.

        Do nothing slow inside: SQLite has one writer.

        When the block has ended without an error, what it wrote survives a crash of the process.
        """
        async with self._engine.writer() as lease:
            transaction = Transaction(lease, scope, writes=True)
            yield transaction
            try:
                await transaction.commit()
            finally:
                # Also when the commit was cancelled while waited for: it may have happened.
                if transaction.changed:
                    self.on_commit()
