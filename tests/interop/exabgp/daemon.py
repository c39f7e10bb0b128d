"""ExaBGP as an appliance: its first routes in its file, changes as commands to its API.

Its API is a program it starts and reads: here `cat` on a pipe that the test writes to. It reads an
environment file of its own in place of the system's, keeps its user, and accepts no connections.
What it announces is what it is told: next hops, and AS paths as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require

SERVER_ASN: Final = 65000
ENVIRONMENT: Final = """\
[exabgp.api]
ack = false
cli = false

[exabgp.daemon]
drop = false

[exabgp.log]
all = true
destination = stdout
level = DEBUG
short = true
"""


@dataclass(frozen=True, slots=True)
class Route:
    """What is announced."""

    prefix: str
    next_hop: str
    med: int | None = None
    as_path: Sequence[int] = ()
    """The whole path with ExaBGP's own AS number in front; without it, that alone."""
    communities: Sequence[str] = ()
    large_communities: Sequence[str] = ()
    split: int | None = None
    """Announce all prefixes of this length in place of the one that holds them."""

    @property
    def line(self) -> str:
        med = "" if self.med is None else f" med {self.med}"
        as_path = f" as-path [ {' '.join(map(str, self.as_path))} ]" if self.as_path else ""
        more = f"{med}{as_path}"
        if self.communities:
            more += f" community [ {' '.join(self.communities)} ]"
        if self.large_communities:
            more += f" large-community [ {' '.join(self.large_communities)} ]"
        if self.split is not None:
            more += f" split /{self.split}"
        return f"{self.prefix} next-hop {self.next_hop} origin igp{more}"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where ExaBGP stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    four_octet: bool = True
    capabilities: Sequence[str] = ()
    """More of what it offers."""
    options: Sequence[str] = ()
    """More of the neighbour's."""

    def config(self, commands: Path, routes: Sequence[Route]) -> str:
        static = "\n    ".join(f"route {route.line};" for route in routes)
        return f"""\
process commands {{
  run /bin/cat {commands};
  encoder text;
}}

neighbor {self.endpoint} {{
  router-id {self.local};
  local-address {self.local};
  local-as {self.asn};
  peer-as {SERVER_ASN};
  connect {self.port};
  {" ".join(f"{option};" for option in self.options)}
  capability {{
    asn4 {"enable" if self.four_octet else "disable"};
    {" ".join(f"{capability};" for capability in self.capabilities)}
  }}
  nexthop {{ ipv4 unicast ipv6; }}
  family {{ ipv4 unicast; ipv6 unicast; }}
  api {{ processes [ commands ]; }}
  static {{
    {static}
  }}
}}
"""


@dataclass
class ExaBgp:
    """One ExaBGP process and the pipe its commands go through."""

    commands: Path
    config: Path
    neighbour: Neighbour
    daemon: Daemon
    pipe: int = -1

    @classmethod
    def make(cls, folder: Path, neighbour: Neighbour, *routes: Route) -> ExaBgp:
        environment, config = folder / "exabgp.env", folder / "exabgp.conf"
        commands = folder / "commands"
        os.mkfifo(commands)
        environment.write_text(ENVIRONMENT)
        config.write_text(neighbour.config(commands, routes))
        arguments = [require("exabgp", "exabgp"), "--env", str(environment), str(config)]
        daemon = Daemon("exabgp", arguments, folder / "exabgp.log")
        return cls(commands, config, neighbour, daemon)

    def kill_and_start(self, *routes: Route) -> None:
        """Kill it and start it again, with something else to say."""
        self.daemon.kill()
        self.config.write_text(self.neighbour.config(self.commands, routes))
        self.daemon.start()

    def announce(self, *routes: Route) -> None:
        for route in routes:
            self._command(f"announce route {route.line}")

    def withdraw(self, *routes: Route) -> None:
        for route in routes:
            self._command(f"withdraw route {route.line}")

    def _command(self, command: str) -> None:
        self.daemon.check()
        os.write(self.pipe, f"{command}\n".encode())

    def __enter__(self) -> ExaBgp:
        # Open both ways it waits for no reader, and `cat` ends when it is closed, not before.
        self.pipe = os.open(self.commands, os.O_RDWR | os.O_CLOEXEC)
        self.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.daemon.stop()
        finally:
            os.close(self.pipe)
