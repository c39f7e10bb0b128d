"""The loopback fabric: endpoint addresses are this machine's own, and no privilege is needed.

On Linux every address inside 127.0.0.0/8 exists, so a VPC made there has real endpoints at once. An
endpoint outside that range binds its address freely (`IP_FREEBIND`) and works as soon as somebody
configures it. Nothing here creates interfaces or routes.
"""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from routeserver.netd.sockets import SocketError, open_listener

BGP_PORT: Final = 179
UNPRIVILEGED_BGP_PORT: Final = 1790

PROBE_ADDRESS: Final = "127.255.255.254"
"""Where a port is tried: nobody listens here alone, so only a wildcard listener is in the way."""


class FabricError(OSError):
    """Why an address cannot be used, in one line with the remedy."""


class LoopbackFabric:
    """Makes the sockets that endpoints listen on; stateless."""

    def listen(self, address: str, port: int) -> socket.socket:
        """A non-blocking TCP socket listening on `address`:`port`; port 0 takes a free one.

        Raises FabricError.
        """
        try:
            parsed = IPv4Address(address)
        except AddressValueError as error:
            raise FabricError(f"cannot listen on {address}: an endpoint address is IPv4") from error
        try:
            return open_listener(parsed, port)
        except SocketError as error:
            raise FabricError(str(error)) from error

    def can_bind(self, port: int) -> bool:
        """Whether this process may listen on `port` and nothing holds it on every address."""
        try:
            self.listen(PROBE_ADDRESS, port).close()
        except FabricError:
            return False
        return True

    def choose_bgp_port(self) -> int:
        """179 where the process may bind it, else 1790."""
        return BGP_PORT if self.can_bind(BGP_PORT) else UNPRIVILEGED_BGP_PORT
