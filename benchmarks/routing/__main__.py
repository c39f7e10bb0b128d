"""``python -m benchmarks.routing``: measure, print a table, write the samples and draw the plot."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.routing import results
from benchmarks.routing.plan import DAEMONS, MEASUREMENTS, Options, Sample, carry_out, steps
from benchmarks.routing.plot import draw
from benchmarks.routing.process import program, raise_file_limit
from benchmarks.routing.table_files import TableFiles

SMOKE: Final = Options(
    daemons=("bird", "ours"), measurements=("internet",), routes=20_000, repeats=1
)
CORES: Final = 2
PACKAGES: Final = ("bird2", "frr", "gobgpd", "openbgpd")


def main() -> int:
    arguments = _arguments()
    options = SMOKE if arguments.smoke else _options(arguments)
    _prepare()
    missing = {name: what for name in options.daemons if (what := DAEMONS[name]().missing())}
    for name, package in missing.items():
        print(f"{results.NAMES[name]} is left out: it needs the package {package}")
    daemons = [name for name in options.daemons if name not in missing]
    if arguments.smoke and missing and os.environ.get("ROUTESERVER_REQUIRE_DAEMONS") == "1":
        return 1
    samples = _measure(options, daemons)
    if arguments.add:
        before = _read(arguments.results)
        samples = [*before, *samples]
        daemons = [name for name in DAEMONS if any(sample.daemon == name for sample in samples)]
    print(f"\n{results.table(samples, daemons)}")
    if arguments.results:
        _write(arguments.results, options, samples)
    if arguments.plot:
        arguments.plot.write_text(draw(samples, daemons))
    failed = [sample for sample in samples if sample.error]
    for sample in failed:
        what = "takes too long" if sample.is_late else "failed"
        print(f"\n{sample.measurement} of {sample.daemon} {what}: {sample.error}")
    # The others may fail at sizes that they cannot carry; that too is a result.
    return 1 if any(sample.daemon in {"bird", "ours", "ours-pure"} for sample in failed) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    default = Options()
    numbers = _separated(int)
    parser.add_argument("--smoke", action="store_true", help="20,000 routes, once: does it run?")
    parser.add_argument(
        "--daemons", type=_chosen(DAEMONS), default=default.daemons, help=", ".join(DAEMONS)
    )
    parser.add_argument(
        "--measure",
        type=_chosen(MEASUREMENTS),
        default=default.measurements,
        help=", ".join(MEASUREMENTS),
    )
    parser.add_argument("--routes", type=int, default=default.routes)
    parser.add_argument("--sizes", type=numbers, default=default.sizes, help="for scaling")
    parser.add_argument("--peers", type=int, default=default.peers, help="for many")
    parser.add_argument("--repeats", type=int, default=default.repeats)
    parser.add_argument("--bfd-sessions", type=int, default=default.bfd_sessions)
    parser.add_argument("--results", type=Path, help="write all samples here, as JSON")
    parser.add_argument(
        "--add", action="store_true", help="to what is in --results from other parts of a run"
    )
    parser.add_argument("--plot", type=Path, help="draw them here, as SVG")
    arguments = parser.parse_args()
    if arguments.add and not arguments.results:
        parser.error("--add needs --results")
    return arguments


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        daemons=arguments.daemons,
        measurements=arguments.measure,
        routes=arguments.routes,
        sizes=arguments.sizes,
        peers=arguments.peers,
        repeats=arguments.repeats,
        bfd_sessions=arguments.bfd_sessions,
    )


def _separated(read: Any) -> Any:
    return lambda text: tuple(read(word) for word in text.split(","))


def _chosen(known: Any) -> Any:
    def choice(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return words

    return choice


def _prepare() -> None:
    """Two processors for everything that is started from here, and sockets enough."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    raise_file_limit()
    # SIGTERM ends it as Ctrl-C does: no daemon is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _measure(options: Options, daemons: list[str]) -> list[Sample]:
    chosen = Options(**{**asdict(options), "daemons": daemons})
    samples: list[Sample] = []
    folder = Path(tempfile.mkdtemp(prefix="routing-tables-"))
    try:
        files = TableFiles(folder)
        for number in range(options.repeats):
            for step in steps(chosen, number):
                print(
                    f"round {number + 1} of {options.repeats}: "
                    f"{step.measurement}, {results.NAMES[step.daemon]} … ",
                    end="",
                    flush=True,
                )
                sample = carry_out(step, files)
                samples.append(sample)
                print("failed" if sample.error else f"{sample.took_s:.0f} s", flush=True)
    except KeyboardInterrupt:
        print("\nstopped; what there is so far:")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return samples


def _read(path: Path) -> list[Sample]:
    if not path.exists():
        return []
    return [Sample(**fields) for fields in json.loads(path.read_text())["samples"]]


def _write(path: Path, options: Options, samples: list[Sample]) -> None:
    document = {
        "machine": {
            "processor": _processor(),
            "processors": CORES,
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "packages": _versions(),
        "options": asdict(options),
        "samples": [asdict(sample) for sample in samples],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def _versions() -> dict[str, str]:
    """Of the Debian packages with the other daemons, where there is a Debian."""
    query = program("dpkg-query")
    if query is None:
        return {}
    done = subprocess.run(  # noqa: S603 - the arguments are ours
        [query, "--show", "--showformat=${Package} ${Version}\n", *PACKAGES],
        check=False,
        capture_output=True,
        text=True,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
