"""The daemon outlives the server: what the next one finds, and what the remote system notices."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfdd import meeting
from routeserver.bfdd.channel import Ready, decode
from routeserver.bfdd.client import BfdDaemon, BfdDaemonError, DaemonTimers
from routeserver.bfdd.daemon import Daemon
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.process import DaemonProcess
from routeserver.bfdd.spec import BfdChange, BfdSpec, Standing
from tests.bfdd.support import FAST, PATIENCE_S, STEADY, Place, Reports, eventually

EngineMaker = Callable[[Callable[[BfdChange], None]], BfdEngine]

ROOT = Path(__file__).parents[2]
TIMERS = DaemonTimers(grace_s=1.0, first_pause_s=0.01)


@dataclass
class Site:
    """A folder with a daemon in it, and the remote system of its one session."""

    place: Place
    folder: Path
    here: Reports
    there: Reports
    remote: BfdEngine

    @asynccontextmanager
    async def server(
        self, *, survives_stop: bool = False, linger_s: float = 60.0
    ) -> AsyncIterator[BfdDaemon]:
        daemon = BfdDaemon(
            self.here,
            self.folder,
            self.place.port,
            linger_s=linger_s,
            survives_stop=survives_stop,
            timers=TIMERS,
        )
        await daemon.start()
        try:
            yield daemon
        finally:
            await daemon.close()

    async def killed_owner(self, speed: str = "steady") -> None:
        """A server that brings the session up, and is then killed."""
        owner = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bfdd.owner",
            str(self.folder),
            str(self.place.port),
            self.place.here,
            self.place.there,
            speed,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert owner.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (line := await owner.stdout.readline()) != b"here True\n":
                    assert line  # one of its log
                await self.there.up("there")
        finally:
            owner.kill()
            await owner.wait()

    def discriminator(self) -> int:
        return self.remote._by_id["there"].session.remote_discriminator

    async def standing(self) -> Standing:
        """What a server that attaches and goes away again is told."""
        daemon = await DaemonProcess.find(self.folder)
        assert daemon is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await daemon.hear()
        await daemon.leave()
        assert line is not None
        ready = decode(line)
        if not isinstance(ready, Ready):  # the last one's leave is not over yet
            return await self.standing()
        return ready.standing[0]


@pytest.fixture
async def site(place: Place, tmp_path: Path, engine: EngineMaker) -> AsyncIterator[Site]:
    there = Reports()
    remote = engine(there)
    remote.converge({"there": place.spec(session_id="there", mirrored=True)})
    yield Site(place, tmp_path, Reports(), there, remote)
    left = await DaemonProcess.find(tmp_path)
    if left is not None:
        await left.end()


async def test_a_killed_server_is_not_noticed_and_the_next_one_learns_how_things_stand(
    site: Site,
) -> None:
    await site.killed_owner()
    discriminator = site.discriminator()
    async with site.server() as daemon:
        assert daemon.is_up("here")
        assert site.here.changes == []  # nobody has said what is wanted
        assert await daemon.converge({"here": site.place.spec()}) == {}
        [learnt] = site.here.changes
        assert (learnt.up, learnt.failure) == (True, False)
        assert daemon.is_up("here")
        assert [change.up for change in site.there.changes] == [True]
        assert site.discriminator() == discriminator
        assert daemon._handovers["here"].local_discriminator == discriminator
    assert not (await site.there.down("there")).failure


async def test_a_server_killed_again_and_again_is_not_noticed(site: Site) -> None:
    for _ in range(3):
        await site.killed_owner()
    assert [change.up for change in site.there.changes] == [True]


async def test_a_session_lost_while_nobody_listened_is_a_failure_when_somebody_does(
    site: Site,
) -> None:
    site.remote.converge({"there": site.place.spec(FAST, session_id="there", mirrored=True)})
    await site.killed_owner("fast")
    site.remote._by_id["there"].sender.close()
    async with asyncio.timeout(60):
        while (await site.standing()).up:
            pass
    async with site.server() as daemon:
        assert not daemon.is_up("here")
        await daemon.converge({"here": site.place.spec(FAST)})
        [lost] = site.here.changes
        assert (lost.up, lost.failure) == (False, True)
        assert "detection time" in lost.reason
        await daemon.converge({"here": site.place.spec(FAST)})
        assert len(site.here.changes) == 1


async def test_a_loss_between_two_servers_is_told_even_if_the_session_is_back(site: Site) -> None:
    await site.killed_owner()
    site.remote.converge({})
    site.remote.converge({"there": site.place.spec(session_id="there", mirrored=True)})
    async with asyncio.timeout(60):
        while not ((standing := await site.standing()).up and standing.loss):
            pass
    async with site.server() as daemon:
        assert daemon.is_up("here")
        await daemon.converge({"here": site.place.spec()})
        assert [(change.up, change.failure) for change in site.here.changes] == [
            (False, False),  # the other end took it down on purpose
            (True, False),
        ]


async def test_what_happens_before_the_first_intent_is_not_lost(site: Site) -> None:
    await site.killed_owner()
    async with site.server() as daemon:
        site.remote.converge({})
        await eventually(lambda: not daemon.is_up("here"))
        await daemon.converge({"here": site.place.spec()})
        [lost] = site.here.changes
        assert (lost.up, lost.failure, lost.admin_down) == (False, False, True)


async def test_the_next_server_is_told_whose_remote_system_is_administratively_down(
    site: Site,
) -> None:
    async with site.server(survives_stop=True) as daemon:
        await daemon.converge({"here": site.place.spec()})
        await site.here.up()
        site.remote.converge({})
        assert (await site.here.down()).admin_down
    async with asyncio.timeout(PATIENCE_S):
        while not (await site.standing()).admin_down:
            pass
    for _ in range(2):
        site.here.changes.clear()
        async with site.server(survives_stop=True) as daemon:
            await daemon.converge({"here": site.place.spec()})
            [told] = site.here.changes
            assert (told.up, told.failure, told.admin_down) == (False, False, True)
    async with site.server() as daemon:
        mirrored = site.place.spec(session_id="there", mirrored=True)
        site.remote.converge({"there": mirrored})
        await daemon.converge({"here": site.place.spec()})
        await site.here.up()
        assert not site.here.changes[-1].admin_down


async def test_what_the_remote_administrator_does_before_the_first_intent_is_not_lost(
    site: Site,
) -> None:
    await site.killed_owner()
    site.remote.converge({})
    async with asyncio.timeout(PATIENCE_S):
        while not (await site.standing()).admin_down:
            pass
    async with site.server() as daemon:
        session = BfdChange(
            "here", up=False, reason="", at=1.0, admin_down=False, already_down=True
        )
        daemon._changed(session)
        await daemon.converge({"here": site.place.spec()})
        [lost] = site.here.changes
        assert (lost.up, lost.admin_down) == (False, False)


async def test_what_the_next_server_does_not_want_is_ended_in_silence(site: Site) -> None:
    await site.killed_owner()
    elsewhere = BfdSpec("here", site.place.here, site.place.there[:-1] + "9", STEADY)
    async with site.server() as daemon:
        await daemon.converge({"here": elsewhere})
        assert not daemon.is_up("here")
        assert site.here.changes == []
        assert not (await site.there.down("there")).failure


async def test_an_orderly_stop_ends_it_at_once_with_admin_down(site: Site) -> None:
    async with site.server() as daemon:
        await daemon.converge({"here": site.place.spec()})
        await site.there.up("there")
    assert await DaemonProcess.find(site.folder) is None
    assert not (await site.there.down("there")).failure


async def test_an_orderly_stop_that_it_is_to_survive_is_not_noticed(site: Site) -> None:
    pids = set()
    for _ in range(2):
        async with site.server(survives_stop=True) as daemon:
            pids.add(daemon.pid)
            await daemon.converge({"here": site.place.spec()})
            await site.there.up("there")
    assert len(pids) == 1
    assert [change.up for change in site.there.changes] == [True]


async def test_without_a_time_to_linger_it_ends_with_the_server(site: Site) -> None:
    async with site.server(survives_stop=True, linger_s=0.0) as daemon:
        await daemon.converge({"here": site.place.spec()})
        await site.there.up("there")
    assert not (await site.there.down("there")).failure


async def test_other_timers_reach_a_daemon_that_was_taken_over_without_a_flap(site: Site) -> None:
    await site.killed_owner()
    async with site.server() as daemon:
        slower = replace(STEADY, desired_min_tx_us=60_000, detect_mult=100)
        await daemon.converge({"here": site.place.spec(slower)})
        session = site.remote._by_id["there"].session
        await eventually(lambda: session.detection_time_s == pytest.approx(6.0))
        assert [change.up for change in site.there.changes] == [True]
        assert [change.up for change in site.here.changes] == [True]


async def test_another_authentication_starts_the_session_anew(site: Site) -> None:
    auth = replace(STEADY, auth=BfdAuth(3, b"sesame", meticulous=True))
    async with site.server() as daemon:
        await daemon.converge({"here": site.place.spec()})
        await asyncio.gather(site.here.up(), site.there.up("there"))
        await daemon.converge({"here": site.place.spec(auth)})
        lost = await site.here.down()
        assert not lost.failure
        assert "authentication" in lost.reason
        assert not daemon.is_up("here")
        mirrored = site.place.spec(auth, session_id="there", mirrored=True)
        site.remote.converge({"there": mirrored})
        await asyncio.gather(site.here.up(), site.there.up("there"))
        assert daemon.is_up("here")


async def test_a_second_server_is_refused_with_the_reason(site: Site) -> None:
    async with site.server() as daemon:
        await daemon.converge({"here": site.place.spec()})
        timers = replace(TIMERS, answer_s=2.0)
        second = BfdDaemon(site.here, site.folder, site.place.port, timers=timers)
        with pytest.raises(BfdDaemonError, match=f"process {os.getpid()} already uses"):
            await second.start()
        await daemon.converge({"here": site.place.spec()})
        await site.there.up("there")


async def test_a_daemon_on_another_port_is_ended_and_replaced(site: Site) -> None:
    await site.killed_owner()
    daemon = BfdDaemon(site.here, site.folder, site.place.port + 1, timers=TIMERS)
    await daemon.start()
    assert not (await site.there.down("there")).failure
    assert not daemon.is_up("here")
    await daemon.close()


STRANGER = """
import sys
from pathlib import Path
from routeserver.bfdd import rendezvous
listener = rendezvous.listen(Path(sys.argv[1]))
listener.setblocking(True)
print("listening", flush=True)
connection, _ = listener.accept()
connection.sendall(sys.argv[2].encode() + b"\\n")
connection.recv(1)
"""


@pytest.mark.parametrize(
    "greeting",
    [
        '{"type":"ready","protocol":1,"port":1,"standing":[]}',
        '{"type":"ready"}',
        '{"type":"rejected","reason":""}',
        "220 smtp ready",
    ],
)
async def test_what_speaks_another_protocol_is_ended_and_replaced(
    site: Site, greeting: str
) -> None:
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STRANGER, str(site.folder), greeting, stdout=asyncio.subprocess.PIPE
    )
    assert stranger.stdout is not None
    await stranger.stdout.readline()
    async with site.server() as daemon:
        async with asyncio.timeout(PATIENCE_S):
            await stranger.wait()
        assert daemon.pid != stranger.pid
        await daemon.converge({"here": site.place.spec()})
        await site.there.up("there")


async def test_a_new_daemon_of_no_use_is_not_tried_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "PROTOCOL", 99)
    timers = replace(TIMERS, answer_s=3.0, first_pause_s=60.0)
    daemon = BfdDaemon(site.here, site.folder, site.place.port, timers=timers)
    with pytest.raises(BfdDaemonError, match="speaks protocol"):
        await daemon.start()
    assert await DaemonProcess.find(site.folder) is None


async def test_a_loss_told_to_a_server_that_is_already_dead_is_kept_for_the_next() -> None:
    daemon = Daemon(port=0, linger_s=60)
    try:
        daemon._is_led = True
        lost = BfdChange("here", up=False, reason="told", at=1.0, failure=True)
        daemon._changed(lost)
        assert daemon._losses == {}, "a server that lives has heard it"
        daemon._take_back()
        assert daemon._losses == {"here": lost}
        said = BfdChange("there", up=False, reason="", at=1.0, admin_down=True, already_down=True)
        daemon._changed(said)
        daemon._is_led = False
        daemon._changed(said)
        daemon._take_back()
        assert daemon._losses == {"here": lost}, "what is no loss is told as it stands"
    finally:
        daemon.close()
