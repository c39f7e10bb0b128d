"""What ``/healthz`` says, of a server in every kind of trouble."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.simulation.virtual import VirtualLoop

from routeserver.app import health
from routeserver.app.health import Health, Vitals
from routeserver.control.reconcile.loop import ReconcileLoop
from routeserver.store import StoreError


async def well() -> None:
    pass


async def broken() -> None:
    raise StoreError("disk I/O error; look at the disk")


async def silent() -> None:
    await asyncio.Event().wait()


WELL = Vitals(
    bfd_pid=lambda: 4711,
    read_store=well,
    reconciler_failing_s=lambda: 0.0,
    reconciler_busy_s=lambda: 0.0,
    loop_lag_s=lambda: 0.02,
)


async def test_a_server_that_is_well_says_so() -> None:
    assert await Health(WELL, "1.2").report() == {"status": "ok", "version": "1.2"}


@pytest.mark.parametrize(
    ("vitals", "said"),
    [
        (replace(WELL, bfd_pid=lambda: None), "The BFD process is gone"),
        (replace(WELL, read_store=broken), "cannot be read: disk I/O error; look at the disk."),
        (replace(WELL, reconciler_failing_s=lambda: 31.0), "has not been carried out for 31 s"),
        (replace(WELL, reconciler_busy_s=lambda: 301.0), "on its way for 301 s"),
        (replace(WELL, loop_lag_s=lambda: 1.5), "was away for 1.5 s lately"),
    ],
)
async def test_each_trouble_has_its_sentence(vitals: Vitals, said: str) -> None:
    report = await Health(vitals, "1.2").report()
    assert report["status"] == "failing"
    [reason] = report["reasons"]
    assert said in reason


async def test_a_database_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "STORE_ANSWER_S", 0.0)
    report = await Health(replace(WELL, read_store=silent), "1").report()
    assert report["reasons"] == ["The database has not answered within 0 s."]


async def test_all_troubles_are_told_at_once() -> None:
    vitals = replace(WELL, bfd_pid=lambda: None, loop_lag_s=lambda: 9.0)
    assert len((await Health(vitals, "1").report())["reasons"]) == 2


async def test_a_short_failure_is_none_yet() -> None:
    vitals = replace(WELL, reconciler_failing_s=lambda: 29.0, loop_lag_s=lambda: 0.9)
    assert (await Health(vitals, "1").report())["status"] == "ok"


def test_the_reconciler_knows_for_how_long_it_has_failed() -> None:
    loop = VirtualLoop()
    fails = True

    async def activate() -> bool:
        if fails:
            raise OSError("no")
        return False

    async def play() -> None:
        nonlocal fails
        reconciling = ReconcileLoop(activate)
        await reconciling.start()
        await asyncio.sleep(60)
        assert reconciling.failing_s >= 59.0
        assert reconciling.busy_s == 0.0
        fails = False
        await asyncio.sleep(30)
        assert reconciling.failing_s == 0.0
        await reconciling.stop()

    loop.run_until_complete(play())
    loop.close()


def test_the_reconciler_knows_how_long_it_is_at_it() -> None:
    loop = VirtualLoop()

    async def activate() -> bool:
        await asyncio.sleep(100)
        return False

    async def play() -> None:
        reconciling = ReconcileLoop(activate)
        starting = asyncio.create_task(reconciling.start())
        await asyncio.sleep(40)
        assert 39.0 <= reconciling.busy_s <= 41.0
        await starting
        await reconciling.stop()

    loop.run_until_complete(play())
    loop.close()
