"""One peer brings one table: how long until all of it is decided, and the processor time that
takes.

The processor time is what a small table can be judged by: it is over before anybody could look
twice.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.routing.daemons.base import Daemon, Setup
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.scenarios.failover import ADDRESS, FIRST, session_specs
from benchmarks.routing.table_files import TableFiles
from benchmarks.routing.tables import Kind


def learn(
    daemon: Daemon, folder: Path, files: TableFiles, kind: Kind, count: int
) -> dict[str, float]:
    """`learn` in seconds, and `cpu_us`: microseconds of processor time for a route, looking taken
    off."""
    with Feeding() as feeding:
        try:
            remote = daemon.start(Setup(folder, ADDRESS, [FIRST], is_ipv6=kind is Kind.IPV6))
            feeding.add(session_specs(files, kind, count, remote, [FIRST]))
            life = Life(daemon, feeding, count)
            feeding.open([FIRST.name])
            life.calibrate()
            cpu, looks = life.cpu(), life.looks
            started = feeding.push([FIRST.name])
            learnt = life.reach("learn", lambda seen: seen.best >= count)
            spent = life.cpu() - cpu - (life.looks - looks) * life.cpu_per_look_s
            return {"learn": learnt - started, "cpu_us": spent / count * 1e6, **life.results}
        finally:
            daemon.stop()
