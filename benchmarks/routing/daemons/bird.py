"""BIRD 2: asked over its control socket, which answers from each protocol's own counters."""

from __future__ import annotations

import re
import socket
from typing import Final

from benchmarks.routing.daemons.base import ASN, Counts, PeerSetup, Setup
from benchmarks.routing.process import BenchmarkError, Child, program, wait_for
from benchmarks.routing.wire import PORT

_PROTOCOL: Final = re.compile(r"^(?:1002-| )(p_\w+) +BGP ", re.MULTILINE)
_ROUTES: Final = re.compile(r"Routes: +(\d+) imported.*?(\d+) preferred")
NEXT_HOPS4: Final = "10.71.0.0/16"
NEXT_HOPS6: Final = "2001:db8:ffff::/48"


class Bird:
    name = "BIRD"
    exports = True
    sees_switch = True
    walks = False

    def missing(self) -> str | None:
        return None if program("bird") else "bird2"

    def start(self, setup: Setup) -> str:
        folder = setup.folder
        (folder / "bird.conf").write_text(_config(setup))
        control = folder / "bird.ctl"
        self._control_path = control
        self._control: socket.socket | None = None
        self._child = Child(
            "bird",
            [
                program("bird") or "bird",
                "-f",
                *("-c", str(folder / "bird.conf")),
                *("-s", str(control)),
                *("-P", str(folder / "bird.pid")),
            ],
            folder / "bird.log",
        )
        self._child.start()
        wait_for("BIRD's control socket", self._connected)
        return setup.address

    def counts(self) -> Counts:
        paths = 0
        best_via: dict[str, int] = {}
        answer = self._ask("show protocols all")
        headings = list(_PROTOCOL.finditer(answer))
        ends = [each.start() for each in headings[1:]] + [len(answer)]
        for heading, end in zip(headings, ends, strict=True):
            name = heading[1].removeprefix("p_")
            for found in _ROUTES.finditer(answer, heading.end(), end):
                paths += int(found[1])
                best_via[name] = best_via.get(name, 0) + int(found[2])
        return Counts(paths, sum(best_via.values()), best_via)

    def pids(self) -> list[int]:
        return [self._child.pid]

    def check(self) -> None:
        self._child.check()

    def stop(self) -> None:
        if self._control is not None:
            self._control.close()
        self._child.stop()

    def _connected(self) -> bool:
        self._child.check()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        try:
            connection.connect(str(self._control_path))
        except OSError:
            connection.close()
            return False
        self._control = connection
        self._receive()
        return True

    def _ask(self, command: str) -> str:
        if self._control is None:
            raise BenchmarkError("BIRD is not connected")
        self._control.sendall(command.encode() + b"\n")
        return self._receive()

    def _receive(self) -> str:
        """Until the line whose number is followed by a space: the last of an answer."""
        if self._control is None:
            raise BenchmarkError("BIRD is not connected")
        answer = b""
        while True:
            data = self._control.recv(1 << 18)
            if not data:
                raise BenchmarkError("BIRD closed its control socket")
            answer += data
            last = answer[answer.rfind(b"\n", 0, -1) + 1 :]
            if answer.endswith(b"\n") and re.match(rb"\d{4} ", last):
                return answer.decode()


def _config(setup: Setup) -> str:
    peers = "\n".join(_peer(setup, peer) for peer in setup.peers)
    return f"""\
log stderr {{ warning, error, fatal, bug }};
router id {setup.address};
protocol device {{ scan time 60; }}
# Next hops are found here; nothing of this goes to the kernel.
protocol static {{ ipv4; route {NEXT_HOPS4} via "lo"; }}
protocol static {{ ipv6; route {NEXT_HOPS6} via "lo"; }}
{peers}
"""


def _peer(setup: Setup, peer: PeerSetup) -> str:
    """`multihop`, because BIRD takes no neighbour in 127.0.0.0/8 for a direct one."""
    routes = (
        "import none; export where source = RTS_BGP; next hop keep;"
        if peer.is_listener
        else "import all; export none;"
    )
    family = "ipv6" if setup.is_ipv6 else "ipv4"
    return f"""\
protocol bgp p_{peer.name} {{
  local {setup.address} port {PORT} as {ASN};
  neighbor {peer.address} as {peer.asn};
  multihop;
  passive;
  strict bind;
  hold time {setup.hold_time_s};
  error wait time 1, 1;
  {family} {{ {routes} }};
}}"""
