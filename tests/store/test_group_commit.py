"""Writers that share a commit: each whole or not at all, and none told before it is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, text
from tests.store.samples import vpc

from routeserver.domain.resources import Vpc
from routeserver.store import DuplicateError, GoneError, Store, StoreError
from routeserver.store.sqlite import SqliteEngine, Synchronous


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}", synchronous="OFF")
    yield store
    await store.close()


async def insert(store: Store, vpc_id: str, *, fail: bool = False) -> None:
    async with store.write() as tx:
        await tx.list(Vpc)
        await tx.insert(vpc(vpc_id))
        if fail:
            raise ZeroDivisionError


async def ids(store: Store) -> set[str]:
    async with store.read() as tx:
        return {each.id for each in await tx.list(Vpc)}


async def test_some_fail_and_the_others_are_kept(alone: Store) -> None:
    outcomes = await asyncio.gather(
        *(insert(alone, f"vpc-{number % 40}", fail=number % 7 == 3) for number in range(60)),
        return_exceptions=True,
    )
    kept = {f"vpc-{n % 40}" for n in range(60) if outcomes[n] is None}
    assert await ids(alone) == kept
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {type(None), ZeroDivisionError, DuplicateError}


async def test_a_commit_that_fails_fails_for_all_who_share_it(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await insert(alone, "vpc-first")

    def refuse(_connection: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("routeserver.store.group_commit.commit", refuse)
        outcomes = await asyncio.gather(
            *(insert(alone, f"vpc-{number}") for number in range(5)), return_exceptions=True
        )
    told = [outcome for outcome in outcomes if isinstance(outcome, StoreError)]
    assert len(told) >= 4
    assert await ids(alone) <= {"vpc-first", "vpc-4"}
    await insert(alone, "vpc-last")
    assert "vpc-last" in await ids(alone)


async def test_one_that_gives_up_waiting_takes_nobody_with_it(alone: Store) -> None:
    tasks = [asyncio.create_task(insert(alone, f"vpc-{number}")) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    surviving = {f"vpc-{n}" for n, outcome in enumerate(outcomes) if outcome is None}
    assert len(surviving) == 13
    assert surviving <= await ids(alone)
    await insert(alone, "vpc-last")


class Busy:
    """The writer's thread, until it is let go: meanwhile turns end and are gathered."""

    def __init__(self, store: Store) -> None:
        assert isinstance(store._engine, SqliteEngine)
        self._go = Event()
        self.performed: list[str] = []
        store._engine._writer.soon(self._wait)

    def _wait(self, connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_trace_callback(self.performed.append)
        self._go.wait()

    def let_go(self) -> None:
        self._go.set()

    def count(self, start: str) -> int:
        return sum(statement.startswith(start) for statement in self.performed)


async def put(store: Store, vpc_id: str, needs: str = "") -> None:
    """Asks nothing of the database before its end."""
    async with store.write() as tx:
        if needs:
            tx.require(Vpc, needs)
        await tx.insert(vpc(vpc_id))


async def together(store: Store, *writers: tuple[str, str]) -> tuple[list[object], Busy]:
    busy = Busy(store)
    tasks = [asyncio.create_task(put(store, *writer)) for writer in writers]
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    busy.let_go()
    return await asyncio.gather(*tasks, return_exceptions=True), busy


async def test_those_who_only_write_share_statements_and_a_commit(alone: Store) -> None:
    await put(alone, "vpc-base")
    outcomes, busy = await together(alone, *((f"vpc-{n}", "vpc-base") for n in range(16)))
    assert outcomes == [None] * 16
    assert await ids(alone) == {"vpc-base", *(f"vpc-{n}" for n in range(16))}
    counts = [busy.count(start) for start in ("INSERT", "SELECT", "SAVEPOINT", "COMMIT")]
    assert counts == [1, 1, 0, 1]


async def test_of_those_who_share_each_fails_alone(alone: Store) -> None:
    await put(alone, "vpc-taken")
    outcomes, _ = await together(
        alone, ("vpc-1", ""), ("vpc-taken", ""), ("vpc-2", "vpc-missing"), ("vpc-3", "vpc-1")
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        DuplicateError,
        GoneError,
        type(None),
    ]
    assert await ids(alone) == {"vpc-taken", "vpc-1", "vpc-3"}


async def test_more_than_share_a_commit_are_all_kept(alone: Store) -> None:
    outcomes, busy = await together(alone, *((f"vpc-{number}", "") for number in range(150)))
    assert outcomes == [None] * 150
    assert len(await ids(alone)) == 150
    assert busy.count("COMMIT") == 3


async def test_a_shared_commit_that_fails_fails_for_all(
    alone: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_connection: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("routeserver.store.group_commit.commit", refuse)
        outcomes, _ = await together(alone, *((f"vpc-{number}", "") for number in range(5)))
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 5
    assert await ids(alone) == set()
    await put(alone, "vpc-last")
    assert await ids(alone) == {"vpc-last"}


async def test_what_is_asked_after_a_turn_sees_what_it_wrote(alone: Store) -> None:
    busy = Busy(alone)
    first = asyncio.create_task(put(alone, "vpc-1"))
    await asyncio.sleep(0)

    async def look() -> set[str]:
        async with alone.write() as tx:
            return {each.id for each in await tx.list(Vpc)}

    second = asyncio.create_task(look())
    await asyncio.sleep(0)
    third = asyncio.create_task(put(alone, "vpc-3"))
    await asyncio.sleep(0)
    busy.let_go()
    await asyncio.gather(first, third)
    assert await second == {"vpc-1"}


async def test_closing_commits_what_waited_for_others(tmp_path: Path) -> None:
    engine = await SqliteEngine.open(tmp_path / "state.db", Synchronous.OFF, 1.0)
    gate, is_held = Event(), Event()
    writer = engine._writer

    def hold(_connection: Connection) -> None:
        is_held.set()
        gate.wait()

    async def write() -> None:
        async with engine.writer() as turn:
            await turn.run(lambda connection: connection.execute(text("CREATE TABLE kept (id)")))
            writer.soon(hold)
            await turn.commit()

    writing = asyncio.create_task(write())
    while not is_held.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)
    closing = asyncio.create_task(engine.close())
    # The end of the turn is not the last that the thread is asked for when it comes to it.
    while writer._thread._steps.qsize() < 2:  # noqa: ASYNC110 - a queue of a thread
        await asyncio.sleep(0)
    gate.set()
    async with asyncio.timeout(30):
        await asyncio.gather(writing, closing)
    again = await SqliteEngine.open(tmp_path / "state.db", Synchronous.OFF, 1.0)
    async with again.reader() as lease:
        await lease.run(lambda connection: connection.execute(text("SELECT id FROM kept")))
    await again.close()
