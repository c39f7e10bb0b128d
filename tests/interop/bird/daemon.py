"""BIRD 2 as an appliance: its configuration file, written anew and reloaded to change it.

BIRD takes no neighbour in 127.0.0.0/8 for a directly connected one, so there the session is
`multihop`; with a real interface it is `direct`, which BFD single hop needs.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require

SERVER_ASN: Final = 65000
BFD_INTERVAL_MS: Final = 50
BFD_MULTIPLIER: Final = 3


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one BIRD says; the next hop of IPv4 prefixes is its own address."""

    ipv4: Sequence[str] = ()
    ipv6: Sequence[str] = ()
    next_hop6: str = ""
    med: int | None = None
    prepend: Sequence[int] = ()
    """AS numbers put in front of an empty path, before BIRD's own; the first ends up last."""
    changes: Sequence[str] = ()
    """More statements of the export filter."""

    @property
    def export(self) -> str:
        changes = [f"bgp_path.prepend({asn});" for asn in self.prepend]
        if self.med is not None:
            changes.append(f"bgp_med = {self.med};")
        changes += self.changes
        return f"""export filter {{
      if source != RTS_STATIC then reject;
      {" ".join(changes)}
      accept;
    }}"""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where BIRD stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    is_direct: bool = False
    bfd: bool = False
    four_octet: bool = True
    options: Sequence[str] = ()
    """More of the BGP protocol's options."""
    options4: Sequence[str] = ()
    """More of its IPv4 channel's."""

    def config(self, said: Announcement) -> str:
        ipv4, ipv6 = (
            " ".join(f"route {prefix} blackhole;" for prefix in prefixes)
            for prefixes in (said.ipv4, said.ipv6)
        )
        next_hop6 = f"next hop address {said.next_hop6};" if said.next_hop6 else ""
        bfd = f"""protocol bfd {{
  accept direct;
  strict bind;
  interface "*" {{ interval {BFD_INTERVAL_MS} ms; multiplier {BFD_MULTIPLIER}; }};
}}"""
        return f"""\
log stderr all;
router id {self.local};
protocol device {{ scan time 1; }}  # its timer also bounds BIRD's sleep, else 3 s
protocol static {{ ipv4; {ipv4} }}
protocol static {{ ipv6; {ipv6} }}
{bfd if self.bfd else ""}
protocol bgp appliance {{
  debug {{ states, events }};
  local {self.local} port {self.port} as {self.asn};
  neighbor {self.endpoint} port {self.port} as {SERVER_ASN};
  {"direct" if self.is_direct else "multihop"};
  {"bfd;" if self.bfd else ""}
  strict bind;
  enable as4 {"yes" if self.four_octet else "no"};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  {" ".join(f"{option};" for option in self.options)}
  ipv4 {{
    import none;
    {" ".join(f"{option};" for option in self.options4)}
    {said.export};
  }};
  ipv6 {{
    import none;
    {next_hop6}
    extended next hop yes;  # allows an IPv4-mapped one (RFC 4798)
    {said.export};
  }};
}}
"""


@dataclass
class Bird:
    """One BIRD process; `say` reconfigures it while the session stays up."""

    folder: Path
    neighbour: Neighbour
    daemon: Daemon

    @classmethod
    def make(cls, folder: Path, neighbour: Neighbour, said: Announcement) -> Bird:
        binary = require("bird", "bird2")
        files = {name: str(folder / f"bird.{name}") for name in ("conf", "ctl", "pid", "log")}
        arguments = [binary, "-f", "-c", files["conf"], "-s", files["ctl"], "-P", files["pid"]]
        made = cls(folder, neighbour, Daemon("bird", arguments, Path(files["log"])))
        made._write(said)
        return made

    def say(self, said: Announcement) -> None:
        self._write(said)
        self.daemon.send(signal.SIGHUP)

    def kill_and_recover(self, said: Announcement) -> None:
        """Kill it and start it as one that restarts gracefully (its flag -R)."""
        self.daemon.kill()
        self._write(said)
        self.daemon.arguments = [*self.daemon.arguments, "-R"]
        self.daemon.start()

    def control(self, command: str) -> str:
        """What BIRD answers to a command of `birdc`."""
        words = [require("birdc", "bird2"), "-s", str(self.folder / "bird.ctl"), command]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=15)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _write(self, said: Announcement) -> None:
        (self.folder / "bird.conf").write_text(self.neighbour.config(said))

    def __enter__(self) -> Bird:
        self.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
