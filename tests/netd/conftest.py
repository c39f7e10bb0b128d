"""A helper with a client, and namespaces that are gone behind each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from routeserver.netd.client import NetdClient
from routeserver.netd.orders import ListNamespaces, RemoveNamespace
from routeserver.netd.starting import HelperProcess, start_helper
from tests.namespaces import Namespace, namespace, need_root

INSTANCE = f"test-{os.getpid()}"


@dataclass
class Helper:
    process: HelperProcess
    netd: NetdClient

    async def clean(self) -> None:
        for name in (await self.netd.do(ListNamespaces())).names:
            await self.netd.do(RemoveNamespace(name))


@pytest.fixture
async def helper() -> AsyncIterator[Helper]:
    need_root()
    process = start_helper(INSTANCE)
    made = Helper(process, NetdClient(process.connection))
    yield made
    if not made.netd.ended.done():
        await made.clean()
        made.netd.close()
    process.process.wait(10)


@pytest.fixture
def vpc() -> str:
    return f"vpc-test-{os.getpid()}"


@pytest.fixture
def appliance() -> Iterator[Namespace]:
    need_root()
    with namespace("fw") as made:
        yield made
