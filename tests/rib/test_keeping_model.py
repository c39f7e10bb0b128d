"""Graceful restart, persistence and the RIB together, against naive dictionaries: after any story
the RIB holds what the model holds, and nothing is stale without somebody who keeps it.

The stories are made from seeds, with weights that bring peers back as often as they lose them; a
failure names its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Final

import pytest

from routeserver.net.attribute_set import set_of
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.keeping import Action, Keeping
from routeserver.rib.path import Source
from routeserver.rib.restart import Demote, RestartTerms
from routeserver.rib.retention import Drop, Hold, Retention, Sweep
from routeserver.rib.rib import Rib

PREFIXES: Final = [
    parse_prefix(text) for text in ("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "::/0")
]
PEERS: Final = ["a", "b"]
GRACE_S: Final = 10.0
STORIES: Final = 200
STEPS: Final = 80
NEXT_HOP: Final[dict[Family, IPv4Address | IPv6Address]] = {
    Family.IPV4: IPv4Address("192.0.2.1"),
    Family.IPV6: IPv6Address("2001:db8::1"),
}
WEIGHTS: Final = {
    "up": 6,
    "announce": 8,
    "withdraw": 3,
    "lose": 5,
    "end_of_rib": 4,
    "forwarding_lost": 1,
    "remove": 1,
    "wait": 4,
    "configure": 1,
    "reset": 1,
    "decide": 4,
}


@dataclass
class Known:
    """What the model knows of one peer: live routes, and stale ones with whether demoted."""

    live: set[Prefix] = field(default_factory=set)
    stale: dict[Prefix, bool] = field(default_factory=dict)
    is_up: bool = False


class Story:
    """One route server, told what happens to it by a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now = 1000.0
        self.rib = Rib()
        self.keeping = Keeping(Retention(self.chance.random() < 0.5, GRACE_S))
        self.known = {peer_id: Known() for peer_id in PEERS}

    def step(self) -> str:
        [what] = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        getattr(self, what)(self.chance.choice(PEERS))
        return what

    @property
    def live(self) -> int:
        return sum(peer.is_up for peer in self.known.values())

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            peer = self.known[action.peer_id]
            match action:
                case Hold(peer_id):
                    self.rib.hold(peer_id)
                    peer.stale.update(dict.fromkeys(peer.live, False))
                    peer.live.clear()
                case Drop(peer_id):
                    self.rib.peer_down(peer_id)
                    peer.live.clear()
                    peer.stale.clear()
                case Sweep(peer_id, family):
                    self.rib.sweep(peer_id, family)
                    peer.stale = {
                        prefix: demoted
                        for prefix, demoted in peer.stale.items()
                        if family is not None and family_of(prefix) is not family
                    }
                case Demote(peer_id):
                    self.rib.demote(peer_id)
                    peer.stale = dict.fromkeys(peer.stale, True)

    # --- what may happen --------------------------------------------------------------------------

    def up(self, peer_id: str) -> None:
        peer = self.known[peer_id]
        if not peer.is_up:
            peer.is_up = True
            self.rib.peer_up(Source(peer_id, "rse", 1, PEERS.index(peer_id)))
            self.carry_out(self.keeping.session_up(peer_id, self._terms(), self.now))

    def _terms(self) -> RestartTerms | None:
        def some() -> tuple[Family, ...]:
            return tuple(family for family in Family if self.chance.random() < 0.7)

        if self.chance.random() < 0.2:
            return None
        return RestartTerms(
            restart_time_s=self.chance.choice([0.0, 5.0, 5.0]),
            stale_time_s=7.0,
            families=some(),
            forwarding=some(),
            long_lived_s=tuple((family, 20.0) for family in some()),
        )

    def announce(self, peer_id: str) -> None:
        peer = self.known[peer_id]
        if not peer.is_up:
            return
        chosen = self.chance.sample(PREFIXES, self.chance.randint(1, len(PREFIXES)))
        for family, hop in NEXT_HOP.items():
            members = [prefix for prefix in chosen if family_of(prefix) is family]
            attributes = set_of(PathAttributes(Origin.IGP, (), hop, self.chance.randint(0, 3)))
            self.rib.apply(peer_id, RouteBatch.of(family, [(attributes, members)]))
            peer.live.update(members)
            for prefix in members:
                peer.stale.pop(prefix, None)

    def withdraw(self, peer_id: str) -> None:
        peer, prefix = self.known[peer_id], self.chance.choice(PREFIXES)
        if peer.is_up:
            self.rib.apply(peer_id, RouteBatch.of(family_of(prefix), [(None, [prefix])]))
            peer.live.discard(prefix)
            peer.stale.pop(prefix, None)

    def lose(self, peer_id: str) -> None:
        if self.known[peer_id].is_up:
            self.known[peer_id].is_up = False
            keeps = self.chance.random() < 0.7
            self.carry_out(self.keeping.session_down(peer_id, keeps, self.live, self.now))

    def end_of_rib(self, peer_id: str) -> None:
        if self.known[peer_id].is_up:
            family = self.chance.choice(list(Family))
            self.carry_out(self.keeping.end_of_rib(peer_id, family, self.now))

    def forwarding_lost(self, peer_id: str) -> None:
        if not self.known[peer_id].is_up:
            self.carry_out(self.keeping.forwarding_lost(peer_id, self.live, self.now))

    def remove(self, peer_id: str) -> None:
        self.known[peer_id].is_up = False
        self.carry_out(self.keeping.peer_removed(peer_id, self.live, self.now))

    def wait(self, _: str) -> None:
        self.now += self.chance.choice([1.0, 2.0, 4.0, 30.0])
        self.carry_out(self.keeping.handle_timer(self.live, self.now))

    def configure(self, _: str) -> None:
        persist = self.chance.random() < 0.7
        self.carry_out(self.keeping.configure(persist, GRACE_S, self.now))

    def reset(self, _: str) -> None:
        self.carry_out(self.keeping.reset(self.now))

    def decide(self, _: str) -> None:
        self.rib.decide(self.chance.randint(1, 5))

    # --- what must be true ------------------------------------------------------------------------

    def check(self) -> None:
        for prefix in PREFIXES:
            found = {
                (path.source.peer_id, path.is_stale, path.is_demoted)
                for path in self.rib.candidates(prefix)
            }
            expected = {
                (peer_id, prefix in peer.stale, peer.stale.get(prefix, False))
                for peer_id, peer in self.known.items()
                if prefix in peer.live or prefix in peer.stale
            }
            assert found == expected
        for peer_id, peer in self.known.items():
            kept = self.keeping.is_restarting(peer_id) or self.keeping.persisting
            assert not peer.stale or kept
            assert peer.is_up or not peer.live
        deadline = self.keeping.next_deadline()
        assert deadline is None or deadline > self.now

    def check_fib(self) -> None:
        while self.rib.pending():
            self.rib.decide(100)
        routes = {prefix for peer in self.known.values() for prefix in (*peer.live, *peer.stale)}
        assert set(self.rib.fib) == routes


def test_the_rib_holds_what_the_naive_model_holds() -> None:
    for seed in range(STORIES):
        story, told = Story(seed), list[str]()
        try:
            for _ in range(STEPS):
                told.append(story.step())
                story.check()
            story.check_fib()
        except AssertionError as error:
            pytest.fail(f"seed {seed}, after {told}: {error}")
