"""Other people's daemons as child processes: found or skipped, started with a log, ended by pid.

Nothing here knows what the daemon is; each daemon's own folder writes its configuration.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.running import eventually

SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where packages put daemons that an ordinary user's PATH leaves out."""


def require(binary: str, package: str) -> str:
    """The path of `binary`, or a skip that names the package to install.

    ``ROUTESERVER_REQUIRE_DAEMONS=1`` makes a missing daemon a failure.
    """
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_PATH))
    found = shutil.which(binary, path=search)
    if found is None:
        cannot(f"{binary} is not installed (Debian: apt-get install {package})")
    assert found is not None
    return found


def require_root(purpose: str) -> None:
    """Skip, or fail where the daemons are required, unless this process is root."""
    if os.geteuid() != 0:
        cannot(f"root is needed {purpose}")


def cannot(reason: str) -> None:
    """Skip with the reason, or fail where everything outside Python is required."""
    if os.environ.get("ROUTESERVER_REQUIRE_DAEMONS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Daemon:
    """One daemon in the foreground, its output in a log file.

    As a context manager it starts on entry and is gone on exit, whatever state it is in.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert self.process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.arguments),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check(self) -> None:
        """Fail with the end of the log when the daemon has ended by itself."""
        assert self.process is not None, f"{self.name} was never started"
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.log_text()}"

    def log_text(self, limit: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-limit:] if self.log.exists() else ""

    def wait_for_log(self, text: str, seconds: float = 15.0) -> None:
        def look() -> str:
            self.check()
            return self.log_text(1_000_000)

        eventually(f"{self.name} logs {text!r}", look, lambda log: text in log, seconds)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None, f"{self.name} was never started"
        self.process.send_signal(number)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> None:
        """End it; one that does not go when asked is killed."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(with_signal)
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(seconds)

    def kill(self) -> None:
        """End it without a word to its peers."""
        self.stop(signal.SIGKILL)

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
