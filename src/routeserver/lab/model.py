"""What a lab's file says, as frozen values. Everything has the name that the file gives it.

Names of namespaces and folders begin with the lab's own, so that two labs do not meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

INTERNET_GATEWAY: Final = "internet-gateway"
"""The target of a static route that is the VPC's gateway."""


class DaemonKind(StrEnum):
    BIRD = "bird"
    FRR = "frr"
    GOBGP = "gobgp"


@dataclass(frozen=True, slots=True)
class Vpc:
    name: str
    cidr: IPv4Network
    internet_gateway: bool
    gateway_table: str | None
    """The table of the gateway's edge association."""


@dataclass(frozen=True, slots=True)
class Table:
    """`routes` are static ones: to the internet gateway or to an appliance, by name."""

    name: str
    vpc: str
    routes: Mapping[IPv4Network, str]


@dataclass(frozen=True, slots=True)
class Subnet:
    """`table` None means the VPC's main table."""

    name: str
    vpc: str
    cidr: IPv4Network
    table: str | None


@dataclass(frozen=True, slots=True)
class RouteServer:
    """`endpoints` are names of subnets, one for each endpoint."""

    name: str
    vpc: str
    asn: int
    endpoints: tuple[str, ...]
    propagate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Eni:
    """One interface of an appliance; what it announces has this interface as next hop. `routes`
    are the destinations that leave the appliance here; the first interface has the default."""

    name: str
    subnet: str
    address: IPv4Address
    announce: tuple[IPv4Network, ...]
    routes: tuple[IPv4Network, ...]


@dataclass(frozen=True, slots=True)
class Appliance:
    name: str
    daemon: DaemonKind
    asn: int
    enis: tuple[Eni, ...]
    med: int
    prepend: int
    bfd: bool
    extra_routes: int
    """How many more prefixes the first interface announces, made up."""


@dataclass(frozen=True, slots=True)
class Host:
    """A client or a target. Without a subnet it stands outside, behind the internet gateway."""

    name: str
    subnet: str | None
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class Floating:
    """An address that each of some appliances has, announces and answers at."""

    name: str
    address: IPv4Address
    appliances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    client: str
    target: str


@dataclass(frozen=True, slots=True)
class Timers:
    """What the server offers and the daemons are told."""

    bfd_interval_ms: int
    bfd_multiplier: int
    hold_time_s: int

    @property
    def detection_ms(self) -> int:
        return self.bfd_interval_ms * self.bfd_multiplier


@dataclass(frozen=True, slots=True)
class Lab:
    name: str
    profile: str
    timers: Timers
    traffic: tuple[Flow, ...]
    vpcs: Mapping[str, Vpc]
    tables: Mapping[str, Table]
    subnets: Mapping[str, Subnet]
    route_servers: Mapping[str, RouteServer]
    appliances: Mapping[str, Appliance]
    hosts: Mapping[str, Host]
    floating: Mapping[str, Floating]

    def namespace(self, name: str) -> str:
        """Of an appliance or a host in a subnet."""
        return f"{self.name}-{name}"

    @property
    def outside_namespace(self) -> str:
        return f"{self.name}-outside"

    @property
    def has_outside(self) -> bool:
        return any(vpc.internet_gateway for vpc in self.vpcs.values())

    def namespaces(self) -> tuple[str, ...]:
        """All that the lab makes itself, in order."""
        outside = (self.outside_namespace,) if self.has_outside else ()
        inside = [*self.appliances, *(h.name for h in self.hosts.values() if h.subnet is not None)]
        return (*outside, *map(self.namespace, inside))

    def namespace_of_host(self, host: Host) -> str:
        return self.outside_namespace if host.subnet is None else self.namespace(host.name)

    def floating_of(self, appliance: str) -> tuple[Floating, ...]:
        return tuple(each for each in self.floating.values() if appliance in each.appliances)

    def announced(self, appliance: Appliance, eni: Eni) -> tuple[IPv4Network, ...]:
        """Everything said over an interface: what is listed, the floating addresses by the first
        interface, and the made-up prefixes."""
        found = list(eni.announce)
        if eni is appliance.enis[0]:
            found += [IPv4Network(each.address) for each in self.floating_of(appliance.name)]
            found += made_up(appliance.extra_routes)
        return tuple(dict.fromkeys(found))

    def peerings(self, appliance: Appliance) -> Iterator[tuple[Eni, RouteServer, int]]:
        """The endpoints that an appliance calls: those in the subnets of its interfaces; each by
        its place in the route server's list."""
        for eni in appliance.enis:
            for server in self.route_servers.values():
                for place, subnet in enumerate(server.endpoints):
                    if subnet == eni.subnet:
                        yield eni, server, place


_FIRST_MADE_UP: Final = int(IPv4Address("20.0.0.0"))


def made_up(count: int) -> Iterator[IPv4Network]:
    """/24s that count up from 20.0.0.0."""
    return (IPv4Network((_FIRST_MADE_UP + (number << 8), 24)) for number in range(count))
