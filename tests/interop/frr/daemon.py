"""FRR's daemons as an appliance: bgpd alone on loopback; with zebra and bfdd behind an interface.

bgpd alone (`--no_zebra`) treats its neighbour as several hops away, because only zebra could tell
it that the neighbour is connected. bgpd and bfdd speak to each other through zebra.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.interop.daemons import Daemon, require
from tests.running import eventually

SERVER_ASN: Final = 65000
BFD_INTERVAL_MS: Final = 100
BFD_MULTIPLIER: Final = 3
PACKAGE: Final = "frr"
USER: Final = "frr"
FOLDER: Final = Path("/usr/lib/frr")
"""Named in full, because OpenBGPD's daemon is called bgpd too and stands in the PATH."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one bgpd says; without `next_hop6` it chooses the IPv4-mapped one of its address."""

    ipv4: Sequence[str] = ()
    ipv6: Sequence[str] = ()
    next_hop6: str = ""
    med: int | None = None
    prepend: Sequence[int] = ()
    """AS numbers between bgpd's own and the end of the path."""
    changes: Sequence[str] = ()
    """More `set` clauses of the route map."""

    @property
    def route_map(self) -> str:
        changes = []
        if self.next_hop6:
            changes.append(f"set ipv6 next-hop global {self.next_hop6}")
        if self.med is not None:
            changes.append(f"set metric {self.med}")
        if self.prepend:
            changes.append(f"set as-path prepend {' '.join(map(str, self.prepend))}")
        changes += self.changes
        lines = "\n".join(f" {change}" for change in changes)
        return f"route-map appliance permit 10\n{lines}\nexit\n"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where bgpd stands and whom it calls."""

    local: str
    asn: int
    endpoint: str
    port: int
    bfd: bool = False
    bfd_later: bool = False
    """bfdd is there, but the neighbour is not yet told to use it."""
    negotiates: bool = True
    """Whether it sends capabilities; one that does not knows 2-octet AS numbers and IPv4 alone."""
    multihop: bool = True
    """TTL security takes its place."""
    options: Sequence[str] = ()
    """More of what is set for the neighbour."""
    instance: Sequence[str] = ()
    """More of what is set for the BGP instance."""
    families: Sequence[str] = ()
    """More address families, in which there is nothing to say."""
    hostname: str = "appliance"
    """It is told to the peer (a capability of FRR's)."""

    def config(self, said: Announcement) -> str:
        peer = f" neighbor {self.endpoint}"
        lines = [
            f"hostname {self.hostname}",
            "bgp route-map delay-timer 1",
            f"router bgp {self.asn}",
            f" bgp router-id {self.local}",
            " no bgp ebgp-requires-policy",
            " no bgp network import-check",
            " bgp log-neighbor-changes",
            " coalesce-time 0",
            f"{peer} remote-as {SERVER_ASN}",
            f"{peer} port {self.port}",
            f"{peer} update-source {self.local}",
            f"{peer} timers connect 1",
        ]
        if self.bfd_later:
            pass  # an interface away, so neither BFD nor multihop
        elif self.bfd:
            lines.append(f"{peer} bfd {BFD_MULTIPLIER} {BFD_INTERVAL_MS} {BFD_INTERVAL_MS}")
        elif self.multihop:
            lines.append(f"{peer} ebgp-multihop")
        lines += [f"{peer} {option}" for option in self.options]
        lines += [f" {line}" for line in self.instance]
        if not self.negotiates:
            lines.append(f"{peer} dont-capability-negotiate")
        for family, prefixes in (("ipv4", said.ipv4), ("ipv6", said.ipv6)):
            if family == "ipv6" and not self.negotiates:
                continue
            lines += [
                f" address-family {family} unicast",
                *(f"  network {prefix}" for prefix in prefixes),
                f" {peer} activate",
                f" {peer} route-map appliance out",
                " exit-address-family",
            ]
        for family in self.families:
            lines += [f" address-family {family}", f" {peer} activate", " exit-address-family"]
        return "\n".join((*lines, "exit", said.route_map))


@dataclass
class Frr:
    """The FRR processes of one appliance, their sockets and configuration in one folder.

    bgpd alone stays the user that started it. zebra insists on its package's user, so the three of
    them run as that one, which gets the folder and must be able to reach it.
    """

    folder: Path
    neighbour: Neighbour
    said: Announcement
    daemons: dict[str, Daemon] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.neighbour.config(self.said)
        if self.neighbour.bfd:
            shutil.chown(self.folder, USER, USER)
            self._add("zebra", "")
            self._add("bfdd", "", f"--bfdctl={self.folder / 'bfdd.sock'}")
            self._add("bgpd", config, "--bgp_port=0", "--no_kernel")
        else:
            alone = ("--no_zebra", "--skip_runas")
            self._add("bgpd", config, "--bgp_port=0", "--no_kernel", *alone)

    @property
    def bgpd(self) -> Daemon:
        return self.daemons["bgpd"]

    @property
    def bfdd(self) -> Daemon:
        return self.daemons["bfdd"]

    def configure_bgp(self, *lines: str) -> None:
        """Enter lines below `router bgp`, while the session stays up."""
        self.shell("configure terminal", f"router bgp {self.neighbour.asn}", *lines)

    def kill_and_start(self, said: Announcement) -> None:
        """Kill bgpd and start it again, with something else to say."""
        self.bgpd.kill()
        (self.folder / "bgpd.vty").unlink(missing_ok=True)
        self._write("bgpd", self.neighbour.config(said))
        self.bgpd.start()
        self._wait_shell("bgpd", self.bgpd)

    def bfd_statuses(self) -> list[str]:
        """Of every session that bfdd has."""
        peers = json.loads(self.shell("show bfd peers json", daemon="bfdd"))
        return [str(peer["status"]) for peer in peers]

    def shell(self, *lines: str, daemon: str = "bgpd") -> str:
        """What a daemon answers in its shell."""
        command = [require("vtysh", PACKAGE), "-d", daemon]
        command += [f"--vty_socket={self.folder}", f"--config_dir={self.folder}"]
        for line in lines:
            command += ["-c", line]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=15)
        assert done.returncode == 0, f"{lines}: {done.stdout}{done.stderr}"
        return done.stdout

    def _add(self, name: str, config: str, *more: str) -> None:
        path = self._write(name, config)
        arguments = [
            require(str(FOLDER / name), PACKAGE),
            "--vty_port=0",
            f"--config_file={path}",
            f"--pid_file={self.folder / name}.pid",
            f"--vty_socket={self.folder}",
            f"--socket={self.folder / 'zserv.api'}",
            *more,
        ]
        self.daemons[name] = Daemon(name, arguments, self.folder / f"{name}.log")

    def _write(self, name: str, config: str) -> Path:
        path = self.folder / f"{name}.conf"
        path.write_text(f"log stdout debugging\n{config}")
        return path

    def start(self) -> None:
        for name, daemon in self.daemons.items():
            daemon.start()
            self._wait_shell(name, daemon)

    def stop(self) -> None:
        for daemon in reversed(self.daemons.values()):
            daemon.stop()

    def _wait_shell(self, name: str, daemon: Daemon) -> None:
        socket = self.folder / f"{name}.vty"

        def look() -> bool:
            daemon.check()
            return socket.exists()

        eventually(f"{name} listens for its shell", look, bool)

    def __enter__(self) -> Frr:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
