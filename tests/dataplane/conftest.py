"""Every data plane stands in this list and passes `test_contract.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from routeserver.dataplane.base import DataPlane
from routeserver.dataplane.memory import MemoryDataPlane
from tests.dataplane.support import fake_plane, topology


async def memory() -> DataPlane:
    return MemoryDataPlane()


async def kernel() -> DataPlane:
    plane, _, _ = fake_plane()
    await plane.converge(topology())
    return plane


async def kernel_without_nexthops() -> DataPlane:
    plane, _, _ = fake_plane(has_nexthops=False)
    await plane.converge(topology())
    return plane


PLANES: list[Callable[[], Awaitable[DataPlane]]] = [memory, kernel, kernel_without_nexthops]


@pytest.fixture(params=PLANES, ids=lambda make: make.__name__)
async def data_plane(request: pytest.FixtureRequest) -> AsyncIterator[DataPlane]:
    made: DataPlane = await request.param()
    yield made
    await made.written()
    await made.close()
