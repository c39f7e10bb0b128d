"""A whole lab for tests: the command in a process of its own, and what it may leave behind."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routeserver.cli.main import status_of
from routeserver.lab import processes
from routeserver.lab.journal import LABS, Journal
from tests.running import COMMAND

SMALL = """\
profile = "open"
traffic = ["client -> vip"]

[vpc.v]
cidr = "10.70.0.0/16"

[table.t]

[subnet.nodes]
cidr = "10.70.1.0/24"
table = "t"

[subnet.clients]
cidr = "10.70.2.0/24"
table = "t"

[route_server.rs]
endpoints = ["nodes"]
propagate = ["t"]

[appliance.node]
daemon = "bird"
subnet = "nodes"
address = "10.70.1.10"
asn = 65001

[floating.vip]
address = "172.31.70.1"
appliances = ["node"]

[host.client]
subnet = "clients"
address = "10.70.2.10"
"""


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


def command(*words: str, seconds: float = 300.0) -> Said:
    done = subprocess.run(
        [COMMAND, "lab", *words], capture_output=True, text=True, check=False, timeout=seconds
    )
    return Said(done.returncode, done.stdout, done.stderr)


def succeed(*words: str) -> str:
    said = command(*words)
    assert said.code == 0, f"{words}: {said.out}{said.err}"
    return said.out


def journal_of(name: str) -> Journal:
    """To look into only: it is not locked."""
    return Journal(LABS / name)


def left_of(name: str, token: str) -> list[str]:
    """Everything of a lab that is still there. Others may run labs at the same time, so only what
    is known to be this one's counts."""
    found = [f"process {each.pid} ({each.role})" for each in processes.find(token)]
    run = Path("/run/netns")
    if run.is_dir():
        found += [f"namespace {path.name}" for path in run.iterdir() if path.name.startswith(name)]
    found += [str(path) for path in (LABS / name, LABS / f".{name}.lock") if path.exists()]
    return found


KILLED_AT = """\
import json, os, signal, sys
from routeserver.lab.journal import Journal
note, place = Journal.note, sys.argv.pop(1)
def killed(self, **entry):
    note(self, **entry)
    if place in json.dumps(entry):
        os.kill(os.getpid(), signal.SIGKILL)
Journal.note = killed
from routeserver.cli.main import main
main(sys.argv[1:])
"""


def killed_at(place: str, *words: str) -> int:
    """The exit status of the command, which kills itself right behind the first note with these
    words in it."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT, place, "lab", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def here(*words: str) -> Said:
    """As `command`, in this process: quicker, for commands that start nothing."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = status_of(["lab", *words])
    return Said(code, out.getvalue(), err.getvalue())


def done(*words: str) -> str:
    said = here(*words)
    assert said.code == 0, f"{words}: {said.out}{said.err}"
    return said.out


def take_down(name: str) -> None:
    done("down", "--lab", name)


def shown(name: str) -> Any:
    return json.loads(done("show", "--json", "--lab", name))
