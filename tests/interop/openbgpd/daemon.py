"""OpenBGPD as an appliance: its configuration file, written anew and reloaded to change it.

It starts as root and gives its privileges up to the user `_openbgpd`; it leaves the kernel's routes
alone. A neighbour that is not on a connected network is `multihop`, and only then is it told to
announce next hops as they are configured.
"""

from __future__ import annotations

import pwd
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require

SERVER_ASN: Final = 65000
USER: Final = "_openbgpd"


@dataclass(frozen=True, slots=True)
class Route:
    """What is announced; without a next hop OpenBGPD takes its own address."""

    prefix: str
    next_hop: str = ""
    med: int | None = None
    prepend: int = 0
    """How many times its own AS number comes again."""
    community: str = ""

    @property
    def line(self) -> str:
        changes = []
        if self.next_hop:
            changes.append(f"nexthop {self.next_hop}")
        if self.med is not None:
            changes.append(f"metric {self.med}")
        if self.prepend:
            changes.append(f"prepend-self {self.prepend}")
        if self.community:
            changes.append(f"community {self.community}")
        return f"network {self.prefix} set {{ origin igp {' '.join(changes)} }}"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where OpenBGPD stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    four_octet: bool = True
    old_asn: int | None = None
    """The AS number of two octets that it gives a neighbour who knows no others."""
    multihop: bool = True
    """TTL security takes its place."""
    options: Sequence[str] = ()
    """More of the neighbour's."""
    before: str = ""
    """More of the configuration, in front of the neighbour."""

    def config(self, control: Path, routes: Sequence[Route]) -> str:
        newline = "\n  "
        networks = "\n".join(route.line for route in routes)
        return f"""\
AS {self.asn} {self.old_asn or ""}
router-id {self.local}
fib-update no
socket "{control}"
listen on {self.local} port {self.port}
{networks}
{self.before}
neighbor {self.endpoint} {{
  remote-as {SERVER_ASN}
  local-address {self.local}
  port {self.port}
  {"multihop 2" if self.multihop else ""}
  {newline.join(self.options)}
  announce as-4byte {"yes" if self.four_octet else "no"}
  announce IPv4 unicast
  announce IPv6 unicast
  set nexthop no-modify
}}
allow to any
"""  # noqa: S608 - not SQL


@dataclass
class OpenBgpd:
    """One bgpd with its children; `say` reconfigures it while the session stays up."""

    folder: Path
    neighbour: Neighbour
    daemon: Daemon

    @classmethod
    def make(cls, folder: Path, neighbour: Neighbour, *routes: Route) -> OpenBgpd:
        binary = require("bgpd", "openbgpd")
        # The children's chroot: made by the package's service file, which does not run here.
        Path(pwd.getpwnam(USER).pw_dir).mkdir(mode=0o755, parents=True, exist_ok=True)
        arguments = [binary, "-d", "-v", "-f", str(folder / "bgpd.conf")]
        made = cls(folder, neighbour, Daemon("bgpd", arguments, folder / "bgpd.log"))
        made._write(routes)
        return made

    def say(self, *routes: Route) -> None:
        self._write(routes)
        self.daemon.send(signal.SIGHUP)

    def clear(self) -> None:
        """End the session and call again at once, whatever its timers say."""
        self.control("neighbor", self.neighbour.endpoint, "clear")

    def control(self, *words: str) -> str:
        """What bgpd answers to a command of `bgpctl`."""
        command = [require("bgpctl", "openbgpd"), "-s", str(self.folder / "bgpd.sock"), *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=15)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def _write(self, routes: Sequence[Route]) -> None:
        config = self.folder / "bgpd.conf"
        config.touch(mode=0o600)  # bgpd refuses a file that others can read
        config.write_text(self.neighbour.config(self.folder / "bgpd.sock", routes))

    def __enter__(self) -> OpenBgpd:
        self.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
