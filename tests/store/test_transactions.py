"""What a transaction promises: all or nothing, one view, and a wake-up when something changed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.store.samples import HERE, vpc

from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Vpc
from routeserver.store import DuplicateError, Store, StoreError


async def test_an_exception_rolls_everything_back(store: Store) -> None:
    with pytest.raises(Refusal):
        async with store.write(HERE) as tx:
            await tx.insert(vpc())
            await tx.put_tags([("vpc-1", "vpc")], {"a": "b"})
            raise Refusal("DryRunOperation", "Request would have succeeded.", 412)
    async with store.read(HERE) as tx:
        assert await tx.list(Vpc) == []
        assert await tx.list_tags() == []


async def test_a_failed_statement_rolls_everything_back_and_the_next_writer_works(
    store: Store,
) -> None:
    with pytest.raises(DuplicateError):
        async with store.write(HERE) as tx:
            await tx.insert(vpc())
            await tx.insert(vpc())
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-2"))
    async with store.read(HERE) as tx:
        assert await tx.list(Vpc) == [vpc("vpc-2")]


async def test_a_cancelled_writer_leaves_nothing_behind(store: Store) -> None:
    inserted = asyncio.Event()

    async def write_and_wait() -> None:
        async with store.write(HERE) as tx:
            await tx.insert(vpc())
            inserted.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write_and_wait())
    await inserted.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with store.write(HERE) as tx:
        assert await tx.list(Vpc) == []
        await tx.insert(vpc())


@pytest.mark.parametrize("turns", range(6))
async def test_a_writer_cancelled_at_any_point_writes_all_or_nothing(
    store: Store, turns: int
) -> None:
    async def write() -> None:
        async with store.write(HERE) as tx:
            await tx.insert(vpc("vpc-1"))
            await tx.insert(vpc("vpc-2"))

    writer = asyncio.create_task(write())
    for _ in range(turns):
        await asyncio.sleep(0)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    async with store.read(HERE) as tx:
        assert len(await tx.list(Vpc)) in {0, 2}


async def test_a_reader_sees_one_moment(store: Store) -> None:
    async with store.read(HERE) as reader:
        assert await reader.list(Vpc) == []
        async with store.write(HERE) as writer:
            await writer.insert(vpc())
            assert await writer.list(Vpc) == [vpc()]
        assert await reader.list(Vpc) == []
    async with store.read(HERE) as reader:
        assert await reader.list(Vpc) == [vpc()]


async def test_more_readers_than_connections_take_turns(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc())

    async def read() -> list[Vpc]:
        async with store.read(HERE) as tx:
            return await tx.list(Vpc)

    assert await asyncio.gather(*(read() for _ in range(50))) == [[vpc()]] * 50


async def test_who_is_done_reading_keeps_nobody_from_it(store: Store) -> None:
    async with AsyncExitStack() as held:
        for _ in range(50):
            tx = await held.enter_async_context(store.read(HERE))
            assert await tx.list(Vpc) == []
            await tx.done_reading()
        with pytest.raises(ValueError, match="done reading"):
            await tx.list(Vpc)


async def test_a_reading_transaction_cannot_write(store: Store) -> None:
    async with store.read(HERE) as tx:
        with pytest.raises(TypeError, match=r"Store\.write"):
            await tx.insert(vpc())


async def test_a_commit_that_changed_something_is_told(store: Store) -> None:
    told: list[str] = []
    store.on_commit = lambda: told.append("commit")
    async with store.write(HERE) as tx:
        await tx.insert(vpc())
        assert told == []
    assert told == ["commit"]


async def test_nobody_is_woken_when_nothing_was_committed(store: Store) -> None:
    told: list[str] = []
    store.on_commit = lambda: told.append("commit")
    async with store.write(HERE) as tx:
        await tx.list(Vpc)
    async with store.read(HERE) as tx:
        await tx.list(Vpc)
    with pytest.raises(RuntimeError):
        async with store.write(HERE) as tx:
            await tx.insert(vpc())
            raise RuntimeError
    async with store.write(HERE):
        pass
    assert told == []


async def test_a_store_opened_again_continues(url: str) -> None:
    first = await Store.open(url, synchronous="OFF")
    async with first.write(HERE) as tx:
        await tx.insert(vpc())
    await first.close()
    second = await Store.open(url, synchronous="OFF")
    async with second.read(HERE) as tx:
        assert await tx.list(Vpc) == [vpc()]
    await second.close()


async def test_a_closed_store_says_so_and_can_be_closed_again(url: str) -> None:
    store = await Store.open(url, synchronous="OFF")
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="the store is closed"):
        async with store.read(HERE) as tx:
            await tx.list(Vpc)
    with pytest.raises(StoreError, match="the store is closed"):
        async with store.write(HERE) as tx:
            await tx.insert(vpc())


async def test_closing_waits_for_the_writer_in_hand(url: str) -> None:
    store = await Store.open(url, synchronous="OFF")
    async with store.write(HERE) as tx:
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        await tx.insert(vpc())
    await closing
    again = await Store.open(url, synchronous="OFF")
    async with again.read(HERE) as tx:
        assert await tx.list(Vpc) == [vpc()]
    await again.close()
