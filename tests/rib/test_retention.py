"""Route persistence: the table over all (state, event) pairs, and its stories call by call."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.rib.retention import (
    TRANSITIONS,
    Action,
    Drop,
    Hold,
    Retention,
    RetentionEvent,
    RetentionState,
    Sweep,
    Verb,
)

NORMAL, HELD, GRACE = RetentionState.NORMAL, RetentionState.HELD, RetentionState.GRACE
DURATION = 60.0
T = 1000.0


def in_state(state: RetentionState) -> Retention:
    """Persistence enabled; when held or in grace, the routes of peer ``old`` are the held ones."""
    retention = Retention(enabled=True, duration_s=DURATION)
    if state is not NORMAL:
        retention.session_down("old", 0, T)
    if state is GRACE:
        retention.session_up("new", T)
    assert retention.state is state
    return retention


def tell(retention: Retention, event: RetentionEvent) -> list[Action]:
    match event:
        case RetentionEvent.SESSION_UP:
            return retention.session_up("x", T)
        case RetentionEvent.SESSION_DOWN:
            return retention.session_down("x", 1, T)
        case RetentionEvent.LAST_SESSION_DOWN:
            return retention.session_down("x", 0, T)
        case RetentionEvent.PEER_REMOVED:
            return retention.peer_removed("x", 1, T)
        case RetentionEvent.PEER_REMOVED_NONE_LIVE:
            return retention.peer_removed("x", 0, T)
        case RetentionEvent.HOLDER_GONE:
            return retention.peer_removed("old", 1, T)
        case RetentionEvent.GRACE_OVER:
            return retention.handle_timer(T + DURATION)
        case RetentionEvent.DISABLED:
            return retention.configure(False, DURATION, T)
        case RetentionEvent.RESET:
            return retention.reset(T)


E = RetentionEvent
EXPECTED: dict[tuple[RetentionState, RetentionEvent], tuple[RetentionState, list[Action]]] = {
    (NORMAL, E.SESSION_UP): (NORMAL, []),
    (NORMAL, E.SESSION_DOWN): (NORMAL, [Drop("x")]),
    (NORMAL, E.LAST_SESSION_DOWN): (HELD, [Hold("x")]),
    (NORMAL, E.PEER_REMOVED): (NORMAL, [Drop("x")]),
    (NORMAL, E.PEER_REMOVED_NONE_LIVE): (NORMAL, [Drop("x")]),
    (NORMAL, E.HOLDER_GONE): (NORMAL, [Drop("old")]),
    (NORMAL, E.GRACE_OVER): (NORMAL, []),
    (NORMAL, E.DISABLED): (NORMAL, []),
    (NORMAL, E.RESET): (NORMAL, []),
    (HELD, E.SESSION_UP): (GRACE, []),
    (HELD, E.SESSION_DOWN): (HELD, [Drop("x")]),
    (HELD, E.LAST_SESSION_DOWN): (HELD, [Hold("x")]),
    (HELD, E.PEER_REMOVED): (HELD, [Drop("x")]),
    (HELD, E.PEER_REMOVED_NONE_LIVE): (HELD, [Drop("x")]),
    (HELD, E.HOLDER_GONE): (NORMAL, [Drop("old")]),
    (HELD, E.GRACE_OVER): (HELD, []),
    (HELD, E.DISABLED): (NORMAL, [Sweep("old")]),
    (HELD, E.RESET): (NORMAL, [Sweep("old")]),
    (GRACE, E.SESSION_UP): (GRACE, []),
    (GRACE, E.SESSION_DOWN): (GRACE, [Drop("x")]),
    (GRACE, E.LAST_SESSION_DOWN): (HELD, [Hold("x")]),
    (GRACE, E.PEER_REMOVED): (GRACE, [Drop("x")]),
    (GRACE, E.PEER_REMOVED_NONE_LIVE): (HELD, [Drop("x")]),
    (GRACE, E.HOLDER_GONE): (NORMAL, [Drop("old")]),
    (GRACE, E.GRACE_OVER): (NORMAL, [Sweep("old")]),
    (GRACE, E.DISABLED): (NORMAL, [Sweep("old")]),
    (GRACE, E.RESET): (NORMAL, [Sweep("old")]),
}


def test_the_table_has_every_pair_of_state_and_event() -> None:
    pairs = set(product(RetentionState, RetentionEvent))
    assert set(TRANSITIONS) == pairs
    assert set(EXPECTED) == pairs


@pytest.mark.parametrize(("state", "event"), list(product(RetentionState, RetentionEvent)))
def test_each_pair_of_state_and_event(state: RetentionState, event: RetentionEvent) -> None:
    retention = in_state(state)
    actions = tell(retention, event)
    assert (retention.state, actions) == EXPECTED[state, event]
    assert retention.persisting == (retention.state is not NORMAL)
    assert (retention.next_deadline() is not None) == (retention.state is GRACE)


def test_only_a_transition_to_normal_sweeps() -> None:
    for state, verb in TRANSITIONS.values():
        assert verb is not Verb.SWEEP or state is NORMAL


def test_without_persistence_the_last_session_takes_its_routes_with_it() -> None:
    retention = Retention(enabled=False, duration_s=DURATION)
    assert retention.session_down("a", 0, T) == [Drop("a")]
    assert not retention.persisting


def test_only_the_last_of_several_peers_is_held() -> None:
    retention = Retention(enabled=True, duration_s=DURATION)
    assert retention.session_down("a", 1, T) == [Drop("a")]
    assert retention.session_down("b", 0, T) == [Hold("b")]
    assert retention.persisting


def test_held_routes_have_no_time_limit_and_grace_counts_from_the_first_session() -> None:
    retention = Retention(enabled=True, duration_s=DURATION)
    retention.session_down("a", 0, T)
    assert retention.next_deadline() is None
    assert retention.handle_timer(T + 1e9) == []
    retention.session_up("b", T + 1e9)
    retention.session_up("a", T + 1e9 + 30)
    assert retention.next_deadline() == T + 1e9 + DURATION
    assert retention.handle_timer(T + 1e9 + DURATION - 0.001) == []
    assert retention.persisting
    assert retention.handle_timer(T + 1e9 + DURATION) == [Sweep("a")]
    assert not retention.persisting
    assert retention.next_deadline() is None


def test_a_grace_that_loses_every_session_begins_anew_with_the_next() -> None:
    retention = in_state(GRACE)
    assert retention.session_down("new", 0, T + 50) == [Hold("new")]
    assert retention.next_deadline() is None
    retention.session_up("old", T + 500)
    assert retention.next_deadline() == T + 500 + DURATION
    assert retention.handle_timer(T + 500 + DURATION) == [Sweep("new"), Sweep("old")]


def test_a_new_duration_counts_from_where_the_grace_began() -> None:
    retention = in_state(GRACE)
    assert retention.configure(True, 300, T + 10) == []
    assert retention.next_deadline() == T + 300
    retention.configure(True, 5, T + 10)
    assert retention.handle_timer(T + 10) == [Sweep("old")]


def test_enabling_after_the_last_session_has_nothing_to_hold() -> None:
    retention = Retention(enabled=False, duration_s=DURATION)
    retention.session_down("a", 0, T)
    assert retention.configure(True, DURATION, T) == []
    assert not retention.persisting


def test_removing_the_only_peer_with_held_routes_ends_the_persistence() -> None:
    retention = in_state(HELD)
    assert retention.peer_removed("old", 0, T) == [Drop("old")]
    assert not retention.persisting


class Owner:
    """Knows the sessions and carries the actions out on a dict of routes."""

    def __init__(self, enabled: bool) -> None:
        self.retention = Retention(enabled, DURATION)
        self.now = T
        self.up: set[str] = set()
        self.routes: dict[str, str] = {}

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Hold(peer_id):
                    self.routes[peer_id] = "held"
                case Drop(peer_id):
                    self.routes.pop(peer_id, None)
                case Sweep(peer_id):
                    if self.routes.get(peer_id) == "held":
                        del self.routes[peer_id]

    def step(self, what: str, peer_id: str) -> None:
        match what:
            case "up" if peer_id not in self.up:
                self.up.add(peer_id)
                self.act(self.retention.session_up(peer_id, self.now))
                self.routes[peer_id] = "fresh"
            case "down" if peer_id in self.up:
                self.up.discard(peer_id)
                self.act(self.retention.session_down(peer_id, len(self.up), self.now))
            case "remove":
                self.up.discard(peer_id)
                self.act(self.retention.peer_removed(peer_id, len(self.up), self.now))
                assert peer_id not in self.routes
            case "enable" | "disable":
                self.act(self.retention.configure(what == "enable", DURATION, self.now))
            case "reset":
                self.act(self.retention.reset(self.now))
            case "wait":
                self.now += DURATION / 2
                self.act(self.retention.handle_timer(self.now))


STEPS = ("up", "down", "remove", "enable", "disable", "reset", "wait")


@given(st.booleans(), st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from("abc"))))
def test_held_routes_are_kept_exactly_while_persisting(
    enabled: bool, steps: list[tuple[str, str]]
) -> None:
    owner = Owner(enabled)
    for what, peer_id in steps:
        owner.step(what, peer_id)
        held = {peer for peer, kind in owner.routes.items() if kind == "held"}
        fresh = set(owner.routes) - held
        assert fresh == owner.up
        assert owner.retention.persisting or not held
        assert owner.retention.state is not HELD or (held and not owner.up)
        assert owner.retention.state is not GRACE or owner.up
