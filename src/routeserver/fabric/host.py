"""The fabric `host`: endpoint addresses are put on a named interface of this machine, beside which
the appliances really are. Nothing else is built; a VPC is what its blocks say.

An address that this machine has already, and a block that holds some of its other addresses, are
left alone and said.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from typing import Final

import structlog

from routeserver.domain.addressing import Network, overlaps
from routeserver.domain.topology import Topology, VpcNetwork
from routeserver.fabric.base import FabricError
from routeserver.fabric.looking import Eye, Observed
from routeserver.fabric.sockets import Sockets
from routeserver.netd.interface import Netd
from routeserver.netd.orders import HERE, ROUTE_PROTOCOL, OpenNetlink, Write
from routeserver.netlink.address import InterfaceAddress, delete_address, new_address
from routeserver.netlink.framing import MAKE

_log = structlog.get_logger()


class HostFabric:
    """To be made by `open`. `main_table` is the kernel table of the main route tables."""

    kind: Final = "host"
    needs_topology: Final = True
    needs_plug: Final = False

    def __init__(self, netd: Netd, interface: str, main_table: int) -> None:
        self.main_table = main_table
        self.on_change: Callable[[], None] = lambda: None
        self._netd = netd
        self._interface = interface
        self._eye: Eye | None = None
        self._seen: Observed | None = None
        self._sockets = Sockets(netd)
        self.listen = self._sockets.listen
        self.bfd_receiver = self._sockets.bfd_receiver
        self.bfd_sender = self._sockets.bfd_sender
        self._converging = asyncio.Lock()

    async def open(self) -> None:
        """Raises FabricError when this machine has no such interface."""
        looking, hearing = await self._socket(), await self._socket()
        self._eye = Eye(looking, hearing, self._changed)
        if self._interface not in self._look().links:
            self.close()
            raise FabricError(
                f"there is no interface {self._interface} on this machine; correct host_interface"
            )

    async def _socket(self) -> socket.socket:
        return await self._netd.open(OpenNetlink(HERE))

    def close(self) -> None:
        if self._eye is not None:
            self._eye.close()
            self._eye = None

    def network_of(self, vpc_id: str) -> str:  # noqa: ARG002 - all are on this machine
        return HERE

    def shadows(self, block: Network) -> str | None:
        """What of this machine's own a VPC with this block would hide, in words."""
        return _shadowed(block, self._look(), self._interface)

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        async with self._converging:
            faults: dict[str, str] = {}
            seen = self._look()
            link = seen.links.get(self._interface)
            if link is None:
                reason = f"there is no interface {self._interface} on this machine any more"
                return dict.fromkeys(topology.vpcs, reason)
            wanted = self._wanted(topology, seen, faults)
            there = seen.addresses.get(link.index, {})
            messages: list[bytes] = []
            for address, known in there.items():
                is_ours = known.protocol == ROUTE_PROTOCOL and address.network.prefixlen == 32
                if is_ours and address.ip not in wanted:
                    messages.append(delete_address(known, len(messages) + 1))
            own = {known.address.ip for each in seen.addresses.values() for known in each.values()}
            for ip, subnet_id in wanted.items():
                here = there.get(IPv4Interface(ip))
                if here is not None and here.protocol == ROUTE_PROTOCOL:
                    continue
                if ip in own:
                    faults[subnet_id] = f"{ip} is an address of this machine already"
                    continue
                new = InterfaceAddress(link.index, IPv4Interface(ip), protocol=ROUTE_PROTOCOL)
                messages.append(new_address(new, len(messages) + 1, MAKE))
            if messages:
                await self._write(messages)
            return faults

    async def _write(self, messages: list[bytes]) -> None:
        done = await self._netd.do(Write(HERE, b"".join(messages)))
        self._seen = None
        if done.refused:
            _log.warning(
                "addresses_refused", refused=len(done.refused), errno=done.refused[0].errno
            )

    def _wanted(
        self, topology: Topology, seen: Observed, faults: dict[str, str]
    ) -> dict[IPv4Address, str]:
        """Subnet by endpoint address, of the VPCs that can be here."""
        found: dict[IPv4Address, str] = {}
        taken: list[tuple[str, Network]] = []
        for vpc in topology.vpcs.values():
            blocks = [ip_network(cidr) for cidr in vpc.cidrs]
            reason = next(_troubles(blocks, seen, self._interface, taken), None)
            if reason is not None:
                faults[vpc.vpc_id] = reason
                continue
            taken += [(vpc.vpc_id, block) for block in blocks]
            found.update(_endpoints(vpc))
        return found

    def _look(self) -> Observed:
        """Raises FabricError."""
        if self._seen is None:
            if self._eye is None:
                raise FabricError("the fabric is closed")
            self._seen = self._eye.look()
        return self._seen

    def _changed(self) -> None:
        self._seen = None
        self.on_change()


def _endpoints(vpc: VpcNetwork) -> Iterator[tuple[IPv4Address, str]]:
    for subnet in vpc.subnets:
        for text in subnet.endpoint_addresses:
            yield IPv4Address(text), subnet.subnet_id


def _troubles(
    blocks: list[Network], seen: Observed, interface: str, taken: list[tuple[str, Network]]
) -> Iterator[str]:
    for block in blocks:
        reason = _shadowed(block, seen, interface)
        if reason is not None:
            yield f"its block {block} {reason}; use another block"
        for vpc_id, other in taken:
            if overlaps(block, other):
                yield f"its block {block} has addresses of {vpc_id}, which is on this machine, too"


def _shadowed(block: Network, seen: Observed, interface: str) -> str | None:
    for link in seen.links.values():
        if link.name == interface:
            continue
        for address in seen.addresses.get(link.index, {}):
            network = ip_network(address.network)
            if overlaps(block, network) and not _is_loopback(network):
                return f"holds addresses of this machine's {network} on {link.name}"
    return None


def _is_loopback(network: Network) -> bool:
    return isinstance(network, IPv4Network) and network.is_loopback
