"""The owner of a RIB: decisions in slices, back pressure, and a sink that may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from routeserver.net.attribute_set import set_of
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.path import Path, Source
from routeserver.rib.retention import Retention
from routeserver.rib.rib import Rib
from routeserver.speaker.announcement import synthetic_prefixes
from routeserver.speaker.owner import BACKLOG_SLICES, RibOwner
from tests.speaker.support import RecordingSink

SLICE = 10
ATTRIBUTES = PathAttributes(Origin.IGP, (), IPv4Address("127.77.1.10"))


class Tap:
    """A source of routes that notes when it is made to wait."""

    def __init__(self) -> None:
        self.flow: list[str] = []
        self.is_paused = False
        self.resumed = asyncio.Event()

    def pause(self) -> None:
        self.is_paused = True
        self.flow.append("paused")

    def resume(self) -> None:
        self.is_paused = False
        self.flow.append("resumed")
        self.resumed.set()


class RecordingFollower:
    """Notes what it is told, and how much the RIB still had when a peer was lost."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.rib = Rib()
        self.routes_at_loss = 0

    def routes_touched(self, route_server_id: str, batch: RouteBatch | None) -> None:
        del route_server_id
        self.told.append(("touched", "all" if batch is None else str(len(batch))))

    def peer_lost(self, route_server_id: str, peer_id: str) -> None:
        del route_server_id
        self.told.append(("lost", peer_id))
        self.routes_at_loss = self.rib.counts.rib_routes

    def peer_back(self, peer_id: str) -> None:
        self.told.append(("back", peer_id))


def _owner(sink: RecordingSink, follower: RecordingFollower | None = None) -> RibOwner:
    owner = RibOwner(
        "rs-1",
        rib=Rib(),
        retention=Retention(enabled=False, duration_s=60),
        sink=sink,
        clock=lambda: 0.0,
        slice_size=SLICE,
        follower=follower,
    )
    if follower is not None:
        follower.rib = owner.rib
    owner.session_up(Source("rsp-a", "rse-1", 1, 1))
    return owner


def _announced(prefixes: Sequence[Prefix]) -> RouteBatch:
    return RouteBatch.of(Family.IPV4, [(set_of(ATTRIBUTES), prefixes)])


async def test_decisions_are_made_in_slices_with_turns_between_them(sink: RecordingSink) -> None:
    owner = _owner(sink)
    turns: list[str] = []
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(35))), Tap())
    assert sink.deltas == []
    asyncio.get_running_loop().call_soon(turns.append, "somebody else's turn")
    await sink.until(lambda: len(sink.deltas) == 1)
    assert turns
    await sink.until(lambda: len(sink.fibs["rs-1"]) == 35)
    assert [len(delta) for _, delta in sink.deltas] == [10, 10, 10, 5]


async def test_who_is_faster_than_the_decision_waits_for_it(sink: RecordingSink) -> None:
    owner, tap = _owner(sink), Tap()
    prefixes = list(synthetic_prefixes(BACKLOG_SLICES * SLICE + 1))
    owner.apply("rsp-a", _announced(prefixes[:-1]), tap)
    assert not tap.is_paused
    owner.apply("rsp-a", _announced(prefixes[-1:]), tap)
    assert tap.is_paused
    await tap.resumed.wait()
    assert tap.flow == ["paused", "resumed"]
    assert owner.rib.pending() <= SLICE


async def test_routes_that_come_and_go_without_end_keep_nobody_else_waiting(
    sink: RecordingSink,
) -> None:
    """Each loss has the whole table looked at; who does it again and again never lets it end."""
    owner, tap = _owner(sink), Tap()
    known = list(synthetic_prefixes(100 * SLICE))
    for start in range(0, len(known), SLICE):
        owner.apply("rsp-a", _announced(known[start : start + SLICE]), Tap())
        await asyncio.sleep(0)
    await sink.until(lambda: owner.rib.pending() == 0)
    # What it takes to be made to wait.
    again = RouteBatch.of(Family.IPV4, [(set_of(ATTRIBUTES), known[: BACKLOG_SLICES * SLICE + 1])])
    owner.apply("rsp-a", again, tap)
    assert tap.is_paused
    turns = 0
    while tap.is_paused:
        owner.session_up(Source("rsp-b", "rse-1", 2, 2))
        owner.apply("rsp-b", _announced(known[-1:]), Tap())
        owner.session_down("rsp-b")
        assert owner.rib.pending() > 8 * SLICE
        await asyncio.sleep(0)
        turns += 1
        assert turns <= 2 * BACKLOG_SLICES


async def test_who_is_gone_is_not_resumed(sink: RecordingSink) -> None:
    owner, tap = _owner(sink), Tap()
    count = BACKLOG_SLICES * SLICE + 1
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(count))), tap)
    owner.stop_waiting(tap)
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == count)
    assert tap.flow == ["paused"]


async def test_a_lost_session_joins_at_the_changed_prefixes(sink: RecordingSink) -> None:
    owner = _owner(sink)
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(15))), Tap())
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 15)
    owner.session_down("rsp-a")
    await sink.until(lambda: not sink.fibs["rs-1"])
    assert [len(delta) for _, delta in sink.deltas] == [10, 5, 10, 5]


class FailingSink(RecordingSink):
    def fib_changed(self, route_server_id: str, delta: Mapping[Prefix, Path | None]) -> None:
        super().fib_changed(route_server_id, delta)
        raise RuntimeError("the sink failed")


async def test_a_sink_that_fails_stops_no_decision() -> None:
    sink = FailingSink()
    owner = _owner(sink)
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(25))), Tap())
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 25)


async def test_a_closed_owner_decides_nothing_more(sink: RecordingSink) -> None:
    owner = _owner(sink)
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(5))), Tap())
    owner.close()
    owner.session_down("rsp-a")
    await asyncio.sleep(0)
    assert sink.deltas == []


async def test_a_follower_is_told_of_a_loss_before_the_first_route_goes(
    sink: RecordingSink,
) -> None:
    follower = RecordingFollower()
    owner = _owner(sink, follower)
    owner.session_up(Source("rsp-b", "rse-1", 2, 2))
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(15))), Tap())
    assert follower.told == [("back", "rsp-a"), ("back", "rsp-b"), ("touched", "15")]
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 15)
    owner.session_down("rsp-a")
    assert follower.told[3:] == [("lost", "rsp-a"), ("touched", "all")]
    assert follower.routes_at_loss == 15
    await sink.until(lambda: not sink.fibs["rs-1"])


async def test_a_follower_hears_nothing_of_a_peer_whose_routes_are_kept(
    sink: RecordingSink,
) -> None:
    follower = RecordingFollower()
    owner = _owner(sink, follower)
    owner.configure(persist=True, duration_s=60)
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(5))), Tap())
    owner.session_down("rsp-a")
    assert follower.told == [("back", "rsp-a")]
    owner.peer_removed("rsp-a")
    assert follower.told[1:] == [("lost", "rsp-a")]


async def test_a_follower_hears_nothing_of_sessions_that_the_end_of_the_process_ends(
    sink: RecordingSink,
) -> None:
    follower = RecordingFollower()
    owner = _owner(sink, follower)
    owner.apply("rsp-a", _announced(list(synthetic_prefixes(5))), Tap())
    told = list(follower.told)
    owner.close()
    owner.session_down("rsp-a")
    assert follower.told == told
