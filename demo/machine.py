"""This machine: which loopback addresses and ports are free, and processes that end when we do."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

COMMAND: Final = str(Path(sys.executable).with_name("routeserver"))
END_S: Final = 10.0
_TABLES: Final = ("tcp", "udp")


def free_loopback_block() -> str:
    """A ``127.x.0.0/16`` of which no address is in use by anybody."""
    used = {address.split(".")[1] for address, _ in _bound() if address.startswith("127.")}
    free = [str(second) for second in range(16, 250) if str(second) not in used]
    return f"127.{random.choice(free)}.0.0/16"  # noqa: S311 - any will do


def free_udp_port(wanted: int) -> int:
    """The port, or the next one that nobody holds on all addresses."""
    held = {port for address, port in _bound() if address == "0.0.0.0"}  # noqa: S104
    return next(port for port in range(wanted, 65536) if port not in held)


def _bound() -> list[tuple[str, int]]:
    """Every IPv4 address and port in use; IPv6 sockets on all addresses take IPv4 as well."""
    found: list[tuple[str, int]] = []
    for table in _TABLES:
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            packed = struct.pack("=I", int(address, 16))
            found.append((socket.inet_ntoa(packed), int(port, 16)))
        path = Path(f"/proc/net/{table}6")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            address, port = line.split()[1].split(":")
            if int(address, 16) == 0:
                found.append(("0.0.0.0", int(port, 16)))  # noqa: S104
    return found


class Child:
    """A process of ours, its standard error in a file."""

    def __init__(self, arguments: Sequence[str], log: Path, extra: Mapping[str, str]) -> None:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("ROUTESERVER_", "AWS_"))}
        self.log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - arguments are ours
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env={**ours, **extra},
            )
        self.pid: Final = self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait(END_S)

    def end(self) -> int | None:
        """SIGTERM, and SIGKILL when that is not heard; the exit status."""
        if not self.has_ended():
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode
