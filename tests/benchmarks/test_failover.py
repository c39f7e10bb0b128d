"""The failover benchmark's arithmetic: gaps, losses, verdicts; from made-up probes."""

from __future__ import annotations

from typing import Any

from benchmarks.failover import report
from benchmarks.failover.rounds import Probes, Round, put_together
from benchmarks.failover.scene import A, B, lab_text
from routeserver.lab.reading import read_text


def journey(number: int, arrived_at: float | None, by: str) -> dict[str, Any]:
    return {
        "number": number,
        "sent_at": float(number),
        "arrived_at": arrived_at,
        "there": [by] if by else [],
    }


def test_the_gap_is_between_the_last_by_a_and_the_first_by_b() -> None:
    seen = Probes(
        [
            journey(1, 1.1, A),
            journey(2, 2.1, A),
            journey(3, None, A),
            journey(4, None, ""),
            journey(5, 5.2, B),
            journey(6, 6.1, B),
        ],
        [("nexthop", 1.0, 1), ("nexthop", 5.0, 1), ("route", 7.0, 100)],
    )
    took = put_together("kill", 2.5, seen, {"BFD down": 0.9})
    assert (took.sent, took.lost) == (6, 2)
    assert took.gap_s == 5.2 - 2.1
    assert took.line == {
        "BFD down": 0.9,
        "kernel": 2.5,
        "kernel done": 4.5,
        "first by B": 5.2 - 2.5,
    }


def test_without_b_there_is_no_gap() -> None:
    took = put_together("restart", 1.5, Probes([journey(1, 1.1, A), journey(2, 2.1, A)]), {})
    assert (took.lost, took.gap_s) == (0, None)


def rounds(way: str, gap_s: float | None, lost: int) -> dict[tuple[int, str], list[Round]]:
    return {(100, way): [Round(way, 1000, lost, gap_s)] * 3}


def holds(way: str, gap_s: float | None, lost: int) -> bool:
    return all(verdict.holds for verdict in report.verdicts(rounds(way, gap_s, lost)))


def test_verdicts() -> None:
    assert holds("kill", 0.949, 949)
    assert not holds("kill", 0.951, 951)
    assert not holds("kill", None, 1000)
    assert holds("bgp-stop", 0.001, 0)
    assert not holds("bgp-stop", 0.001, 1)
    large = {(100_000, "kill"): [Round("kill", 1000, 990, 0.99)]}
    assert all(verdict.holds for verdict in report.verdicts(large))


def test_the_table_has_a_line_for_each_way() -> None:
    lines = report.table(rounds("kill", 0.9, 900)).splitlines()
    assert len(lines) == 2
    assert "900 (900-900)" in lines[1]


def test_the_measured_lab_announces_as_many_routes_as_it_says() -> None:
    for count, load in ((1, 0), (100, 0), (100, 1000)):
        lab = read_text(lab_text(count, load), "x.toml")
        for name in (A, B):
            appliance = lab.appliances[name]
            assert len(lab.announced(appliance, appliance.enis[0])) == count
        if load:
            loading = lab.appliances["load"]
            assert len(lab.announced(loading, loading.enis[0])) == load
