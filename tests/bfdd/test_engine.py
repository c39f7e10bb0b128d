"""The engine on real loopback sockets: it finds its own kind, and nothing thrown at it matters."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfd.packet import ControlPacket, State, decode, encode
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd import engine as engine_module
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange, BfdSpec
from tests.bfdd.support import FAST, PATIENCE_S, STEADY, Place, Reports, eventually

EngineMaker = Callable[[Callable[[BfdChange], None]], BfdEngine]


def udp(address: str, port: int = 0, *, ttl: int = 255, shared: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made


async def received(sock: socket.socket) -> tuple[ControlPacket, tuple[str, int]]:
    async with asyncio.timeout(PATIENCE_S):
        data, source = await asyncio.get_running_loop().sock_recvfrom(sock, 200)
    return decode(data), source


async def test_two_engines_meet_on_loopback_and_a_death_is_detected(
    place: Place, engine: EngineMaker
) -> None:
    here, there = Reports(), Reports()
    one = engine(here)
    two = BfdEngine(there, port=place.port)
    assert one.converge({"here": place.spec(FAST)}) == {}
    assert two.converge({"there": place.spec(FAST, session_id="there", mirrored=True)}) == {}
    before = time.time()
    await asyncio.gather(here.up(), there.up("there"))
    assert one.is_up("here")
    assert before - 5 < here.changes[0].at < time.time() + 5
    two._by_id["there"].sender.close()  # it falls silent without a word
    down = await here.down()
    assert down.failure
    assert "detection time of 100 ms" in down.reason
    assert not one.is_up("here")
    two.close()


async def test_a_removed_session_tells_the_other_end_which_takes_it_for_no_failure(
    place: Place, engine: EngineMaker
) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    one.converge({"here": place.spec()})
    two.converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))
    one.converge({})
    assert not one.is_up("here")
    change = await there.down("there")
    assert not change.failure
    assert "administratively" in change.reason
    assert [c.up for c in here.changes] == [True]  # what was asked for is not reported

    one.converge({"here": place.spec()})  # while the old one is still taking its leave
    await asyncio.gather(here.up(), there.up("there"))


async def test_many_sessions_share_a_receiving_socket(place: Place, engine: EngineMaker) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    network = place.here.rpartition(".")[0]
    remotes = [f"{network}.{number}" for number in range(10, 40)]
    pairs = {f"s{remote}": BfdSpec(f"s{remote}", place.here, remote, STEADY) for remote in remotes}
    assert one.converge(pairs) == {}
    mirrored = {key: BfdSpec(key, s.remote, s.local, STEADY) for key, s in pairs.items()}
    assert two.converge(mirrored) == {}
    await here.until(lambda: sum(c.up for c in here.changes) == len(remotes))
    assert all(map(one.is_up, pairs))
    assert len(one._listeners) == 1
    one.converge({key: pairs[key] for key in list(pairs)[:1]})
    assert len(one._listeners) == 1


async def test_new_timers_reach_a_running_session_without_a_flap(
    place: Place, engine: EngineMaker
) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    one.converge({"here": place.spec()})
    two.converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))
    session = two._by_id["there"].session
    one.converge({"here": place.spec(BfdConfig(60_000, 60_000, 100))})
    await eventually(lambda: session.detection_time_s == pytest.approx(6.0))
    assert len(here.changes) == len(there.changes) == 1


async def test_packets_leave_as_rfc_5881_says(place: Place, engine: EngineMaker) -> None:
    with closing(udp(place.there, place.port)) as listener:
        listener.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
        engine(Reports()).converge({"here": place.spec(FAST)})
        async with asyncio.timeout(PATIENCE_S):
            readable = asyncio.Event()
            asyncio.get_running_loop().add_reader(listener, readable.set)
            await readable.wait()
            asyncio.get_running_loop().remove_reader(listener)
        _, ancillary, _, (address, port) = listener.recvmsg(200, 64)
        assert address == place.here
        assert 49152 <= port <= 65535
        assert ancillary[0][2][0] == 255


async def test_a_session_comes_up_by_hand_made_packets(place: Place, engine: EngineMaker) -> None:
    here = Reports()
    with closing(udp(place.there, place.port)) as remote:
        engine(here).converge({"here": place.spec()})
        first, _ = await received(remote)
        heard = ControlPacket(State.INIT, 7, first.my_discriminator, 3, 10_000_000, 50_000)
        remote.sendto(encode(heard), (place.here, place.port))
        await here.up()


def says(state: State, yours: int = 0, *, detect_mult: int = 200) -> bytes:
    return encode(ControlPacket(state, 7, yours, detect_mult, 50_000, 50_000))


def news(change: BfdChange) -> tuple[bool, bool, bool]:
    assert not change.failure
    return change.up, change.already_down, change.admin_down


async def test_a_remote_system_that_is_administratively_down_from_the_start_is_reported(
    place: Place, engine: EngineMaker
) -> None:
    here = Reports()
    one = engine(here)
    one.converge({"here": place.spec()})
    with closing(udp(place.there)) as remote:
        for state, is_admin_down in [(State.ADMIN_DOWN, True), (State.DOWN, False)] * 2:
            remote.sendto(says(state), (place.here, place.port))
            assert news(await here.next()) == (False, True, is_admin_down)
            assert one.standing()[0].admin_down == is_admin_down
    assert not one.is_up("here")


async def test_the_end_of_a_session_by_the_remote_administrator_is_reported_in_one(
    place: Place, engine: EngineMaker
) -> None:
    here = Reports()
    one = engine(here)
    one.converge({"here": place.spec()})
    mine = one._by_id["here"].session.local_discriminator
    with closing(udp(place.there)) as remote:
        remote.sendto(says(State.INIT, mine), (place.here, place.port))
        await here.up()
        remote.sendto(says(State.ADMIN_DOWN, mine, detect_mult=1), (place.here, place.port))
        await here.until(lambda: len(here.changes) == 3)  # it says no more
    _, down, over = here.changes
    assert news(down) == (False, False, True)
    assert news(over) == (False, True, False)
    assert "detection time" in over.reason


async def test_a_session_that_starts_anew_has_heard_nothing_of_its_remote_system(
    place: Place, engine: EngineMaker
) -> None:
    here = Reports()
    one = engine(here)
    one.converge({"here": place.spec()})
    with closing(udp(place.there)) as remote:
        remote.sendto(says(State.ADMIN_DOWN), (place.here, place.port))
        assert (await here.next()).admin_down
    one.converge({"here": place.spec(replace(STEADY, auth=BfdAuth(1, b"sesame")))})
    over = here.changes[-1]
    assert news(over) == (False, True, False)
    assert "authentication" in over.reason
    assert not one.standing()[0].admin_down


@pytest.mark.parametrize(
    ("ttl", "from_there", "yours", "word"),
    [
        (254, True, None, "TTL"),
        (255, False, None, "no session"),
        (255, False, 0, "no session"),
        (255, True, 12345, "no session"),
        (255, True, 0, "Your Discriminator is zero"),
    ],
)
async def test_a_forged_packet_is_discarded_with_a_reason(
    place: Place,
    engine: EngineMaker,
    *,
    ttl: int,
    from_there: bool,
    yours: int | None,
    word: str,
) -> None:
    here = Reports()
    one = engine(here)
    with closing(udp(place.there, place.port)) as remote:
        one.converge({"here": place.spec()})
        first, _ = await received(remote)
        discriminator = first.my_discriminator if yours is None else yours
        forged = encode(ControlPacket(State.UP, 7, discriminator, 3, 50_000, 50_000))
        source = place.there if from_there else place.here
        with closing(udp(source, ttl=ttl)) as forger:
            forger.sendto(forged, (place.here, place.port))
            await eventually(lambda: any(word in reason for reason in one.discards.total))
    assert here.changes == []


async def test_garbage_and_floods_do_not_disturb_a_session(
    place: Place, engine: EngineMaker
) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    one.converge({"here": place.spec()})
    two.converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))
    with closing(udp(place.there)) as thrower:
        for size in (0, 1, 11, 12, 23, 24, 25, 200, 1400):
            for _ in range(20):
                thrower.sendto(os.urandom(size), (place.here, place.port))
                thrower.sendto(bytes(size), (place.here, place.port))
        await eventually(lambda: sum(one.discards.total.values()) >= 100)
    assert one.is_up("here")
    assert len(here.changes) == 1


async def test_nobody_listening_there_is_no_error_here(place: Place, engine: EngineMaker) -> None:
    here, there = Reports(), Reports()
    one = engine(here)
    one.converge({"here": place.spec(FAST)})  # its first packet meets a closed port
    one.converge({"here": place.spec()})  # and so does the one that tells the new timers
    engine(there).converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))


async def test_a_daemon_on_the_wildcard_address_may_share_the_port(
    place: Place, engine: EngineMaker
) -> None:
    here, there = Reports(), Reports()
    with closing(udp("0.0.0.0", place.port, shared=True)):  # noqa: S104 - what is tested
        assert engine(here).converge({"here": place.spec()}) == {}
        assert engine(there).converge({"t": place.spec(session_id="t", mirrored=True)}) == {}
        await asyncio.gather(here.up(), there.up("t"))


@pytest.mark.parametrize("shared", [False, True])
async def test_an_address_that_another_process_has_is_refused(
    place: Place, engine: EngineMaker, shared: bool
) -> None:
    one = engine(Reports())
    with closing(udp(place.here, place.port, shared=shared)):
        errors = one.converge({"here": place.spec()})
        assert "in use" in errors["here"]
        assert "choose another BFD port" in errors["here"]
    assert one.converge({"here": place.spec()}) == {}


@pytest.mark.parametrize(
    ("local", "remote", "word"),
    [
        ("nonsense", "127.0.0.1", "nonsense"),
        ("127.0.0.1", "", "does not appear"),
        ("127.0.0.1", "127.0.0.1", "neighbours"),
        ("127.0.0.1", "::1", "neighbours"),
        ("fe80::1%lo", "fe80::2", "zone"),
    ],
)
async def test_addresses_that_make_no_session_are_refused(
    place: Place, engine: EngineMaker, local: str, remote: str, word: str
) -> None:
    one = engine(Reports())
    errors = one.converge({"s": BfdSpec("s", local, remote), "here": place.spec()})
    assert list(errors) == ["s"]
    assert word in errors["s"]


async def test_a_pair_of_addresses_has_one_session(place: Place, engine: EngineMaker) -> None:
    one = engine(Reports())
    errors = one.converge({"here": place.spec(), "again": place.spec(session_id="again")})
    assert errors == {"again": f"BFD from {place.here} to {place.there} is already session here"}


async def test_an_address_the_machine_does_not_have_yet_is_waited_for(
    place: Place, engine: EngineMaker
) -> None:
    one = engine(Reports())
    spec = BfdSpec("s", "192.0.2.7", "192.0.2.8", FAST)
    assert one.converge({"s": spec}) == {}
    assert not one.is_up("s")


class LateLoop:
    """The running loop, an hour later."""

    def time(self) -> float:
        return asyncio.get_running_loop().time() + 3600


async def test_a_process_that_was_kept_from_running_reads_before_it_judges(
    place: Place, engine: EngineMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    one.converge({"here": place.spec()})
    two.converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))
    running, remote = one._by_id["here"], two._by_id["there"]
    with monkeypatch.context() as patch:
        patch.setattr(one, "_loop", LateLoop())
        remote.sender.sendto(remote.session._encode(), remote.destination)
        one._due(running, one._loop.time())
        assert one.is_up("here")
        late = one._loop.time() + 3600
        one._due(running, late)  # now with nothing to read
        assert one.is_up("here"), "who has not listened cannot tell"
        one._due(running, late + 60)
        assert not one.is_up("here")


async def test_a_packet_behind_those_of_many_others_counts_before_a_verdict(
    place: Place, engine: EngineMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    network = place.here.rpartition(".")[0]
    pairs = {name: BfdSpec(name, place.here, f"{network}.{name}", STEADY) for name in ("77", "78")}
    one.converge(pairs)
    two.converge({key: BfdSpec(key, s.remote, s.local, STEADY) for key, s in pairs.items()})
    await here.until(lambda: all(map(one.is_up, pairs)))
    first, last = (two._by_id[name] for name in pairs)
    with monkeypatch.context() as patch:
        patch.setattr(one, "_loop", LateLoop())
        for _ in range(engine_module._DATAGRAMS_PER_TURN + 100):
            first.sender.sendto(first.session._encode(), first.destination)
        last.sender.sendto(last.session._encode(), last.destination)
        running = one._by_id["78"]
        running.session._excused_until = running.session._detect_at  # no more time for this silence
        one._due(running, one._loop.time())
        assert one.is_up("78")


async def test_a_deaf_callback_does_not_stop_the_engine(place: Place, engine: EngineMaker) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: complaints.append(context["exception"])
    )
    there = Reports()

    def fail(change: BfdChange) -> None:
        raise RuntimeError(change.session_id)

    one, two = engine(fail), engine(there)
    one.converge({"here": place.spec(FAST)})
    two.converge({"there": place.spec(FAST, session_id="there", mirrored=True)})
    await there.up("there")
    two.converge({})
    two.converge({"there": place.spec(FAST, session_id="there", mirrored=True)})
    await there.until(lambda: sum(c.up for c in there.changes) == 2)
    assert complaints
