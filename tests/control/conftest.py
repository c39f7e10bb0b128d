"""A cloud with an empty store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routeserver.store import Store
from tests.control.cloud import Cloud


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    store = await Store.open(f"sqlite:///{tmp_path / 'store.db'}", synchronous="OFF")
    try:
        yield Cloud(store)
    finally:
        await store.close()
