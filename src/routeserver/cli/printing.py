"""How answers are printed: tables and colours on a terminal, plain unfolded lines anywhere else,
JSON for scripts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

UNFOLDED: Final = 10_000
"""Columns where no terminal limits them: one thing is one line."""

GOOD, BAD, FAINT, STRONG, ODD = "green", "red", "dim", "bold", "yellow"

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def console() -> Console:
    found = Console(highlight=False, soft_wrap=False)
    return found if found.is_terminal else Console(width=UNFOLDED, highlight=False)


def as_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[Text | str]]) -> Table:
    """Every cell is text as it is: names from the network are no markup."""
    made = Table(box=None, header_style=STRONG, pad_edge=False, show_header=bool(headings))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def line(*parts: tuple[str, str] | str) -> Text:
    return Text.assemble(*parts)


def duration(seconds: float) -> str:
    """Two units at most, such as ``3 h 12 min``."""
    seconds = max(0, int(seconds))
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min {seconds % _MINUTE_S} s"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"
    return f"{seconds // _DAY_S} d {seconds % _DAY_S // _HOUR_S} h"


def moment(at: float) -> str:
    """Wall-clock seconds as UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at))


def ago(at: float | None, now: float) -> str:
    return "never" if at is None else f"{moment(at)} ({duration(now - at)} ago)"


def as_path(asns: Sequence[str]) -> str:
    """Long paths in their middle cut short."""
    if len(asns) > 12:
        asns = [*asns[:6], f"… {len(asns) - 10} more …", *asns[-4:]]
    return " ".join(asns) or "(empty)"


def plain(value: object) -> str:
    """A setting's value in one line."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
