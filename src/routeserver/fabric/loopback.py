"""The loopback fabric: endpoint addresses are this machine's own, and no privilege is needed.

On Linux every address inside 127.0.0.0/8 exists, so a VPC made there has real endpoints at once. An
endpoint outside that range binds its address freely (`IP_FREEBIND`) and works as soon as somebody
configures it. Nothing here creates interfaces or routes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from routeserver.domain.topology import Topology
from routeserver.fabric.base import FabricError
from routeserver.fabric.sockets import Sockets
from routeserver.netd.interface import Netd
from routeserver.netd.orders import HERE

BGP_PORT: Final = 179
UNPRIVILEGED_BGP_PORT: Final = 1790

PROBE_ADDRESS: Final = "127.255.255.254"
"""Where a port is tried: nobody listens here alone, so only a wildcard listener is in the way."""


class LoopbackFabric:
    """With the privileged helper, ports below 1024 can be had, too."""

    kind: Final = "loopback"
    needs_topology: Final = False
    needs_plug: Final = False
    main_table: Final = None

    def __init__(self, netd: Netd | None = None) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._sockets = Sockets(netd)
        self.listen = self._sockets.listen
        self.bfd_receiver = self._sockets.bfd_receiver
        self.bfd_sender = self._sockets.bfd_sender

    def network_of(self, vpc_id: str) -> str:  # noqa: ARG002 - all share the machine's addresses
        return HERE

    async def converge(self, topology: Topology) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def close(self) -> None:
        """Nothing was opened that is not another's to close."""

    async def can_bind(self, port: int) -> bool:
        """Whether `port` may be listened on and nothing holds it on every address."""
        try:
            (await self.listen(HERE, PROBE_ADDRESS, port)).close()
        except FabricError:
            return False
        return True

    async def choose_bgp_port(self) -> int:
        """179 where the process may bind it, else 1790."""
        return BGP_PORT if await self.can_bind(BGP_PORT) else UNPRIVILEGED_BGP_PORT
