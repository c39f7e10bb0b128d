"""The decision is a strict total order of paths, and says at which step a path lost."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.attribute_set import set_of
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.rib.decision import STEPS, best_first, explain, reason
from routeserver.rib.path import Path, Source


def path(
    peer_id: str = "rsp-a",
    *,
    router_id: int = 1,
    address: int = 1,
    as_path: tuple[AsSegment, ...] = (),
    origin: Origin = Origin.IGP,
    med: int | None = None,
) -> Path:
    attributes = PathAttributes(origin, as_path, IPv4Address("10.0.0.1"), med)
    return Path(Source(peer_id, "rse-1", router_id, address), set_of(attributes))


def sequence(*asns: int) -> tuple[AsSegment, ...]:
    return (AsSegment(SegmentKind.AS_SEQUENCE, asns),)


segments = st.builds(
    AsSegment,
    st.sampled_from(SegmentKind),
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
)
paths = st.builds(
    path,
    st.sampled_from(["rsp-a", "rsp-b", "rsp-c", "rsp-d"]),
    router_id=st.integers(0, 2),
    address=st.integers(0, 2) | st.just((1 << 32) - 1),
    as_path=st.lists(segments, max_size=2).map(tuple),
    origin=st.sampled_from(Origin),
    med=st.none() | st.integers(0, 2) | st.just((1 << 32) - 1),
)
# A RIB has one path per prefix and peer.
of_distinct_peers = st.lists(paths, max_size=4, unique_by=lambda p: p.source.peer_id)


def spelled_out(p: Path) -> tuple[int | str, ...]:
    return tuple(step.key(p) for step in STEPS)


@given(paths, paths)
def test_the_folded_key_orders_as_the_numbered_steps_do(a: Path, b: Path) -> None:
    assert (a.key < b.key) == (spelled_out(a) < spelled_out(b))
    assert (a.key == b.key) == (spelled_out(a) == spelled_out(b))


@given(of_distinct_peers)
def test_of_two_peers_paths_exactly_one_is_better(candidates: list[Path]) -> None:
    for a in candidates:
        assert not a.key < a.key
        for b in candidates:
            assert a is b or (a.key < b.key) != (b.key < a.key)


@given(paths, paths, paths)
def test_better_than_is_transitive(a: Path, b: Path, c: Path) -> None:
    first, second, third = best_first([a, b, c])
    assert first.key <= second.key <= third.key
    assert first.key <= third.key


@given(of_distinct_peers.flatmap(lambda c: st.tuples(st.just(c), st.permutations(c))))
def test_the_order_of_arrival_does_not_matter(arrivals: tuple[list[Path], list[Path]]) -> None:
    assert best_first(arrivals[0]) == best_first(arrivals[1])


@given(of_distinct_peers)
def test_the_step_explained_is_the_first_that_differs(candidates: list[Path]) -> None:
    order = best_first(candidates)
    for winner, loser in pairwise(order):
        step = explain(winner, loser)
        assert all(s.key(winner) == s.key(loser) for s in STEPS[: step.number - 1])
        assert step.key(winner) != step.key(loser)
        with pytest.raises(ValueError, match="does not win"):
            explain(loser, winner)


def test_the_steps_are_numbered_from_one() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


@pytest.mark.parametrize(
    ("winner", "loser", "sentence"),
    [
        (
            path("rsp-b", router_id=9, as_path=sequence(1), med=9, origin=Origin.INCOMPLETE),
            path("rsp-a", as_path=sequence(1, 2)),
            "The path of peer rsp-b is preferred at step 3, lower AS_PATH length: 1 against 2.",
        ),
        (
            path("rsp-b", med=9),
            path("rsp-a", origin=Origin.INCOMPLETE),
            "The path of peer rsp-b is preferred at step 4, lower ORIGIN: IGP against INCOMPLETE.",
        ),
        (
            path("rsp-b", router_id=9, as_path=sequence(65002)),
            path("rsp-a", as_path=sequence(65001), med=100),
            "The path of peer rsp-b is preferred at step 5, lower MED: 0 (missing) against 100.",
        ),
        (
            path("rsp-b", router_id=1, address=9),
            path("rsp-a", router_id=2),
            (
                "The path of peer rsp-b is preferred at step 6, "
                "lower router id: 0.0.0.1 against 0.0.0.2."
            ),
        ),
        (
            path("rsp-b", address=0x0A000001),
            path("rsp-a", address=0x0A000002),
            (
                "The path of peer rsp-b is preferred at step 7, "
                "lower peer address: 10.0.0.1 against 10.0.0.2."
            ),
        ),
        (
            path("rsp-a"),
            path("rsp-b"),
            "The path of peer rsp-a is preferred at step 8, lower peer id: rsp-a against rsp-b.",
        ),
    ],
)
def test_every_step_says_why_the_other_path_lost(winner: Path, loser: Path, sentence: str) -> None:
    assert reason(winner, loser) == sentence


def test_an_as_set_counts_as_one() -> None:
    as_set = (AsSegment(SegmentKind.AS_SET, (1, 2, 3)),)
    assert explain(path("rsp-b", as_path=as_set), path("rsp-a", as_path=sequence(1, 2))).number == 3


def test_a_missing_med_equals_zero() -> None:
    assert explain(path("rsp-a"), path("rsp-b", med=0)).name == "peer id"
