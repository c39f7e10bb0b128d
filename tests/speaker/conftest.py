from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from routeserver.speaker.speaker import Speaker
from tests.speaker.support import ROUTERS, EphemeralFabric, RecordingSink


@pytest.fixture(autouse=True)
async def _no_router_outlives_its_test() -> AsyncIterator[None]:
    yield
    routers = [router for router in ROUTERS if router.connection is not None]
    ROUTERS.clear()
    for router in routers:
        router.cut()
        await router.until_gone()


@pytest.fixture
async def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def fabric() -> EphemeralFabric:
    return EphemeralFabric()


@pytest.fixture
async def speaker(sink: RecordingSink, fabric: EphemeralFabric) -> AsyncIterator[Speaker]:
    made = Speaker(listen=fabric.listen, port=0, clock=time.monotonic, sink=sink)
    yield made
    await made.close()
