"""One store for each test, on every engine there is to test with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from routeserver.store import Store
from routeserver.store.columns import METADATA

POSTGRES_URL = os.environ.get("ROUTESERVER_TEST_POSTGRES_URL")
ENGINES = ["sqlite", "postgresql"] if POSTGRES_URL else ["sqlite"]


@pytest.fixture(params=ENGINES)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database. The PostgreSQL one is emptied first: name one for tests
    only."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    assert POSTGRES_URL is not None
    store = await Store.open(POSTGRES_URL)
    async with store._engine.writer() as lease:
        await lease.run(_empty)
        await lease.commit()
    await store.close()
    return POSTGRES_URL


def _empty(connection: Connection) -> None:
    for table in METADATA.tables.values():
        connection.execute(table.delete())


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Not waiting for the disk: only the durability tests are about that."""
    store = await Store.open(url, synchronous="OFF")
    yield store
    await store.close()
