"""From samples to the table and the plot."""

from __future__ import annotations

from collections import Counter
from xml.dom.minidom import parseString

import pytest

from benchmarks.routing.life import LONGEST_LIFE_S
from benchmarks.routing.plan import (
    DAEMONS,
    MEASUREMENTS,
    MOST_ROUNDS,
    MOST_ROUNDS_OF,
    Options,
    Sample,
    steps,
)
from benchmarks.routing.plot import COLOURS, draw
from benchmarks.routing.results import NAMES, OWN_ROWS, cells, ratio, table

SAMPLES = [
    Sample("internet", "bird", {"learn": 1.0, "switch": 2.0, "bytes_one": 140.0}),
    Sample("internet", "bird", {"learn": 1.4, "switch": 2.0, "bytes_one": 140.0}),
    Sample("internet", "bird", {"learn": 1.2, "switch": 2.0, "bytes_one": 140.0}),
    Sample("listener", "bird", {"switch_listener": 1.5}),
    Sample("internet", "ours", {"learn": 0.6, "switch": 0.5, "bytes_one": 100.0}),
    Sample("internet", "frr", {"learn": 12.0, "switch_listener": 6.0}),
    Sample("scaling 10000", "ours", {"cpu_us": 0.5}),
    Sample("scaling 100000", "ours", {"cpu_us": 0.6}),
    Sample("load", "ours", {"longest_turn_ms": None, "api_p99_ms": 12.0, "bfd_lost": 0.0}),
    Sample("packed", "gobgp", {}, error="it ended"),
]
CHOSEN = ["bird", "ours", "frr"]


def test_a_ratio_is_of_medians_and_its_spread_of_all_samples() -> None:
    found = cells(SAMPLES, CHOSEN)
    times = ratio(found, "learn, Internet-like", "ours")
    assert times is not None
    assert times.median == pytest.approx(0.5)
    mine = found["learn, Internet-like", "bird"]
    assert (mine.lowest, mine.median, mine.highest) == (1.0, 1.2, 1.4)


def test_a_daemon_measured_in_two_ways_counts_in_the_way_it_is_better() -> None:
    found = cells(SAMPLES, CHOSEN)
    assert found["all routes switched", "bird"].median == 1.5
    assert found["all routes switched", "frr"].median == 6.0


def test_a_listener_is_what_counts_where_one_listened() -> None:
    samples = [*SAMPLES, Sample("listener", "bird", {"switch_listener": 9.0})]
    found = cells(samples, CHOSEN)
    assert found["all routes switched", "bird"].median == 2.0
    row = "all switched, told a listener"
    assert [found[row, daemon].highest for daemon in CHOSEN] == [9.0, 0.5, 6.0]


def test_what_was_not_measured_has_no_ratio() -> None:
    assert ratio(cells(SAMPLES, CHOSEN), "learn, packed", "ours") is None


def test_the_table_names_daemons_ratios_targets_and_the_cost_by_size() -> None:
    text = table(SAMPLES, CHOSEN)
    first, second = text.splitlines()[:2]
    assert all(NAMES[daemon] in first for daemon in CHOSEN)
    assert "0.50 x" in second
    assert second.endswith("<= 0.5 x")
    assert "20 %" in next(line for line in text.splitlines() if line.endswith("%"))
    assert "learn, packed" not in text
    assert "12.0 ms" in text


def test_the_plot_is_a_document_with_a_dot_for_each_ratio_and_size() -> None:
    document = parseString(draw(SAMPLES, CHOSEN))  # noqa: S318 - our own
    circles = document.getElementsByTagName("circle")
    legend, learn, switch, listener, memory, sizes = 3, 3, 3, 3, 2, 2
    assert len(circles) == legend + learn + switch + listener + memory + sizes
    assert draw([], CHOSEN)


def test_every_daemon_has_a_name_and_a_colour() -> None:
    assert NAMES.keys() == COLOURS.keys() == DAEMONS.keys()
    assert len({key for _, key, *_ in OWN_ROWS}) >= 7


def test_what_takes_too_long_is_said_to_and_what_came_before_it_counts() -> None:
    late = Sample("internet", "gobgp", {"learn": 30.0}, "it counts", is_late=True)
    lines = table([*SAMPLES, late], [*CHOSEN, "gobgp"]).splitlines()
    learnt = next(line for line in lines if line.startswith("learn, Internet-like"))
    gone = next(line for line in lines if line.startswith("all routes switched"))
    assert "30.0 s" in learnt
    assert f"over {LONGEST_LIFE_S / 60:.0f} min" in gone


def test_slow_daemons_and_long_measurements_have_fewer_rounds() -> None:
    options = Options()
    rounds = [list(steps(options, number)) for number in range(options.repeats)]
    made = Counter((s.measurement, s.daemon) for round_ in rounds for s in round_)
    assert made["internet", "ours"] == made["packed", "bird"] == options.repeats
    assert {made["internet", name] for name in MOST_ROUNDS} == set(MOST_ROUNDS.values())
    assert made["load", "ours"] == MOST_ROUNDS_OF["load"]
    assert made["scaling 10000", "bird"] == MOST_ROUNDS_OF["scaling"]


def test_every_round_makes_every_measurement_and_another_daemon_begins() -> None:
    options = Options(daemons=("bird", "ours"), sizes=(10, 20))
    made = [[(s.measurement, s.daemon) for s in steps(options, number)] for number in (0, 1)]
    assert sorted(made[0]) == sorted(made[1])
    assert (made[0][0], made[1][0]) == (("internet", "bird"), ("internet", "ours"))
    assert {name.split()[0] for name, _ in made[0]} == {*MEASUREMENTS, "listener"}
