"""A VPC to write routes into, and planes that do."""

from __future__ import annotations

from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.domain.routing import Alternative, Entry
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
from routeserver.netlink.link import Link
from tests.dataplane.fake_kernel import FakeKernel, FakeNetd

VPC = "vpc-1"
NUMBERS = {"rtb-1": 1001, "rtb-2": 1002, "rtb-edge": 1003}
ENIS = {"eni-x": "10.0.1.10", "eni-y": "10.0.1.11", "eni-z": "10.0.1.12"}
LINKS = {name: Link(index, name) for index, name in enumerate(("lo", "br-a", "br-b", "igw-1"), 1)}


def port(eni: str, *, plugged: bool = True) -> Port:
    address = ENIS[eni]
    return Port(
        interface_id=eni,
        subnet_id="subnet-a",
        name=f"p-{eni}",
        mac=f"02:00:00:00:00:{int(address.split('.')[-1]):02x}",
        addresses=(address,),
        prefixes=(f"{address}/24",),
        source_dest_check=False,
        netns=f"/run/netns/{eni}" if plugged else None,
    )


LOCALS = (("10.0.0.0/16", Target(TargetKind.LOCAL)),)


def topology(
    *,
    unplugged: tuple[str, ...] = (),
    static: tuple[tuple[str, Target], ...] = (),
    tables: tuple[str, ...] = ("rtb-1", "rtb-2", "rtb-edge"),
) -> Topology:
    subnets = (
        SubnetNetwork(
            "subnet-a", "br-a", "02:00:00:00:01:01", ("10.0.1.0/24",), ("10.0.1.1/24",), (), "rtb-1"
        ),
        SubnetNetwork(
            "subnet-b", "br-b", "02:00:00:00:02:01", ("10.0.2.0/24",), ("10.0.2.1/24",), (), "rtb-2"
        ),
    )
    vpc = VpcNetwork(
        VPC,
        ("10.0.0.0/16",),
        subnets,
        tuple(port(eni, plugged=eni not in unplugged) for eni in ENIS),
        Gateway("igw-1", "igw-1", "rtb-edge", ("169.254.9.1",)),
        tuple(
            Table(table, NUMBERS[table], (*LOCALS, *(static if table == "rtb-1" else ())))
            for table in tables
        ),
    )
    return Topology({VPC: vpc})


def entry(eni: str, peer: str, *others: tuple[str, str]) -> Entry:
    alternatives = tuple(Alternative(*each) for each in others)
    return Entry(eni, ENIS[eni], "rs-1", peer, alternatives)


def fake_plane(
    kernel: FakeKernel | None = None, *, has_nexthops: bool = True
) -> tuple[KernelDataPlane, FakeKernel, FakeNetd]:
    kernel = kernel or FakeKernel(links=dict(LINKS), has_nexthops=has_nexthops)
    netd = FakeNetd({VPC: kernel})
    return KernelDataPlane(netd, eyes=netd, has_nexthops=has_nexthops), kernel, netd
