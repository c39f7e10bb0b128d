"""The RIB, one behaviour at a time; `test_rib_model.py` covers their combinations."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

import pytest

from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.rib.counts import Applied, PeerCounts
from routeserver.rib.generations import MOST_GENERATIONS
from routeserver.rib.path import Path, Source
from routeserver.rib.rib import Rib
from tests.rib.support import apply

A = Source("rsp-a", "rse-1", router_id=1, address=10)
B = Source("rsp-b", "rse-2", router_id=2, address=20)
P = [parse_prefix(f"10.{i}.0.0/16") for i in range(10)]
SIX = parse_prefix("2001:db8::/32")
NOW = 1_000_000


def attributes(med: int = 0) -> PathAttributes:
    return PathAttributes(Origin.IGP, (), IPv4Address("10.0.0.1"), med)


GOOD, WORSE = attributes(0), attributes(100)


def announce(rib: Rib, source: Source, prefixes: Sequence[Prefix], what: PathAttributes) -> Applied:
    return apply(rib, source.peer_id, (), [(what, prefixes)])


def two_peers(**limits: int) -> Rib:
    rib = Rib(**limits)
    rib.peer_up(A)
    rib.peer_up(B)
    return rib


def winners(rib: Rib) -> dict[Prefix, str]:
    return {prefix: path.source.peer_id for prefix, path in rib.fib.items()}


def test_refreshes_without_end_are_no_work_without_end() -> None:
    """A peer may begin and end refreshes faster than their old routes are taken away."""
    rib = two_peers()
    announce(rib, B, P, WORSE)
    settle(rib)
    for _ in range(500):
        announce(rib, A, P[:1], GOOD)
        rib.begin_refresh(A.peer_id, Family.IPV4)
        announce(rib, A, P[1:2], GOOD)
        rib.end_refresh(A.peer_id, Family.IPV4)
        assert len(rib._generations.peers[A.peer_id].generations) <= MOST_GENERATIONS
    settle(rib)
    # When all is looked at, a refresh does what it always does.
    rib.begin_refresh(A.peer_id, Family.IPV4)
    announce(rib, A, P[1:2], GOOD)
    rib.end_refresh(A.peer_id, Family.IPV4)
    settle(rib)
    assert [p for p, peer_id in winners(rib).items() if peer_id == A.peer_id] == P[1:2]
    assert len(rib._generations.peers[A.peer_id].generations) == 2  # one for each family


def test_a_route_that_is_said_again_does_not_leave_the_fib_meanwhile() -> None:
    rib = two_peers()
    announce(rib, A, P[:1], GOOD)
    announce(rib, B, P[:1], WORSE)
    settle(rib)
    rib.hold(A.peer_id)
    rib.peer_up(A)
    announce(rib, A, P[:1], attributes(1))
    assert [(path.source, in_fib) for _, path, in_fib in rib.routes()] == [(A, True), (B, False)]


def settle(rib: Rib) -> None:
    while rib.pending():
        rib.decide(100)


def test_the_best_path_enters_the_fib_and_the_others_stay_in_the_rib() -> None:
    rib = two_peers()
    announce(rib, B, [P[1], SIX], WORSE)
    announce(rib, A, [P[1], SIX], GOOD)
    assert rib.pending() == 2
    delta = rib.decide(NOW)
    assert rib.pending() == 0
    assert delta == dict(rib.fib)
    assert winners(rib) == {P[1]: "rsp-a", SIX: "rsp-a"}
    assert [(prefix, path.source.peer_id, in_fib) for prefix, path, in_fib in rib.routes()] == [
        (P[1], "rsp-a", True),
        (P[1], "rsp-b", False),
        (SIX, "rsp-a", True),
        (SIX, "rsp-b", False),
    ]


def test_a_lost_peer_gives_way_and_takes_over_again_on_its_return() -> None:
    rib = two_peers()
    announce(rib, A, P, GOOD)
    announce(rib, B, P, WORSE)
    rib.decide(NOW)
    rib.peer_down("rsp-a")
    assert set(winners(rib).values()) == {"rsp-a"}, "nothing moves before it is decided"
    assert {path.source.peer_id for path in rib.decide(NOW).values() if path} == {"rsp-b"}
    rib.peer_up(A)
    announce(rib, A, P, GOOD)
    rib.decide(NOW)
    assert set(winners(rib).values()) == {"rsp-a"}


def test_the_last_path_gone_is_reported_as_none() -> None:
    rib = two_peers()
    announce(rib, A, P[:2], GOOD)
    rib.decide(NOW)
    assert apply(rib, "rsp-a", P[:1]) == Applied(withdrawn=1)
    assert rib.decide(NOW) == {P[0]: None}
    rib.peer_down("rsp-a")
    assert rib.decide(NOW) == {P[1]: None}
    assert not rib.fib


def test_a_change_that_does_not_move_the_best_path_is_no_delta() -> None:
    rib = two_peers()
    announce(rib, A, P[:1], GOOD)
    rib.decide(NOW)
    announce(rib, B, P[:1], WORSE)
    assert rib.decide(NOW) == {}
    announce(rib, A, P[:1], GOOD)
    assert rib.decide(NOW) == {}


def test_a_slice_decides_no_more_than_its_budget() -> None:
    rib = two_peers()
    announce(rib, A, P, GOOD)
    sizes = []
    while rib.pending():
        sizes.append(len(rib.decide(3)))
    assert sizes == [3, 3, 3, 1]


def test_withdrawals_of_a_batch_come_before_its_announcements() -> None:
    rib = two_peers()
    announce(rib, A, P[:1], WORSE)
    assert apply(rib, "rsp-a", [P[0], P[5]], [(GOOD, P[:2])]) == Applied(2, 0, 1, 0)
    rib.decide(NOW)
    assert rib.fib[P[0]].attributes is GOOD


def test_one_path_object_serves_every_prefix_of_an_attribute_set() -> None:
    rib = two_peers()
    announce(rib, A, P[:5], GOOD)
    announce(rib, A, P[5:], GOOD)
    rib.decide(NOW)
    assert len({id(path) for path in rib.fib.values()}) == 1


def test_a_peer_that_was_never_up_cannot_announce() -> None:
    with pytest.raises(KeyError):
        announce(Rib(), A, P, GOOD)


def test_what_is_said_of_an_unknown_peer_otherwise_changes_nothing() -> None:
    rib = Rib()
    rib.peer_down("rsp-x")
    rib.hold("rsp-x")
    rib.sweep("rsp-x")
    assert rib.pending() == 0


def test_a_new_session_voids_what_an_unended_one_advertised() -> None:
    rib = two_peers()
    announce(rib, A, P[:1], GOOD)
    rib.decide(NOW)
    rib.peer_up(A)
    assert rib.decide(NOW) == {P[0]: None}


class TestHeldRoutes:
    def held(self) -> Rib:
        rib = Rib()
        rib.peer_up(A)
        announce(rib, A, P[:3], GOOD)
        rib.decide(NOW)
        rib.hold("rsp-a")
        return rib

    def test_stay_in_the_fib_without_a_delta(self) -> None:
        rib = self.held()
        assert rib.decide(NOW) == {}
        assert set(rib.fib) == set(P[:3])
        assert rib.counts.per_peer["rsp-a"] == PeerCounts(3, 3, 0)

    def test_are_refreshed_by_the_next_session_and_swept_if_not(self) -> None:
        rib = self.held()
        rib.peer_up(A)
        assert announce(rib, A, P[:1], WORSE) == Applied(updated=1)
        assert rib.counts.per_peer["rsp-a"] == PeerCounts(3, 2, 0)
        rib.decide(NOW)
        rib.sweep("rsp-a")
        assert rib.decide(NOW) == {P[1]: None, P[2]: None}
        assert rib.fib[P[0]].attributes is WORSE

    def test_can_be_withdrawn_by_the_next_session(self) -> None:
        rib = self.held()
        rib.peer_up(A)
        assert apply(rib, "rsp-a", P[:1]) == Applied(withdrawn=1)
        assert rib.decide(NOW) == {P[0]: None}

    def test_outlive_a_second_hold(self) -> None:
        rib = self.held()
        rib.peer_up(A)
        announce(rib, A, [P[0], P[5]], WORSE)
        rib.hold("rsp-a")
        rib.decide(NOW)
        assert set(rib.fib) == {*P[:3], P[5]}

    def test_go_with_the_peer_when_it_is_removed(self) -> None:
        rib = self.held()
        rib.peer_down("rsp-a")
        rib.decide(NOW)
        assert not rib.fib
        assert not rib.counts.per_peer

    def test_leave_no_trace_of_a_peer_that_never_came_back(self) -> None:
        rib = self.held()
        rib.sweep("rsp-a")
        assert not rib.counts.per_peer


class TestLimitOfAPeer:
    def test_keeps_the_first_prefixes_and_counts_the_rest(self) -> None:
        rib = two_peers(max_routes_per_peer=3)
        assert announce(rib, A, P[:5], GOOD) == Applied(announced=3, over_limit=2)
        assert announce(rib, A, P[2:4], WORSE) == Applied(updated=1, over_limit=1)
        assert rib.counts.per_peer["rsp-a"] == PeerCounts(3, 0, 3)
        rib.decide(NOW)
        assert set(rib.fib) == set(P[:3])

    def test_does_not_bring_a_discarded_route_back_when_room_appears(self) -> None:
        rib = two_peers(max_routes_per_peer=1)
        announce(rib, A, P[:2], GOOD)
        apply(rib, "rsp-a", P[:1])
        rib.decide(NOW)
        assert not rib.fib
        assert announce(rib, A, P[1:2], GOOD) == Applied(announced=1)

    def test_is_each_peers_own(self) -> None:
        rib = two_peers(max_routes_per_peer=2)
        announce(rib, A, P[:2], GOOD)
        assert announce(rib, B, P[2:4], GOOD) == Applied(announced=2)

    def test_does_not_count_what_an_ended_session_left(self) -> None:
        rib = Rib(max_routes_per_peer=2)
        rib.peer_up(A)
        announce(rib, A, P[:2], GOOD)
        rib.decide(NOW)
        rib.hold("rsp-a")
        rib.peer_up(A)
        assert announce(rib, A, P[5:8], GOOD) == Applied(announced=2, over_limit=1)
        assert rib.counts.per_peer["rsp-a"] == PeerCounts(4, 2, 1)
        rib.sweep("rsp-a")
        rib.decide(NOW)
        assert set(rib.fib) == set(P[5:7])


class TestLimitOfTheFib:
    def test_refuses_with_a_reason_and_keeps_what_is_in(self) -> None:
        rib = two_peers(max_fib_routes=2)
        announce(rib, A, P[4:6], GOOD)
        rib.decide(NOW)
        announce(rib, B, P[:2], GOOD)
        assert rib.decide(NOW) == {}
        assert rib.pending() == 0
        assert set(rib.fib) == set(P[4:6])
        assert dict(rib.refused) == dict.fromkeys(
            P[:2], "The FIB already holds its maximum of 2 prefixes."
        )
        assert [in_fib for _, _, in_fib in rib.routes()] == [False, False, True, True]

    def test_promotes_the_lowest_waiting_prefix_when_one_leaves(self) -> None:
        rib = two_peers(max_fib_routes=2)
        announce(rib, A, [P[7], P[8]], GOOD)
        rib.decide(NOW)
        announce(rib, B, [P[3], P[2], P[4]], GOOD)
        rib.decide(NOW)
        apply(rib, "rsp-a", [P[7]])
        delta = rib.decide(NOW)
        assert {p: path and path.source.peer_id for p, path in delta.items()} == {
            P[7]: None,
            P[2]: "rsp-b",
        }
        assert set(rib.refused) == {P[3], P[4]}

    def test_lets_a_batch_that_does_not_fit_in_by_prefix_order(self) -> None:
        rib = two_peers(max_fib_routes=3)
        announce(rib, A, P[::-1], GOOD)
        sizes = []
        while rib.pending():
            sizes.append(len(rib.decide(4)))
        assert sizes == [0, 0, 3]
        assert set(rib.fib) == set(P[:3])

    def test_forgets_a_waiting_prefix_that_is_withdrawn(self) -> None:
        rib = two_peers(max_fib_routes=1)
        announce(rib, A, P[:3], GOOD)
        rib.decide(NOW)
        apply(rib, "rsp-a", P[1:2])
        assert rib.decide(NOW) == {}
        assert set(rib.refused) == {P[2]}
        rib.peer_down("rsp-a")
        rib.decide(NOW)
        assert not rib.refused
        assert rib.pending() == 0

    def test_promotes_within_the_budget_of_a_slice(self) -> None:
        rib = two_peers(max_fib_routes=5)
        announce(rib, A, P, GOOD)
        assert rib.decide(len(P) - 1) == {}
        sizes = []
        while rib.pending():
            sizes.append(len(rib.decide(2)))
        assert sizes == [2, 2, 1]
        assert set(rib.fib) == set(P[:5])

    def test_still_moves_the_prefixes_inside_to_a_better_path(self) -> None:
        rib = two_peers(max_fib_routes=1)
        announce(rib, B, P[:2], WORSE)
        rib.decide(NOW)
        announce(rib, A, P[:2], GOOD)
        rib.decide(NOW)
        assert winners(rib) == {P[0]: "rsp-a"}


class TestPages:
    def pages(self, rib: Rib, size: int) -> list[tuple[Prefix, str]]:
        seen: list[tuple[Prefix, str]] = []
        after = None
        while True:
            page = [
                (prefix, path.source.peer_id)
                for (prefix, path, _), _ in zip(rib.routes(after), range(size), strict=False)
            ]
            if not page:
                return seen
            seen += page
            after = page[-1]

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_meet_every_route_once(self, size: int) -> None:
        rib = two_peers()
        announce(rib, A, P[:6], GOOD)
        announce(rib, B, [*P[3:], SIX], GOOD)
        rib.decide(NOW)
        seen = self.pages(rib, size)
        assert seen == [(p, path.source.peer_id) for p, path, _ in rib.routes()]
        assert len(set(seen)) == len(seen) == rib.counts.rib_routes

    def test_go_on_where_the_route_they_ended_on_has_left(self) -> None:
        rib = two_peers()
        announce(rib, A, P[:2], GOOD)
        announce(rib, B, P[:2], GOOD)
        apply(rib, "rsp-a", P[:1])
        after: list[tuple[Prefix, Path, bool]] = list(rib.routes((P[0], "rsp-a")))
        assert [(p, path.source.peer_id) for p, path, _ in after] == [
            (P[0], "rsp-b"),
            (P[1], "rsp-a"),
            (P[1], "rsp-b"),
        ]

    def test_pass_over_prefixes_that_leave_in_between(self) -> None:
        rib = two_peers()
        announce(rib, A, P[:3], GOOD)
        rows = rib.routes()
        next(rows)
        apply(rib, "rsp-a", P[1:2])
        assert [prefix for prefix, _, _ in rows] == [P[2]]
