"""The bulk path of the route tables: it comes to what the careful one comes to, and follows what
there is besides best paths where a data plane asks for that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.control.reconcile import bulk
from routeserver.control.reconcile import tables as under_test
from routeserver.control.reconcile.tables import Owners, RouteTables
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.plan import Tally
from routeserver.domain.routing import Alternative, Entry, TableIntent, desired
from routeserver.net.attribute_set import AttributeSet, set_of
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib

HOPS = [IPv4Address(f"10.0.1.{n}") for n in (10, 11, 12)]
OWNERS: dict[str, Owners] = {"vpc-1": dict(zip(HOPS[:2], ("eni-x", "eni-y"), strict=True))}
"""Nothing has the third address."""
V4 = tuple(parse_prefix(f"10.{n}.0.0/16") for n in range(6))
V6 = tuple(parse_prefix(f"2001:db8:{n}::/48") for n in range(3))
PEERS = ("rsp-a", "rsp-b", "rsp-c")


class Curious(MemoryDataPlane):
    wants_alternatives = True


class Listening(Curious):
    def __init__(self) -> None:
        super().__init__()
        self.assigned: list[Prefix] = []

    async def assign(
        self,
        route_table_id: str,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        self.assigned += prefixes
        return await super().assign(route_table_id, prefixes, numbers, entries)


def an_intent(occupied: set[Prefix] | None = None, limit: int | None = None) -> TableIntent:
    taken = dict.fromkeys(occupied or (), "A static route is there.")
    return TableIntent("rtb-1", "vpc-1", taken, ("rs-1",), limit)


def a_set(hop: int, med: int) -> AttributeSet:
    return set_of(PathAttributes(Origin.IGP, (), HOPS[hop], med=med))


SETS = [a_set(hop, med) for hop in range(3) for med in (0, 1)]

batches = st.tuples(
    st.sampled_from(PEERS),
    st.sampled_from([(Family.IPV4, V4), (Family.IPV6, V6)]).flatmap(
        lambda of: st.tuples(
            st.just(of[0]),
            st.lists(
                st.tuples(
                    st.none() | st.sampled_from(SETS),
                    st.lists(st.sampled_from(of[1]), min_size=1, max_size=4),
                ),
                min_size=1,
                max_size=3,
            ),
        )
    ),
)
events = st.one_of(batches, st.sampled_from(PEERS))
"""Routes of a peer, or the peer whose session ends and comes up again."""


@given(
    st.lists(events, max_size=12), st.sets(st.sampled_from(V4), max_size=2), st.sampled_from([1, 9])
)
def test_bulk_and_careful_come_to_the_same(
    happening: list[object], occupied: set[Prefix], slice_size: int
) -> None:
    intent = an_intent(occupied)

    async def follow() -> None:
        rib = Rib()
        for number, peer in enumerate(PEERS):
            rib.peer_up(Source(peer, "rse-1", number, number))
        tables = RouteTables(Curious(), lambda _: rib.fib)
        await tables.converge({"rtb-1": intent}, OWNERS)
        for event in happening:
            if isinstance(event, str):
                rib.peer_down(event)
                rib.peer_up(Source(event, "rse-1", PEERS.index(event), PEERS.index(event)))
                tables.routes_touched("rs-1", None)
            else:
                assert isinstance(event, tuple)
                peer, (family, runs) = event
                batch = RouteBatch.of(family, runs)
                rib.apply(peer, batch)
                tables.routes_touched("rs-1", batch)
            while rib.pending():
                tables.fib_changed("rs-1", rib.decide(3))
            await tables.settled()
            whole = desired(
                intent,
                V4 + V6,
                {"rs-1": rib.fib},
                OWNERS["vpc-1"].get,
                {},
                others_of=lambda _, prefix: rib.fib.others(prefix),
            )
            assert dict(tables.read("rtb-1")) == whole.entries
            for prefix in V4 + V6:
                told = [
                    each.reason
                    for each in tables.installations("rs-1", prefix, ["rtb-1"])
                    if not each.installed
                ]
                reason = whole.rejected.get(("rs-1", prefix))
                assert told == ([] if reason is None else [reason])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(under_test, "SLICE", slice_size)
        patch.setattr(under_test, "BULK_SLICE", slice_size)
        asyncio.run(follow())


def two_peers(*, second: int = 1) -> Rib:
    """`rsp-a` by way of the first hop is better than `rsp-b`."""
    rib = Rib()
    rib.peer_up(Source("rsp-a", "rse-1", 1, 1))
    rib.peer_up(Source("rsp-b", "rse-1", 2, 2))
    rib.apply("rsp-a", RouteBatch.of(Family.IPV4, [(a_set(0, 0), V4)]))
    rib.apply("rsp-b", RouteBatch.of(Family.IPV4, [(a_set(second, 1), V4)]))
    return rib


def entry(*alternatives: tuple[str, str]) -> Entry:
    chain = tuple(Alternative(*each) for each in alternatives)
    return Entry("eni-x", "10.0.1.10", "rs-1", "rsp-a", chain)


@pytest.mark.parametrize("limit", [None, 100])
async def test_a_plane_that_asks_learns_what_comes_next(limit: int | None) -> None:
    rib = two_peers()
    rib.decide(100)
    tables = RouteTables(Curious(), lambda _: rib.fib)
    await tables.converge({"rtb-1": an_intent(limit=limit)}, OWNERS)
    assert dict(tables.read("rtb-1")) == dict.fromkeys(V4, entry(("rsp-b", "eni-y")))


@pytest.mark.parametrize("limit", [None, 100])
async def test_a_lost_runner_up_is_found_by_looking_again(
    limit: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    rib = two_peers()
    rib.decide(100)
    tables = RouteTables(Curious(), lambda _: rib.fib)
    await tables.converge({"rtb-1": an_intent(limit=limit)}, OWNERS)
    capsys.readouterr()
    rib.peer_down("rsp-b")
    tables.routes_touched("rs-1", None)
    await tables.settled()
    assert dict(tables.read("rtb-1")) == dict.fromkeys(V4, entry())
    assert "route_table_changed" not in capsys.readouterr().out


@pytest.mark.parametrize("is_deciding", [True, False])
async def test_what_is_not_decided_yet_clears_nothing_away(is_deciding: bool) -> None:
    """After a restart a plane may hold routes of an earlier life, which nobody here knows of."""
    rib = two_peers()
    plane = Listening()
    tables = RouteTables(plane, lambda _: rib.fib, lambda _: is_deciding)
    await tables.converge({"rtb-1": an_intent()}, OWNERS)
    tables.routes_touched("rs-1", RouteBatch.of(Family.IPV4, [(a_set(0, 0), V4)]))
    await tables.settled()
    assert plane.assigned == ([] if is_deciding else list(V4))


async def test_alternatives_end_with_the_first_other_interface_and_lead_somewhere() -> None:
    rib = two_peers(second=0)
    rib.peer_up(Source("rsp-c", "rse-1", 3, 3))
    rib.peer_up(Source("rsp-d", "rse-1", 4, 4))
    rib.peer_up(Source("rsp-e", "rse-1", 5, 5))
    rib.apply("rsp-c", RouteBatch.of(Family.IPV4, [(a_set(2, 2), V4)]))
    rib.apply("rsp-d", RouteBatch.of(Family.IPV4, [(a_set(1, 3), V4)]))
    rib.apply("rsp-e", RouteBatch.of(Family.IPV4, [(a_set(0, 4), V4)]))
    rib.decide(100)
    tables = RouteTables(Curious(), lambda _: rib.fib)
    await tables.converge({"rtb-1": an_intent()}, OWNERS)
    wanted = entry(("rsp-b", "eni-x"), ("rsp-d", "eni-y"))
    assert dict(tables.read("rtb-1")) == dict.fromkeys(V4, wanted)


async def test_a_plane_that_does_not_ask_is_not_bothered() -> None:
    rib = two_peers()
    rib.decide(100)
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    await tables.converge({"rtb-1": an_intent()}, OWNERS)
    assert dict(tables.read("rtb-1")) == dict.fromkeys(V4, entry())


async def test_two_route_servers_are_each_others_alternatives() -> None:
    one, two = two_peers(), Rib()
    two.peer_up(Source("rsp-z", "rse-2", 9, 9))
    two.apply("rsp-z", RouteBatch.of(Family.IPV4, [(a_set(1, 0), V4[:1])]))
    for rib in (one, two):
        rib.decide(100)
    ribs: Mapping[str, Rib] = {"rs-1": one, "rs-2": two}
    tables = RouteTables(Curious(), lambda server: ribs[server].fib)
    intent = TableIntent("rtb-1", "vpc-1", {}, ("rs-1", "rs-2"))
    await tables.converge({"rtb-1": intent}, OWNERS)
    assert tables.read("rtb-1")[V4[0]] == entry(("rsp-z", "eni-y"))
    assert tables.read("rtb-1")[V4[1]] == entry(("rsp-b", "eni-y"))


def test_words_are_taken_apart_by_family_and_slice() -> None:
    parts = list(bulk.in_words([V4[0], V6[0], V4[1]]))
    assert [(family, start, end) for family, _, start, end in parts] == [
        (Family.IPV4, 0, 2),
        (Family.IPV6, 0, 1),
    ]
    whole = [(family, words) for family, words, _, _ in parts]
    assert [(start, end) for _, _, start, end in bulk.sliced(whole, 1)] == [(0, 1), (1, 2), (0, 1)]
