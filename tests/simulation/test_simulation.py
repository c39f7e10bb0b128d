"""Seeded scenarios with the real speaker under a virtual clock and a network in memory, against a
naive model. ``python -m tests.simulation`` plays as many as one likes.
"""

from __future__ import annotations

import os
from typing import Final
from unittest.mock import patch

import pytest

from routeserver.rib.keeping import Keeping
from routeserver.rib.rib import Rib
from routeserver.speaker import idle_hold
from routeserver.speaker.idle_hold import IdleHold
from routeserver.speaker.owner import RibOwner
from routeserver.speaker.peer import Peer
from routeserver.speaker.speaker import Speaker
from tests.simulation import playing, scenario
from tests.simulation.playing import play, shrunk
from tests.simulation.steps import STEPS

COUNT: Final = int(os.environ.get("ROUTESERVER_SCENARIOS", "800"))
PART: Final = 100


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_the_speaker_does_what_the_model_says(first: int) -> None:
    for seed in range(first, min(first + PART, COUNT)):
        whole = scenario.make(seed)
        if play(whole, STEPS) is not None:
            shortest = shrunk(whole, STEPS)
            pytest.fail(f"{play(shortest, STEPS)}\n{shortest}")


def test_a_scenario_is_played_in_the_same_way_each_time() -> None:
    seen: list[list[str]] = []
    real = playing.Play.check
    for _ in range(2):
        lines: list[str] = []
        seen.append(lines)

        def telling(self: playing.Play, lines: list[str] = lines) -> None:
            real(self)
            lines.append(f"{self.loop.time()} {sorted(self.model.fib())}")

        with patch.object(playing.Play, "check", telling):
            assert play(scenario.make(7), STEPS) is None
    assert seen[0] == seen[1]
    assert len(seen[0]) > 5


SPOILT: Final = {
    "stale routes are not swept": (Rib, "sweep", lambda *_: None),
    "stale routes are not held": (Rib, "hold", Rib.peer_down),
    "long-lived stale routes keep their rank": (Rib, "demote", lambda *_: None),
    "a refresh takes nothing away": (Rib, "end_refresh", lambda *_: None),
    "there is no limit": (Rib, "set_limit", lambda *_: None),
    "a reset leaves what is held": (Keeping, "reset", lambda *_: []),
    "a peer that does not forward is kept": (Keeping, "forwarding_lost", lambda *_: []),
    "End-of-RIB is not heard": (Keeping, "end_of_rib", lambda *_: []),
    "new import rules are for new routes only": (Rib, "reimport", lambda *_: iter(())),
    "a peer that flaps is always welcome": (IdleHold, "remaining_s", lambda *_: 0.0),
    "failures are never forgotten": (idle_hold, "HALF_LIFE_S", 1e9),
    "nobody waits for BFD": (Peer, "_may_without_bfd", lambda *_: True),
    "a peer that takes BFD down is waited for": (
        Speaker,
        "bfd_not_up",
        lambda self, peer_id, **_: self._not_held_by_bfd.discard(peer_id),
    ),
    "a peer that takes BFD down is never waited for again": (
        Speaker,
        "bfd_not_up",
        lambda self, peer_id, **_: self._not_held_by_bfd.add(peer_id),
    ),
    "late timers count from when they are looked at": (RibOwner, "_catch_up", lambda *_: None),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_mistake_in_the_speaker_is_noticed(what: str) -> None:
    """The positive control: a model that agrees with anything would prove nothing."""
    owner, name, instead = SPOILT[what]
    with patch.object(owner, name, instead):
        assert any(play(scenario.make(seed), STEPS) is not None for seed in range(300))
