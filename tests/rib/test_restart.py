"""Graceful restart as helper: the table over all (state, event) pairs, and its stories call by
call."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.prefix import Family
from routeserver.rib.restart import (
    TRANSITIONS,
    Action,
    Demote,
    GiveUp,
    PeerRestarting,
    RestartEvent,
    RestartState,
    RestartTerms,
    Verb,
)
from routeserver.rib.retention import Hold, Sweep

V4, V6 = Family.IPV4, Family.IPV6
T = 1000.0
RESTART_S, STALE_S, LONG_S = 120.0, 360.0, 3600.0
NORMAL, RESTARTING = RestartState.NORMAL, RestartState.RESTARTING
LONG_LIVED, RECOVERING = RestartState.LONG_LIVED, RestartState.RECOVERING


def terms(
    *families: Family,
    forwarding: tuple[Family, ...] = (),
    restart_s: float = RESTART_S,
    long_lived: tuple[Family, ...] = (),
) -> RestartTerms:
    return RestartTerms(
        restart_time_s=restart_s,
        stale_time_s=STALE_S,
        families=families,
        forwarding=forwarding,
        long_lived_s=tuple((family, LONG_S) for family in long_lived),
    )


BOTH = terms(V4, V6)
KEPT = terms(V4, V6, forwarding=(V4, V6))


def lost(first: RestartTerms = BOTH) -> PeerRestarting:
    """A peer whose session was up and broke at T."""
    peer = PeerRestarting("a")
    peer.session_up(first, T - 100)
    peer.session_lost(True, T)
    return peer


def test_every_state_has_an_answer_to_every_event() -> None:
    assert set(TRANSITIONS) == set(product(RestartState, RestartEvent))


def test_what_is_kept_is_kept_in_every_state_but_normal() -> None:
    """Entering NORMAL from another state always says what becomes of the stale routes."""
    for (state, _), (after, verb) in TRANSITIONS.items():
        if state is not NORMAL and after is NORMAL:
            assert verb in {Verb.GIVE_UP, Verb.SWEEP, Verb.SWEEP_FAMILY}
        if state is NORMAL and after is not NORMAL:
            assert verb in {Verb.KEEP, Verb.KEEP_LONG_LIVED}


def test_a_broken_connection_keeps_the_routes_for_the_restart_time() -> None:
    peer = PeerRestarting("a")
    assert peer.session_up(BOTH, T - 100) == []
    assert peer.session_lost(True, T) == [Hold("a")]
    assert (peer.state, peer.next_deadline()) == (RESTARTING, T + RESTART_S)
    assert peer.handle_timer(T + RESTART_S - 0.1) == []
    assert peer.handle_timer(T + RESTART_S) == [GiveUp("a")]
    assert (peer.state, peer.next_deadline()) == (NORMAL, None)


def test_other_terms_under_a_session_count_when_it_is_lost() -> None:
    peer = PeerRestarting("a")
    peer.session_up(BOTH, T - 100)
    peer.agree(terms(V4, V6, restart_s=5))
    peer.session_lost(True, T)
    assert peer.next_deadline() == T + 5


def test_families_that_the_peer_did_not_name_go_at_once() -> None:
    peer = PeerRestarting("a")
    peer.session_up(terms(V4), T - 100)
    assert peer.session_lost(True, T) == [Hold("a"), Sweep("a", V6)]


@pytest.mark.parametrize(
    "first", [None, terms(), terms(V4, restart_s=0), terms(restart_s=0, long_lived=())]
)
def test_without_graceful_restart_a_loss_is_a_loss(first: RestartTerms | None) -> None:
    peer = PeerRestarting("a")
    peer.session_up(first, T - 100)
    assert peer.session_lost(True, T) == [GiveUp("a")]
    assert peer.state is NORMAL


def test_a_loss_that_keeps_nothing_is_a_loss() -> None:
    peer = PeerRestarting("a")
    peer.session_up(KEPT, T - 100)
    assert peer.session_lost(False, T) == [GiveUp("a")]


def test_what_is_back_with_its_forwarding_state_waits_for_end_of_rib() -> None:
    peer = lost()
    assert peer.session_up(KEPT, T + 10) == []
    assert (peer.state, peer.next_deadline()) == (RECOVERING, T + 10 + STALE_S)
    assert peer.end_of_rib(V4, T + 11) == [Sweep("a", V4)]
    assert peer.state is RECOVERING
    assert peer.end_of_rib(V4, T + 11) == []
    assert peer.end_of_rib(V6, T + 12) == [Sweep("a", V6)]
    assert (peer.state, peer.next_deadline()) == (NORMAL, None)
    assert peer.end_of_rib(V6, T + 13) == []


def test_a_family_without_flag_f_goes_when_the_session_is_back() -> None:
    peer = lost()
    assert peer.session_up(terms(V4, V6, forwarding=(V6,)), T + 10) == [Sweep("a", V4)]
    assert peer.end_of_rib(V6, T + 12) == [Sweep("a", V6)]
    assert peer.state is NORMAL


@pytest.mark.parametrize("second", [None, BOTH, terms()])
def test_back_without_any_forwarding_state_all_that_is_stale_goes(
    second: RestartTerms | None,
) -> None:
    peer = lost()
    assert peer.session_up(second, T + 10) == [Sweep("a")]
    assert peer.state is NORMAL


def test_the_stale_timer_ends_the_wait_for_an_end_of_rib_that_never_comes() -> None:
    peer = lost()
    peer.session_up(KEPT, T + 10)
    assert peer.handle_timer(T + 10 + STALE_S) == [Sweep("a", V4), Sweep("a")]
    assert peer.state is NORMAL


def test_a_route_survives_one_restart_and_not_two_in_a_row() -> None:
    peer = lost()
    peer.session_up(KEPT, T + 10)
    assert peer.session_lost(True, T + 20) == [Sweep("a"), Hold("a")]
    assert (peer.state, peer.next_deadline()) == (RESTARTING, T + 20 + RESTART_S)


def test_a_forwarding_failure_while_it_restarts_ends_the_keeping() -> None:
    peer = lost()
    assert peer.forwarding_lost(T + 1) == [GiveUp("a")]
    assert peer.state is NORMAL
    assert peer.forwarding_lost(T + 2) == []


def test_after_the_restart_time_the_long_lived_families_are_demoted_and_timed() -> None:
    peer = lost(terms(V4, V6, long_lived=(V6,)))
    assert peer.handle_timer(T + RESTART_S) == [Sweep("a", V4), Demote("a")]
    assert (peer.state, peer.next_deadline()) == (LONG_LIVED, T + RESTART_S + LONG_S)
    assert peer.handle_timer(T + RESTART_S + LONG_S) == [GiveUp("a")]
    assert peer.state is NORMAL


def test_long_lived_families_have_a_time_each() -> None:
    peer = PeerRestarting("a")
    peer.session_up(RestartTerms(0, STALE_S, (), (), ((V4, 10.0), (V6, 20.0))), T - 1)
    assert peer.session_lost(True, T) == [Hold("a"), Demote("a")]
    assert peer.handle_timer(T + 10) == [Sweep("a", V4)]
    assert peer.handle_timer(T + 20) == [GiveUp("a")]


def test_with_a_restart_time_of_zero_the_long_lived_time_begins_at_once() -> None:
    peer = PeerRestarting("a")
    peer.session_up(terms(V4, restart_s=0, long_lived=(V4,)), T - 1)
    assert peer.session_lost(True, T) == [Hold("a"), Sweep("a", V6), Demote("a")]
    assert peer.state is LONG_LIVED


def test_back_in_the_long_lived_time_the_wait_for_end_of_rib_is_the_same() -> None:
    peer = lost(terms(V4, long_lived=(V4,)))
    peer.handle_timer(T + RESTART_S)
    assert peer.session_up(terms(V4, forwarding=(V4,)), T + 200) == []
    assert (peer.state, peer.next_deadline()) == (RECOVERING, T + 200 + STALE_S)
    assert peer.end_of_rib(V4, T + 201) == [Sweep("a", V4)]
    assert peer.state is NORMAL


def test_a_late_timer_catches_up() -> None:
    peer = lost(terms(V4, long_lived=(V4,)))
    late = T + RESTART_S + LONG_S
    assert peer.handle_timer(late) == [Demote("a")]
    assert peer.next_deadline() == late + LONG_S


FAMILIES = st.lists(st.sampled_from(list(Family)), unique=True).map(tuple)
TERMS = st.none() | st.builds(
    RestartTerms,
    restart_time_s=st.sampled_from([0.0, 5.0]),
    stale_time_s=st.just(7.0),
    families=FAMILIES,
    forwarding=FAMILIES,
    long_lived_s=FAMILIES.map(lambda found: tuple((family, 3.0) for family in found)),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("up"), TERMS),
        st.tuples(st.just("lost"), st.booleans()),
        st.tuples(st.just("eor"), st.sampled_from(list(Family))),
        st.tuples(st.just("bfd"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 4.0, 10.0])),
    ),
    max_size=20,
)


@given(STEPS)
def test_nothing_stays_stale_without_a_reason_and_a_deadline(  # noqa: C901 - a small model
    steps: list[tuple[str, object]],
) -> None:
    """Against a model of the RIB: stale routes by family exist only in a state with a deadline."""
    peer, now, up = PeerRestarting("a"), T, False
    live: set[Family] = set()
    stale: set[Family] = set()

    def carry_out(actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Hold():
                    stale.update(live)
                    live.clear()
                case Sweep(_, None):
                    stale.clear()
                case Sweep(_, family):
                    assert family is not None
                    stale.discard(family)
                case GiveUp():
                    stale.clear()
                    live.clear()
                case Demote():
                    assert not up

    for what, value in steps:
        if what == "up" and not up:
            up = True
            carry_out(peer.session_up(value, now))  # type: ignore[arg-type]
            live.update(Family)
        elif what == "lost" and up:
            up = False
            carry_out(peer.session_lost(bool(value), now))
        elif what == "eor" and up:
            carry_out(peer.end_of_rib(value, now))  # type: ignore[arg-type]
        elif what == "bfd" and not up:
            carry_out(peer.forwarding_lost(now))
        elif what == "wait":
            now += value  # type: ignore[operator]
            carry_out(peer.handle_timer(now))
        assert peer.is_keeping == (peer.next_deadline() is not None)
        assert not stale or peer.is_keeping
        assert up or not live
        deadline = peer.next_deadline()
        assert deadline is None or deadline > now
