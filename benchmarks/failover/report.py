"""Rounds to medians with their spread, and whether they are within the targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.failover.rounds import Round

DETECTION_MS: Final = 900.0
ALLOWED_MS: Final = {100: 50.0, 100_000: 100.0}
"""Beside the detection time, by the number of routes."""

COLUMNS: Final = (
    ("lost", "probes lost"),
    ("gap", "last by A to first by B"),
    ("BFD down", "BFD down"),
    ("BGP down", "BGP down"),
    ("FIB", "FIB"),
    ("kernel", "kernel"),
    ("first by B", "first by B"),
)
LOSSLESS: Final = ("bgp-stop", "bfd-stop", "withdrawal", "restart", "crash")


@dataclass(frozen=True, slots=True)
class Verdict:
    what: str
    holds: bool


def table(rounds: dict[tuple[int, str], list[Round]]) -> str:
    """Medians, in brackets lowest and highest; milliseconds after the failure."""
    lines = [["routes", "way", "rounds", *(title for _, title in COLUMNS)]]
    for (routes, way), them in rounds.items():
        cells = [
            _cell([each.values[key] for each in them if key in each.values]) for key, _ in COLUMNS
        ]
        lines.append([f"{routes:,}", way, str(len(them)), *cells])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    shown = f"{median(values):,.1f}".removesuffix(".0")
    return f"{shown} ({min(values):,.0f}-{max(values):,.0f})"


def verdicts(rounds: dict[tuple[int, str], list[Round]]) -> Iterator[Verdict]:
    for (routes, way), them in rounds.items():
        lost = median(each.lost for each in them)
        where = f"{way} at {routes:,} routes"
        if way in LOSSLESS:
            yield Verdict(f"{where}: {lost:g} probes lost, none allowed", lost == 0)
            continue
        gaps = [each.gap_s * 1000 for each in them if each.gap_s is not None]
        limit = DETECTION_MS + next(
            (ms for most, ms in ALLOWED_MS.items() if routes <= most), max(ALLOWED_MS.values())
        )
        if len(gaps) < len(them):
            yield Verdict(f"{where}: B never took over in {len(them) - len(gaps)} rounds", False)
            continue
        yield Verdict(f"{where}: {median(gaps):.0f} ms, at most {limit:.0f}", median(gaps) <= limit)
