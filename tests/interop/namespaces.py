"""Two network namespaces joined by a veth pair, for daemons that want a real interface.

The namespaces have no names: they live as long as this process or one inside them, so nothing is
left behind even by a killed test run. `entered` moves the calling thread, with every socket it then
opens and process it then starts.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.daemons import require, require_root
from tests.interop.site import Site
from tests.running import Server

_CLONE_NEWNET: Final = 0x40000000
_HERE: Final = Path("/proc/thread-self/ns/net")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, held by its file descriptor."""

    fd: int

    @classmethod
    def make(cls) -> Namespace:
        before = os.open(_HERE, os.O_RDONLY)
        try:
            _checked(_LIBC.unshare(_CLONE_NEWNET))
            try:
                made = cls(os.open(_HERE, os.O_RDONLY))
                made.ip("link", "set", "lo", "up")
            finally:
                _checked(_LIBC.setns(before, _CLONE_NEWNET))
        finally:
            os.close(before)
        return made

    @contextmanager
    def entered(self) -> Iterator[None]:
        before = os.open(_HERE, os.O_RDONLY)
        try:
            _checked(_LIBC.setns(self.fd, _CLONE_NEWNET))
            try:
                yield
            finally:
                _checked(_LIBC.setns(before, _CLONE_NEWNET))
        finally:
            os.close(before)

    def ip(self, *arguments: str) -> None:
        """Run iproute2's `ip` inside."""
        with self.entered():
            done = subprocess.run(
                [require("ip", "iproute2"), *arguments], check=False, capture_output=True, text=True
            )
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"


@dataclass(frozen=True, slots=True)
class Link:
    """The server's side and the appliance's side of one wire, both called veth0."""

    server: Namespace
    appliance: Namespace

    def add_addresses(self, server: str, appliance: str) -> None:
        """Both with their prefix length, such as ``10.61.1.4/24``."""
        for namespace, address in ((self.server, server), (self.appliance, appliance)):
            namespace.ip("address", "add", address, "dev", "veth0")


@contextmanager
def linked() -> Iterator[Link]:
    """A link with both ends up and no addresses yet; skips without root."""
    require_root("for network namespaces")
    require("ip", "iproute2")
    server = Namespace.make()
    appliance = Namespace.make()
    try:
        far = f"/proc/{os.getpid()}/fd/{appliance.fd}"
        server.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", far)
        for namespace in (server, appliance):
            namespace.ip("link", "set", "veth0", "up")
        yield Link(server, appliance)
    finally:
        os.close(server.fd)
        os.close(appliance.fd)


@contextmanager
def wired(
    folder: Path, network: str, appliance: str, *arguments: str
) -> Iterator[tuple[Link, Site]]:
    """A site whose server stands at one end of a link, on the well-known ports.

    The calling thread is at the server's end meanwhile. `network` is as for `Site.build`;
    `appliance` is the address, in the endpoint's subnet, that the other end gets; `arguments` are
    more of the server's.
    """
    with linked() as link, link.server.entered():
        server = Server(folder, bgp_port=179, bfd_port=3784, arguments=arguments)
        try:
            server.start()
            site = Site.build(server, network)
            link.add_addresses(f"{site.endpoint_address}/24", f"{appliance}/24")
            yield link, site
        finally:
            if server.process is not None:
                server.stop()
