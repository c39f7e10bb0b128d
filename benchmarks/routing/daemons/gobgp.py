"""GoBGP: asked with its own command; an answer costs a process and a look into the table."""

from __future__ import annotations

import re
import subprocess
from typing import Final

from benchmarks.routing.daemons.base import ASN, Counts, Setup
from benchmarks.routing.process import BenchmarkError, Child, program, wait_for
from benchmarks.routing.wire import PORT

API_PORT: Final = 50051
_SUMMARY: Final = re.compile(r"Destination: (\d+), Path: (\d+)")


class GoBgp:
    name = "GoBGP"
    exports = True
    sees_switch = False
    walks = True

    def missing(self) -> str | None:
        return None if program("gobgpd") and program("gobgp") else "gobgpd"

    def start(self, setup: Setup) -> str:
        self._host = setup.address
        self._family = "ipv6" if setup.is_ipv6 else "ipv4"
        config = setup.folder / "gobgpd.toml"
        config.write_text(_config(setup))
        self._child = Child(
            "gobgpd",
            [
                program("gobgpd") or "gobgpd",
                f"--config-file={config}",
                f"--api-hosts={setup.address}:{API_PORT}",
                "--log-level=warn",
                "--log-plain",
                "--pprof-disable",
            ],
            setup.folder / "gobgpd.log",
        )
        self._child.start()
        last = setup.peers[-1].address
        # The API answers before the configuration file is read.
        wait_for("GoBGP's neighbours", lambda: self._command("neighbor", last).returncode == 0)
        return setup.address

    def counts(self) -> Counts:
        done = self._command("global", "rib", "summary", "-a", self._family)
        found = _SUMMARY.search(done.stdout)
        if found is None:
            raise BenchmarkError(f"gobgp says {done.stdout.strip()}{done.stderr.strip()}")
        return Counts(paths=int(found[2]), best=int(found[1]))

    def pids(self) -> list[int]:
        return [self._child.pid]

    def check(self) -> None:
        self._child.check()

    def stop(self) -> None:
        self._child.stop()

    def _command(self, *words: str) -> subprocess.CompletedProcess[str]:
        self._child.check()
        command = [program("gobgp") or "gobgp", f"--host={self._host}", f"--port={API_PORT}"]
        return subprocess.run(  # noqa: S603 - the arguments are ours
            [*command, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _config(setup: Setup) -> str:
    listeners = [f'"{peer.address}/32"' for peer in setup.peers if peer.is_listener]
    policy = f"""\
  [global.apply-policy.config]
    export-policy-list = ["to-listener"]
    default-export-policy = "reject-route"

[[defined-sets.neighbor-sets]]
  neighbor-set-name = "listeners"
  neighbor-info-list = [{", ".join(listeners) or f'"{setup.address}/32"'}]

[[policy-definitions]]
  name = "to-listener"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = "listeners"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
"""
    neighbours = "\n".join(
        f"""\
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{peer.address}"
    peer-as = {peer.asn}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "{setup.address}"
  [neighbors.timers.config]
    hold-time = {setup.hold_time_s}
    keepalive-interval = {setup.hold_time_s // 3}
    idle-hold-time-after-reset = 1
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{"ipv6" if setup.is_ipv6 else "ipv4"}-unicast"
"""
        for peer in setup.peers
    )
    return f"""\
[global.config]
  as = {ASN}
  router-id = "{setup.address}"
  port = {PORT}
  local-address-list = ["{setup.address}"]
{policy}
{neighbours}
"""
