"""Network namespaces that a test makes for itself, as root, and removes again."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

RUN_NETNS: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def need_root() -> None:
    """Skip where namespaces cannot be made, saying so; ``ROUTESERVER_REQUIRE_DAEMONS=1`` makes
    that a failure."""
    if os.geteuid() == 0:
        made = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
        if made.returncode == 0:
            return
        reason = f"network namespaces cannot be made: {made.stderr.decode().strip()}"
    else:
        reason = "needs root: it makes network namespaces"
    if os.environ.get("ROUTESERVER_REQUIRE_DAEMONS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str

    @property
    def path(self) -> Path:
        return RUN_NETNS / self.name

    def run(self, *command: str) -> str:
        """What a command in the namespace prints."""
        found = subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, f"{command}: {found.stderr}"
        return found.stdout

    def ip(self, *arguments: str) -> Any:
        """What `ip -json` says, with all details and with numbers where there are names."""
        said = self.run("ip", "-d", "-N", "-json", *arguments)
        return json.loads(said) if said.strip() else []

    def inside(self, function: Callable[[], T]) -> T:
        """What a function returns that runs in the namespace, on a thread of its own."""
        result: list[T] = []
        trouble: list[BaseException] = []

        def body() -> None:
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                entered = _libc.setns(descriptor, _CLONE_NEWNET)
                os.close(descriptor)
                assert entered == 0, os.strerror(ctypes.get_errno())
                result.append(function())
            except BaseException as error:
                trouble.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if trouble:
            raise trouble[0]
        return result[0]

    def netlink(self) -> socket.socket:
        """A NETLINK_ROUTE socket in the namespace."""
        return self.inside(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))


@contextmanager
def namespace(what: str = "t") -> Iterator[Namespace]:
    made = Namespace(f"rstest-{os.getpid()}-{next(_numbers)}-{what}")
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        yield made
    finally:
        subprocess.run(["ip", "netns", "delete", made.name], check=True)
