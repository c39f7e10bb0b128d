"""The daemon as a process: no line ends it but the last one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from routeserver.bfdd.channel import Changed, Converge, Converged, Message, Ready, Rejected, decode
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.process import DaemonProcess
from tests.bfdd.support import PATIENCE_S, Place, Reports


@pytest.fixture
async def daemon(place: Place) -> AsyncIterator[DaemonProcess]:
    process = await DaemonProcess.start(place.port)
    try:
        yield process
    finally:
        await process.end()


async def heard(daemon: DaemonProcess) -> Message:
    async with asyncio.timeout(PATIENCE_S):
        line = await daemon.hear()
    assert line is not None
    return decode(line)


async def test_it_says_that_it_is_ready_and_ends_with_its_channel(place: Place) -> None:
    daemon = await DaemonProcess.start(place.port)
    assert await heard(daemon) == Ready()
    assert await daemon.end() == 0


async def test_it_ends_orderly_on_sigterm_and_not_at_all_on_sigint(place: Place) -> None:
    daemon = await DaemonProcess.start(place.port)
    assert await heard(daemon) == Ready()
    daemon._process.send_signal(signal.SIGINT)
    daemon.say(Converge(1, ()))
    assert await heard(daemon) == Converged(1, {})
    daemon._process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await daemon.hear() is None
    assert await daemon.end() == 0


async def test_no_line_harms_it(daemon: DaemonProcess) -> None:
    assert await heard(daemon) == Ready()
    lines = [
        b"\n",
        b"{}\n",
        b"\xff\x00\n",
        b"[" * 200_000 + b"\n",
        b'{"type":"converge","serial":1,"sessions":[{}],"handovers":{}}\n',
        b'{"type":"ready"}\n',
    ]
    for line in lines:
        daemon._writer.write(line)
        assert isinstance(await heard(daemon), Rejected)
    daemon.say(Converge(2, ()))
    assert await heard(daemon) == Converged(2, {})


async def test_a_line_beyond_all_bounds_is_refused(daemon: DaemonProcess) -> None:
    assert await heard(daemon) == Ready()
    daemon._writer.write(b"x" * ((1 << 24) + 100) + b"\n")
    assert isinstance(await heard(daemon), Rejected)
    daemon.say(Converge(2, ()))
    message = await heard(daemon)
    while isinstance(message, Rejected):
        message = await heard(daemon)
    assert message == Converged(2, {})


async def test_it_runs_sessions_and_reports_them(place: Place, daemon: DaemonProcess) -> None:
    assert await heard(daemon) == Ready()
    there = Reports()
    engine = BfdEngine(there, port=place.port)
    engine.converge({"there": place.spec(session_id="there", mirrored=True)})
    daemon.say(Converge(7, (place.spec(), place.spec(session_id="twice"))))
    answer = await heard(daemon)
    assert isinstance(answer, Converged)
    assert answer.serial == 7
    assert list(answer.errors) == ["twice"]
    changed = await heard(daemon)
    assert isinstance(changed, Changed)
    assert (changed.change.session_id, changed.change.up) == ("here", True)
    await there.up("there")
    await daemon.end()
    assert not (await there.down("there")).failure
    engine.close()
