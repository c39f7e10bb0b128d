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
    community: str = ""

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
        if self.community:
            words += ["community", self.community]
        return words


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where GoBGP stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    password: str = ""
    ttl_security: bool = False
    restart_time_s: int | None = None
    """Graceful restart, with NOTIFICATIONs and long-lived, where it is given."""
    long_lived_s: int = 3600
    add_paths: bool = False

    @property
    def options(self) -> str:
        """Tables of the neighbour."""
        lines = []
        if self.ttl_security:
            lines += ["[neighbors.ttl-security.config]", "enabled = true", "ttl-min = 255"]
        if self.restart_time_s is not None:
            lines += [
                "[neighbors.graceful-restart.config]",
                "enabled = true",
                "notification-enabled = true",
                "long-lived-enabled = true",
                f"restart-time = {self.restart_time_s}",
                "deferral-time = 60",
            ]
        return "\n".join(lines)

    @property
    def family_options(self) -> str:
        """Tables of each of its families."""
        lines = []
        if self.restart_time_s is not None:
            lines += [
                "[neighbors.afi-safis.mp-graceful-restart.config]",
                "enabled = true",
                "[neighbors.afi-safis.long-lived-graceful-restart.config]",
                "enabled = true",
                f"restart-time = {self.long_lived_s}",
            ]
        if self.add_paths:
            lines += ["[neighbors.afi-safis.add-paths.config]", "receive = true", "send-max = 4"]
        return "\n".join(lines)

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
    auth-password = "{self.password}"
  [neighbors.transport.config]
    local-address = "{self.local}"
    remote-port = {self.port}
  [neighbors.timers.config]
    connect-retry = 5
    idle-hold-time-after-reset = 1
{self.options}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
{self.family_options}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
{self.family_options}
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

    def announce_dump(self, mrt: Path) -> None:
        """What a file of MRT says (`mrt`), a few seconds for a hundred thousand routes."""
        self._command("mrt", "inject", "global", str(mrt))

    def shut_down(self, reason: str) -> None:
        self._command("neighbor", self.neighbour.endpoint, "shutdown", "--reason", reason)

    def kill_and_recover(self) -> None:
        """Kill it and start it as one that restarts gracefully (its flag -r)."""
        self.daemon.kill()
        self.daemon.arguments = [*self.daemon.arguments, "--graceful-restart"]
        self._start()

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
        self._start()
        return self

    def _start(self) -> None:
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

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
