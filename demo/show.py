"""What the demo prints: one line a step, a few small tables, and the timeline of a failover."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cloud import destination
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
BAR: Final = 30


def step(what: str, detail: str) -> None:
    console.print(f"[green]✓[/] [bold]{what:<13}[/] {detail}")


def note(what: str) -> None:
    console.print(f"[yellow]![/] {what}")


def failure(what: str) -> None:
    console.print(Text(f"✗ {what}", "bold red"))


def title(what: str) -> None:
    console.print()
    console.print(Text(what, "bold cyan"))


def routing_database(routes: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    """RIB and FIB in one: every path, and which of them is the best one."""
    table = _table("prefix", "appliance", "next hop", "AS path", "MED", "status", "in the table")
    for route in routes:
        best = route["RouteStatus"] == "in-fib"
        installed = [d["RouteInstallationStatus"] for d in route["RouteInstallationDetails"]]
        table.add_row(
            route["Prefix"],
            names[route["RouteServerPeerId"]],
            route["NextHopIp"],
            " ".join(route["AsPaths"]),
            str(route["Med"]),
            route["RouteStatus"],
            ",".join(installed) or "-",
            style="" if best else "dim",
        )
    console.print(table)


def route_table(routes: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    table = _table("destination", "target", "", "origin", "state")
    for route in routes:
        target = route.get("NetworkInterfaceId") or route.get("GatewayId") or "?"
        table.add_row(
            destination(route),
            target,
            names.get(target, ""),
            route["Origin"],
            route["State"],
            style="dim" if target == "local" else "",
        )
    console.print(table)


def timeline(beginning: str, moments: Sequence[tuple[str, float]]) -> None:
    """`moments`, in order, are what happened and how many seconds behind the beginning."""
    table = _table("what happened", "", "after", "step")
    table.columns[2].justify = table.columns[3].justify = "right"
    last_s = moments[-1][1] or 1.0
    table.add_row(beginning, Text("●", "red"), "0.0 ms", "")
    before_s = 0.0
    for what, after_s in moments:
        bar = Text("━" * round(BAR * before_s / last_s), "dim")
        bar.append("━" * (round(BAR * after_s / last_s) - len(bar)) + "●", "cyan")
        step_ms = (after_s - before_s) * 1000
        table.add_row(what, bar, f"{after_s * 1000:,.1f} ms", Text(f"+{step_ms:,.1f}", "dim"))
        before_s = after_s
    console.print(table)


def answers(rows: Sequence[tuple[str, str, str]]) -> None:
    """Calls, the code or state each was answered with, and the message."""
    for call, code, message in rows:
        console.print(Text.assemble(f"  {call} ", ("→ ", "dim"), (code, "bold cyan")))
        console.print(Padding(Text(message, "dim"), (0, 0, 0, 4)))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
