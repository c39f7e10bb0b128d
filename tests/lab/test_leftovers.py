"""`lab up` killed behind each of its notes, `lab down` too, and parts of a lab killed under it:
one `lab down` takes everything away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from routeserver.lab import processes
from tests.interop.daemons import require
from tests.lab.whole import SMALL, command, journal_of, killed_at, left_of, succeed
from tests.namespaces import need_root
from tests.running import COMMAND, eventually

EVERY = 4
"""Each run takes seconds; the others are between two steps of the same kind."""
MOST = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    need_root()
    require("bird", "bird2")
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def name() -> Iterator[str]:
    name = f"rst{os.getpid()}"
    yield name
    command("down", "--lab", name)


def notes_of(name: str) -> str:
    return journal_of(name).notes.token


def test_up_killed_at_any_step_is_said_and_taken_down(file: Path, name: str) -> None:
    finished = False
    for after in range(1, MOST, EVERY):
        code = killed_at(after, "up", str(file), "--name", name)
        token = notes_of(name)
        if code == 0:
            finished = True
        else:
            assert code == -signal.SIGKILL, f"behind note {after}"
            again = command("up", str(file), "--name", name)
            assert again.code == 2
            assert f"the lab {name} was left half-built, at: " in again.err
            assert f"routeserver lab down --lab {name}" in again.err
        succeed("down", "--lab", name)
        assert left_of(name, token) == [], f"killed behind note {after}"
        succeed("down", "--lab", name)  # twice is fine
        if finished:
            break
    assert finished, "MOST is too small"


def test_down_killed_at_any_step_is_finished_by_the_next(file: Path, name: str) -> None:
    succeed("up", str(file), "--name", name)
    token = notes_of(name)
    assert killed_at(1, "down", "--lab", name) == -signal.SIGKILL
    succeed("down", "--lab", name)
    assert left_of(name, token) == []


@pytest.mark.parametrize("role", ["server", "node/bird"])
def test_a_lab_whose_parts_have_died_is_taken_down(file: Path, name: str, role: str) -> None:
    succeed("up", str(file), "--name", name)
    token = notes_of(name)
    processes.end(processes.find(token, role), token, kindly=False)
    eventually("dead", lambda: processes.find(token, role), lambda found: not found)
    succeed("down", "--lab", name)
    assert left_of(name, token) == []


def test_up_that_cannot_be_finished_leaves_nothing(file: Path, name: str) -> None:
    """The server cannot use its data directory: a file is in the way."""
    file.write_text(SMALL.replace("asn = 65001", "asn = 65001\nannounce = ['10.70.0.0/17']"))
    said = command("up", str(file), "--name", name)
    if said.code == 0:
        succeed("down", "--lab", name)
        return
    assert left_of(name, "") == []


def test_sigterm_while_it_is_built_leaves_nothing(file: Path, name: str) -> None:
    with subprocess.Popen(
        [COMMAND, "lab", "up", str(file), "--name", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stdout is not None
        for line in up.stdout:
            if "VPC v" in line:
                up.send_signal(signal.SIGTERM)
                break
        token = notes_of(name)
        assert up.wait(60) == 130
    assert left_of(name, token) == []
