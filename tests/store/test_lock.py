"""One process for each data directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routeserver.store import StoreError
from routeserver.store.lock import LOCK_FILE, DataDirLock

HOLD = """
import sys
from routeserver.store.lock import DataDirLock
lock = DataDirLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with DataDirLock(tmp_path), pytest.raises(StoreError) as caught:
        DataDirLock(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: in use by process {os.getpid()}; stop it first or name another data directory"
    )


def test_a_lock_given_back_can_be_taken_again(tmp_path: Path) -> None:
    with DataDirLock(tmp_path):
        pass
    lock = DataDirLock(str(tmp_path))
    lock.close()
    lock.close()
    with DataDirLock(tmp_path):
        pass


def test_another_process_is_refused_until_the_holder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"in use by process {holder.pid};"):
            DataDirLock(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with DataDirLock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    lock = DataDirLock(tmp_path)
    command = [sys.executable, "-c", "print('runs', flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"runs\n"
        lock.close()
        with DataDirLock(tmp_path):
            pass
        assert child.poll() is None
        child.communicate(b"\n")


def test_a_missing_directory_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        DataDirLock(tmp_path / "missing")
    assert str(caught.value) == (
        f"{tmp_path / 'missing'}: it does not exist; create it or name another data directory"
    )
