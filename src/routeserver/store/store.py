"""The store: opens the database that a URL names, and hands out transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from routeserver.store.engine import Engine, Lease
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

    def write(self, scope: Scope | None = None) -> AbstractAsyncContextManager[Transaction]:
        """Commits when the block ends, rolls back when it raises.

        Do nothing slow inside: SQLite has one writer.

        When the block has ended without an error, what it wrote survives a crash of the process.
        """
        return _Writing(self, self._engine.writer(), scope)


class _Writing:
    """The block of `Store.write`. A class and not a generator: every change passes through here,
    and the generator took as long as what it led to."""

    __slots__ = ("_lease", "_scope", "_store", "_transaction")

    _transaction: Transaction

    def __init__(
        self, store: Store, lease: AbstractAsyncContextManager[Lease], scope: Scope | None
    ) -> None:
        self._store = store
        self._lease = lease
        self._scope = scope

    async def __aenter__(self) -> Transaction:
        lease = await self._lease.__aenter__()
        self._transaction = Transaction(lease, self._scope, writes=True)
        return self._transaction

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                await self._transaction.commit()
            except BaseException as failure:
                await self._lease.__aexit__(type(failure), failure, failure.__traceback__)
                raise
            finally:
                # Also when the commit was cancelled while waited for: it may have happened.
                if self._transaction.changed:
                    self._store.on_commit()
        await self._lease.__aexit__(kind, error, trace)
