"""Child processes of the benchmark: started with a log, looked at through /proc, ended by pid."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class BenchmarkError(Exception):
    """A measurement cannot be made; the text says why."""


class LateError(BenchmarkError):
    """Something takes longer than it may; `values` are what was measured before it."""

    def __init__(self, text: str, values: Mapping[str, float] | None = None) -> None:
        super().__init__(text)
        self.values = dict(values or {})


def program(name: str) -> str | None:
    """Where it is; also where packages put daemons that a user's PATH leaves out."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), SYSTEM_PATH)))


@dataclass
class Child:
    """One daemon in the foreground; `stop` ends it whatever state it is in."""

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the arguments are ours
                list(self.arguments),
                env={**_clean_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        if self.process is None:
            raise BenchmarkError(f"{self.name} does not run")
        return self.process.pid

    def check(self) -> None:
        """Raises BenchmarkError with the end of the log when it has ended by itself."""
        if self.process is None or self.process.poll() is not None:
            raise BenchmarkError(f"{self.name} has ended:\n{self.log_end()}")

    def log_end(self, limit: int = 2000) -> str:
        return self.log.read_text(errors="replace")[-limit:] if self.log.exists() else ""

    def stop(self, seconds: float = 20.0) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        children = [pid for pid in tree(process.pid) if pid != process.pid]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in children:
            _end(pid)


def _clean_environment() -> dict[str, str]:
    """Nothing of the user's own settings may change what is measured."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ROUTESERVER_", "AWS_"))}


def _end(pid: int) -> None:
    """A child of a daemon that is gone; most have noticed themselves by now."""
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.02)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for each in found:
        found += _children(each)
    return found


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            yield from map(int, (task / "children").read_text().split())
        except OSError:
            continue


def resident_bytes(pids: Iterable[int]) -> int:
    """VmRSS of all together; pages that two of them share are counted twice."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except OSError:
            continue
    return total


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of all together since each began, to the microsecond."""
    total = 0.0
    for pid in pids:
        try:
            # The clock of another process, as clock_getcpuclockid(3) makes its id.
            total += time.clock_gettime(~pid << 3 | 2)
        except OSError:
            continue
    return total


def wait_for(what: str, look: Callable[[], bool], seconds: float = 30.0) -> None:
    """Raises BenchmarkError when it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


def poll(
    what: str,
    look: Callable[[], bool],
    *,
    seconds: float,
    pause_s: float = 0.010,
    pause_per_look: float = 1.0,
) -> float:
    """Look until true; answers the moment that was known.

    Between two looks there is a pause of `pause_s`, or of so many times what the last look took.
    Raises LateError when it does not become true in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        before = time.monotonic()
        there = look()
        after = time.monotonic()
        if there:
            return after
        if after > deadline:
            raise LateError(f"{what}: not within {seconds:.0f} s")
        time.sleep(max(pause_s, (after - before) * pause_per_look))


def raise_file_limit() -> None:
    """As many open files as this user may have: a socket for every session."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
