"""GoBGP as an appliance: its session from a file, its routes through its own command `gobgp`.

It always announces four-octet AS numbers, so there is no two-octet speaker of it, and it takes at
least five seconds to call. A NOTIFICATION before the session is up it counts but does not log. Its
API listens at the appliance's address, not at every one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require
from tests.running import eventually

SERVER_ASN: Final = 65000
API_PORT: Final = 50051


@dataclass(frozen=True, slots=True)
class Route:
    """What is announced; without a next hop GoBGP takes its own address."""

    prefix: str
    next_hop: str = ""
    med: int | None = None
    as_path: Sequence[int] = ()
    """Behind GoBGP's own AS number."""

    @property
    def family(self) -> str:
        return "ipv6" if ":" in self.prefix else "ipv4"

    @property
    def words(self) -> list[str]:
        words = [self.prefix, "origin", "igp"]
        if self.next_hop:
            words += ["nexthop", self.next_hop]
        if self.med is not None:
            words += ["med", str(self.med)]
        if self.as_path:
            words += ["aspath", ",".join(map(str, self.as_path))]
        return words


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where GoBGP stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int

    def config(self) -> str:
        return f"""\
[global.config]
  as = {self.asn}
  router-id = "{self.local}"
  port = -1  # it calls and is not called

[[neighbors]]
  [neighbors.config]
    neighbor-address = "{self.endpoint}"
    peer-as = {SERVER_ASN}
  [neighbors.transport.config]
    local-address = "{self.local}"
    remote-port = {self.port}
  [neighbors.timers.config]
    connect-retry = 5
    idle-hold-time-after-reset = 1
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
"""


@dataclass
class GoBgp:
    """One gobgpd process; ready for commands on entry."""

    neighbour: Neighbour
    daemon: Daemon

    @classmethod
    def make(cls, folder: Path, neighbour: Neighbour) -> GoBgp:
        config = folder / "gobgpd.toml"
        config.write_text(neighbour.config())
        arguments = [
            require("gobgpd", "gobgpd"),
            f"--config-file={config}",
            f"--api-hosts={neighbour.local}:{API_PORT}",
            "--log-level=debug",
            "--log-plain",
            "--pprof-disable",
        ]
        return cls(neighbour, Daemon("gobgpd", arguments, folder / "gobgpd.log"))

    def announce(self, *routes: Route) -> None:
        for route in routes:
            self._command("global", "rib", "add", "-a", route.family, *route.words)

    def withdraw(self, *routes: Route) -> None:
        for route in routes:
            self._command("global", "rib", "del", "-a", route.family, *route.words)

    def withdraw_all(self) -> None:
        for family in ("ipv4", "ipv6"):
            self._command("global", "rib", "del", "all", "-a", family)

    def notifications_received(self) -> int:
        done = self._run("neighbor", self.neighbour.endpoint, "--json")
        assert done.returncode == 0, f"gobgp neighbor: {done.stdout}"
        received = json.loads(done.stdout)["state"]["messages"]["received"]
        return int(received.get("notification", 0))

    def _command(self, *words: str) -> None:
        done = self._run(*words)
        assert done.returncode == 0, f"gobgp {' '.join(words)}: {done.stdout}"

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.daemon.check()
        command = [require("gobgp", "gobgpd"), f"--host={self.neighbour.local}"]
        return subprocess.run(
            [*command, f"--port={API_PORT}", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )

    def __enter__(self) -> GoBgp:
        self.daemon.start()
        try:
            # The API answers before the configuration file is read.
            eventually(
                "gobgpd knows its neighbour",
                lambda: self._run("neighbor", self.neighbour.endpoint),
                lambda done: done.returncode == 0,
            )
        except BaseException:
            self.daemon.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
