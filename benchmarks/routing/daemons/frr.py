"""FRR's bgpd alone (no zebra, no kernel): asked over its vty socket, as vtysh does it."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any, Final

from benchmarks.routing.daemons.base import ASN, Counts, PeerSetup, Setup
from benchmarks.routing.process import BenchmarkError, Child, wait_for
from benchmarks.routing.wire import PORT

BGPD: Final = Path("/usr/lib/frr/bgpd")
"""Named in full, because OpenBGPD's daemon is called bgpd too."""

_QUEUE: Final = re.compile(r"^.\s+(\d+) .* (?:process_queue|clear )", re.MULTILINE)
"""Prefixes to be decided, and those from which a lost peer's paths are still to be taken."""


class Frr:
    name = "FRR"
    exports = True
    sees_switch = False
    walks = False

    def missing(self) -> str | None:
        return None if BGPD.exists() else "frr"

    def start(self, setup: Setup) -> str:
        folder = setup.folder
        self._afi = "ipv6" if setup.is_ipv6 else "ipv4"
        self._socket_path = folder / "bgpd.vty"
        self._vty: socket.socket | None = None
        config = folder / "frr.conf"
        config.write_text(_config(setup))
        self._child = Child(
            "bgpd",
            [
                str(BGPD),
                "--no_zebra",
                "--no_kernel",
                "--skip_runas",
                f"--bgp_port={PORT}",
                f"--listenon={setup.address}",
                "--vty_port=0",
                f"--config_file={config}",
                f"--pid_file={folder / 'bgpd.pid'}",
                f"--vty_socket={folder}",
                f"--socket={folder / 'zserv.api'}",
            ],
            folder / "frr.log",
        )
        self._child.start()
        wait_for("FRR's vty", self._connected)
        self._ask("enable")
        return setup.address

    def counts(self) -> Counts:
        """A path counts as soon as it is received, and as best once nothing of it is queued.

        FRR counts no best paths; a prefix that two peers announce is `best` twice here.
        """
        paths = sum(int(peer["pfxRcd"]) for peer in self._summary().get("peers", {}).values())
        return Counts(paths, paths - self._undecided())

    def pids(self) -> list[int]:
        return [self._child.pid]

    def check(self) -> None:
        self._child.check()

    def stop(self) -> None:
        if self._vty is not None:
            self._vty.close()
        self._child.stop()

    def _summary(self) -> dict[str, Any]:
        answer = self._ask(f"show bgp {self._afi} unicast summary json")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _undecided(self) -> int:
        return sum(map(int, _QUEUE.findall(self._ask("show work-queues"))))

    def _connected(self) -> bool:
        self._child.check()
        vty = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        vty.settimeout(120)
        try:
            vty.connect(str(self._socket_path))
        except OSError:
            vty.close()
            return False
        self._vty = vty
        return True

    def _ask(self, command: str) -> str:
        """An answer ends with three zero octets and a status."""
        if self._vty is None:
            raise BenchmarkError("FRR's vty is not connected")
        self._vty.sendall(command.encode() + b"\0")
        answer = b""
        while answer[-4:-1] != b"\0\0\0":
            data = self._vty.recv(1 << 18)
            if not data:
                raise BenchmarkError("FRR closed its vty")
            answer += data
        return answer[:-4].decode()


def _config(setup: Setup) -> str:
    lines = [
        "frr defaults traditional",
        f"router bgp {ASN}",
        f" bgp router-id {setup.address}",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
    ]
    family = "ipv6" if setup.is_ipv6 else "ipv4"
    for peer in setup.peers:
        lines += _session(setup, peer)
    lines.append(f" address-family {family} unicast")
    for peer in setup.peers:
        lines.append(f"  neighbor {peer.address} activate")
        direction = "in" if peer.is_listener else "out"
        lines.append(f"  neighbor {peer.address} route-map nothing {direction}")
    lines += [" exit-address-family", "exit", "route-map nothing deny 10", "exit", ""]
    return "\n".join(lines)


def _session(setup: Setup, peer: PeerSetup) -> list[str]:
    neighbour = f" neighbor {peer.address}"
    return [
        f"{neighbour} remote-as {peer.asn}",
        f"{neighbour} passive",
        f"{neighbour} ebgp-multihop",
        f"{neighbour} update-source {setup.address}",
        f"{neighbour} timers {setup.hold_time_s // 3} {setup.hold_time_s}",
    ]
