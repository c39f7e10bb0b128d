"""Route tables follow the FIB, and a data plane that fails once is put right by the next repair."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.control.reconcile import tables as under_test
from routeserver.control.reconcile.tables import Owners, RouteTables
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.plan import Change, Tally
from routeserver.domain.routing import Entry, TableIntent, Verdicts, desired
from routeserver.net.attribute_set import set_of
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.path import Path, Source
from routeserver.rib.rib import Rib

ONE, TWO, THREE = (parse_prefix(f"10.{n}.0.0/16") for n in (1, 2, 3))
HOP = IPv4Address("10.0.1.10")
OWNERS: dict[str, Owners] = {"vpc-1": {HOP: "eni-1"}}
ATTRIBUTES = PathAttributes(Origin.IGP, (AsSegment(SegmentKind.AS_SEQUENCE, (65001,)),), HOP)


def intent(limit: int | None = None, occupied: dict[Prefix, str] | None = None) -> TableIntent:
    return TableIntent("rtb-1", "vpc-1", occupied or {}, ("rs-1",), limit)


def a_rib() -> Rib:
    rib = Rib()
    rib.peer_up(Source("rsp-1", "rse-1", 1, 1))
    return rib


def announce(rib: Rib, *prefixes: Prefix) -> Mapping[Prefix, Path | None]:
    rib.apply("rsp-1", RouteBatch.of(Family.IPV4, [(set_of(ATTRIBUTES), prefixes)]))
    return rib.decide(100)


def withdraw(rib: Rib, *prefixes: Prefix) -> Mapping[Prefix, Path | None]:
    rib.apply("rsp-1", RouteBatch.of(Family.IPV4, [(None, prefixes)]))
    return rib.decide(100)


class FailingOnce(MemoryDataPlane):
    """Fails at the first write after `fail` is set."""

    fail = False

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        if self.fail:
            self.fail = False
            raise OSError("no buffer space")
        await super().apply(route_table_id, changes)

    async def assign(
        self,
        route_table_id: str,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        if self.fail:
            self.fail = False
            raise OSError("no buffer space")
        return await super().assign(route_table_id, prefixes, numbers, entries)

    async def forget(self, route_table_id: str) -> None:
        if self.fail:
            self.fail = False
            raise OSError("no buffer space")
        await super().forget(route_table_id)


async def test_a_changed_fib_reaches_the_table_and_leaves_it_again() -> None:
    rib = a_rib()
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    await tables.converge({"rtb-1": intent()}, OWNERS)
    tables.fib_changed("rs-1", announce(rib, ONE, TWO))
    await tables.settled()
    assert tables.read("rtb-1").keys() == {ONE, TWO}
    tables.fib_changed("rs-1", withdraw(rib, ONE))
    await tables.settled()
    assert tables.read("rtb-1").keys() == {TWO}
    await tables.converge({}, OWNERS)
    assert not tables.read("rtb-1")


async def test_what_a_full_table_refused_is_installed_when_there_is_room() -> None:
    rib = a_rib()
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    await tables.converge({"rtb-1": intent(limit=2)}, OWNERS)
    tables.fib_changed("rs-1", announce(rib, ONE, TWO, THREE))
    await tables.settled()
    assert tables.read("rtb-1").keys() == {ONE, TWO}
    [refused] = tables.installations("rs-1", THREE, ["rtb-1"])
    assert not refused.installed
    assert "maximum of 2" in (refused.reason or "")
    tables.fib_changed("rs-1", withdraw(rib, ONE))
    await tables.settled()
    assert tables.read("rtb-1").keys() == {TWO, THREE}


async def test_room_made_by_a_later_slice_is_given_to_what_an_earlier_one_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_test, "SLICE", 1)
    rib = a_rib()
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    await tables.converge({"rtb-1": intent(limit=1)}, OWNERS)
    tables.fib_changed("rs-1", announce(rib, TWO))
    await tables.settled()
    runs = [(None, [TWO]), (set_of(ATTRIBUTES), [ONE])]
    rib.apply("rsp-1", RouteBatch.of(Family.IPV4, runs))
    tables.fib_changed("rs-1", rib.decide(100))
    await tables.settled()
    assert tables.read("rtb-1").keys() == {ONE}
    [installed] = tables.installations("rs-1", ONE, ["rtb-1"])
    assert installed.installed


async def test_a_reason_goes_when_its_cause_goes() -> None:
    rib = a_rib()
    announce(rib, ONE)
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    await tables.converge({"rtb-1": intent(occupied={ONE: "A static route is there."})}, OWNERS)
    [refused] = tables.installations("rs-1", ONE, ["rtb-1"])
    assert refused.reason == "A static route is there."
    await tables.converge({"rtb-1": intent()}, OWNERS)
    [installed] = tables.installations("rs-1", ONE, ["rtb-1"])
    assert installed.installed


async def test_a_data_plane_that_failed_is_put_right_by_the_next_activation() -> None:
    rib = a_rib()
    plane = FailingOnce()
    tables = RouteTables(plane, lambda _: rib.fib)
    await tables.converge({"rtb-1": intent()}, OWNERS)
    plane.fail = True
    tables.fib_changed("rs-1", announce(rib, ONE))
    await tables.settled()
    assert not tables.read("rtb-1")
    await tables.converge({"rtb-1": intent()}, OWNERS)
    assert tables.read("rtb-1").keys() == {ONE}


async def test_a_table_that_could_not_be_emptied_is_emptied_by_the_next_activation() -> None:
    rib = a_rib()
    announce(rib, ONE)
    plane = FailingOnce()
    tables = RouteTables(plane, lambda _: rib.fib)
    await tables.converge({"rtb-1": intent()}, OWNERS)
    plane.fail = True
    with pytest.raises(OSError, match="no buffer space"):
        await tables.converge({}, OWNERS)
    assert tables.read("rtb-1")
    await tables.converge({}, OWNERS)
    assert not tables.read("rtb-1")


POOL = tuple(parse_prefix(f"10.{n}.0.0/16") for n in range(8))
HOPS = (HOP, IPv4Address("192.0.2.1"))
SERVERS = ("rs-1", "rs-2")
PATHS = tuple(
    Path(
        Source(f"rsp-{server}", "rse-1", number, number),
        set_of(PathAttributes(Origin.IGP, (), hop, med=med)),
    )
    for number, server in enumerate(SERVERS)
    for hop in HOPS
    for med in (0, 1)
)
deltas = st.lists(
    st.tuples(
        st.sampled_from(SERVERS),
        st.dictionaries(st.sampled_from(POOL), st.none() | st.sampled_from(PATHS), max_size=5),
    ),
    max_size=10,
)


@given(deltas, st.none() | st.integers(0, 6), st.sets(st.sampled_from(POOL), max_size=2))
def test_following_a_fib_by_its_changes_equals_looking_at_the_whole(
    changes: list[tuple[str, dict[Prefix, Path | None]]], limit: int | None, occupied: set[Prefix]
) -> None:
    wanted = TableIntent("rtb-1", "vpc-1", dict.fromkeys(occupied, "taken"), SERVERS, limit)
    fibs: dict[str, dict[Prefix, Path]] = {server: {} for server in SERVERS}

    async def follow() -> None:
        tables = RouteTables(MemoryDataPlane(), lambda server: fibs[server])
        await tables.converge({"rtb-1": wanted}, OWNERS)
        whole = Verdicts()
        for server, delta in changes:
            for prefix, best in delta.items():
                if best is None:
                    fibs[server].pop(prefix, None)
                else:
                    fibs[server][prefix] = best
            tables.fib_changed(server, delta)
            await tables.settled()
            whole = desired(wanted, POOL, fibs, OWNERS["vpc-1"].get, whole.entries)
            assert tables.read("rtb-1") == whole.entries
            for each in SERVERS:
                for prefix in POOL:
                    reasons = [
                        place.reason
                        for place in tables.installations(each, prefix, ["rtb-1"])
                        if not place.installed
                    ]
                    reason = whole.rejected.get((each, prefix))
                    assert reasons == ([] if reason is None else [reason])

    asyncio.run(follow())
