"""A PostgreSQL server of the tests' own: a cluster in a temporary directory, on a Unix socket
alone, ended by its process id.

PostgreSQL refuses to run as root; root runs it as the package's user ``postgres``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.running import eventually

USER: Final = "routeserver"
PACKAGE_USER: Final = "postgres"
_MISSING: Final = "PostgreSQL is not installed (Debian: apt-get install postgresql)"


def program(name: str) -> str | None:
    """Debian keeps the server's programs out of everybody's PATH."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    places = [*map(str, reversed(versions)), os.environ.get("PATH", os.defpath)]
    return shutil.which(name, path=os.pathsep.join(places))


def installed() -> bool:
    """Whether tests can have a server; where the daemons are required, there must be one."""
    return program("initdb") is not None or os.environ.get("ROUTESERVER_REQUIRE_DAEMONS") == "1"


@dataclass
class Cluster:
    """`start` after `stop` goes on with the same databases."""

    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@/postgres?host={self.directory}"

    def make(self) -> None:
        self._run("initdb", "--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8")

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    _required("postgres"),
                    f"-D{self.directory / 'data'}",
                    f"-k{self.directory}",
                    "-clisten_addresses=",
                    # What these tests are about is this process, not that one's disk.
                    "-cfsync=off",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=_user(),
                group=_group(),
                extra_groups=None if _user() is None else [],
                cwd=self.directory,
            )
        eventually("PostgreSQL answers", self.answers, bool)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "log").read_text()
        done = subprocess.run(
            [_required("pg_isready"), "-q", "-h", str(self.directory)], check=False
        )
        return done.returncode == 0

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it at once and in order, SIGQUIT as a crash does."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(with_signal)
            process.wait(30)

    def sql(self, statement: str) -> str:
        return self._run(
            "psql", "-h", str(self.directory), "-U", USER, "-d", "postgres", "-Atqc", statement
        )

    def _run(self, name: str, *arguments: str) -> str:
        environment = {**os.environ, "PGDATA": str(self.directory / "data")}
        done = subprocess.run(
            [_required(name), *arguments],
            env=environment,
            user=_user(),
            group=_group(),
            extra_groups=None if _user() is None else [],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server. A socket's address must be short, so it is not in pytest's directory."""
    directory = Path(tempfile.mkdtemp(prefix="rs-pg-"))
    directory.chmod(0o755)  # the server that is to reach the socket is another user
    made = Cluster(directory)
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, PACKAGE_USER, PACKAGE_USER)
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory)


def _required(name: str) -> str:
    found = program(name)
    if found is None:
        pytest.fail(_MISSING)
    return found


def _user() -> str | None:
    return PACKAGE_USER if os.geteuid() == 0 else None


def _group() -> int | None:
    return pwd.getpwnam(PACKAGE_USER).pw_gid if os.geteuid() == 0 else None
