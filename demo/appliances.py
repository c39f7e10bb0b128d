"""The customer's routers: ``routeserver appliance``, or BIRD when it is asked for and installed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from machine import COMMAND, Child

PREFIXES4: Final = ("198.51.100.0/24", "203.0.113.0/24")
PREFIXES6: Final = ("2001:db8:100::/48",)
PREFIXES: Final = (*PREFIXES4, *PREFIXES6)
BFD_INTERVAL_MS: Final = 300
BFD_MULTIPLIER: Final = 3


@dataclass(slots=True)
class Appliance:
    name: str
    asn: int
    med: int
    eni_id: str
    address: str
    address6: str
    endpoint_id: str = ""
    endpoint: str = ""
    peer_id: str = ""
    child: Child | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """Which program the appliances are, and what both of them need to know."""

    folder: Path
    bgp_port: int
    bfd_port: int
    server_asn: int
    is_bird: bool

    def start(self, appliance: Appliance) -> Child:
        arguments = self._bird(appliance) if self.is_bird else self._own(appliance)
        appliance.child = Child(arguments, self.folder / f"{appliance.name}.log", {})
        return appliance.child

    def _own(self, appliance: Appliance) -> list[str]:
        return [
            COMMAND,
            "appliance",
            f"--local={appliance.address}",
            f"--peer={appliance.endpoint}:{self.bgp_port}",
            f"--asn={appliance.asn}",
            f"--peer-asn={self.server_asn}",
            f"--med={appliance.med}",
            *(f"--announce={prefix}" for prefix in PREFIXES),
            f"--next-hop6={appliance.address6}",
            "--bfd",
            f"--bfd-interval-ms={BFD_INTERVAL_MS}",
            f"--bfd-multiplier={BFD_MULTIPLIER}",
            f"--bfd-port={self.bfd_port}",
        ]

    def _bird(self, appliance: Appliance) -> list[str]:
        base = self.folder / appliance.name
        config = base.with_suffix(".conf")
        config.write_text(self._bird_config(appliance))
        control, pid = base.with_suffix(".ctl"), base.with_suffix(".pid")
        bird = str(bird_command())
        return [bird, "-f", "-c", str(config), "-s", str(control), "-P", str(pid)]

    def _bird_config(self, appliance: Appliance) -> str:
        """`multihop`, because BIRD takes no neighbour in 127.0.0.0/8 for a direct one."""
        routes = {
            version: " ".join(f"route {prefix} blackhole;" for prefix in prefixes)
            for version, prefixes in (("ipv4", PREFIXES4), ("ipv6", PREFIXES6))
        }
        export = f"""export filter {{
      if source != RTS_STATIC then reject;
      bgp_med = {appliance.med};
      accept;
    }}"""
        return f"""\
log stderr all;
router id {appliance.address};
protocol device {{ scan time 60; }}
protocol static {{ ipv4; {routes["ipv4"]} }}
protocol static {{ ipv6; {routes["ipv6"]} }}
protocol bfd {{
  accept ipv4 multihop;
  strict bind;
  multihop {{ interval {BFD_INTERVAL_MS} ms; multiplier {BFD_MULTIPLIER}; }};
}}
protocol bgp {{
  local {appliance.address} as {appliance.asn};
  neighbor {appliance.endpoint} port {self.bgp_port} as {self.server_asn};
  multihop;
  bfd;
  strict bind;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 5;
  ipv4 {{
    import none;
    {export};
  }};
  ipv6 {{
    import none;
    next hop address {appliance.address6};
    {export};
  }};
}}
"""


def bird_command() -> str | None:
    return shutil.which("bird") or shutil.which("bird", path="/usr/sbin:/usr/local/sbin")
