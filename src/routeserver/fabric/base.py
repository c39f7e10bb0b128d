"""What a fabric is: where the addresses of endpoints and appliances live, and the way packets take
between them.

A network is the id of a VPC, or empty where all VPCs share the machine's own addresses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from routeserver.domain.topology import Topology


class FabricError(OSError):
    """Why something of a fabric cannot be had, in one line with the remedy."""


class Fabric(Protocol):
    on_change: Callable[[], None]
    """Called when somebody has changed what was built; to be set by whoever repairs it."""

    @property
    def kind(self) -> str:
        """Its name in the settings."""

    @property
    def needs_topology(self) -> bool:
        """Whether there is anything for `converge` to build."""

    @property
    def main_table(self) -> int | None:
        """The kernel table of all main route tables; None where each table has its own."""

    @property
    def needs_plug(self) -> bool:
        """Whether a network interface can be reached only where it is plugged in somewhere."""

    def network_of(self, vpc_id: str) -> str:
        """The network that the VPC's addresses live in."""

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        """Make it so. Answers what could not be made, in one line, by the id of a VPC, subnet,
        network interface or gateway; the rest stands. Idempotent: it repairs, too."""

    async def listen(self, network: str, address: str, port: int) -> socket.socket:
        """A non-blocking TCP socket that listens; port 0 takes a free one. Raises FabricError."""

    async def bfd_receiver(self, network: str, address: str, port: int) -> socket.socket:
        """As `netd.sockets.open_bfd_receiver` makes it. Raises FabricError."""

    async def bfd_sender(self, network: str, address: str) -> socket.socket:
        """As `netd.sockets.open_bfd_sender` makes it. Raises FabricError."""

    def close(self) -> None:
        """What was built stays."""
