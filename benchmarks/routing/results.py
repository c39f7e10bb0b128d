"""Samples to medians, ratios to BIRD, and the table that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.routing.life import LONGEST_LIFE_S
from benchmarks.routing.plan import Sample

BASELINE: Final = "bird"
NAMES: Final = {
    "bird": "BIRD",
    "ours": "routeserver",
    "ours-pure": "routeserver, no compiler",
    "openbgpd": "OpenBGPD",
    "frr": "FRR",
    "gobgp": "GoBGP",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `sources` are the ways to measure it, in order of preference; with
    `best_way`, a daemon measured in several counts in the one in which it is better. `target` is
    the highest ratio to BIRD that routeserver aims at."""

    title: str
    sources: Sequence[tuple[str, str]]
    unit: str = "s"
    target: float | None = None
    best_way: bool = False


ROWS: Final = (
    Row("learn, Internet-like", [("internet", "learn")], target=0.5),
    Row("learn, packed", [("packed", "learn")], target=0.5),
    Row("learn, IPv6", [("ipv6", "learn")], target=0.6),
    Row(
        "all routes switched",
        [("internet", "switch"), ("listener", "switch_listener"), ("internet", "switch_listener")],
        target=0.5,
        best_way=True,
    ),
    Row(
        "all switched, told a listener",
        [("listener", "switch_listener"), ("internet", "switch_listener"), ("internet", "switch")],
        target=0.5,
    ),
    Row("all withdrawn", [("internet", "withdraw"), ("internet", "withdraw_listener")], target=0.7),
    Row("learn, many peers", [("many", "many")], target=0.7),
    Row("memory per route, one peer", [("internet", "bytes_one")], "B", target=1.0),
    Row("memory per route, two peers", [("internet", "bytes_two")], "B", target=1.2),
    Row("memory per IPv6 route, one peer", [("ipv6", "bytes")], "B", target=1.0),
)


@dataclass(frozen=True, slots=True)
class Spread:
    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


Cells = Mapping[tuple[str, str], Spread]
"""By title of the row and daemon."""


def values_of(samples: Sequence[Sample], measurement: str, daemon: str, key: str) -> list[float]:
    return [
        value
        for sample in samples
        if (sample.measurement, sample.daemon) == (measurement, daemon)
        and (value := sample.values.get(key)) is not None
    ]


def cells(samples: Sequence[Sample], daemons: Sequence[str]) -> dict[tuple[str, str], Spread]:
    """What was measured of each row; nothing where nothing was."""
    found: dict[tuple[str, str], Spread] = {}
    for row in ROWS:
        for daemon in daemons:
            ways = [
                Spread.of(values)
                for measurement, key in row.sources
                if (values := values_of(samples, measurement, daemon, key))
            ]
            if ways:
                best = min(ways, key=lambda way: way.median)
                found[row.title, daemon] = best if row.best_way else ways[0]
    return found


def ratio(found: Cells, title: str, daemon: str) -> Spread | None:
    """To BIRD's median; None when one of them is missing."""
    mine, theirs = found.get((title, daemon)), found.get((title, BASELINE))
    if mine is None or theirs is None or theirs.median <= 0:
        return None
    by = theirs.median
    return Spread(mine.median / by, mine.lowest / by, mine.highest / by)


def table(samples: Sequence[Sample], daemons: Sequence[str]) -> str:
    """Medians, in brackets lowest and highest, and how many times BIRD's median that is."""
    found = cells(samples, daemons)
    lines = [["", *(NAMES[daemon] for daemon in daemons), "target"]]
    for row in ROWS:
        if not any((row.title, daemon) in found for daemon in daemons):
            continue
        shown = [_cell(samples, found, row, daemon) for daemon in daemons]
        target = "" if row.target is None else f"<= {row.target:.1f} x"
        lines.append([row.title, *shown, target])
    parts = [_aligned(lines) if len(lines) > 1 else (), _scaling(samples, daemons), _own(samples)]
    return "\n\n".join("\n".join(part) for part in map(tuple, parts) if part)


def _cell(samples: Sequence[Sample], found: Cells, row: Row, daemon: str) -> str:
    spread = found.get((row.title, daemon))
    if spread is None:
        measured = {measurement for measurement, _ in row.sources}
        late = any(s.is_late and s.daemon == daemon and s.measurement in measured for s in samples)
        return f"over {LONGEST_LIFE_S / 60:.0f} min" if late else "-"
    shown = _shown(spread, row.unit)
    times = ratio(found, row.title, daemon)
    return shown if times is None else f"{shown} {times.median:5.2f} x"


def scaling_sizes(samples: Sequence[Sample]) -> list[int]:
    words = {sample.measurement for sample in samples if sample.measurement.startswith("scaling ")}
    return sorted(int(word.split()[1]) for word in words)


def _scaling(samples: Sequence[Sample], daemons: Sequence[str]) -> Iterator[str]:
    sizes = scaling_sizes(samples)
    if not sizes:
        return
    lines = [["processor time per route, us", *(f"{size:,}" for size in sizes), "spread"]]
    for daemon in daemons:
        spreads = [
            Spread.of(values)
            for size in sizes
            if (values := values_of(samples, f"scaling {size}", daemon, "cpu_us"))
        ]
        if len(spreads) != len(sizes):
            continue
        shown = [_shown(each, "") for each in spreads]
        medians = [each.median for each in spreads]
        widest = 100 * (max(medians) / min(medians) - 1) if min(medians) > 0 else 0.0
        lines.append([NAMES[daemon], *shown, f"{widest:.0f} %"])
    yield from _aligned(lines)


OWN_ROWS: Final = (
    ("load", "longest_turn_ms", "longest turn of the event loop", "ms", "<= 20"),
    ("load", "api_p50_ms", "API, half of the requests", "ms", ""),
    ("load", "api_p99_ms", "API, 99 % of the requests", "ms", "<= 50"),
    ("load", "keepalive_longest_ms", "longest silence on an idle session", "ms", ""),
    ("load", "keepalive_interval_ms", "  its keepalive interval", "ms", ""),
    ("load", "bfd_lost", "BFD sessions lost of 100", "", "0"),
    ("load", "bfd_longest_silence_ms", "longest silence of a BFD session", "ms", "< 900"),
    ("bfd", "bfd_cpu_percent", "processor for BFD alone", "%", "< 60"),
    ("bfd", "bfd_lost", "BFD sessions lost, BFD alone", "", "0"),
)
"""What only routeserver is measured in: measurement, key, title, unit, target."""


def _own(samples: Sequence[Sample]) -> Iterator[str]:
    lines = [
        [title, _shown(Spread.of(values), unit), target]
        for measurement, key, title, unit, target in OWN_ROWS
        if (values := values_of(samples, measurement, "ours", key))
    ]
    if lines:
        yield from _aligned([["routeserver while a table arrives", "", "target"], *lines])


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or value >= 99.5:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}" if value >= 0.995 else f"{value:.3f}"


def _shown(spread: Spread, unit: str) -> str:
    """Without the range where there is none."""
    shown = f"{_number(spread.median)} {unit}".rstrip()
    if spread.lowest == spread.highest:
        return shown
    return f"{shown} ({_number(spread.lowest)}-{_number(spread.highest)})"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = line
        shown = [first.ljust(widths[0])]
        shown += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join(shown).rstrip()
