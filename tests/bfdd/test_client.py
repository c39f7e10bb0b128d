"""The server's side, with real daemons: what kills a daemon takes no session down."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from routeserver.bfdd.client import BfdDaemon, BfdDaemonError, DaemonTimers
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange
from tests.bfdd.support import FAST, PATIENCE_S, Place, Reports, eventually

EngineMaker = Callable[[Callable[[BfdChange], None]], BfdEngine]


@pytest.fixture
def here() -> Reports:
    return Reports()


@pytest.fixture
async def daemon(place: Place, here: Reports, tmp_path: Path) -> AsyncIterator[BfdDaemon]:
    started = BfdDaemon(
        here, tmp_path, place.port, timers=DaemonTimers(grace_s=1.0, first_pause_s=0.01)
    )
    await started.start()
    try:
        yield started
    finally:
        await started.close()


async def replaced(daemon: BfdDaemon, old: int | None) -> None:
    """Waits until a new daemon has answered."""
    await eventually(lambda: daemon.pid not in {old, None})
    await daemon.converge(daemon._desired)


async def test_a_session_comes_up_and_goes_down(
    place: Place, daemon: BfdDaemon, here: Reports, engine: EngineMaker
) -> None:
    there = Reports()
    other = engine(there)
    assert await daemon.converge({"here": place.spec(FAST)}) == {}
    other.converge({"there": place.spec(FAST, session_id="there", mirrored=True)})
    await here.up()
    assert daemon.is_up("here")
    other._by_id["there"].sender.close()
    change = await here.down()
    assert change.failure
    assert not daemon.is_up("here")


async def test_a_killed_daemon_is_replaced_and_neither_end_notices(
    place: Place, daemon: BfdDaemon, here: Reports, engine: EngineMaker
) -> None:
    there = Reports()
    other = engine(there)
    other.converge({"there": place.spec(session_id="there", mirrored=True)})
    await daemon.converge({"here": place.spec()})
    await asyncio.gather(here.up(), there.up("there"))
    await eventually(lambda: "here" in daemon._handovers)
    discriminator = other._by_id["there"].session.remote_discriminator
    for _ in range(2):
        killed = daemon.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await replaced(daemon, killed)
        await eventually(lambda: not daemon._reported._doubtful)
    assert [change.up for change in here.changes] == [True]
    assert [change.up for change in there.changes] == [True]
    assert other._by_id["there"].session.remote_discriminator == discriminator
    assert daemon.is_up("here")


async def test_a_remote_end_that_dies_with_the_daemon_is_reported_after_the_grace(
    place: Place, daemon: BfdDaemon, here: Reports, engine: EngineMaker
) -> None:
    other = engine(Reports())
    other.converge({"there": place.spec(FAST, session_id="there", mirrored=True)})
    await daemon.converge({"here": place.spec(FAST)})
    await here.up()
    killed = daemon.pid
    assert killed is not None
    other._by_id["there"].sender.close()
    os.kill(killed, signal.SIGKILL)
    change = await here.down()
    assert change.failure


async def test_intent_given_while_the_daemon_is_away_reaches_the_next_one(
    place: Place, daemon: BfdDaemon, here: Reports, engine: EngineMaker
) -> None:
    engine(Reports()).converge({"there": place.spec(session_id="there", mirrored=True)})
    assert daemon.pid is not None
    os.kill(daemon.pid, signal.SIGKILL)
    assert await daemon.converge({"here": place.spec()}) == {}
    await here.up()


async def test_a_daemon_that_does_not_answer_is_replaced(
    place: Place, here: Reports, tmp_path: Path
) -> None:
    timers = DaemonTimers(answer_s=1.0, first_pause_s=0.01)
    daemon = BfdDaemon(here, tmp_path, place.port, timers=timers)
    await daemon.start()
    stopped = daemon.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    errors = await daemon.converge({"here": place.spec()})
    assert "being restarted" in errors["here"]
    async with asyncio.timeout(PATIENCE_S):
        while await daemon.converge({"here": place.spec()}) != {}:
            pass
    assert daemon.pid != stopped
    await daemon.close()


async def test_what_cannot_run_is_answered_with_the_reason(place: Place, daemon: BfdDaemon) -> None:
    errors = await daemon.converge({"a": place.spec(), "b": place.spec(session_id="b")})
    assert list(errors.values()) == [
        f"BFD from {place.here} to {place.there} is already session here"
    ]


async def test_a_session_no_longer_wanted_is_not_up_and_not_reported(
    place: Place, daemon: BfdDaemon, here: Reports, engine: EngineMaker
) -> None:
    there = Reports()
    engine(there).converge({"there": place.spec(session_id="there", mirrored=True)})
    await daemon.converge({"here": place.spec()})
    await asyncio.gather(here.up(), there.up("there"))
    await daemon.converge({})
    assert not daemon.is_up("here")
    assert not (await there.down("there")).failure
    assert [change.up for change in here.changes] == [True]


async def test_a_listener_that_fails_does_not_end_bfd(
    place: Place, engine: EngineMaker, tmp_path: Path
) -> None:
    there = Reports()
    engine(there).converge({"there": place.spec(session_id="there", mirrored=True)})

    def fail(change: BfdChange) -> None:
        raise RuntimeError(change.session_id)

    daemon = BfdDaemon(fail, tmp_path, place.port)
    await daemon.start()
    await daemon.converge({"here": place.spec()})
    await there.up("there")
    pid = daemon.pid
    await eventually(lambda: daemon.is_up("here"))
    assert await daemon.converge({"here": place.spec()}) == {}
    assert daemon.pid == pid
    await daemon.close()


async def test_one_loss_that_cannot_be_told_hides_no_other_at_the_end_of_the_grace(
    tmp_path: Path,
) -> None:
    told: list[str] = []

    def fail(change: BfdChange) -> None:
        told.append(change.session_id)
        raise RuntimeError(change.session_id)

    daemon = BfdDaemon(fail, tmp_path)
    for session_id in ("a", "b"):
        daemon._reported.changed(BfdChange(session_id, up=True, reason="", at=0.0, failure=False))
    daemon._reported.daemon_died()
    daemon._end_grace()
    assert told == ["a", "b"]


async def test_a_daemon_that_cannot_start_is_an_error_of_one_line(
    place: Place, here: Reports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    timers = DaemonTimers(answer_s=0.2, first_pause_s=0.01)
    daemon = BfdDaemon(here, tmp_path, place.port, timers=timers)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(BfdDaemonError, match=r"does not start: .*/nonexistent/python"):
        await daemon.start()


async def test_a_daemon_that_ends_at_its_start_is_an_error_that_names_its_log(
    place: Place, here: Reports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    timers = DaemonTimers(answer_s=2.0, first_pause_s=60.0)
    (tmp_path / "bfd.sock").mkdir()
    daemon = BfdDaemon(here, tmp_path, place.port, timers=timers)
    with pytest.raises(BfdDaemonError, match=r"bfd\.log says why"):
        await daemon.start()
    assert "Error" in (tmp_path / "bfd.log").read_text()
