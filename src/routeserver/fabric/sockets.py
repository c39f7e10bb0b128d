"""The sockets of a network: from the privileged helper where there is one, else opened here."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address, ip_address

from routeserver.fabric.base import FabricError
from routeserver.netd.interface import Netd, NetdError, Opening
from routeserver.netd.orders import HERE, OpenBfdReceiver, OpenBfdSender, OpenListener
from routeserver.netd.sockets import (
    SocketError,
    bound_addresses,
    open_bfd_receiver,
    open_bfd_sender,
    open_listener,
)


class Sockets:
    """Without a helper there is no network but the machine's own."""

    def __init__(self, netd: Netd | None) -> None:
        self._netd = netd

    async def listen(self, network: str, address: str, port: int) -> socket.socket:
        """Raises FabricError."""
        try:
            local = IPv4Address(address)
        except AddressValueError as error:
            raise FabricError(f"cannot listen on {address}: an endpoint address is IPv4") from error
        if self._netd is not None:
            return await _opened(self._netd, OpenListener(network, address, port))
        _must_be_here(network)
        try:
            return open_listener(local, port)
        except SocketError as error:
            raise FabricError(*error.args) from error

    async def bfd_receiver(self, network: str, address: str, port: int) -> socket.socket:
        """Raises FabricError."""
        if self._netd is not None:
            return await _opened(self._netd, OpenBfdReceiver(network, address, port))
        _must_be_here(network)
        local = ip_address(address)
        try:
            return open_bfd_receiver(local, port, bound_addresses(local.version, port))
        except SocketError as error:
            raise FabricError(*error.args) from error

    async def bfd_sender(self, network: str, address: str) -> socket.socket:
        """Raises FabricError."""
        if self._netd is not None:
            return await _opened(self._netd, OpenBfdSender(network, address))
        _must_be_here(network)
        try:
            return open_bfd_sender(ip_address(address))
        except SocketError as error:
            raise FabricError(*error.args) from error


async def _opened(netd: Netd, order: Opening) -> socket.socket:
    try:
        return await netd.open(order)
    except NetdError as error:
        raise FabricError(*error.args) from error


def _must_be_here(network: str) -> None:
    if network != HERE:
        raise FabricError(f"there is no network {network} without the privileged helper")
