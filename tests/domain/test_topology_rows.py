"""What the rows ask for, as the fabric and the data plane are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain import kernel_names
from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Route,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.domain.topology import Plugged, Target, TargetKind, Topology, VpcNetwork
from routeserver.domain.topology_rows import Rows, topology

LOCAL = Target(TargetKind.LOCAL)
BLACKHOLE = Target(TargetKind.BLACKHOLE)
BASE: dict[str, Any] = {"account_id": "1", "region": "us-east-1", "created_at": 0.0}


def vpc(id: str = "vpc-1", cidr: str = "10.0.0.0/16", **more: Any) -> Vpc:  # noqa: A002
    return Vpc(id=id, cidr=cidr, state="available", **BASE, **more)


def subnet(number: int, vpc_id: str = "vpc-1", **more: Any) -> Subnet:
    more = {"cidr": f"10.0.{number}.0/24", **more}
    return Subnet(
        id=f"subnet-{number}",
        vpc_id=vpc_id,
        availability_zone="us-east-1a",
        state="available",
        **BASE,
        **more,
    )


def interface(id: str, ips: tuple[str, ...], **more: Any) -> NetworkInterface:  # noqa: A002
    more = {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "mac_address": "02:00:00:00:00:07", **more}
    return NetworkInterface(id=id, private_ips=ips, **BASE, **more)


def table(id: str = "rtb-main", **more: Any) -> RouteTable:  # noqa: A002
    return RouteTable(id=id, vpc_id="vpc-1", **BASE, **more)


def link(table_id: str, **more: Any) -> RouteTableAssociation:
    return RouteTableAssociation(
        id=f"rtbassoc-{table_id}", route_table_id=table_id, vpc_id="vpc-1", **BASE, **more
    )


def route(to: str, table_id: str = "rtb-main", via_list: str = "", **target: Any) -> Route:
    return Route(
        id=f"{table_id}|{via_list or to}",
        route_table_id=table_id,
        destination=to,
        **BASE,
        **target,
    )


def shaped(needs_plug: bool = True, **rows: Any) -> Topology:
    given_rows = {
        "vpcs": [vpc()],
        "subnets": [subnet(1)],
        "tables": [table(main=True)],
        "associations": [link("rtb-main", main=True)],
        **rows,
    }
    return topology(Rows(**given_rows), needs_plug=needs_plug)


def only(found: Topology) -> VpcNetwork:
    assert found.faults == {}
    (one,) = found.vpcs.values()
    return one


def test_a_subnet_has_its_first_addresses_as_router_and_the_main_table() -> None:
    (one,) = only(
        shaped(
            vpcs=[vpc(ipv6_cidr="fd00:1::/56")],
            subnets=[subnet(1, ipv6_cidr="fd00:1:0:2::/64")],
            endpoint_addresses={"subnet-1": ["10.0.1.9", "10.0.1.10"]},
        )
    ).subnets
    assert one.cidrs == ("10.0.1.0/24", "fd00:1:0:2::/64")
    assert one.routers == ("10.0.1.1/24", "fd00:1:0:2::1/64")
    assert one.endpoint_addresses == ("10.0.1.9", "10.0.1.10")
    assert one.route_table_id == "rtb-main"


def test_an_explicit_association_goes_before_the_main_table() -> None:
    network = only(
        shaped(
            subnets=[subnet(1), subnet(2)],
            tables=[table(main=True), table("rtb-own")],
            associations=[link("rtb-main", main=True), link("rtb-own", subnet_id="subnet-2")],
        )
    )
    assert [one.route_table_id for one in network.subnets] == ["rtb-main", "rtb-own"]


def test_an_interface_has_its_addresses_with_the_lengths_of_its_subnet() -> None:
    (port,) = only(
        shaped(
            vpcs=[vpc(ipv6_cidr="fd00:1::/56")],
            subnets=[subnet(1, ipv6_cidr="fd00:1:0:2::/64")],
            interfaces=[
                interface("eni-a", ("10.0.1.7", "10.0.1.6"), ipv6_addresses=("fd00:1:0:2::7",)),
                interface("eni-endpoint", ("10.0.1.9",), requester_managed=True),
            ],
            plugs=[Plugged("eni-a", "/run/netns/fw-a", "eth1", wants_default_route=False)],
        )
    ).ports
    assert port.addresses == ("10.0.1.7", "10.0.1.6", "fd00:1:0:2::7")
    assert port.prefixes == ("10.0.1.7/24", "10.0.1.6/24", "fd00:1:0:2::7/64")
    assert (port.netns, port.device) == ("/run/netns/fw-a", "eth1")
    assert not port.wants_default_route


def test_local_routes_are_those_of_every_block_of_the_vpc() -> None:
    found = only(
        shaped(vpcs=[vpc(secondary_cidrs=("10.5.0.0/16",), ipv6_cidr="fd00:1::/56")])
    ).tables[0]
    assert found.routes == (
        ("10.0.0.0/16", LOCAL),
        ("10.5.0.0/16", LOCAL),
        ("fd00:1::/56", LOCAL),
    )


@pytest.mark.parametrize(
    ("needs_plug", "plugs", "expected"),
    [
        (True, [], BLACKHOLE),
        (True, [Plugged("eni-a", "/run/netns/a", "eth0")], Target(TargetKind.INTERFACE, "eni-a")),
        (False, [], Target(TargetKind.INTERFACE, "eni-a")),
    ],
)
def test_a_route_leads_to_an_interface_that_can_be_reached(
    needs_plug: bool, plugs: list[Plugged], expected: Target
) -> None:
    found = only(
        shaped(
            needs_plug,
            interfaces=[interface("eni-a", ("10.0.1.7",))],
            routes=[route("0.0.0.0/0", network_interface_id="eni-a")],
            plugs=plugs,
        )
    )
    assert dict(found.tables[0].routes)["0.0.0.0/0"] == expected


def test_routes_to_what_is_gone_are_blackholes() -> None:
    routes = [
        route("192.0.2.0/24", network_interface_id="eni-gone"),
        route("198.51.100.0/24", gateway_id="igw-detached"),
    ]
    gateway = InternetGateway(id="igw-detached", vpc_id=None, **BASE)
    found = dict(only(shaped(routes=routes, gateways=[gateway])).tables[0].routes)
    assert found["192.0.2.0/24"] == found["198.51.100.0/24"] == BLACKHOLE


def test_the_gateway_has_the_table_of_its_edge_association() -> None:
    network = only(
        shaped(
            tables=[table(main=True), table("rtb-edge")],
            associations=[link("rtb-main", main=True), link("rtb-edge", gateway_id="igw-1")],
            gateways=[InternetGateway(id="igw-1", vpc_id="vpc-1", **BASE)],
            routes=[route("0.0.0.0/0", gateway_id="igw-1")],
        )
    )
    assert network.gateway is not None
    assert network.gateway.route_table_id == "rtb-edge"
    assert network.gateway.outside == ("169.254.0.2",)
    assert dict(network.tables[0].routes)["0.0.0.0/0"] == Target(TargetKind.GATEWAY, "igw-1")


def test_a_route_to_a_block_goes_before_one_to_a_list_with_that_block() -> None:
    interfaces = [interface("eni-a", ("10.0.1.7",)), interface("eni-b", ("10.0.1.8",))]
    routes = [
        route("192.0.2.0/24", network_interface_id="eni-a"),
        route("192.0.2.0/24", via_list="pl-1", network_interface_id="eni-b"),
        route("198.51.100.0/24", via_list="pl-1", network_interface_id="eni-b"),
    ]
    found = dict(only(shaped(False, interfaces=interfaces, routes=routes)).tables[0].routes)
    assert found["192.0.2.0/24"].id == "eni-a"
    assert found["198.51.100.0/24"].id == "eni-b"


def test_of_two_vpcs_with_the_same_addresses_one_has_the_outside() -> None:
    gateways = [
        InternetGateway(id=f"igw-{number}", vpc_id=f"vpc-{number}", **BASE) for number in (1, 2)
    ]
    found = shaped(vpcs=[vpc(), vpc("vpc-2", "10.0.128.0/17")], gateways=gateways)
    assert found.vpcs["vpc-1"].gateway is not None
    assert found.vpcs["vpc-2"].gateway is None
    assert "vpc-1" in found.faults["igw-2"]
    assert "detach" in found.faults["igw-2"]


def test_a_loopback_vpc_is_refused_with_the_fabric_that_has_it() -> None:
    found = shaped(vpcs=[vpc(cidr="127.10.0.0/16")])
    assert found.vpcs == {}
    assert "fabric loopback" in found.faults["vpc-1"]


def test_of_two_tables_with_one_number_the_older_has_it() -> None:
    number = 1 << 60
    tables = [f"rtb-{at:017x}" for at in (number, number + (1 << 31) - (1 << 16))]
    assert len({kernel_names.table_number(one) for one in tables}) == 1
    found = shaped(tables=[table(tables[0], main=True), table(tables[1])])
    assert [one.route_table_id for one in found.vpcs["vpc-1"].tables] == tables[:1]
    assert tables[0] in found.faults[tables[1]]


# --- names ----------------------------------------------------------------------------------------

IDS = st.integers(0, 16**17 - 1).map("{:017x}".format)
NAMES: list[Callable[[str], str]] = [
    kernel_names.bridge_name,
    kernel_names.port_name,
    kernel_names.gateway_port_name,
]


@given(st.sets(IDS, min_size=2, max_size=50))
def test_names_of_devices_fit_and_differ(digits: set[str]) -> None:
    names = {name(f"x-{each}") for each in digits for name in NAMES}
    assert len(names) == len(NAMES) * len(digits)
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,15}", name) for name in names)


@given(st.text(max_size=40))
def test_whatever_is_an_id_has_a_name_an_address_and_a_number(text: str) -> None:
    assert len(kernel_names.port_name(text)) <= kernel_names.DEVICE_OCTETS
    assert re.fullmatch(r"06(:[0-9a-f]{2}){5}", kernel_names.bridge_mac(text))
    assert 1 << 16 <= kernel_names.table_number(text) < 1 << 31


@given(st.integers(0, 2**16 - 1), st.integers(16, 28), st.sets(st.integers(4, 14), min_size=1))
def test_every_address_of_a_subnet_is_on_link_with_its_router(
    at: int, length: int, hosts: set[int]
) -> None:
    block = ip_network((0x0A000000 + at * 2**8, length), strict=False)
    ips = tuple(str(block[host]) for host in sorted(hosts))
    network = only(
        shaped(
            vpcs=[vpc(cidr=str(block))],
            subnets=[subnet(1, cidr=str(block))],
            interfaces=[interface("eni-a", ips)],
        )
    )
    router = ip_interface(network.subnets[0].routers[0])
    assert router.network == block
    for text in network.ports[0].prefixes:
        assert ip_interface(text).network == block
        assert ip_interface(text).ip != router.ip
