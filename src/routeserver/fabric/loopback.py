"""The loopback fabric: endpoint addresses are this machine's own, and no privilege is needed.

On Linux every address inside 127.0.0.0/8 exists, so a VPC made there has real endpoints at once. An
endpoint outside that range binds its address freely (`IP_FREEBIND`) and works as soon as somebody
configures it. Nothing here creates interfaces or routes.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final

BGP_PORT: Final = 179
UNPRIVILEGED_BGP_PORT: Final = 1790

LOOPBACK: Final = IPv4Network("127.0.0.0/8")
PROBE_ADDRESS: Final = "127.255.255.254"
"""Where a port is tried: nobody listens here alone, so only a wildcard listener is in the way."""

BACKLOG: Final = 128
IP_FREEBIND: Final = 15
"""linux/in.h; the socket module does not name it."""

_REMEDIES: Final[dict[int, str]] = {
    errno.EADDRINUSE: (
        "the port is busy: stop what listens there or choose another one with --bgp-port"
    ),
    errno.EACCES: "ports below 1024 need privilege: choose a higher one with --bgp-port",
    errno.EPERM: "ports below 1024 need privilege: choose a higher one with --bgp-port",
    errno.EADDRNOTAVAIL: "the address is not on this machine: add it to an interface first",
    errno.EMFILE: "too many open files: raise the limit with ulimit -n",
    errno.ENFILE: "the machine has too many open files",
}


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
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if parsed not in LOOPBACK:
                listening.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
            listening.bind((address, port))
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            raise FabricError(_sentence(address, port, error)) from error
        return listening

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


def _sentence(address: str, port: int, error: OSError) -> str:
    remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return f"cannot listen on {address} port {port}: {remedy}"
