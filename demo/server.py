"""The server under show: ``routeserver serve`` as a process, what it logs, and a client for it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import boto3
from expect import UnexpectedError, eventually
from machine import COMMAND, Child

NOWHERE: Final = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@dataclass(frozen=True, slots=True)
class LogEvent:
    name: str
    at: float
    keys: dict[str, Any]

    def matches(self, name: str, wanted: dict[str, Any]) -> bool:
        return self.name == name and all(self.keys.get(k) == v for k, v in wanted.items())


class Server:
    def __init__(self, folder: Path, bfd_port: int) -> None:
        self.data_dir = folder / "data"
        self.bfd_port = bfd_port
        self.child = Child(
            [
                COMMAND,
                "serve",
                f"--data-dir={self.data_dir}",
                "--listen=127.0.0.1:0",
                "--fabric=loopback",
            ],
            folder / "server.log",
            {"ROUTESERVER_BFD_PORT": str(bfd_port), "ROUTESERVER_LOG_FORMAT": "json"},
        )

    def wait_until_up(self) -> dict[str, Any]:
        """What the server says of itself once it listens."""
        return eventually("a listening server", self._listening, bool)

    def _listening(self) -> dict[str, Any]:
        if self.child.has_ended():
            raise UnexpectedError("a running server", self.child.last_words())
        return next((e.keys for e in self.events(0.0) if e.name == "listening"), {})

    def client(self) -> Any:
        """An unmodified boto3 client, pointed here by what ``routeserver env`` prints."""
        printed = subprocess.run(  # noqa: S603 - our own command
            [COMMAND, "env", f"--data-dir={self.data_dir}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        words = [shlex.split(line) for line in printed.splitlines()]
        exported = dict(word[1].split("=", 1) for word in words if word[0] == "export")
        # Nothing of the user's own AWS or proxy settings may come between.
        for name in [*os.environ]:
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                del os.environ[name]
        os.environ.update(exported | NOWHERE)
        return boto3.client("ec2")

    def events(self, since: float) -> Iterator[LogEvent]:
        """The log's events from a moment on, in order."""
        for line in self.child.log.read_text(errors="replace").splitlines():
            try:
                keys = json.loads(line)
                at = datetime.fromisoformat(keys["timestamp"]).timestamp()
            except (ValueError, KeyError, TypeError):
                continue
            # What the BFD process measured itself is more exact than the line about it.
            at = float(keys.get("at", at))
            if at >= since:
                yield LogEvent(str(keys.get("event")), at, keys)

    def event(self, since: float, name: str, **wanted: Any) -> LogEvent:
        """The first such event since a moment; waits for it."""

        def look() -> LogEvent | None:
            return next((e for e in self.events(since) if e.matches(name, wanted)), None)

        found = eventually(f"the log event {name} {wanted}", look, lambda seen: seen is not None)
        if found is None:
            raise UnexpectedError(f"the log event {name}", None)
        return found
