"""One store for each test, on every engine there is to test with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests import postgres

from routeserver.store import Store
from routeserver.store.columns import METADATA

ENGINES = ["sqlite", "postgresql"] if postgres.installed() else ["sqlite"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture(params=ENGINES)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    running: postgres.Cluster = request.getfixturevalue("cluster")
    store = await Store.open(running.url)
    async with store._engine.writer() as lease:
        await lease.run(_empty)
        await lease.commit()
    await store.close()
    return running.url


def _empty(connection: Connection) -> None:
    connection.execute(text(f"TRUNCATE {', '.join(METADATA.tables)}"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Not waiting for the disk: only the durability tests are about that."""
    store = await Store.open(url, synchronous="OFF")
    yield store
    await store.close()
