"""Processes of a lab: started in a namespace, found again by a mark in their environment, ended
through a pidfd. Never by a name, and never by a number that another process may have by now."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routeserver.lab import namespaces

VARIABLE: Final = "LAB_OF_ROUTESERVER"
END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    pid: int
    role: str
    """What it was started as, such as ``server`` or ``fw-a/bgpd``; its children have the same."""


def start(
    arguments: Sequence[str],
    log: Path,
    token: str,
    role: str,
    *,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Its pid. Nothing of the caller's terminal or session stays with it. Raises OSError."""

    def popen() -> int:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the arguments are ours
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**_environment(), **(environment or {}), VARIABLE: f"{token}:{role}"},
                start_new_session=True,
            )
        process.returncode = 0  # it outlives the object, which need not wait for it
        return process.pid

    return popen() if namespace is None else namespaces.inside(namespace, popen)


def _environment() -> dict[str, str]:
    """Without what is meant for other servers and clients."""
    ours = ("ROUTESERVER_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def find(token: str, role: str | None = None) -> list[Running]:
    """All that live: in a role, or in a role below it (`fw-a` finds `fw-a/bgpd`)."""
    return [
        running
        for running in _marked(token)
        if role is None or running.role == role or running.role.startswith(f"{role}/")
    ]


def _marked(token: str) -> Iterator[Running]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            role = _role(int(path.name), token)
            if role is not None:
                yield Running(int(path.name), role)


def _role(pid: int, token: str) -> str | None:
    mark = f"{VARIABLE}={token}:".encode()
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return None
    if state in {b"Z", b"X"}:
        return None
    return next((v[len(mark) :].decode() for v in variables if v.startswith(mark)), None)


@contextmanager
def _held(running: Iterable[Running], token: str) -> Iterator[dict[int, Running]]:
    """Descriptors of those that are still who they were when they were found."""
    held: dict[int, Running] = {}
    try:
        for each in running:
            try:
                descriptor = os.pidfd_open(each.pid)
            except ProcessLookupError:
                continue
            held[descriptor] = each
        yield {fd: each for fd, each in held.items() if _role(each.pid, token) == each.role}
    finally:
        for descriptor in held:
            os.close(descriptor)


def send(running: Iterable[Running], token: str, number: signal.Signals) -> None:
    with _held(running, token) as held:
        for descriptor in held:
            _signal(descriptor, number)


def end(running: Iterable[Running], token: str, *, kindly: bool = True) -> None:
    """SIGTERM, and SIGKILL for those that have not gone in time; or that at once."""
    with _held(running, token) as held:
        left = held
        if kindly:
            for descriptor in held:
                _signal(descriptor, signal.SIGTERM)
                _signal(descriptor, signal.SIGCONT)
            left = _wait(held, END_S)
        for descriptor in left:
            _signal(descriptor, signal.SIGKILL)
        _wait(left, END_S)


def _signal(descriptor: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return


def _wait(held: dict[int, Running], seconds: float) -> dict[int, Running]:
    """Those that have not ended by then. Children of this process are reaped on the way."""
    left = dict(held)
    poll = select.poll()
    for descriptor in left:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + seconds
    while left and (rest := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(rest * 1000):
            poll.unregister(descriptor)
            running = left.pop(descriptor)
            try:
                os.waitpid(running.pid, os.WNOHANG)
            except ChildProcessError:
                continue
    return left
