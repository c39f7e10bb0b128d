"""Network namespaces of appliances and hosts, by name, and what is done inside them.

A namespace of a lab is marked from the inside, by the alias of its loopback device: a name alone
would not say whose it is. Threads move between namespaces, the process as a whole never does.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from routeserver.lab.errors import LabError

T = TypeVar("T")

RUN_NETNS: Final = Path("/run/netns")
MARK: Final = "routeserver-lab "
FORWARDING: Final = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}
"""Of an appliance: packets leave by the interface by which they came."""

_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


def path_of(name: str) -> Path:
    return RUN_NETNS / name


def exists(name: str) -> bool:
    return path_of(name).exists()


def inside(name: str, work: Callable[[], T]) -> T:
    """What `work` returns, done by a thread in the namespace. What it opens stays there."""
    results: list[T] = []
    troubles: list[BaseException] = []

    def body() -> None:
        try:
            enter(path_of(name))
            results.append(work())
        except BaseException as error:  # raised again below
            troubles.append(error)

    thread = threading.Thread(target=body, name=f"in {name}")
    thread.start()
    thread.join()
    if troubles:
        raise troubles[0]
    return results[0]


def enter(path: Path) -> None:
    """Move the calling thread. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def ip(*arguments: str) -> str:
    """What iproute2 prints. Raises LabError with what it complains of."""
    command = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if command is None:
        raise LabError("ip is not installed; install it (Debian: apt-get install iproute2)")
    done = subprocess.run(  # noqa: S603 - the arguments are ours
        [command, *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise LabError(f"ip {' '.join(arguments)}: {said}; run routeserver lab down and try again")
    return done.stdout


def ip_json(*arguments: str) -> Any:
    printed = ip("-json", *arguments)
    return json.loads(printed) if printed.strip() else []


def run(name: str, command: Sequence[str]) -> tuple[int, str]:
    """The exit status of a short command in the namespace, and what it printed."""

    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the arguments are ours
            list(command),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    done = inside(name, work)
    return done.returncode, done.stdout


def make(name: str, token: str) -> None:
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "alias", MARK + token, "up")


def alias_of_lo(name: str) -> str | None:
    """What marks a namespace from the inside; None where there is no namespace behind the name."""
    try:
        links = ip_json("-n", name, "link", "show", "lo")
    except LabError:
        return None
    return str(links[0].get("ifalias", "")) if links else None


def is_ours(name: str, token: str) -> bool:
    """Whether it may be removed: marked by this lab, or not marked by anybody yet."""
    return alias_of_lo(name) in {None, "", MARK + token}


def remove(name: str) -> None:
    """Also where only the name was left."""
    if exists(name):
        ip("netns", "delete", name)


def marked(mark: str) -> list[str]:
    """Every name whose namespace is marked so; also one that has no namespace yet, whose file says
    so."""
    if not RUN_NETNS.is_dir():
        return []
    names = [path.name for path in RUN_NETNS.iterdir()]
    return [name for name in names if mark in {alias_of_lo(name), _words(path_of(name))}]


def _words(path: Path) -> str | None:
    """What is in a file that no namespace is bound to."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def forward(name: str) -> None:
    """Let it pass packets on."""

    def write() -> None:
        for key, value in FORWARDING.items():
            (Path("/proc/sys") / key).write_text(value)

    # /proc/sys/net shows the namespace of the thread that opens it.
    inside(name, write)


def own(name: str, addresses: Sequence[str]) -> None:
    """Addresses of a namespace itself, whichever interface a packet comes by."""
    for address in addresses:
        ip("-n", name, "address", "replace", f"{address}/32", "dev", "lo")
