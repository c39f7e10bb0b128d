"""For whose routes a restarted server waits before it clears away what is left."""

from __future__ import annotations

from routeserver.rib.returning import QUIET_S, Returning


def test_everybody_is_waited_for_until_the_deadline() -> None:
    returning = Returning(["a", "b"], 120.0)
    returning.excuse("a")
    assert not returning.is_over(119.0)
    assert returning.is_over(120.0)


def test_who_is_not_wanted_any_more_is_not_waited_for() -> None:
    returning = Returning(["a", "b"], 120.0)
    returning.excuse("a")
    returning.excuse("b")
    assert returning.is_over(1.0)


def test_who_has_nothing_more_to_say_is_back_and_who_is_gone_again_is_not() -> None:
    returning = Returning(["a"], 120.0)
    returning.heard("a", 1.0)
    assert not returning.is_over(1.0 + QUIET_S / 2)
    returning.heard("a", 4.0)
    assert not returning.is_over(1.0 + QUIET_S)
    assert returning.is_over(4.0 + QUIET_S)
    returning.gone("a")
    assert not returning.is_over(20.0)


def test_strangers_do_not_count() -> None:
    returning = Returning(["a"], 120.0)
    returning.heard("z", 1.0)
    returning.excuse("z")
    assert not returning.is_over(60.0)
    assert Returning([], 120.0).is_over(0.0)
