"""The plot that the documentation shows, as SVG: every measurement as times of BIRD, and the cost
of a route by the size of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log10
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.routing.plan import Sample
from benchmarks.routing.results import (
    BASELINE,
    NAMES,
    ROWS,
    Cells,
    Spread,
    cells,
    ratio,
    scaling_sizes,
    values_of,
)

COLOURS: Final = {
    "bird": "#333333",
    "ours": "#0072b2",
    "ours-pure": "#56b4e9",
    "openbgpd": "#cc79a7",
    "frr": "#d55e00",
    "gobgp": "#009e73",
}
"""Okabe and Ito's, which people tell apart who do not see all colours."""

WIDTH: Final = 860
LEFT: Final = 220
RIGHT: Final = WIDTH - 30
TOP: Final = 84
ROW_HEIGHT: Final = 46
SCALING_HEIGHT: Final = 200
_STYLE: Final = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:13px;fill:#222}"
    ".head{font-size:16px;font-weight:600}.small{font-size:11px;fill:#666}"
    ".grid{stroke:#e4e4e4}.bird{stroke:#333;stroke-dasharray:4 3}"
)


class Axis:
    """A logarithmic axis from `low` to `high` between two positions."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._high = log10(low), log10(high)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (log10(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)


def draw(samples: Sequence[Sample], daemons: Sequence[str]) -> str:
    found = cells(samples, daemons)
    titles = [row.title for row in ROWS if (row.title, BASELINE) in found]
    scaled = [daemon for daemon in daemons if _costs(samples, daemon)]
    bottom = TOP + ROW_HEIGHT * len(titles)
    height = bottom + 50 + (SCALING_HEIGHT + 90 if scaled else 0)
    body = [
        *_legend(daemons),
        *_ratios(found, titles, daemons, bottom),
        *(_scaling(samples, scaled, bottom + 90) if scaled else ()),
    ]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>routeserver beside BIRD and other BGP daemons</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            *body,
            "</svg>\n",
        )
    )


def _legend(daemons: Sequence[str]) -> Iterator[str]:
    yield _text(LEFT, 26, "Multiples of BIRD: further left is faster, or smaller", "head", "start")
    x = float(LEFT)
    for daemon in daemons:
        yield f'<circle cx="{x + 5}" cy="48" r="5" fill="{COLOURS[daemon]}"/>'
        yield _text(x + 14, 52, NAMES[daemon], "", "start")
        x += 34 + 7.6 * len(NAMES[daemon])


def _ratios(
    found: Cells, titles: Sequence[str], daemons: Sequence[str], bottom: int
) -> Iterator[str]:
    seen = [
        times
        for title in titles
        for daemon in daemons
        if (times := ratio(found, title, daemon)) is not None and times.lowest > 0
    ]
    low = min([0.2, *(0.8 * each.lowest for each in seen)])
    high = max([5.0, *(1.25 * each.highest for each in seen)])
    axis = Axis(low, high, LEFT, RIGHT)
    for top in range(TOP, bottom, 2 * ROW_HEIGHT):
        yield f'<rect x="0" y="{top - 4}" width="{WIDTH}" height="{ROW_HEIGHT}" fill="#f6f6f6"/>'
    for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200):
        if low <= tick <= high:
            x = axis.at(tick)
            kind = "bird" if tick == 1 else "grid"
            yield f'<line class="{kind}" x1="{x}" y1="{TOP - 14}" x2="{x}" y2="{bottom}"/>'
            yield _text(x, bottom + 16, f"{tick:g}\u00d7", "small", "middle")
    for index, title in enumerate(titles):
        top = TOP + ROW_HEIGHT * index
        yield _text(LEFT - 14, top + ROW_HEIGHT / 2, title, "", "end")
        gap = (ROW_HEIGHT - 12) / max(1, len(daemons))
        for place, daemon in enumerate(daemons):
            times = ratio(found, title, daemon)
            if times is not None and times.lowest > 0:
                yield from _dot(axis, times, top + 2 + gap * place, COLOURS[daemon])


def _dot(axis: Axis, spread: Spread, y: float, colour: str) -> Iterator[str]:
    low, middle, high = (axis.at(value) for value in (spread.lowest, spread.median, spread.highest))
    y = round(y, 1)
    yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
    yield f'<circle cx="{middle}" cy="{y}" r="4.5" fill="{colour}"/>'


def _costs(samples: Sequence[Sample], daemon: str) -> list[tuple[int, float]]:
    """Size and median cost."""
    return [
        (size, Spread.of(values).median)
        for size in scaling_sizes(samples)
        if (values := values_of(samples, f"scaling {size}", daemon, "cpu_us"))
    ]


def _scaling(samples: Sequence[Sample], daemons: Sequence[str], top: int) -> Iterator[str]:
    bottom = top + SCALING_HEIGHT
    lines = {daemon: _costs(samples, daemon) for daemon in daemons}
    sizes = sorted({size for line in lines.values() for size, _ in line})
    highest = 1.1 * max(cost for line in lines.values() for _, cost in line)
    axis = Axis(sizes[0], max(sizes[-1], sizes[0] * 10), LEFT + 20, RIGHT - 20)

    def height_of(cost: float) -> float:
        return round(bottom - cost / highest * SCALING_HEIGHT, 1)

    yield _text(LEFT, top - 14, "Processor time per route, µs, by routes learned", "head", "start")
    step = _step(highest)
    for index in range(int(highest / step) + 1):
        y = height_of(index * step)
        yield f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}"/>'
        yield _text(LEFT - 8, y + 4, f"{index * step:g}", "small", "end")
    for size in sizes:
        yield _text(axis.at(size), bottom + 16, f"{size:,}", "small", "middle")
    for daemon, line in lines.items():
        points = [(axis.at(size), height_of(cost)) for size, cost in line]
        path = " ".join(f"{x},{y}" for x, y in points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[daemon]}" stroke-width="2"/>'
        )
        for x, y in points:
            yield f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS[daemon]}"/>'


def _step(highest: float) -> float:
    """A round number of which about five fit."""
    power = 10.0 ** int(log10(highest) - 1)
    return next(
        size * power for size in (1, 2, 5, 10, 20, 50, 100) if highest / (size * power) <= 6
    )


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
