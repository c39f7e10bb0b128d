"""FRR: bgpd beside zebra, which writes the kernel's routes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.kernel.daemons.base import ASN, Running
from benchmarks.kernel.wire import DAEMON, FEEDER, Cable, connected
from benchmarks.routing.process import Child, wait_for
from benchmarks.routing.wire import PORT

FOLDER: Final = Path("/usr/lib/frr")
"""Named in full, because OpenBGPD's daemon is called bgpd too."""


class Frr:
    name = "FRR"

    def missing(self) -> str | None:
        return None if (FOLDER / "zebra").exists() else "frr"

    @contextmanager
    def running(self, folder: Path, feeder_asn: int) -> Iterator[Running]:
        (folder / "zebra.conf").write_text("frr defaults traditional\n")
        (folder / "bgpd.conf").write_text(_config(feeder_asn))
        shutil.chown(folder, "frr")  # zebra insists on being that user
        with connected() as cable:
            zebra = _child(folder, "zebra")
            bgpd = _child(
                folder, "bgpd", "--skip_runas", f"--bgp_port={PORT}", f"--listenon={DAEMON}"
            )
            try:
                _start(cable, zebra, folder / "zebra.vty")
                wait_for("zebra's socket", (folder / "zserv.api").exists)
                _start(cable, bgpd, folder / "bgpd.vty")
                yield Running(cable.daemon, cable.feeder, DAEMON, FEEDER, (zebra.pid, bgpd.pid))
            finally:
                bgpd.stop()
                zebra.stop()


def _child(folder: Path, name: str, *arguments: str) -> Child:
    return Child(
        name,
        [
            str(FOLDER / name),
            "--vty_port=0",
            f"--config_file={folder / name}.conf",
            f"--pid_file={folder / name}.pid",
            f"--vty_socket={folder}",
            f"--socket={folder / 'zserv.api'}",
            *arguments,
        ],
        folder / f"{name}.log",
    )


def _start(cable: Cable, child: Child, sign: Path) -> None:
    with cable.daemon.entered():
        child.start()
    wait_for(f"{child.name}'s vty", sign.exists)
    child.check()


def _config(feeder_asn: int) -> str:
    neighbour = f" neighbor {FEEDER}"
    return "\n".join(
        (
            "frr defaults traditional",
            f"router bgp {ASN}",
            f" bgp router-id {DAEMON}",
            " no bgp ebgp-requires-policy",
            f"{neighbour} remote-as {feeder_asn}",
            f"{neighbour} passive",
            f"{neighbour} timers 30 90",
            " address-family ipv4 unicast",
            f"  neighbor {FEEDER} route-map nothing out",
            " exit-address-family",
            "exit",
            "route-map nothing deny 10",
            "exit",
            "",
        )
    )
