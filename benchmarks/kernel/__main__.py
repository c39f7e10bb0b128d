"""``python -m benchmarks.kernel``: a table of routes into the kernel, daemon beside daemon."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.kernel.daemons.base import Daemon
from benchmarks.kernel.daemons.bird import Bird
from benchmarks.kernel.daemons.frr import Frr
from benchmarks.kernel.daemons.ours import Ours
from benchmarks.kernel.install import install
from benchmarks.routing.process import BenchmarkError
from benchmarks.routing.table_files import TableFiles

DAEMONS: Final[dict[str, Callable[[], Daemon]]] = {"bird": Bird, "frr": Frr, "ours": Ours}
COLUMNS: Final = {
    "install": ("full table, s", 3),
    "cpu": ("processor time, s", 2),
    "rate": ("routes a second", 0),
    "removal": ("all removed, s", 3),
}

Samples = dict[str, dict[str, list[float]]]


def main() -> int:
    arguments = _arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    daemons = [DAEMONS[name]() for name in arguments.daemons.split(",")]
    for daemon in daemons:
        if package := daemon.missing():
            print(f"{daemon.name} is left out: it needs the package {package}")
    present = [daemon for daemon in daemons if not daemon.missing()]
    samples: Samples = defaultdict(lambda: defaultdict(list))
    failed = False
    with tempfile.TemporaryDirectory(prefix="kernel-tables-") as tables:
        files = TableFiles(Path(tables))
        for number in range(arguments.repeats):
            shift = number % max(1, len(present))
            for daemon in (*present[shift:], *present[:shift]):
                print(
                    f"round {number + 1} of {arguments.repeats}: {daemon.name} … ",
                    end="",
                    flush=True,
                )
                try:
                    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
                        Path(folder).chmod(0o755)  # daemons that give up being root must reach it
                        found = install(daemon, Path(folder), files, arguments.routes)
                except (BenchmarkError, OSError) as error:
                    print(f"failed: {error}")
                    failed = True
                    continue
                print(f"{found['install']:.3f} s", flush=True)
                for name, value in found.items():
                    samples[daemon.name][name].append(value)
    print(_table(samples))
    if arguments.results:
        document = {"routes": arguments.routes, "samples": samples}
        arguments.results.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel", description=__doc__)
    parser.add_argument("--daemons", default=",".join(DAEMONS), help=", ".join(DAEMONS))
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, help="write all samples here, as JSON")
    return parser.parse_args()


def _table(samples: Samples) -> str:
    """Medians, and in brackets the lowest and the highest."""
    lines = ["", f"{'':<14}" + "".join(f"{title:>32}" for title, _ in COLUMNS.values())]
    for name, values in samples.items():
        cells = []
        for column, (_, digits) in COLUMNS.items():
            found = values[column]
            spread = f"({min(found):,.{digits}f} to {max(found):,.{digits}f})"
            cells.append(f"{f'{median(found):,.{digits}f} {spread}':>32}")
        lines.append(f"{name:<14}" + "".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
