"""``python -m benchmarks.api``: the API beside moto's server, on this machine, in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from benchmarks.api import scenarios, servers
from benchmarks.api.load import Measured, Target

CALLS: Final[dict[str, Callable[[Target, int, float], Measured]]] = {
    "DescribeRouteTables": scenarios.describe_route_tables,
    "CreateVpc": scenarios.create_vpc,
}
"""What both have. In this order: tables are described before VPCs bring more of them."""
DATABASE: Final = "GetRouteServerRoutingDatabase"
Results: TypeAlias = dict[str, dict[str, list[Measured]]]
"""A sample of each round, by what is measured and whose it is."""
UNDER_LOAD: Final = f"reads while a peer sends {scenarios.ROUTES:,} routes"


def main() -> None:
    arguments = argparse.ArgumentParser(prog="benchmarks.api", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0, help="for each measurement")
    arguments.add_argument("--clients", type=int, default=50)
    arguments.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    arguments.add_argument("--results", type=Path, help="write everything measured as JSON")
    given = arguments.parse_args()
    version = servers.moto_version()
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="bench-api-") as scratch:
        folder = Path(scratch)
        for number in range(given.rounds):
            # Turn by turn, so that whatever else the machine does meets both.
            for start in (servers.ours, servers.moto):
                inside = folder / f"{start.__name__}-{number}"
                inside.mkdir()
                with start(inside) as target:
                    _measure(target, inside, given.clients, given.seconds, results)
    _print(results, given.clients, version)
    if given.results:
        given.results.write_text(json.dumps(_json(results, given.clients, version), indent=2))


def _measure(target: Target, folder: Path, clients: int, seconds: float, results: Results) -> None:
    def keep(name: str, measured: Measured) -> None:
        print(f"{target.name}: {name}: {_text(measured)}", flush=True)
        results.setdefault(name, {}).setdefault(target.name, []).append(measured)

    if target.name == "routeserver":
        network = scenarios.build(target)
        keep(UNDER_LOAD, scenarios.under_load(target, network, folder, clients, seconds))
        with scenarios.appliance(network, folder):
            keep(DATABASE, scenarios.routing_database(target, network, clients, seconds))
    scenarios.fill(target)
    for name, measure in CALLS.items():
        keep(name, measure(target, clients, seconds))


def _text(measured: Measured) -> str:
    return (
        f"{measured.per_s:.0f}/s, p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms, "
        f"longest {measured.longest_ms:.0f} ms, {measured.refused} refused"
    )


def _print(results: Results, clients: int, version: str) -> None:
    print(f"\n{clients} clients; moto {version}; {platform.machine()}, {os.cpu_count()} cores\n")
    print("| call | routeserver | p50 / p99 | moto | p50 / p99 | times |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, found in results.items():
        our, other = found["routeserver"], found.get("moto")
        cells = [name, *_cells(our), *(_cells(other) if other else ("-", "-"))]
        cells.append(_times(our, other) if other else "-")
        print(f"| {' | '.join(cells)} |")


def _cells(rounds: Sequence[Measured]) -> tuple[str, str]:
    p50, p99 = median(each.p50_ms for each in rounds), median(each.p99_ms for each in rounds)
    return _spread([each.per_s for each in rounds], "/s"), f"{p50:.1f} / {p99:.1f} ms"


def _times(our: Sequence[Measured], other: Sequence[Measured]) -> str:
    """Of the medians; the rounds' own ratios are the spread."""
    ratios = [one.per_s / two.per_s for one, two in zip(our, other, strict=True)]
    times = median(each.per_s for each in our) / median(each.per_s for each in other)
    return f"{times:.1f} ({min(ratios):.1f}-{max(ratios):.1f})"


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f}){unit}"


def _json(results: Results, clients: int, version: str) -> dict[str, Any]:
    return {
        "clients": clients,
        "moto": version,
        "cores": os.cpu_count(),
        "results": {
            name: {
                who: [{**asdict(each), "per_s": each.per_s} for each in rounds]
                for who, rounds in found.items()
            }
            for name, found in results.items()
        },
    }


if __name__ == "__main__":
    main()
