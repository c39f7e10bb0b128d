"""The two servers: ours, and moto's from a virtual environment of its own.

moto is no dependency of this project: its environment is made under ``build`` the first time.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from benchmarks.api.load import Target
from benchmarks.routing.process import BenchmarkError, Child

MOTO: Final = "moto[ec2,server]==5.2.5"
ENVIRONMENT: Final = Path("build/moto")
START_S: Final = 60.0
PORTS: Final = {"bgp": 20195, "bfd": 23795}


def moto_version() -> str:
    """Makes the environment where it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    done = ENVIRONMENT / "installed"
    if not done.exists() or done.read_text() != MOTO:
        print(f"making {ENVIRONMENT} with {MOTO} (once; about a minute)", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*install, MOTO], check=True)  # noqa: S603 - ours
        done.write_text(MOTO)
    return MOTO.rpartition("==")[2]


@contextmanager
def moto(folder: Path) -> Iterator[Target]:
    port = _free_port()
    command = str(ENVIRONMENT / "bin" / "moto_server")
    child = Child("moto", [command, "-H", "127.0.0.1", "-p", str(port)], folder / "moto.log")
    child.start()
    try:
        _wait(child, lambda: _listens(port))
        key = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        yield Target("moto", f"http://127.0.0.1:{port}", *key)
    finally:
        child.stop()


@contextmanager
def ours(folder: Path) -> Iterator[Target]:
    data_dir, port = folder / "data", _free_port()
    command = [
        str(Path(sys.executable).with_name("routeserver")),
        "serve",
        f"--data-dir={data_dir}",
        f"--listen=127.0.0.1:{port}",
        f"--bgp-port={PORTS['bgp']}",
        "--profile=open",
    ]
    environment = {"ROUTESERVER_BFD_PORT": str(PORTS["bfd"]), "ROUTESERVER_BFD_LINGER_S": "0"}
    child = Child("routeserver", command, folder / "routeserver.log", environment)
    child.start()
    try:
        # It listens before it answers; this file comes last.
        _wait(child, (data_dir / "server.json").exists)
        key = json.loads((data_dir / "root-key.json").read_text())
        yield Target(
            "routeserver",
            f"http://127.0.0.1:{port}",
            key["access_key_id"],
            key["secret_access_key"],
        )
    finally:
        child.stop()


def client(target: Target) -> Any:
    return boto3.client(
        "ec2",
        endpoint_url=target.url,
        region_name=target.region,
        aws_access_key_id=target.access_key_id,
        aws_secret_access_key=target.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def gauge(target: Target, name: str) -> float:
    """The sum of one of our metrics."""
    connection = http.client.HTTPConnection(target.url.partition("//")[2], timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = [line for line in text.splitlines() if line.startswith((f"{name} ", name + "{"))]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(child: Child, is_up: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not is_up():
        child.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{child.name} does not start:\n{child.log_end()}")
        time.sleep(0.05)
