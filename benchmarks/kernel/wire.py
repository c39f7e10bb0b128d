"""Two network namespaces with one cable between them: the daemon's and the feeder's.

They have no names and live as long as this process or one inside them. `entered` moves the calling
thread, with every socket that it opens and process that it starts meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.routing.process import BenchmarkError, program

NETWORK: Final = "10.71.0.0/16"
"""Of the cable; the prefixes of a table have their next hop here."""
DAEMON: Final = "10.71.0.1"
FEEDER: Final = "10.71.1.1"

_PREFIXES: Final = re.compile(r"^(?:Main|Id \d+):\n(?:\t.*\n)*?\tPrefixes: +(\d+)", re.MULTILINE)
_CLONE_NEWNET: Final = 0x40000000
_HERE: Final = Path("/proc/thread-self/ns/net")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, held by its descriptor."""

    fd: int

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        before = os.open(_HERE, os.O_RDONLY)
        try:
            _enter(self.fd)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)

    def ip(self, *arguments: str) -> str:
        """Run iproute2's `ip` inside. Raises BenchmarkError."""
        with self.entered():
            done = subprocess.run(  # noqa: S603 - the arguments are ours
                [program("ip") or "ip", *arguments], check=False, capture_output=True, text=True
            )
        if done.returncode:
            raise BenchmarkError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def route_count(self) -> int:
        """IPv4 prefixes of all tables but the one of local addresses, by the kernel's own
        statistics: a walk of some milliseconds for 100,000, without any of them being shown."""
        with self.entered():
            text = Path("/proc/thread-self/net/fib_triestat").read_text()
        # While there are no rules, both names stand for one table.
        return sum(map(int, _PREFIXES.findall(text)))


def _enter(fd: int) -> None:
    if _LIBC.setns(fd, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise BenchmarkError(f"cannot enter a network namespace: {os.strerror(number)}")


def _made() -> Namespace:
    before = os.open(_HERE, os.O_RDONLY)
    try:
        if _LIBC.unshare(_CLONE_NEWNET):
            number = ctypes.get_errno()
            raise BenchmarkError(
                f"cannot make a network namespace: {os.strerror(number)}; run it as root"
            )
        try:
            made = Namespace(os.open(_HERE, os.O_RDONLY))
            made.ip("link", "set", "lo", "up")
        finally:
            _enter(before)
    finally:
        os.close(before)
    return made


@dataclass(frozen=True, slots=True)
class Cable:
    daemon: Namespace
    feeder: Namespace


@contextmanager
def bare() -> Iterator[Namespace]:
    """A namespace with nothing but its loopback."""
    namespace = _made()
    try:
        yield namespace
    finally:
        os.close(namespace.fd)


@contextmanager
def connected() -> Iterator[Cable]:
    """Both ends called veth0, up, with their addresses."""
    with bare() as daemon, bare() as feeder:
        daemon.ip(
            *("link", "add", "veth0", "type", "veth"),
            *("peer", "name", "veth0"),
            "netns",
            feeder.path,
        )
        for namespace, address in ((daemon, DAEMON), (feeder, FEEDER)):
            namespace.ip("address", "add", f"{address}/16", "dev", "veth0")
            namespace.ip("link", "set", "veth0", "up")
        yield Cable(daemon, feeder)
