"""`lab up` killed behind each of its notes, `lab down` too, and parts of a lab killed under it:
one `lab down` takes everything away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from routeserver.lab import processes, server
from routeserver.lab.journal import JOURNAL, LABS
from tests.interop.daemons import require
from tests.lab.whole import (
    SMALL,
    here,
    journal_of,
    killed_at,
    left_of,
    succeed,
    take_down,
)
from tests.namespaces import need_root
from tests.running import COMMAND, eventually

PLACES = (
    '"lab": ',
    "the server",
    "VPC v",
    "endpoint in nodes",
    "peer node",
    '"namespace": "rst',
    "eni.node",
    "appliance node",
    "waiting for sessions",
)
"""A note of every kind of step, in order; `up` is killed right behind it."""


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
    here("down", "--lab", name)


def notes_of(name: str) -> str:
    return journal_of(name).notes.token


@pytest.mark.parametrize("place", PLACES)
def test_up_killed_at_any_step_is_said_and_taken_down(file: Path, name: str, place: str) -> None:
    code = killed_at(place, "up", str(file), "--name", name)
    assert code == -signal.SIGKILL
    token = notes_of(name)
    assert token
    again = here("up", str(file), "--name", name)
    assert again.code == 2
    assert f"the lab {name} was left half-built, at: " in again.err
    assert f"routeserver lab down --lab {name}" in again.err
    shown = here("show", "--lab", name)
    assert shown.code == 2
    assert "was left half-built" in shown.err
    take_down(name)
    assert left_of(name, token) == []
    take_down(name)  # twice is fine


@pytest.mark.parametrize("place", PLACES[1::2])
def test_up_that_is_killed_while_the_next_thing_is_made(file: Path, name: str, place: str) -> None:
    """Not behind a note, but some moment later, in the middle of what it announces."""
    with subprocess.Popen(
        [COMMAND, "lab", "up", str(file), "--name", name],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as up:
        journal = LABS / name / JOURNAL

        def noted() -> bool:
            return up.poll() is not None or (journal.exists() and place in journal.read_text())

        eventually(place, noted, bool, 300.0)
        up.kill()
    token = notes_of(name)
    take_down(name)
    assert left_of(name, token) == []


def test_down_killed_at_any_step_is_finished_by_the_next(file: Path, name: str) -> None:
    succeed("up", str(file), "--name", name)
    token = notes_of(name)
    assert killed_at("taking it down", "down", "--lab", name) == -signal.SIGKILL
    take_down(name)
    assert left_of(name, token) == []


@pytest.mark.parametrize("role", ["server", "node/bird"])
def test_a_lab_whose_parts_have_died_is_taken_down(file: Path, name: str, role: str) -> None:
    succeed("up", str(file), "--name", name)
    token = notes_of(name)
    processes.end(processes.find(token, role), token, kindly=False)
    eventually("dead", lambda: processes.find(token, role), lambda found: not found)
    take_down(name)
    assert left_of(name, token) == []


def test_up_that_cannot_be_finished_leaves_nothing(
    file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server does not start in time."""
    monkeypatch.setattr(server, "START_S", 0.0)
    said = here("up", str(file), "--name", name)
    assert said.code == 2
    assert "not within 0 s: the server listens; look into /run/routeserver-labs/" in said.err
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
        assert up.wait(300) == 130
    assert left_of(name, token) == []
