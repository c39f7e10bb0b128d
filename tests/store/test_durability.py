"""What was acknowledged survives SIGKILL, and several processes on one file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.store.samples import HERE, peer, vpc

from routeserver.domain.resources import PeerState, RouteServerPeer, Vpc
from routeserver.store import Store
from routeserver.store.errors import BusyError

WRITE_FOREVER = """
import asyncio, itertools, sys
from routeserver.domain.resources import Vpc
from routeserver.store import Scope, Store

async def main():
    store = await Store.open(sys.argv[1])
    scope = Scope("111111111111", "eu-north-1")
    for n in itertools.count():
        async with store.write(scope) as tx:
            for half in "ab":
                id_ = f"vpc-{n}-{half}"
                vpc = Vpc(id_, scope.account_id, scope.region, n, "127.0.0.0/8", "available")
                await tx.insert(vpc)
        print(n, flush=True)

asyncio.run(main())
"""

OPEN_AND_WRITE = """
import asyncio, sys
from routeserver.domain.resources import Vpc
from routeserver.store import Scope, Store

async def main():
    sys.stdin.readline()
    store = await Store.open(sys.argv[1])
    scope = Scope("111111111111", "eu-north-1")
    for n in range(20):
        async with store.write(scope) as tx:
            id_ = f"vpc-{sys.argv[2]}-{n}"
            await tx.insert(Vpc(id_, scope.account_id, scope.region, n, "127.0.0.0/8", "available"))
    await store.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 30, 101])
def test_a_killed_process_has_lost_nothing_it_acknowledged(
    tmp_path: Path, acknowledged: int
) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    command = [sys.executable, "-c", WRITE_FOREVER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(acknowledged)]
        writer.kill()
        told += writer.stdout.readlines()

    found = {each.id for each in asyncio.run(_vpcs(url))}
    for line in told:
        assert {f"vpc-{line.strip()}-a", f"vpc-{line.strip()}-b"} <= found
    halves = {id_[:-2] for id_ in found}
    assert len(found) == 2 * len(halves), "a transaction was kept by half"
    assert len(halves) <= len(told) + 1


async def _vpcs(url: str) -> list[Vpc]:
    store = await Store.open(url)
    async with store.read(HERE) as tx:
        found = await tx.list(Vpc)
    await store.close()
    return found


def test_processes_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_WRITE, url, str(number)], stdin=subprocess.PIPE
        )
        for number in range(3)
    ]
    for writer in writers:
        writer.communicate(b"go\n") if writer is writers[-1] else _go(writer)
    for writer in writers:
        assert writer.wait() == 0
    assert len(asyncio.run(_vpcs(url))) == 60


def _go(writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdin is not None
    writer.stdin.write(b"go\n")
    writer.stdin.close()


async def test_stores_that_open_a_new_file_at_once_in_one_process_all_succeed(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    stores = await asyncio.gather(*(Store.open(url) for _ in range(4)))
    for number, store in enumerate(stores):
        async with store.write(HERE) as tx:
            await tx.insert(vpc(f"vpc-{number}", at=number))
    async with stores[0].read(HERE) as tx:
        assert len(await tx.list(Vpc)) == 4
    for store in stores:
        await store.close()


async def test_two_stores_on_one_database_never_both_advance_a_row(url: str) -> None:
    stores = [await Store.open(url, synchronous="OFF") for _ in range(2)]
    async with stores[0].write(HERE) as tx:
        await tx.insert(*(peer(f"rsp-{n}") for n in range(20)))

    async def advance_all(store: Store, state: PeerState) -> set[str]:
        won = set()
        for n in range(20):
            with suppress(BusyError):
                async with store.write(HERE) as tx:
                    has_moved = await tx.advance(peer(f"rsp-{n}"), state) is not None
                if has_moved:
                    won.add(f"rsp-{n}")
        return won

    states = [PeerState.AVAILABLE, PeerState.FAILING]
    first, second = await asyncio.gather(*map(advance_all, stores, states))
    assert first.isdisjoint(second)
    async with stores[0].read(HERE) as tx:
        for state, won in zip(states, (first, second), strict=True):
            assert {each.id for each in await tx.list(RouteServerPeer, state=state)} == won
    assert len(first | second) == 20
    for store in stores:
        await store.close()
