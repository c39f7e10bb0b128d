"""routeserver itself: `routeserver serve --profile open` with a data directory of its own, set up
through its API, asked through the operator's socket.

`pure` runs a copy of the sources without the compiled kernels: the same program as on a machine
without a compiler. No route table is propagated to, as no other daemon writes routes anywhere.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.routing.daemons import cloud
from benchmarks.routing.daemons.base import Counts, Setup
from benchmarks.routing.process import BenchmarkError, Child, tree, wait_for
from benchmarks.routing.wire import PORT

SOURCES: Final = Path(__file__).parents[3] / "src"
BFD_PORT: Final = 3784
LONGEST_TURN: Final = "routeserver_event_loop_longest_turn_seconds"
PEER_BFD_UP: Final = "routeserver_peer_bfd_up"


class _Operator(http.client.HTTPConnection):
    """HTTP over the operator's socket: the cheapest way to ask for numbers."""

    def __init__(self, path: Path) -> None:
        super().__init__("operator", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(slots=True)
class Ours:
    """`sources` are run instead of those beside this file when given."""

    pure: bool = False
    sources: Path | None = None
    exports: bool = False
    sees_switch: bool = True
    walks: bool = False
    longest_turn_s: float | None = None
    """Since the last `forget_turns`; None where the server does not tell."""
    _child: Child | None = None
    _metrics: http.client.HTTPConnection | None = None
    _operator: http.client.HTTPConnection | None = None
    info: dict[str, Any] = field(default_factory=dict)
    data_dir: Path = Path()

    @property
    def name(self) -> str:
        return "routeserver (pure)" if self.pure else "routeserver"

    def missing(self) -> str | None:
        return None

    def start(self, setup: Setup) -> str:
        self.data_dir = setup.folder / "data"
        self._child = Child(
            "routeserver",
            [
                str(Path(sys.executable).with_name("routeserver")),
                "serve",
                f"--data-dir={self.data_dir}",
                "--listen=127.0.0.1:0",
                f"--bgp-port={PORT}",
                "--fabric=loopback",
                "--profile=open",
            ],
            setup.folder / "routeserver.log",
            {
                "ROUTESERVER_LOG_FORMAT": "json",
                "ROUTESERVER_BFD_PORT": str(BFD_PORT),
                "ROUTESERVER_HOLD_TIME_S": str(setup.hold_time_s),
                **self._python_path(setup.folder),
            },
        )
        self._child.start()
        wait_for("routeserver", self._listens, 60)
        url = urlsplit(str(self.info["endpoint_url"]))
        self._metrics = http.client.HTTPConnection(url.hostname or "", url.port, timeout=120)
        self._operator = _Operator(self.data_dir / "operator.sock")
        try:
            return cloud.build(self.client(), setup)
        except (BotoCoreError, ClientError) as error:
            raise BenchmarkError(f"routeserver cannot be set up: {error}") from error

    def client(self) -> Any:
        """boto3's, for EC2."""
        return cloud.client(self.data_dir, str(self.info["endpoint_url"]))

    def counts(self) -> Counts:
        if self._operator is None:
            raise BenchmarkError("routeserver does not run")
        self._operator.request("POST", "/counts", b"{}")
        seen = json.loads(self._operator.getresponse().read()).values()
        return Counts(
            sum(one["rib_routes"] for one in seen),
            sum(one["fib_routes"] for one in seen),
            changes=sum(one["fib_changes"] for one in seen),
        )

    def look_at_turns(self) -> None:
        """The server tells the longest turn since it last told."""
        turn = self.metrics().get(LONGEST_TURN)
        if turn is not None:
            self.longest_turn_s = max(turn, self.longest_turn_s or 0.0)

    def forget_turns(self) -> None:
        """From here on is measured."""
        self.metrics()
        self.longest_turn_s = None

    def metrics(self) -> Mapping[str, float]:
        """By name; of series with labels, their sum."""
        if self._metrics is None:
            raise BenchmarkError("routeserver does not run")
        self._metrics.request("GET", "/metrics")
        text = self._metrics.getresponse().read().decode()
        found: dict[str, float] = {}
        for line in text.splitlines():
            if line.startswith("routeserver_"):
                series, _, value = line.rpartition(" ")
                name = series.partition("{")[0]
                found[name] = found.get(name, 0.0) + float(value)
        return found

    def pids(self) -> list[int]:
        return [] if self._child is None else tree(self._child.pid)

    def check(self) -> None:
        if self._child is not None:
            self._child.check()

    def log_text(self) -> str:
        return "" if self._child is None else self._child.log.read_text(errors="replace")

    def stop(self) -> None:
        for connection in (self._metrics, self._operator):
            if connection is not None:
                connection.close()
        if self._child is not None:
            self._child.stop()

    def _listens(self) -> bool:
        self.check()
        path = self.data_dir / "server.json"
        if not path.exists():
            return False
        self.info = json.loads(path.read_text())
        return True

    def _python_path(self, folder: Path) -> dict[str, str]:
        if self.pure:
            copy = folder / "src"
            unwanted = shutil.ignore_patterns("*.so", "*.egg-info", "__pycache__")
            shutil.copytree(self.sources or SOURCES, copy, ignore=unwanted)
            return {"PYTHONPATH": str(copy)}
        return {} if self.sources is None else {"PYTHONPATH": str(self.sources)}
