"""Graceful restart and persistence together: who keeps a lost session's routes, and until when."""

from __future__ import annotations

from routeserver.net.prefix import Family
from routeserver.rib.keeping import Keeping
from routeserver.rib.restart import RestartTerms
from routeserver.rib.retention import Drop, Hold, Retention, Sweep

V4, V6 = Family.IPV4, Family.IPV6
T = 1000.0
GRACE_S = 60.0
GR = RestartTerms(120.0, 360.0, (V4, V6), (V4, V6))


def keeping(persist: bool = True) -> Keeping:
    return Keeping(Retention(persist, GRACE_S))


def test_without_graceful_restart_it_is_persistence_alone() -> None:
    both = keeping()
    assert both.session_up("a", None, T) == []
    assert both.session_down("a", True, 0, T) == [Hold("a")]
    assert both.persisting
    assert both.session_up("a", None, T + 1) == []
    assert both.next_deadline() == T + 1 + GRACE_S
    assert both.handle_timer(1, T + 1 + GRACE_S) == [Sweep("a")]
    assert not both.persisting


def test_a_restart_is_no_loss_to_persistence() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    assert both.session_down("a", True, 0, T) == [Hold("a")]
    assert both.is_restarting("a")
    assert not both.persisting
    assert both.session_up("a", GR, T + 1) == []
    assert both.end_of_rib("a", V4, T + 2) == [Sweep("a", V4)]
    assert both.end_of_rib("a", V6, T + 2) == [Sweep("a", V6)]
    assert both.next_deadline() is None


def test_a_restart_that_is_given_up_is_a_loss_at_that_moment() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    both.session_down("a", True, 0, T)
    assert both.handle_timer(0, T + 120) == [Hold("a")]
    assert both.persisting
    assert both.next_deadline() is None


def test_given_up_while_others_are_live_the_routes_go() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    both.session_up("b", None, T - 1)
    both.session_down("a", True, 1, T)
    assert both.handle_timer(1, T + 120) == [Drop("a")]


def test_without_persistence_what_is_given_up_goes() -> None:
    both = keeping(persist=False)
    both.session_up("a", GR, T - 1)
    assert both.session_down("a", True, 0, T) == [Hold("a")]
    assert both.handle_timer(0, T + 120) == [Drop("a")]


def test_a_peer_that_restarts_does_not_count_as_live() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    both.session_up("b", None, T - 1)
    both.session_down("a", True, 1, T)
    assert both.session_down("b", True, 0, T + 1) == [Hold("b")]
    assert both.persisting
    # The restarted peer is the first that is back: the grace of what is held of the other runs.
    both.session_up("a", GR, T + 2)
    assert both.handle_timer(1, T + 2 + GRACE_S) == [Sweep("b")]


def test_persistence_sweeps_nothing_that_a_restart_keeps() -> None:
    both = keeping()
    both.session_up("a", GR, T - 100)
    both.session_down("a", False, 0, T - 90)
    both.session_up("a", GR, T - 80)
    assert both.session_down("a", True, 0, T - 70) == [Hold("a")]
    assert both.reset(T - 60) == []
    assert both.configure(False, GRACE_S, T - 60) == []
    assert both.session_up("a", GR, T) == []
    assert both.end_of_rib("a", V4, T) == [Sweep("a", V4)]


def test_bfd_while_it_restarts_ends_in_persistence_as_any_loss() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    both.session_down("a", True, 0, T)
    assert both.forwarding_lost("a", 0, T + 1) == [Hold("a")]
    assert both.forwarding_lost("b", 0, T + 1) == []


def test_a_removed_peer_loses_everything_whatever_kept_it() -> None:
    both = keeping()
    both.session_up("a", GR, T - 1)
    both.session_down("a", True, 0, T)
    assert both.peer_removed("a", 0, T + 1) == [Drop("a")]
    assert not both.is_restarting("a")
    assert both.next_deadline() is None
    assert both.end_of_rib("a", V4, T + 2) == []
