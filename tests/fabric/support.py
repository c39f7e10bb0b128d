"""Rows of a small VPC, and a helper that is listened in on."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from routeserver.domain.kernel_names import (
    bridge_mac,
    bridge_name,
    gateway_port_name,
    port_name,
    table_number,
)
from routeserver.domain.topology import (
    Gateway,
    Port,
    SubnetNetwork,
    Table,
    Target,
    TargetKind,
    Topology,
    VpcNetwork,
)
from routeserver.netd.interface import Doing, Netd, NetdError, Opening
from routeserver.netd.orders import Done
from tests.namespaces import Namespace

PATIENCE_S: Final = 20.0
TABLE: Final = "rtb-00000000000000001"


def vpc_id(number: int = 1) -> str:
    """An id that no other test run has a namespace of."""
    return f"vpc-{os.getpid():08x}{number:09x}"


def subnet(number: int, *endpoints: str) -> SubnetNetwork:
    subnet_id = f"subnet-{number:017x}"
    return SubnetNetwork(
        subnet_id=subnet_id,
        bridge=bridge_name(subnet_id),
        mac=bridge_mac(subnet_id),
        cidrs=(f"10.0.{number}.0/24",),
        routers=(f"10.0.{number}.1/24",),
        endpoint_addresses=endpoints,
        route_table_id=TABLE,
    )


def port(
    number: int,
    *,
    subnet_number: int = 1,
    namespace: Namespace | None = None,
    device: str = "eth0",
    check: bool = True,
    more: tuple[str, ...] = (),
) -> Port:
    interface_id = f"eni-{number:017x}"
    addresses = (f"10.0.{subnet_number}.{number}", *more)
    return Port(
        interface_id=interface_id,
        subnet_id=f"subnet-{subnet_number:017x}",
        name=port_name(interface_id),
        mac=f"02:00:00:00:{subnet_number:02x}:{number:02x}",
        addresses=addresses,
        prefixes=tuple(f"{each}/24" for each in addresses),
        source_dest_check=check,
        netns=None if namespace is None else str(namespace.path),
        device="" if namespace is None else device,
    )


def gateway(number: int = 1) -> Gateway:
    gateway_id = f"igw-{number:017x}"
    return Gateway(gateway_id, gateway_port_name(gateway_id), None, ("169.254.0.2",))


def vpc(
    *ports: Port,
    subnets: tuple[SubnetNetwork, ...] = (subnet(1),),
    number: int = 1,
    outside: Gateway | None = None,
) -> VpcNetwork:
    local = Target(TargetKind.LOCAL)
    return VpcNetwork(
        vpc_id=vpc_id(number),
        cidrs=("10.0.0.0/16",),
        subnets=subnets,
        ports=ports,
        gateway=outside,
        tables=(Table(TABLE, table_number(TABLE), (("10.0.0.0/16", local),)),),
    )


def topology(*vpcs: VpcNetwork) -> Topology:
    return Topology({each.vpc_id: each for each in vpcs})


def with_check(network: VpcNetwork, *, check: bool) -> VpcNetwork:
    return replace(
        network, ports=tuple(replace(each, source_dest_check=check) for each in network.ports)
    )


def nothing(order: object) -> None:
    """Refused."""
    del order


@dataclass
class Listened:
    """Hands on to a helper and keeps what was ordered; `refuse` says why an order fails."""

    netd: Netd
    orders: list[Doing | Opening] = field(default_factory=list)
    refuse: Callable[[Doing | Opening], str | None] = nothing

    async def open(self, order: Opening) -> socket.socket:
        self._note(order)
        return await self.netd.open(order)

    async def do(self, order: Doing) -> Done:
        self._note(order)
        return await self.netd.do(order)

    def take(self) -> list[str]:
        """The names of the orders since the last time."""
        taken, self.orders = self.orders, []
        return [type(order).__name__ for order in taken]

    def _note(self, order: Doing | Opening) -> None:
        reason = self.refuse(order)
        if reason is not None:
            raise NetdError(reason)
        self.orders.append(order)


async def until(holds: Callable[[], bool]) -> None:
    """Turns of the loop until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - there is nobody to set an event
            await asyncio.sleep(0)
