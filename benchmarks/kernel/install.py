"""One life of one daemon: a table pushed, its routes counted in the kernel; then taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from benchmarks.kernel.daemons.base import Daemon, Running
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.process import cpu_seconds, poll, tree
from benchmarks.routing.session import SessionSpec
from benchmarks.routing.table_files import FIRST_ASN, TableFiles
from benchmarks.routing.tables import Kind
from benchmarks.routing.wire import Afi

SETTLE_S: Final = 1.0
PAUSE_S: Final = 0.005
PAUSE_PER_LOOK: Final = 3.0


def install(daemon: Daemon, folder: Path, files: TableFiles, count: int) -> dict[str, float]:
    """In seconds: `install`, from the feeder's first byte until the kernel has every prefix;
    `writing`, the part of it since the kernel had the first; `removal`, from the lost session until
    it has none. `cpu` is the processor time that the daemon's processes took for the first, the
    kernel's work for them included. And `rate`, routes written in a second."""
    with daemon.running(folder, FIRST_ASN) as running:
        with running.feeder.entered():
            feeding = Feeding()
        with feeding:
            table = files.whole(Kind.INTERNET, count, running.local, FIRST_ASN)
            spec = SessionSpec(
                "feeder",
                running.local,
                running.address,
                FIRST_ASN,
                families=(Afi.IPV4,),
                table=str(table),
            )
            feeding.add([spec])
            feeding.open(["feeder"])
            time.sleep(SETTLE_S)
            return _measured(daemon.name, running, feeding, count)


def _measured(name: str, running: Running, feeding: Feeding, count: int) -> dict[str, float]:
    before = running.daemon.route_count()
    patience_s = 60 + count / 1000

    def reach(what: str, least: int, most: int) -> float:
        def there() -> bool:
            feeding.check()
            return least <= running.daemon.route_count() - before <= most

        return poll(
            f"{name}: {what}",
            there,
            seconds=patience_s,
            pause_s=PAUSE_S,
            pause_per_look=PAUSE_PER_LOOK,
        )

    processes = [pid for root in running.processes for pid in tree(root)]
    idle = cpu_seconds(processes)
    started = feeding.push(["feeder"])
    first = reach("the first route", 1, count)
    last = reach("every route", count, count)
    cpu = cpu_seconds(processes) - idle
    time.sleep(SETTLE_S)
    lost = feeding.close(["feeder"])
    gone = reach("no route", 0, 0)
    return {
        "install": last - started,
        "writing": last - first,
        "cpu": cpu,
        "rate": count / (last - first),
        "removal": gone - lost,
    }
