"""BIRD 2 with its kernel protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.kernel.daemons.base import ASN, Running
from benchmarks.kernel.wire import DAEMON, FEEDER, connected
from benchmarks.routing.process import Child, program, wait_for
from benchmarks.routing.wire import PORT


class Bird:
    name = "BIRD"

    def missing(self) -> str | None:
        return None if program("bird") else "bird2"

    @contextmanager
    def running(self, folder: Path, feeder_asn: int) -> Iterator[Running]:
        (folder / "bird.conf").write_text(_config(feeder_asn))
        control = folder / "bird.ctl"
        child = Child(
            "bird",
            [
                program("bird") or "bird",
                *("-f", "-c", str(folder / "bird.conf")),
                *("-s", str(control), "-P", str(folder / "bird.pid")),
            ],
            folder / "bird.log",
        )
        with connected() as cable:
            try:
                with cable.daemon.entered():
                    child.start()
                wait_for("BIRD's control socket", control.exists)
                child.check()
                yield Running(cable.daemon, cable.feeder, DAEMON, FEEDER, (child.pid,))
            finally:
                child.stop()


def _config(feeder_asn: int) -> str:
    return f"""\
log stderr {{ warning, error, fatal, bug }};
router id {DAEMON};
protocol device {{ scan time 60; }}
protocol direct {{ ipv4; }}
protocol kernel {{ scan time 60; ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol bgp feeder {{
  local {DAEMON} port {PORT} as {ASN};
  neighbor {FEEDER} as {feeder_asn};
  direct;
  passive;
  strict bind;
  hold time 90;
  error wait time 1, 1;
  ipv4 {{ import all; export none; }};
}}
"""
