"""OpenBGPD: asked with `bgpctl`, for counters that its processes have anyway.

It starts as root and gives its privileges up; it leaves the kernel's routes alone. Every prefix
stands in two of its tables, Adj-RIB-In and Loc-RIB.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.routing.daemons.base import ASN, Counts, PeerSetup, Setup
from benchmarks.routing.process import BenchmarkError, Child, program, tree, wait_for
from benchmarks.routing.wire import PORT

USER: Final = "_openbgpd"
_RECEIVED: Final = re.compile(r"^127\..* (\d+)$", re.MULTILINE)
"""A line of the summary; the last word is a number while the session is up."""
_ENTRIES: Final = re.compile(r"(\d+) rib entries")
_TABLES: Final = 2


class OpenBgpd:
    name = "OpenBGPD"
    exports = True
    sees_switch = False
    walks = False

    def missing(self) -> str | None:
        if not (program("bgpctl") and program("bgpd")):
            return "openbgpd"
        return None if os.geteuid() == 0 else "openbgpd (and start as root, as it insists)"

    def start(self, setup: Setup) -> str:
        # The children's chroot, made by the package's service file, which does not run here.
        Path(pwd.getpwnam(USER).pw_dir).mkdir(mode=0o755, parents=True, exist_ok=True)
        self._control = setup.folder / "bgpd.sock"
        config = setup.folder / "bgpd.conf"
        config.touch(mode=0o600)  # bgpd refuses a file that others can read
        config.write_text(_config(setup, self._control))
        self._child = Child(
            "openbgpd",
            [program("bgpd") or "bgpd", "-d", "-f", str(config)],
            setup.folder / "openbgpd.log",
        )
        self._child.start()
        wait_for("OpenBGPD's control socket", self._answers)
        return setup.address

    def counts(self) -> Counts:
        """Without any route the memory statistics have no line for them."""
        paths = sum(map(int, _RECEIVED.findall(self._ask("summary").stdout)))
        answer = self._ask("rib", "memory").stdout
        if "RDE memory" not in answer:
            raise BenchmarkError(f"bgpctl says {answer}")
        entries = _ENTRIES.search(answer)
        return Counts(paths, int(entries[1]) // _TABLES if entries else 0)

    def pids(self) -> list[int]:
        return tree(self._child.pid)

    def check(self) -> None:
        self._child.check()

    def stop(self) -> None:
        self._child.stop()

    def _answers(self) -> bool:
        self._child.check()
        return self._ask("summary").returncode == 0

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the arguments are ours
            [program("bgpctl") or "bgpctl", "-s", str(self._control), "show", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _config(setup: Setup, control: Path) -> str:
    peers = "\n".join(_peer(setup, peer) for peer in setup.peers)
    return f"""\
AS {ASN}
router-id {setup.address}
fib-update no
holdtime {setup.hold_time_s}
socket "{control}"
listen on {setup.address} port {PORT}
{peers}
allow from any
allow to any
"""


def _peer(setup: Setup, peer: PeerSetup) -> str:
    return f"""\
neighbor {peer.address} {{
  remote-as {peer.asn}
  local-address {setup.address}
  passive
  multihop 2
  announce IPv4 {"none" if setup.is_ipv6 else "unicast"}
  announce IPv6 {"unicast" if setup.is_ipv6 else "none"}
  {"" if peer.is_listener else "export none"}
}}"""
