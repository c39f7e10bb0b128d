"""Selection deferral: whom a restarted speaker waits for, and for how long."""

from __future__ import annotations

from routeserver.net.prefix import Family
from routeserver.rib.deferral import SelectionDeferral

V4, V6 = Family.IPV4, Family.IPV6
T = 1000.0


def test_it_is_over_when_the_last_family_of_the_last_peer_is_complete() -> None:
    deferral = SelectionDeferral(["a", "b"], T)
    assert deferral.next_deadline() == T
    deferral.session_up("a", (V4, V6), takes_part=True)
    deferral.end_of_rib("a", V4)
    deferral.end_of_rib("a", V6)
    assert not deferral.is_over
    deferral.session_up("b", (V4,), takes_part=True)
    deferral.end_of_rib("b", V4)
    assert deferral.is_over
    assert deferral.next_deadline() is None


def test_nobody_to_wait_for_is_no_wait() -> None:
    assert SelectionDeferral([], T).is_over


def test_a_peer_that_turns_out_not_to_take_part_is_not_awaited() -> None:
    deferral = SelectionDeferral(["a"], T)
    deferral.session_up("a", (V4,), takes_part=False)
    assert deferral.is_over


def test_an_end_of_rib_of_an_earlier_session_does_not_count() -> None:
    deferral = SelectionDeferral(["a"], T)
    deferral.end_of_rib("a", V4)
    deferral.session_up("a", (V4, V6), takes_part=True)
    deferral.end_of_rib("a", V4)
    deferral.session_up("a", (V4, V6), takes_part=True)
    deferral.end_of_rib("a", V6)
    assert not deferral.is_over


def test_a_removed_peer_and_a_stranger_are_not_awaited() -> None:
    deferral = SelectionDeferral(["a"], T)
    deferral.session_up("z", (V4,), takes_part=True)
    deferral.end_of_rib("z", V4)
    assert not deferral.is_over
    deferral.peer_removed("a")
    assert deferral.is_over


def test_the_timer_ends_it_in_any_case() -> None:
    deferral = SelectionDeferral(["a"], T)
    deferral.handle_timer(T - 0.1)
    assert not deferral.is_over
    deferral.handle_timer(T)
    assert deferral.is_over
