"""Writers that share a commit: each whole or not at all, and none told before it is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.samples import vpc

from routeserver.domain.resources import Vpc
from routeserver.store import DuplicateError, Store, StoreError


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
