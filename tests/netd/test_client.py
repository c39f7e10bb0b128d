"""The client: what comes for somebody who no longer waits, and orders that cannot be given."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from routeserver.netd.interface import NetdError
from routeserver.netd.orders import HERE, ListNamespaces, MakeNamespace, OpenListener, Write
from routeserver.netd.protocol import LONGEST_BESIDE
from tests.netd.conftest import Helper


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_socket_that_nobody_waits_for_is_closed(helper: Helper) -> None:
    await helper.netd.do(ListNamespaces())
    before = descriptors()
    for turns in range(6):
        asked = asyncio.create_task(helper.netd.open(OpenListener(HERE, "127.77.0.7", 0)))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            (await asked).close()
    # Orders are answered in their order: what was given up has been answered before this one.
    await helper.netd.do(ListNamespaces())
    assert descriptors() == before


async def test_what_is_too_long_is_not_sent(helper: Helper) -> None:
    with pytest.raises(NetdError, match="MakeNamespace is too long; give it in parts"):
        await helper.netd.do(MakeNamespace("x" * 100_000))
    with pytest.raises(NetdError, match="Write is too long; give it in parts"):
        await helper.netd.do(Write(HERE, bytes(LONGEST_BESIDE + 1)))
    assert (await helper.netd.do(ListNamespaces())).names == ()


async def test_more_orders_than_fit_into_the_socket_are_all_answered(helper: Helper) -> None:
    refusals = await asyncio.gather(
        *(helper.netd.do(MakeNamespace("/" * 20_000)) for _ in range(300)),
        return_exceptions=True,
    )
    assert len(refusals) == 300
    assert all(isinstance(one, NetdError) for one in refusals)


async def test_closing_twice_is_closing_once_and_what_is_under_way_fails(helper: Helper) -> None:
    asked = asyncio.create_task(helper.netd.do(ListNamespaces()))
    await asyncio.sleep(0)
    helper.netd.close()
    helper.netd.close()
    with pytest.raises(NetdError, match="has ended"):
        await asked
    assert helper.netd.ended.done()
    assert await asyncio.to_thread(helper.process.process.wait, 10) == 0
