"""What the store needs of a database engine: connections to read with and one to write with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from routeserver.store.steps import Step

T = TypeVar("T")


class Lease(Protocol):
    """A connection in the hands of one transaction. A transaction begins with the first `run`."""

    @property
    def dialect(self) -> str: ...

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Executes `work` where the connection lives. Raises StoreError."""

    async def commit(self, steps: Sequence[Step] = ()) -> None:
        """Executes the steps in the transaction and commits it."""


class Engine(Protocol):
    """Leases roll back whatever was not committed when they end."""

    def reader(self) -> AbstractAsyncContextManager[Lease]: ...

    def writer(self) -> AbstractAsyncContextManager[Lease]: ...

    async def close(self) -> None: ...
