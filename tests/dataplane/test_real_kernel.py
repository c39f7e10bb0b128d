"""The kernel data plane against this machine's kernel, by way of the real helper: iproute2 is the
witness, and the kernel's own answer to where a packet would go."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from routeserver.dataplane.kernel.place import OnThisHost
from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.domain.topology import Table, Target, TargetKind, Topology, VpcNetwork
from routeserver.net.prefix import Family, Prefix, make_prefix, parse_prefix
from routeserver.netd.client import NetdClient
from routeserver.netd.orders import (
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    Plug,
    RemoveNamespace,
    Write,
)
from routeserver.netd.starting import HelperProcess, start_helper
from routeserver.netlink import bulk
from routeserver.netlink.bulk import Shape
from routeserver.netlink.decoding import Group
from routeserver.netlink.route import Route, new_route
from routeserver.netlink.values import AF_INET
from tests.dataplane.support import ENIS, NUMBERS, VPC, entry, port, topology
from tests.namespaces import Namespace, namespace, need_root

NAME = f"{VPC}-test-{os.getpid()}"
A = entry("eni-x", "rsp-a")
B = entry("eni-y", "rsp-b")
AB = entry("eni-x", "rsp-a", ("rsp-b", "eni-y"))
BA = entry("eni-y", "rsp-b", ("rsp-a", "eni-x"))
MANY = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(100_000)]
STATIC = (
    ("0.0.0.0/0", Target(TargetKind.GATEWAY, "igw-1")),
    ("10.9.0.0/16", Target(TargetKind.INTERFACE, "eni-z")),
    ("10.0.1.128/25", Target(TargetKind.INTERFACE, "eni-z")),
    ("10.8.0.0/16", Target(TargetKind.BLACKHOLE)),
    ("2001:db8:9::/48", Target(TargetKind.INTERFACE, "eni-z")),
)


def in_namespace(wanted: Topology) -> Topology:
    return Topology({NAME: wanted.vpcs[VPC]})


@dataclass
class Site:
    netd: NetdClient
    vpc: Namespace
    plane: KernelDataPlane

    async def fill(self, prefixes: list[Prefix], wanted: Any, table: str = "rtb-1") -> None:
        for start in range(0, len(prefixes), 5_000):
            some = prefixes[start : start + 5_000]
            await self.plane.assign(table, some, [0] * len(some), [wanted])
        await self.plane.written()

    def goes(self, destination: str, bridge: str = "br-a") -> str:
        """Where the kernel sends a packet that comes in at a bridge: a gateway, ``local`` for a
        connected subnet, or why not."""
        subnet = {"br-a": "10.0.1", "br-b": "10.0.2", "igw-1": "198.51.100"}[bridge]
        six = ":" in destination
        source = "2001:db8:ffff::50" if six else f"{subnet}.50"
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.vpc.name),
                *("ip", "-json", "route", "get", destination, "from", source, "iif", bridge),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip().removeprefix("RTNETLINK answers: ")
        [route] = json.loads(done.stdout)
        return str(route.get("gateway", "local"))

    def count(self, table: int, family: str = "-4") -> int:
        said = self.vpc.run("ip", family, "route", "show", "table", str(table), "proto", "179")
        return said.count("metric 179")


@pytest.fixture
def appliances() -> Iterator[dict[str, Namespace]]:
    need_root()
    with namespace("x") as x, namespace("y") as y, namespace("z") as z, namespace("out") as out:
        yield {"eni-x": x, "eni-y": y, "eni-z": z, "out": out}


@pytest.fixture
async def site(appliances: dict[str, Namespace]) -> AsyncIterator[Site]:
    process = start_helper(f"dataplane-{os.getpid()}")
    netd = NetdClient(process.connection)
    try:
        await build(netd, appliances)
        plane = KernelDataPlane(netd)
        yield Site(netd, Namespace(NAME), plane)
        await plane.close()
        for name in (await netd.do(ListNamespaces())).names:
            await netd.do(RemoveNamespace(name))
    finally:
        end(process, netd)


def end(process: HelperProcess, netd: NetdClient) -> None:
    netd.close()
    process.process.wait(10)


async def build(netd: NetdClient, appliances: dict[str, Namespace]) -> None:
    await netd.do(MakeNamespace(NAME))
    for bridge, subnet in (("br-a", "10.0.1.1/24"), ("br-b", "10.0.2.1/24")):
        mac = "02:00:00:00:01:01" if bridge == "br-a" else "02:00:00:00:02:01"
        await netd.do(MakeBridge(NAME, bridge, bridge, mac, 1500, (subnet,)))
    for eni in ENIS:
        own = port(eni)
        where = str(appliances[eni].path)
        pair = (own.name, eni, where, "eth1", own.mac, 1500, own.prefixes, ())
        await netd.do(Plug(NAME, "br-a", *pair))
    await netd.do(
        MakeOutside(
            NAME,
            "igw-1",
            "igw-1",
            str(appliances["out"].path),
            "vpc0",
            1500,
            ("169.254.9.2/30",),
            ("169.254.9.1/30",),
            (),
        )
    )


async def test_packets_go_where_the_route_table_says(site: Site) -> None:
    wanted = in_namespace(topology(static=STATIC))
    assert not await site.plane.converge(wanted)
    propagated = ["10.9.0.0/16", "10.9.1.0/24", "11.0.0.0/8", "10.0.1.64/26", "2001:db8:9::/64"]
    await site.fill([parse_prefix(text) for text in propagated], A)
    assert not site.plane.refused("rtb-1")
    assert site.goes("192.0.2.1") == "169.254.9.1"
    assert site.goes("10.9.200.1") == ENIS["eni-z"], "static before propagated"
    assert site.goes("10.9.1.1") == ENIS["eni-x"], "the longer prefix before static"
    assert site.goes("11.1.1.1") == ENIS["eni-x"]
    assert site.goes("10.0.1.200") == ENIS["eni-z"], "more specific than local"
    assert site.goes("10.0.1.70") == ENIS["eni-x"], "so may a propagated one be"
    assert site.goes("10.0.1.30") == "local"
    assert site.goes("10.8.1.1") == "Invalid argument", "a black hole"
    assert site.goes("11.1.1.1", "br-b") == "Network is unreachable", "another table"
    assert site.goes("10.0.1.30", "br-b") == "local"
    assert site.goes("2001:db8:9::1").startswith("fe80::ff:fe00:a")
    assert site.goes("2001:db8:9:1::1").startswith("fe80::ff:fe00:c")


async def test_what_comes_from_outside_follows_the_edge_association(site: Site) -> None:
    await site.plane.converge(in_namespace(topology()))
    assert site.goes("10.0.1.30", "igw-1") == "local"
    await site.fill([parse_prefix("10.0.1.0/24")], A, "rtb-edge")
    assert site.goes("10.0.1.30", "igw-1") == ENIS["eni-x"]
    assert site.goes("10.0.1.30", "br-b") == "local"


async def test_an_interface_that_is_gone_is_a_black_hole(site: Site) -> None:
    await site.plane.converge(in_namespace(topology(static=STATIC)))
    await site.fill(MANY[:3], A)
    await site.plane.converge(in_namespace(topology(static=STATIC, unplugged=("eni-x", "eni-z"))))
    await site.plane.written()
    assert site.goes("11.0.0.1") == "Invalid argument"
    assert site.goes("10.9.1.1") == "Invalid argument"
    await site.plane.converge(in_namespace(topology(static=STATIC)))
    assert site.goes("11.0.0.1") == ENIS["eni-x"]


class Ear:
    """Counts what the kernel tells of a namespace."""

    def __init__(self, where: Namespace, *groups: Group) -> None:
        self._socket = where.netlink()
        self._socket.setblocking(False)
        self._socket.bind((0, 0))
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        for group in groups:
            self._socket.setsockopt(270, 1, group)

    def heard(self) -> int:
        count = 0
        while True:
            try:
                self._socket.recv(1 << 16)
            except BlockingIOError:
                return count
            count += 1

    def close(self) -> None:
        self._socket.close()


@contextmanager
def ear(where: Namespace, *groups: Group) -> Iterator[Ear]:
    made = Ear(where, *groups)
    yield made
    made.close()


ROUTES = (Group.IPV4_ROUTE, Group.IPV6_ROUTE)


async def test_a_hundred_thousand_routes_switch_by_one_message(site: Site) -> None:
    await site.plane.converge(in_namespace(topology()))
    await site.fill(MANY[:60_000], AB)
    await site.fill(MANY[60_000:], BA)
    assert site.count(NUMBERS["rtb-1"]) == len(MANY)
    assert site.goes("11.0.0.1") == ENIS["eni-x"]
    with ear(site.vpc, Group.NEXTHOP) as objects, ear(site.vpc, *ROUTES) as routes:
        site.plane.peer_lost("rsp-a")
        await site.plane.written()
        assert objects.heard() == 1
        assert routes.heard() == 0
    assert site.goes("11.0.0.1") == ENIS["eni-y"]
    assert site.goes("12.134.159.1") == ENIS["eni-y"]
    # A second loss before the routes were written anew.
    site.plane.peer_back("rsp-a")
    with ear(site.vpc, Group.NEXTHOP) as objects:
        site.plane.peer_lost("rsp-b")
        await site.plane.written()
        assert objects.heard() == 2
    assert site.goes("11.0.0.1") == ENIS["eni-x"]
    assert site.goes("12.134.159.1") == ENIS["eni-x"]
    await site.fill(MANY, A)
    await site.plane.converge(in_namespace(topology()))
    await site.plane.written()
    assert site.count(NUMBERS["rtb-1"]) == len(MANY)
    assert site.goes("12.134.159.1") == ENIS["eni-x"]


async def test_a_new_life_writes_no_route_that_is_right(
    site: Site, appliances: dict[str, Namespace]
) -> None:
    await site.plane.converge(in_namespace(topology(static=STATIC)))
    await site.fill(MANY[:20_000], AB)
    await site.fill([parse_prefix("2001:db8::/32")], B)
    await site.plane.close()
    again = KernelDataPlane(site.netd)
    site.plane = again
    with ear(site.vpc, *ROUTES, Group.NEXTHOP, Group.IPV4_RULE, Group.IPV6_RULE) as told:
        await build(site.netd, appliances)
        told.heard()
        await again.converge(in_namespace(topology(static=STATIC)))
        assert site.goes("11.0.0.1") == ENIS["eni-x"]
        await site.fill(MANY[:20_000], AB)
        await site.fill([parse_prefix("2001:db8::/32")], B)
        await again.sweep(())
        await again.written()
        assert told.heard() == 0
    assert site.count(NUMBERS["rtb-1"]) == 20_000
    await again.close()


async def test_a_table_that_somebody_flushed_is_filled_again_and_strangers_stay(
    site: Site,
) -> None:
    table = NUMBERS["rtb-1"]
    await site.plane.converge(in_namespace(topology(static=STATIC)))
    await site.fill(MANY[:3_000], A)
    foreign = Route(parse_prefix("11.0.0.0/24"), table, protocol=4, priority=5, interface=1)
    await site.netd.do(Write(NAME, new_route(foreign, 1)))
    # What `ip route flush` would send, if it could send it for routes with next-hop objects.
    somebody = site.vpc.netlink()
    for start in range(0, 3_000, 1_000):
        some = MANY[start : start + 1_000]
        somebody.send(bulk.delete_routes(some, Shape(AF_INET, table, 179, 179, type=0)))
    static = [parse_prefix(text) for text, _ in STATIC if ":" not in text]
    somebody.send(bulk.delete_routes(static, Shape(AF_INET, table, 179, 178, type=0)))
    somebody.close()
    assert site.count(table) == 0
    await until(lambda: site.count(table) == 3_000)
    await until(lambda: site.goes("192.0.2.1") == "169.254.9.1")
    assert "proto 4" not in site.vpc.run("ip", "route", "show", "table", str(table), "proto", "179")
    said = site.vpc.run("ip", "-N", "route", "show", "table", str(table), "proto", "4")
    assert said.startswith("11.0.0.0/24 dev lo")
    assert site.plane.counted.repairs >= 3_000


async def test_what_we_delete_ourselves_is_not_taken_for_somebodys_doing(site: Site) -> None:
    await site.plane.converge(in_namespace(topology()))
    await site.fill(MANY[:3_000], A)
    await site.fill(MANY[:3_000], None)
    await site.fill(MANY[:3_000], A)
    # Whatever was told of that has been heard when this one is.
    somebody = site.vpc.netlink()
    shape = Shape(AF_INET, NUMBERS["rtb-1"], 179, 179, type=0)
    somebody.send(bulk.delete_routes(MANY[:1], shape))
    somebody.close()
    await until(lambda: site.plane.counted.repairs > 0)
    assert site.plane.counted.repairs == 1


async def until(condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    assert condition()


async def test_a_bridge_that_was_down_for_a_moment_has_its_routes_again(site: Site) -> None:
    table = NUMBERS["rtb-1"]
    await site.plane.converge(in_namespace(topology(static=STATIC)))
    await site.fill(MANY[:3_000], A)
    site.vpc.run("ip", "link", "set", "br-a", "down")
    await until(lambda: site.count(table) == 0)
    site.vpc.run("ip", "link", "set", "br-a", "up")
    await until(lambda: site.count(table) == 3_000)
    assert site.goes("11.0.0.1") == ENIS["eni-x"]


async def test_on_a_host_routes_are_in_its_own_table_beside_those_of_others(
    appliances: dict[str, Namespace],
) -> None:
    host = appliances["out"]
    host.run("ip", "link", "add", "up0", "type", "bridge")
    host.run("ip", "address", "add", "10.0.1.4/24", "dev", "up0")
    host.run("ip", "link", "set", "up0", "up")
    host.run("ip", "link", "set", "lo", "up")
    host.run("ip", "route", "add", "11.0.0.0/24", "via", "10.0.1.99")
    # Another server of this kind, with another table.
    host.run("ip", "nexthop", "add", "id", "1790000007", "dev", "up0", "proto", "179")
    theirs = ("11.0.1.0/24", "nhid", "1790000007", "table", "99", "proto", "179")
    host.run("ip", "route", "add", *theirs, "metric", "179")
    process = host.inside(lambda: start_helper("host", interface="up0", tables=[254]))
    netd = NetdClient(process.connection)
    plane = KernelDataPlane(netd, OnThisHost("up0", 254))
    vpc = VpcNetwork(
        VPC,
        ("10.0.0.0/16",),
        ports=tuple(port(eni, plugged=False) for eni in ENIS),
        tables=(
            Table("rtb-1", 254, (("10.0.0.0/16", Target(TargetKind.LOCAL)), *STATIC)),
            Table("rtb-2", 7, ()),
        ),
    )
    try:
        assert not await plane.converge(Topology({VPC: vpc}))
        await plane.assign("rtb-1", MANY[:3], [0, 0, 0], [A])
        await plane.assign("rtb-2", MANY[:3], [0, 0, 0], [A])
        await plane.written()
        assert not plane.refused("rtb-1")
        assert "only the main route table" in plane.refused("rtb-2")[MANY[0]]
        said = host.run("ip", "-4", "route", "show", "proto", "179")
        routes = {line.split(" nhid")[0] for line in said.splitlines()}
        assert routes == {
            "11.0.0.0/24",
            "11.0.1.0/24",
            "11.0.2.0/24",
            "10.9.0.0/16",
            "10.0.1.128/25",
        }
        assert "via 10.0.1.99" in host.run("ip", "route", "get", "11.0.0.1"), "not ours to replace"
        assert "via 10.0.1.10" in host.run("ip", "route", "get", "11.0.1.1")
        await plane.converge(Topology())
        await plane.written()
        assert not host.run("ip", "-4", "route", "show", "proto", "179")
        assert host.run("ip", "route", "show", "11.0.0.0/24")
        assert "nhid 1790000007" in host.run("ip", "route", "show", "table", "99")
    finally:
        await plane.close()
        end(process, netd)
