"""The shape of the VPCs as a fabric and a data plane need it: networks, ports, gateways and route
tables, each with the names and numbers it has in a kernel.

Values only; what they follow from is in the rows (`resources`). Names of devices and numbers of
tables follow from ids alone, so that every life of the server finds the work of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Port:
    """A network interface and where it is plugged. `netns` is the path of a network namespace;
    None while it is attached to none.

    `addresses` are bare addresses, the primary one first, IPv4 before IPv6; `prefixes` the same
    with the prefix lengths of the subnet.
    """

    interface_id: str
    subnet_id: str
    name: str
    mac: str
    addresses: tuple[str, ...]
    prefixes: tuple[str, ...]
    source_dest_check: bool
    netns: str | None = None
    device: str = ""
    wants_default_route: bool = True


@dataclass(frozen=True, slots=True)
class Plugged:
    """Where a network interface shall be plugged: what somebody asked for, kept."""

    interface_id: str
    netns: str
    device: str
    wants_default_route: bool = True


@dataclass(frozen=True, slots=True)
class SubnetNetwork:
    """`routers` are the VPC router's addresses in the subnet with their prefix lengths: the first
    address of each block. `endpoint_addresses` are those of route server endpoints, bare."""

    subnet_id: str
    bridge: str
    mac: str
    cidrs: tuple[str, ...]
    routers: tuple[str, ...]
    endpoint_addresses: tuple[str, ...]
    route_table_id: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """An attached internet gateway; `route_table_id` is its edge association, None without one.
    `outside` are the bare addresses at the other end of its pair, to which the VPC's router sends
    what a route leads there, IPv4 before IPv6."""

    gateway_id: str
    port: str
    route_table_id: str | None = None
    outside: tuple[str, ...] = ()


class TargetKind(StrEnum):
    INTERFACE = "interface"
    GATEWAY = "gateway"
    LOCAL = "local"
    BLACKHOLE = "blackhole"


@dataclass(frozen=True, slots=True)
class Target:
    """`id` is that of the interface or gateway, empty for the other kinds."""

    kind: TargetKind
    id: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A route table without what is propagated to it: destinations (text) and their targets."""

    route_table_id: str
    number: int
    routes: tuple[tuple[str, Target], ...]


@dataclass(frozen=True, slots=True)
class VpcNetwork:
    vpc_id: str
    cidrs: tuple[str, ...]
    subnets: tuple[SubnetNetwork, ...] = ()
    ports: tuple[Port, ...] = ()
    gateway: Gateway | None = None
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """By VPC id: everything that shall be there. What is not named shall not be there.

    `faults` are what cannot be built and so is not named, by the id of a VPC, table or gateway,
    each with the reason in one line.
    """

    vpcs: Mapping[str, VpcNetwork] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
