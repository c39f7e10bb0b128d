"""routeserver: the part between a BGP session and the kernel (`benchmarks.kernel.engine`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.kernel.daemons.base import ASN, Running
from benchmarks.kernel.wire import DAEMON, FEEDER, connected
from benchmarks.routing.process import Child, wait_for
from benchmarks.routing.wire import PORT

MAIN: Final = 254


class Ours:
    name = "routeserver"

    def missing(self) -> str | None:
        return None

    @contextmanager
    def running(self, folder: Path, feeder_asn: int) -> Iterator[Running]:
        log = folder / "routeserver.log"
        words = (DAEMON, PORT, FEEDER, ASN, feeder_asn, "veth0", MAIN)
        child = Child(
            "routeserver",
            [sys.executable, "-m", "benchmarks.kernel.engine", *map(str, words)],
            log,
        )
        with connected() as cable:
            try:
                with cable.daemon.entered():
                    child.start()
                wait_for("routeserver", lambda: "listening" in log.read_text(), 60)
                child.check()
                yield Running(cable.daemon, cable.feeder, DAEMON, FEEDER, (child.pid,))
            finally:
                child.stop()
