"""What packets do in a VPC of the fabric `netns`: a real server, boto3, and namespaces that are
plugged in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fabric.site import (
    Site,
    addresses_of,
    eventually_passes,
    is_gone,
    left_behind,
    passes,
    refusal_of,
)
from tests.namespaces import Namespace, namespace
from tests.running import COMMAND, eventually

A, B = "10.0.1.10", "10.0.2.10"
ELSEWHERE = "192.0.2.7"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site.opened(tmp_path_factory.mktemp("packets")) as opened:
        yield opened


@dataclass
class Pair:
    """Two subnets with an interface each, plugged in, and a namespace for each."""

    site: Site
    vpc_id: str
    table_id: str
    subnets: tuple[str, str]
    enis: tuple[str, str]
    a: Namespace
    b: Namespace

    def modify(self, eni: str, **params: Any) -> None:
        self.site.ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, **params)


@pytest.fixture
def pair(site: Site) -> Iterator[Pair]:
    vpc_id = site.vpc()
    subnets = site.subnet(vpc_id, "10.0.1.0/24"), site.subnet(vpc_id, "10.0.2.0/24")
    enis = site.eni(subnets[0], A), site.eni(subnets[1], B)
    with namespace("a") as a, namespace("b") as b:
        for each, where in zip(enis, (a, b), strict=True):
            site.attach(each, where)
        yield Pair(site, vpc_id, site.main_table(vpc_id), subnets, enis, a, b)
    for each in enis:
        site.ec2.delete_network_interface(NetworkInterfaceId=each)
    for each in subnets:
        site.ec2.delete_subnet(SubnetId=each)
    site.ec2.delete_vpc(VpcId=vpc_id)
    eventually("the VPC is gone", lambda: is_gone(vpc_id), bool)


def test_packets_go_from_subnet_to_subnet_by_the_vpc_router(pair: Pair) -> None:
    eventually_passes(pair.a, pair.b, B)
    eventually_passes(pair.b, pair.a, A)
    assert passes(pair.a, pair.b, B, size=8900), "the MTU is 9001"
    [default] = [route for route in pair.a.ip("route", "show") if route["dst"] == "default"]
    assert default["gateway"] == "10.0.1.1"


def test_the_source_check_is_on_until_it_is_taken_off(pair: Pair) -> None:
    eventually_passes(pair.a, pair.b, B)
    assert not passes(pair.a, pair.b, B, source=ELSEWHERE)
    pair.modify(pair.enis[0], SourceDestCheck={"Value": False})
    eventually_passes(pair.a, pair.b, B, source=ELSEWHERE)
    pair.modify(pair.enis[0], SourceDestCheck={"Value": True})
    eventually_passes(pair.a, pair.b, B, source=ELSEWHERE, is_passing=False)
    assert passes(pair.a, pair.b, B)


def test_a_route_to_an_interface_needs_its_destination_check_off(pair: Pair) -> None:
    pair.b.ip("address", "add", f"{ELSEWHERE}/32", "dev", "lo")
    pair.b.ip("link", "set", "lo", "up")
    eventually_passes(pair.a, pair.b, B)
    assert not passes(pair.a, pair.b, ELSEWHERE)
    pair.site.ec2.create_route(
        RouteTableId=pair.table_id,
        DestinationCidrBlock="192.0.2.0/24",
        NetworkInterfaceId=pair.enis[1],
    )
    assert not passes(pair.a, pair.b, ELSEWHERE)
    assert _state(pair) == "active"
    pair.modify(pair.enis[1], SourceDestCheck={"Value": False})
    eventually_passes(pair.a, pair.b, ELSEWHERE)
    pair.site.ec2.delete_route(RouteTableId=pair.table_id, DestinationCidrBlock="192.0.2.0/24")
    eventually_passes(pair.a, pair.b, ELSEWHERE, is_passing=False)


def test_a_route_to_an_interface_that_is_not_plugged_in_is_a_blackhole(pair: Pair) -> None:
    route = {"RouteTableId": pair.table_id, "DestinationCidrBlock": "192.0.2.0/24"}
    pair.site.ec2.create_route(**route, NetworkInterfaceId=pair.enis[1])
    assert _state(pair) == "active"
    pair.site.ask("detach", eni=pair.enis[1])
    assert _state(pair) == "blackhole"
    kernel = eventually(
        "the kernel has it as well",
        lambda: _kernel_route(pair, "192.0.2.0/24"),
        lambda found: found.get("type") == "blackhole" or "nhid" in found,
    )
    assert "gateway" not in kernel
    pair.site.ec2.delete_route(**route)


def _state(pair: Pair) -> str:
    [table] = pair.site.ec2.describe_route_tables(RouteTableIds=[pair.table_id])["RouteTables"]
    return str(
        next(
            route["State"]
            for route in table["Routes"]
            if route["DestinationCidrBlock"] == "192.0.2.0/24"
        )
    )


def _kernel_route(pair: Pair, destination: str) -> dict[str, Any]:
    shown = pair.site.ask("show-fabric", vpc=pair.vpc_id)["vpcs"][0]["tables"]
    number = next(t["number"] for t in shown if t["route_table"] == pair.table_id)
    found = Namespace(pair.vpc_id).ip("route", "show", "table", str(number))
    return next((route for route in found if route["dst"] == destination), {})


def test_another_hardware_address_is_never_let_in(pair: Pair) -> None:
    pair.modify(pair.enis[0], SourceDestCheck={"Value": False})
    eventually_passes(pair.a, pair.b, B, source=ELSEWHERE)
    own = pair.a.ip("link", "show", "eth0")[0]["address"]
    pair.a.ip("link", "set", "eth0", "address", "02:00:00:00:00:66")
    assert not passes(pair.a, pair.b, B)
    pair.a.ip("link", "set", "eth0", "address", own)
    pair.a.ip("route", "replace", "default", "via", "10.0.1.1")
    eventually_passes(pair.a, pair.b, B)


def test_a_neighbours_address_is_not_to_be_had_by_claiming_it(pair: Pair) -> None:
    """With the check off, so that only what is always checked is in the way."""
    site = pair.site
    thief = site.eni(pair.subnets[1], "10.0.2.66")
    try:
        with namespace("thief") as other:
            site.attach(thief, other)
            pair.modify(thief, SourceDestCheck={"Value": False})
            eventually_passes(other, pair.b, B, source=ELSEWHERE)
            other.ip("address", "add", f"{B}/24", "dev", "eth0")
            # Every packet that it sends as the neighbour begins with an ARP that says so.
            passes(other, pair.a, A, source=B)
            assert passes(pair.a, pair.b, B)
            assert not passes(pair.a, other, B)
    finally:
        site.ec2.delete_network_interface(NetworkInterfaceId=thief)


def test_addresses_come_and_go_with_the_api(pair: Pair) -> None:
    eni, secondary = pair.enis[1], "10.0.2.77"
    params = {"NetworkInterfaceId": eni, "PrivateIpAddresses": [secondary]}
    assert not passes(pair.a, pair.b, secondary)
    pair.site.ec2.assign_private_ip_addresses(**params)
    eventually_passes(pair.a, pair.b, secondary)
    assert addresses_of(pair.b, "eth0") >= {B, secondary}
    pair.site.ec2.unassign_private_ip_addresses(**params)
    eventually_passes(pair.a, pair.b, secondary, is_passing=False)
    assert secondary not in addresses_of(pair.b, "eth0")
    assert passes(pair.a, pair.b, B)


def test_ipv6_is_routed_and_checked_as_well(site: Site) -> None:
    vpc_id = site.vpc("10.6.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    found = site.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    block = found["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].removesuffix("00::/56")
    enis, there = [], []
    for number in (1, 2):
        subnet = site.subnet(vpc_id, f"10.6.{number}.0/24", Ipv6CidrBlock=f"{block}0{number}::/64")
        address = f"{block}0{number}::10"
        there.append(address)
        enis.append(site.eni(subnet, f"10.6.{number}.10", Ipv6Addresses=[{"Ipv6Address": address}]))
    with namespace("a") as a, namespace("b") as b:
        for eni, where in zip(enis, (a, b), strict=True):
            site.attach(eni, where)
        eventually_passes(a, b, there[1])
        eventually_passes(b, a, there[0])
        a.ip("-6", "address", "add", f"{there[0]}66/64", "dev", "eth0", "nodad")
        assert not passes(a, b, there[1], source=f"{there[0]}66")


# --- attach and detach ----------------------------------------------------------------------------


def test_detaching_leaves_nothing_and_attaching_elsewhere_moves_it(pair: Pair) -> None:
    eni = pair.enis[1]
    eventually_passes(pair.a, pair.b, B)
    pair.site.ask("detach", eni=eni)
    eventually("it is unplugged", lambda: pair.b.ip("link", "show"), lambda links: len(links) == 1)
    with namespace("c") as other:
        assert pair.site.attach(eni, other, device="wan0", default_route=False) == "wan0"
        assert not [route for route in other.ip("route", "show") if route["dst"] == "default"]
        other.ip("route", "add", "default", "via", "10.0.2.1")
        eventually_passes(pair.a, other, B)


def test_a_process_names_its_namespace(pair: Pair) -> None:
    eni = pair.enis[0]
    pair.site.ask("detach", eni=eni)
    with namespace("p") as there:
        process = subprocess.Popen(["ip", "netns", "exec", there.name, "sleep", "60"])
        try:
            eventually(
                "it has its command",
                lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes(),
                lambda words: words.startswith(b"sleep"),
            )
            answer = pair.site.ask("attach", eni=eni, pid=process.pid)
            assert answer["netns"] == f"/proc/{process.pid}/ns/net"
            eventually("it is there", lambda: addresses_of(there, "eth0"), lambda have: A in have)
        finally:
            process.kill()
            process.wait()


def test_what_cannot_be_attached_is_refused_with_the_remedy(pair: Pair) -> None:
    site, eni = pair.site, pair.enis[0]

    def refused(**params: object) -> str:
        return refusal_of(lambda: site.ask("attach", **params))

    assert "describe-network-interfaces" in refused(eni="eni-0123456789abcdef0", netns="x")
    assert f"routeserver detach {eni}" in refused(eni=eni, netns="elsewhere")
    assert "give either netns" in refused(eni=eni).lower()
    assert "give either netns" in refused(eni=eni, netns="x", pid=1).lower()
    assert "ip netns lists them" in refused(eni=eni, netns="../etc")
    other = site.eni(pair.subnets[0], "10.0.1.99")
    try:
        taken = refused(eni=other, netns=pair.a.name, device="eth0")
        assert f"{eni} is eth0 there already" in taken
        assert "choose another --device" in taken
        for name in ("lo", "a/b", "much-too-long-a-name"):
            assert "no name for an interface" in refused(eni=other, netns="x", device=name)
        said = refusal_of(lambda: site.ask("detach", eni=other))
        assert "show fabric" in said
        # One that nobody has promised yet is waited for, and said.
        site.ask("attach", eni=other, netns="rs-nowhere")
        eventually(
            "the fault is shown", site.faults, lambda faults: "rs-nowhere" in faults.get(other, "")
        )
    finally:
        site.ec2.delete_network_interface(NetworkInterfaceId=other)


def test_a_namespace_that_comes_later_is_plugged_when_it_comes(pair: Pair) -> None:
    eni = pair.enis[0]
    pair.site.ask("detach", eni=eni)
    with namespace("later") as made:
        name = made.name
    pair.site.ask("attach", eni=eni, netns=name)
    eventually("it is missed", pair.site.faults, lambda faults: eni in faults)
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        eventually("it is plugged in", lambda: addresses_of(made, "eth0"), lambda have: A in have)
        eventually("it is no fault", pair.site.faults, lambda faults: eni not in faults)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_an_interface_that_is_deleted_is_unplugged(site: Site) -> None:
    vpc_id = site.vpc("10.9.0.0/16")
    eni = site.eni(site.subnet(vpc_id, "10.9.1.0/24"), "10.9.1.10")
    with namespace("a") as a:
        site.attach(eni, a)
        site.ec2.delete_network_interface(NetworkInterfaceId=eni)
        eventually("it is unplugged", lambda: a.ip("link", "show"), lambda links: len(links) == 1)
        assert "no network interface" in refusal_of(lambda: site.ask("detach", eni=eni))


def test_the_commands_say_what_stands_and_what_is_wrong(pair: Pair) -> None:
    site = pair.site

    def said(*words: str) -> str:
        done = subprocess.run(
            [COMMAND, *words, f"--data-dir={site.server.data_dir}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout or done.stderr

    eni = pair.enis[1]
    assert said("detach", eni) == f"{eni} is no longer eth0 in {pair.b.path}\n"
    assert said("attach", eni, "--netns", pair.b.name) == f"{eni} is eth0 in {pair.b.path}: {B}\n"
    shown = said("show", "fabric", pair.vpc_id)
    for word in (pair.vpc_id, *pair.subnets, *pair.enis, "10.0.1.1/24", f"eth0 in {pair.a.path}"):
        assert word in shown, word
    site.ask("detach", eni=eni)
    site.ask("attach", eni=eni, netns="rs-nowhere")
    eventually("it is missed", site.faults, lambda faults: eni in faults)
    assert "there is no network namespace /run/netns/rs-nowhere" in said("show", "fabric")
    assert "the fabric has no VPC vpc-1; routeserver show fabric lists" in said(
        "show", "fabric", "vpc-1"
    )


# --- VPCs beside each other -----------------------------------------------------------------------


def test_two_vpcs_with_the_same_addresses_do_not_meet(site: Site) -> None:
    with namespace("1") as one, namespace("2") as two, namespace("3") as three:
        vpcs = [site.vpc("10.20.0.0/16") for _ in range(2)]
        subnets = [site.subnet(vpc_id, "10.20.1.0/24") for vpc_id in vpcs]
        site.attach(site.eni(subnets[0], "10.20.1.10"), one)
        site.attach(site.eni(subnets[0], "10.20.1.11"), two)
        site.attach(site.eni(subnets[1], "10.20.1.11"), three)
        eventually_passes(one, two, "10.20.1.11")
        assert not passes(one, three, "10.20.1.11")


# --- the outside ----------------------------------------------------------------------------------


def test_an_internet_gateway_leads_outside_and_back(pair: Pair) -> None:
    site = pair.site
    gateway = site.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    site.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=pair.vpc_id)
    try:
        shown = eventually(
            "the gateway is there",
            lambda: site.ask("show-fabric", vpc=pair.vpc_id)["vpcs"][0]["gateway"],
            bool,
        )
        assert shown["gateway"] == gateway
        [outside] = _own_outsides(site)
        there = Namespace(outside)
        there.ip("address", "add", f"{ELSEWHERE}/32", "dev", "lo")
        eventually_passes(there, pair.a, A)
        assert not passes(pair.a, there, ELSEWHERE)
        site.ec2.create_route(
            RouteTableId=pair.table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
        )
        eventually_passes(pair.a, there, ELSEWHERE)
    finally:
        site.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=pair.vpc_id)
        site.ec2.delete_internet_gateway(InternetGatewayId=gateway)
    eventually("the outside is gone", lambda: _own_outsides(site), lambda left: not left)


def test_of_two_vpcs_with_the_same_addresses_one_is_connected(site: Site) -> None:
    vpcs = [site.vpc("10.44.0.0/16") for _ in range(2)]
    gateways = []
    for vpc_id in vpcs:
        made = site.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        site.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc_id)
        gateways.append(made)
    try:
        faults = eventually("the second is a fault", site.faults, lambda f: gateways[1] in f)
        assert vpcs[0] in faults[gateways[1]]
        assert gateways[0] not in faults
    finally:
        for gateway, vpc_id in zip(gateways, vpcs, strict=True):
            site.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
            site.ec2.delete_internet_gateway(InternetGatewayId=gateway)


def _own_outsides(site: Site) -> list[str]:
    return [name for name in left_behind(site.server.data_dir) if name.startswith("rs-outside")]
