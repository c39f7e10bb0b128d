"""ExaBGP as an appliance: its configuration file, written anew and reloaded to change it.

It reads an environment file of its own in place of the system's, keeps its user, opens no control
pipe and accepts no connections. What it announces is what the file says: next hops, and AS paths as
a whole.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require

SERVER_ASN: Final = 65000
ENVIRONMENT: Final = """\
[exabgp.api]
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

    @property
    def line(self) -> str:
        med = "" if self.med is None else f" med {self.med}"
        as_path = f" as-path [ {' '.join(map(str, self.as_path))} ]" if self.as_path else ""
        return f"unicast {self.prefix} next-hop {self.next_hop} origin igp{med}{as_path};"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where ExaBGP stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    four_octet: bool = True

    def config(self, routes: Sequence[Route]) -> str:
        ipv4 = "\n      ".join(route.line for route in routes if ":" not in route.prefix)
        ipv6 = "\n      ".join(route.line for route in routes if ":" in route.prefix)
        return f"""\
neighbor {self.endpoint} {{
  router-id {self.local};
  local-address {self.local};
  local-as {self.asn};
  peer-as {SERVER_ASN};
  connect {self.port};
  capability {{ asn4 {"enable" if self.four_octet else "disable"}; }}
  family {{ ipv4 unicast; ipv6 unicast; }}
  announce {{
    ipv4 {{
      {ipv4}
    }}
    ipv6 {{
      {ipv6}
    }}
  }}
}}
"""


@dataclass
class ExaBgp:
    """One ExaBGP process; `say` reconfigures it while the session stays up."""

    folder: Path
    neighbour: Neighbour
    daemon: Daemon

    @classmethod
    def make(cls, folder: Path, neighbour: Neighbour, *routes: Route) -> ExaBgp:
        environment = folder / "exabgp.env"
        environment.write_text(ENVIRONMENT)
        config = str(folder / "exabgp.conf")
        arguments = [require("exabgp", "exabgp"), "--env", str(environment), config]
        made = cls(folder, neighbour, Daemon("exabgp", arguments, folder / "exabgp.log"))
        made._write(routes)
        return made

    def say(self, *routes: Route) -> None:
        self._write(routes)
        self.daemon.send(signal.SIGUSR1)

    def _write(self, routes: Sequence[Route]) -> None:
        (self.folder / "exabgp.conf").write_text(self.neighbour.config(routes))

    def __enter__(self) -> ExaBgp:
        self.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
