"""How long a peer that keeps failing is refused, without a clock."""

from __future__ import annotations

from routeserver.speaker.idle_hold import FREE_FAILURES, LONGEST_RESTART_S, IdleHold
from routeserver.speaker.log_limit import LogLimit

T = 1000.0


def test_a_few_failures_in_a_row_cost_nothing() -> None:
    hold = IdleHold(1, 120)
    assert [hold.failed(T + n) for n in range(FREE_FAILURES)] == [0.0] * FREE_FAILURES
    assert hold.remaining_s(T + FREE_FAILURES) == 0.0


def test_each_failure_more_doubles_the_pause_up_to_the_longest() -> None:
    hold = IdleHold(1, 10)
    pauses = [hold.failed(T) for _ in range(FREE_FAILURES + 6)]
    assert pauses[FREE_FAILURES:] == [1, 2, 4, 8, 10, 10]
    assert hold.remaining_s(T + 4) == 6
    assert hold.remaining_s(T + 10) == 0


def test_failures_are_forgotten_with_time() -> None:
    hold = IdleHold(1, 120)
    for _ in range(8):
        hold.failed(T)
    assert hold.failed(T + 600) == 0.0


def test_a_pause_of_zero_holds_nobody() -> None:
    hold = IdleHold(0, 120)
    assert {hold.failed(T) for _ in range(50)} == {0.0}


def test_a_peer_over_its_limit_waits_from_the_first_time_and_twice_as_long_each_time() -> None:
    hold = IdleHold(0, 120)
    assert hold.over_limit(60, T) == 60
    assert hold.remaining_s(T + 1) == 59
    assert hold.over_limit(60, T + 61) == 120
    assert hold.over_limit(60, T + 61 + 121) == 240
    for _ in range(20):
        pause = hold.over_limit(60, T + 500)
    assert pause == LONGEST_RESTART_S


def test_a_limit_that_was_kept_for_long_is_forgotten() -> None:
    hold = IdleHold(0, 120)
    hold.over_limit(60, T)
    assert hold.over_limit(60, T + 1000) == 60


def test_new_settings_are_another_chance() -> None:
    hold = IdleHold(1, 120)
    for _ in range(9):
        hold.failed(T)
    hold.forgive()
    assert hold.remaining_s(T) == 0
    assert hold.failed(T) == 0


def test_the_first_lines_are_written_then_one_in_a_while() -> None:
    limit = LogLimit(burst=2, seconds_a_line=10)
    assert [limit.take("a", T) for _ in range(4)] == [0, 0, None, None]
    assert limit.take("b", T) == 0
    assert limit.take("a", T + 10) == 2
    assert limit.take("a", T + 11) is None


def test_the_number_of_addresses_is_bounded() -> None:
    limit = LogLimit(burst=1, max_addresses=3)
    for number in range(100):
        assert limit.take(str(number), T) == 0
    assert len(limit._buckets) == 3
