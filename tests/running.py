"""A real server as its own process, and unmodified boto3 clients that speak to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

START_S = 60.0
"""A machine with a lot to do takes its time to start a process."""

T = TypeVar("T")
COMMAND = str(Path(sys.executable).with_name("routeserver"))


def eventually(
    what: str, look: Callable[[], T], wanted: Callable[[T], bool], seconds: float = 15.0
) -> T:
    """Look until the answer is as wanted, as a client must; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if wanted(seen):
            return seen
        assert time.monotonic() < deadline, f"{what}: still {seen!r}"
        time.sleep(0.02)


def error_of(call: Callable[..., object], **params: object) -> str | None:
    """The EC2 error code that a call is answered with, None when it succeeds."""
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def code_of(call: Callable[..., object], **params: object) -> str:
    """The EC2 error code that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


@dataclass
class Server:
    """One `routeserver serve` process; `start` after `stop` continues on the same data
    directory."""

    data_dir: Path
    bgp_port: int
    bfd_port: int
    process: subprocess.Popen[bytes] | None = None
    arguments: tuple[str, ...] = ()
    bfd_linger_s: int = 5
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        with (self.data_dir / "stderr.jsonl").open("ab") as stderr:
            self.process = subprocess.Popen(
                [
                    COMMAND,
                    "serve",
                    f"--data-dir={self.data_dir}",
                    "--listen=127.0.0.1:0",
                    f"--bgp-port={self.bgp_port}",
                    *self.arguments,
                ],
                env={
                    **os.environ,
                    "ROUTESERVER_BFD_PORT": str(self.bfd_port),
                    # Long enough for a start after a kill; then its BFD daemon is gone, too.
                    "ROUTESERVER_BFD_LINGER_S": str(self.bfd_linger_s),
                    **self.environment,
                },
                stderr=stderr,
                stdout=subprocess.DEVNULL,
            )
        eventually("the server listens", self._address, bool, START_S)

    def _address(self) -> str | None:
        assert self.process is not None
        assert self.process.poll() is None, (self.data_dir / "stderr.jsonl").read_text()
        path = self.data_dir / "server.json"
        if not path.exists():
            return None
        found = json.loads(path.read_text())
        return str(found["endpoint_url"]) if found["pid"] == self.process.pid else None

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(with_signal)
        code = self.process.wait(15)
        self.process = None
        return code

    def client(self, service: str = "ec2", **overrides: Any) -> Any:
        key = json.loads((self.data_dir / "root-key.json").read_text())
        url = json.loads((self.data_dir / "server.json").read_text())["endpoint_url"]
        settings = {
            "endpoint_url": url,
            "region_name": "us-east-1",
            "aws_access_key_id": key["access_key_id"],
            "aws_secret_access_key": key["secret_access_key"],
            "config": Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            **overrides,
        }
        return boto3.client(service, **settings)
