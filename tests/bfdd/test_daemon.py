"""The daemon as a process: no line ends it, one server owns it, left alone it ends by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routeserver.bfdd import rendezvous
from routeserver.bfdd.channel import (
    PROTOCOL,
    Attach,
    Changed,
    Converge,
    Converged,
    Message,
    PacketsDiscarded,
    Ready,
    Refused,
    Rejected,
    decode,
)
from routeserver.bfdd.daemon import Daemon
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.process import DaemonProcess
from tests.bfdd.support import PATIENCE_S, Place, Reports


@pytest.fixture
async def daemon(place: Place, tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    process = await DaemonProcess.start(tmp_path, place.port, 0.0)
    try:
        yield process
    finally:
        await process.end()


async def heard(daemon: DaemonProcess) -> Message:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            line = await daemon.hear()
            assert line is not None
            message = decode(line)
            if not isinstance(message, PacketsDiscarded):
                return message


async def gone(daemon: DaemonProcess) -> None:
    assert await daemon._is_gone(PATIENCE_S)


async def test_it_greets_with_what_it_speaks_and_ends_with_its_channel(
    place: Place, tmp_path: Path
) -> None:
    daemon = await DaemonProcess.start(tmp_path, place.port, 0.0)
    assert await heard(daemon) == Ready(PROTOCOL, place.port)
    assert await daemon.leave(gone_within_s=PATIENCE_S)


async def test_it_ends_orderly_on_sigterm_and_not_at_all_on_sigint(
    place: Place, daemon: DaemonProcess
) -> None:
    assert isinstance(await heard(daemon), Ready)
    os.kill(daemon.pid, signal.SIGINT)
    daemon.say(Converge(1, ()))
    assert await heard(daemon) == Converged(1, {})
    os.kill(daemon.pid, signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await daemon.hear() is None
    await gone(daemon)


async def test_it_is_in_no_group_or_session_of_its_server(daemon: DaemonProcess) -> None:
    assert os.getsid(daemon.pid) == os.getpgid(daemon.pid) == daemon.pid
    assert os.readlink(f"/proc/{daemon.pid}/cwd") == "/"  # noqa: PTH115 - nothing that blocks


async def test_only_its_user_reaches_it(daemon: DaemonProcess, tmp_path: Path) -> None:
    mode = (tmp_path / rendezvous.SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE((tmp_path / rendezvous.LOG).stat().st_mode) == 0o600


async def test_a_second_server_is_refused_and_told_by_whom(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    assert isinstance(await heard(daemon), Ready)
    second = await DaemonProcess.find(tmp_path)
    assert second is not None
    refused = await heard(second)
    assert isinstance(refused, Refused)
    assert f"process {os.getpid()} already uses" in refused.reason
    assert await second.hear() is None
    assert not await second.leave()
    daemon.say(Converge(1, ()))
    assert await heard(daemon) == Converged(1, {})


async def test_another_user_is_refused(place: Place) -> None:
    daemon = Daemon(place.port, 0.0)
    me = os.geteuid()
    assert daemon._refusal(rendezvous.Credentials(1, me)) is None
    refusal = daemon._refusal(rendezvous.Credentials(1, me + 1))
    assert refusal == f"this BFD daemon belongs to user {me}, not to user {me + 1}"
    daemon.close()


async def test_a_daemon_of_another_user_is_not_spoken_to(
    daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = rendezvous.Credentials(daemon.pid, os.geteuid() + 1)
    with monkeypatch.context() as patch:
        patch.setattr(rendezvous, "credentials", lambda _: foreign)
        with pytest.raises(PermissionError, match="held by a process of user"):
            await DaemonProcess.find(tmp_path)


async def test_the_directory_may_have_a_long_name_and_a_dead_socket(
    place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    rendezvous.listen(folder).close()
    assert await DaemonProcess.find(folder) is None
    daemon = await DaemonProcess.start(folder, place.port, 0.0)
    assert isinstance(await heard(daemon), Ready)
    await daemon.end()


async def test_left_alone_it_says_admin_down_and_ends_by_itself(
    place: Place, tmp_path: Path
) -> None:
    there = Reports()
    engine = BfdEngine(there, port=place.port)
    engine.converge({"there": place.spec(session_id="there", mirrored=True)})
    daemon = await DaemonProcess.start(tmp_path, place.port, 60.0)
    daemon.say(Attach(0.3))
    daemon.say(Converge(1, (place.spec(),)))
    await there.up("there")
    assert not await daemon.leave()
    change = await there.down("there")
    assert not change.failure
    engine.close()
    assert await DaemonProcess.find(tmp_path) is None


async def test_no_line_harms_it(daemon: DaemonProcess) -> None:
    assert isinstance(await heard(daemon), Ready)
    lines = [
        b"\n",
        b"{}\n",
        b"\xff\x00\n",
        b"[" * 200_000 + b"\n",
        b'{"type":"converge","serial":1,"sessions":[{}],"handovers":{}}\n',
        b'{"type":"ready","protocol":1,"port":1,"standing":[]}\n',
        b'{"type":"attach","linger_s":-1}\n',
    ]
    for line in lines:
        daemon._writer.write(line)
        assert isinstance(await heard(daemon), Rejected)
    daemon.say(Converge(2, ()))
    assert await heard(daemon) == Converged(2, {})


async def test_a_line_beyond_all_bounds_is_refused(daemon: DaemonProcess) -> None:
    assert isinstance(await heard(daemon), Ready)
    daemon._writer.write(b"x" * ((1 << 24) + 100) + b"\n")
    assert isinstance(await heard(daemon), Rejected)
    daemon.say(Converge(2, ()))
    message = await heard(daemon)
    while isinstance(message, Rejected):
        message = await heard(daemon)
    assert message == Converged(2, {})


async def test_it_runs_sessions_and_reports_them(place: Place, daemon: DaemonProcess) -> None:
    assert isinstance(await heard(daemon), Ready)
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
    os.kill(daemon.pid, signal.SIGTERM)
    assert not (await there.down("there")).failure
    engine.close()
