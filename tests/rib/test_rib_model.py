"""The RIB equals a naive model after any operations, decided in slices of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import IPV6_BIT, Family, Prefix, family_of
from routeserver.rib.path import Path, Source
from routeserver.rib.rib import Rib
from tests.rib import support

PEERS = ("rsp-a", "rsp-b", "rsp-c")
PREFIXES = [n << 32 | 24 for n in range(1, 7)] + [IPV6_BIT | n << 100 | 32 for n in range(1, 4)]
ATTRIBUTES = [
    PathAttributes(Origin.IGP, (), IPv4Address("10.0.0.1"), med) for med in (None, 0, 1, 100)
]


def source_of(peer_id: str) -> Source:
    # Two of the three share router id and address: the peer id has to decide between them.
    return Source(peer_id, "rse-1", 1, 2 if peer_id == "rsp-c" else 1)


@dataclass
class ModelPeer:
    live: bool = True
    routes: dict[Prefix, PathAttributes] = field(default_factory=dict)
    stale: set[Prefix] = field(default_factory=set)


class Model:
    """A dict of routes per peer, a set of stale ones, and a FIB built anew each time."""

    def __init__(self, max_routes_per_peer: int | None, max_fib_routes: int | None) -> None:
        self.max_routes = max_routes_per_peer
        self.max_fib = max_fib_routes
        self.peers: dict[str, ModelPeer] = {}
        self.fib: dict[Prefix, tuple[str, int]] = {}

    def peer_up(self, peer_id: str) -> None:
        peer = self.peers.setdefault(peer_id, ModelPeer())
        peer.live = True
        peer.routes = {p: a for p, a in peer.routes.items() if p in peer.stale}

    def withdraw(self, peer_id: str, prefix: Prefix) -> None:
        self.peers[peer_id].routes.pop(prefix, None)
        self.peers[peer_id].stale.discard(prefix)

    def announce(self, peer_id: str, attributes: PathAttributes, prefix: Prefix) -> bool:
        """Whether it was kept."""
        peer = self.peers[peer_id]
        fresh = len(peer.routes) - len(peer.stale)
        if (prefix not in peer.routes or prefix in peer.stale) and fresh == self.max_routes:
            return False
        peer.stale.discard(prefix)
        peer.routes[prefix] = attributes
        return True

    def hold(self, peer_id: str) -> None:
        if peer_id in self.peers:
            peer = self.peers[peer_id]
            peer.live = False
            peer.stale = set(peer.routes)

    def sweep(self, peer_id: str) -> None:
        if peer_id in self.peers:
            for prefix in list(self.peers[peer_id].stale):
                self.withdraw(peer_id, prefix)
            if not self.peers[peer_id].live:
                del self.peers[peer_id]

    def candidates(self, prefix: Prefix) -> list[tuple[str, int]]:
        paths = [
            Path(source_of(peer_id), support.interned(peer.routes[prefix]))
            for peer_id, peer in self.peers.items()
            if prefix in peer.routes
        ]
        return [shown(path) for path in sorted(paths, key=lambda path: path.key)]

    def decide(self) -> None:
        best = {p: self.candidates(p)[0] for p in PREFIXES if self.candidates(p)}
        stay = [p for p in best if p in self.fib]
        come = sorted(p for p in best if p not in self.fib)
        room = len(come) if self.max_fib is None else self.max_fib - len(stay)
        self.fib = {p: best[p] for p in stay + come[:room]}


def shown(path: Path) -> tuple[str, int]:
    return path.source.peer_id, id(path.attributes)


Operation = Callable[[Rib, Model], None]


def apply(
    peer_id: str, withdrawn: list[Prefix], announced: list[tuple[PathAttributes, list[Prefix]]]
) -> Operation:
    def operate(rib: Rib, model: Model) -> None:
        if peer_id not in model.peers or not model.peers[peer_id].live:
            return
        before = set(model.peers[peer_id].routes)
        applied = support.apply(rib, peer_id, withdrawn, announced)
        kept = []
        for family in Family:  # as `support.apply` sends them
            for prefix in withdrawn:
                if family_of(prefix) is family:
                    model.withdraw(peer_id, prefix)
            kept += [
                model.announce(peer_id, attributes, prefix)
                for attributes, prefixes in announced
                for prefix in prefixes
                if family_of(prefix) is family
            ]
        assert applied.withdrawn == len(before.intersection(withdrawn))
        assert applied.over_limit == kept.count(False)
        assert applied.announced + applied.updated == kept.count(True)

    return operate


def peer_up(peer_id: str) -> Operation:
    def operate(rib: Rib, model: Model) -> None:
        rib.peer_up(source_of(peer_id))
        model.peer_up(peer_id)

    return operate


def peer_down(peer_id: str) -> Operation:
    def operate(rib: Rib, model: Model) -> None:
        rib.peer_down(peer_id)
        model.peers.pop(peer_id, None)

    return operate


def hold(peer_id: str) -> Operation:
    def operate(rib: Rib, model: Model) -> None:
        rib.hold(peer_id)
        model.hold(peer_id)

    return operate


def sweep(peer_id: str) -> Operation:
    def operate(rib: Rib, model: Model) -> None:
        rib.sweep(peer_id)
        model.sweep(peer_id)

    return operate


peers = st.sampled_from(PEERS)
prefix_lists = st.lists(st.sampled_from(PREFIXES), max_size=6)
applies = st.builds(
    apply,
    peers,
    st.lists(st.sampled_from(PREFIXES), max_size=3),
    st.lists(st.tuples(st.sampled_from(ATTRIBUTES), prefix_lists), max_size=3),
)
operations = st.lists(
    st.one_of(
        applies,
        applies,
        st.builds(peer_up, peers),
        st.builds(peer_down, peers),
        st.builds(hold, peers),
        st.builds(sweep, peers),
    ),
    max_size=25,
)
limits = st.none() | st.integers(0, 7)


def check_tables(rib: Rib, model: Model) -> None:
    counts = rib.counts
    assert set(counts.per_peer) == {i for i, p in model.peers.items() if p.live or p.routes}
    for peer_id in counts.per_peer:
        peer = model.peers[peer_id]
        assert counts.per_peer[peer_id].routes == len(peer.routes)
        assert counts.per_peer[peer_id].held == len(peer.stale)
    for prefix in PREFIXES:
        assert [shown(path) for path in rib.candidates(prefix)] == model.candidates(prefix)
    rows = [(prefix, shown(path)) for prefix, path, _ in rib.routes()]
    assert rows == [(p, path) for p in sorted(PREFIXES) for path in model.candidates(p)]
    assert counts.rib_routes == len(rows)


def check_decided(rib: Rib, model: Model) -> None:
    assert {p: shown(path) for p, path in rib.fib.items()} == model.fib
    in_rib = {prefix for prefix, _, _ in rib.routes()}
    assert set(rib.refused) == in_rib - set(rib.fib)
    assert {p for p, _, in_fib in rib.routes() if in_fib} == set(rib.fib)


@given(operations, limits, limits, st.integers(1, 5))
def test_the_rib_equals_the_model_when_each_change_is_decided(
    operations: list[Operation], max_routes: int | None, max_fib: int | None, budget: int
) -> None:
    rib = Rib(max_routes_per_peer=max_routes, max_fib_routes=max_fib)
    model = Model(max_routes, max_fib)
    replayed: dict[Prefix, tuple[str, int]] = {}
    for operate in [peer_up("rsp-a"), peer_up("rsp-b"), *operations]:
        operate(rib, model)
        while rib.pending():
            delta = rib.decide(budget)
            assert len(delta) <= budget
            for prefix, path in delta.items():
                if path is None:
                    del replayed[prefix]
                else:
                    replayed[prefix] = shown(path)
        model.decide()
        check_tables(rib, model)
        check_decided(rib, model)
        assert replayed == model.fib


@given(operations, limits, st.lists(st.integers(0, 4), min_size=30, max_size=30))
def test_the_rib_equals_the_model_when_changes_pile_up_undecided(
    operations: list[Operation], max_routes: int | None, budgets: list[int]
) -> None:
    rib = Rib(max_routes_per_peer=max_routes)
    model = Model(max_routes, None)
    for operate, budget in zip(
        [peer_up("rsp-a"), peer_up("rsp-b"), *operations], budgets, strict=False
    ):
        operate(rib, model)
        rib.decide(budget)
        check_tables(rib, model)
    while rib.pending():
        rib.decide(3)
    model.decide()
    check_decided(rib, model)


@given(operations, st.integers(0, 7), st.lists(st.integers(0, 4), min_size=30, max_size=30))
def test_the_fib_never_exceeds_its_limit_whatever_is_undecided(
    operations: list[Operation], max_fib: int, budgets: list[int]
) -> None:
    rib = Rib(max_fib_routes=max_fib)
    model = Model(None, max_fib)
    for operate, budget in zip([peer_up("rsp-a"), *operations], budgets, strict=False):
        operate(rib, model)
        rib.decide(budget)
        assert len(rib.fib) <= max_fib
        assert not rib.fib.keys() & rib.refused.keys()
    while rib.pending():
        rib.decide(2)
    decided = {p: shown(path) for p, path in rib.fib.items()}
    assert decided == {p: model.candidates(p)[0] for p in decided}
    in_rib = {prefix for prefix, _, _ in rib.routes()}
    assert len(rib.fib) == min(max_fib, len(in_rib))
    assert set(rib.refused) == in_rib - set(rib.fib)
