"""The lab's own server: `routeserver serve --fabric netns` with a data directory in the lab's
folder."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from routeserver.app.data_dir import LOCK, read_server_info
from routeserver.lab import namespaces, processes
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Access
from routeserver.lab.journal import Journal
from routeserver.lab.model import Lab

ROLE: Final = "server"
LOG: Final = "server.log"
START_S: Final = 60.0
LOOK_S: Final = 0.05


def start(lab: Lab, journal: Journal, access: Access) -> int:
    """Its pid, once it listens. Raises LabError."""
    timers = lab.timers
    environment = {
        "ROUTESERVER_BFD_INTERVAL_MS": str(timers.bfd_interval_ms),
        "ROUTESERVER_BFD_MULTIPLIER": str(timers.bfd_multiplier),
        "ROUTESERVER_HOLD_TIME_S": str(timers.hold_time_s),
        "ROUTESERVER_LOG_FORMAT": "json",
    }
    if lab.has_outside:
        outside = namespaces.path_of(lab.outside_namespace)
        environment["ROUTESERVER_OUTSIDE"] = f"netns:{outside}"
    arguments = [
        *access.serve,
        f"--data-dir={journal.data_dir}",
        "--listen=127.0.0.1:0",
        "--bgp-port=179",
        "--fabric=netns",
        f"--profile={lab.profile}",
    ]
    log = journal.folder / LOG
    pid = processes.start(arguments, log, journal.notes.token, ROLE, environment=environment)

    def listens() -> bool:
        if has_ended(pid):
            raise LabError(f"the server has ended: {last_words(log)}; all of it is in {log}")
        info = read_server_info(journal.data_dir)
        return info is not None and info.pid == pid

    until("the server listens", listens, log=log, seconds=START_S)
    return pid


def stop(journal: Journal, *, kindly: bool = True) -> None:
    """The server itself; what it has started ends by itself, or lives on as it is meant to."""
    token = journal.notes.token
    holder = _holder(journal.data_dir)
    itself = [each for each in processes.find(token, ROLE) if each.pid == holder]
    processes.end(itself, token, kindly=kindly)


def _holder(data_dir: Path) -> int | None:
    """Who holds, or held, the data directory."""
    try:
        return int((data_dir / LOCK).read_text())
    except (OSError, ValueError):
        return None


def has_ended(pid: int) -> bool:
    """Of a child of this process or of another one."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
    return not Path(f"/proc/{pid}").exists()


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1].removeprefix("routeserver: ") if lines else "it said nothing"


def until(
    what: str,
    is_so: Callable[[], Any],
    *,
    log: Path | None = None,
    seconds: float = 60.0,
    tell: Callable[[], str] | None = None,
) -> None:
    """Look until it is so. Raises LabError with what is in the way."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            why = f" ({tell()})" if tell is not None else ""
            remedy = f"look into {log}" if log is not None else "try again"
            raise LabError(f"not within {seconds:.0f} s: {what}{why}; {remedy}")
        time.sleep(LOOK_S)
