"""`routeserver serve` as a process: how it ends, and what it says when it cannot begin."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

COMMAND = str(Path(sys.executable).with_name("routeserver"))
BFD_PORT = 23790


def environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith("ROUTESERVER_")}
    return {**ours, "ROUTESERVER_BFD_PORT": str(BFD_PORT), "ROUTESERVER_BFD_LINGER_S": "0"}


@contextmanager
def serving(path: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [COMMAND, "serve", f"--data-dir={path}", "--listen=127.0.0.1:0", *arguments],
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def refusal(path: Path, *arguments: str) -> str:
    """The one line in which a server says why it does not start."""
    found = subprocess.run(
        [COMMAND, "serve", f"--data-dir={path}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment(),
    )
    assert found.returncode == 2, found.stderr
    assert found.stderr.startswith("routeserver: ")
    assert found.stderr.count("\n") == 1, found.stderr
    assert "; " in found.stderr
    return found.stderr


def event(stderr: IO[bytes], name: str) -> dict[str, Any]:
    """The next log event of this name."""
    with selectors.DefaultSelector() as selector:
        selector.register(stderr, selectors.EVENT_READ)
        while selector.select(15):
            line = stderr.readline()
            assert line, f"the log ended before {name}"
            found: dict[str, Any] = json.loads(line)
            if found["event"] == name:
                return found
    pytest.fail(f"no {name} in 15 s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_log_says_so(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "--bgp-port=20190") as process:
        assert process.stderr is not None
        listening = event(process.stderr, "listening")
        assert listening["http"].startswith("http://127.0.0.1:")
        assert (listening["bgp_port"], listening["bfd_port"]) == (20190, BFD_PORT)
        assert listening["data_dir"] == str(tmp_path)
        process.send_signal(number)
        assert event(process.stderr, "stopping")["reason"] == signal.Signals(number).name
        event(process.stderr, "stopped")
        assert process.wait(15) == 0


def test_a_busy_http_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: address already in use; stop what" in refusal(
            tmp_path, f"--listen=127.0.0.1:{port}"
        )


def test_a_bgp_port_that_somebody_holds_everywhere_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as busy:  # noqa: S104 - that is the case
        port = busy.getsockname()[1]
        said = refusal(tmp_path, "--listen=127.0.0.1:0", f"--bgp-port={port}")
        assert f"cannot use port {port} for BGP; the port is busy" in said


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert f"cannot use the data directory {path}; it is not a directory" in refusal(path)


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "routeserver.db").write_bytes(b"not a database" * 1000)
    said = refusal(tmp_path, "--listen=127.0.0.1:0", "--bgp-port=20191")
    assert "routeserver.db" in said
    assert "move it away" in said


def test_a_signal_during_the_start_ends_it_too(tmp_path: Path) -> None:
    with serving(tmp_path, "--bgp-port=20192") as process:
        assert process.stderr is not None
        event(process.stderr, "bfd_daemon_ready")
        process.terminate()
        assert process.wait(15) == 0
