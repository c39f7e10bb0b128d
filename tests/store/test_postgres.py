"""PostgreSQL goes away and comes back: what was begun is gone whole, what comes after works."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from tests import postgres
from tests.store.samples import HERE, vpc

from routeserver.domain.resources import Vpc
from routeserver.store import Store, StoreError

pytestmark = pytest.mark.skipif(
    not postgres.installed(), reason="PostgreSQL is not installed (apt-get install postgresql)"
)

END_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.fixture(scope="module")
def fragile() -> Iterator[postgres.Cluster]:
    """A server that tests stop."""
    with postgres.cluster() as running:
        yield running


@pytest.fixture
async def store(fragile: postgres.Cluster) -> AsyncIterator[Store]:
    if fragile.process is None:
        fragile.start()
    store = await Store.open(fragile.url)
    async with store.write() as tx:
        for each in await tx.list(Vpc):
            await tx.delete(each)
    yield store
    await store.close()


async def ids(store: Store) -> set[str]:
    async with store.read(HERE) as tx:
        return {each.id for each in await tx.list(Vpc)}


async def test_a_connection_lost_in_a_transaction_takes_all_of_it(
    store: Store, fragile: postgres.Cluster
) -> None:
    with pytest.raises(StoreError) as caught:
        async with store.write(HERE) as tx:
            await tx.insert(vpc("vpc-1"))
            assert [each.id for each in await tx.list(Vpc)] == ["vpc-1"]
            fragile.sql(END_THE_OTHERS)
            await tx.insert(vpc("vpc-2"))
    assert "\n" not in str(caught.value)
    assert "check that the server is up" in str(caught.value) or "try again" in str(caught.value)
    assert await ids(store) == set()
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-3"))
    assert await ids(store) == {"vpc-3"}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_restarted_between_two_transactions_is_not_noticed(
    store: Store, fragile: postgres.Cluster, end: signal.Signals
) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-1"))
    fragile.stop(end)
    fragile.start()
    assert await ids(store) == {"vpc-1"}
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-2"))
    assert await ids(store) == {"vpc-1", "vpc-2"}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_is_gone_is_said_in_one_line(
    store: Store, fragile: postgres.Cluster, end: signal.Signals
) -> None:
    with pytest.raises(StoreError):
        async with store.write(HERE) as tx:
            await tx.insert(vpc("vpc-1"))
            await tx.list(Vpc)
            fragile.stop(end)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await ids(store)
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError) as caught:
        await Store.open(fragile.url)
    assert "\n" not in str(caught.value)
    fragile.start()
    assert await ids(store) == set()
