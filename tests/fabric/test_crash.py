"""A server that dies between any two orders, and one that is killed as a process: the next life
completes the work, and what is not wanted any more leaves nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from routeserver.domain.topology import Topology
from routeserver.fabric.netns import NetnsFabric
from routeserver.fabric.plan import Terms
from routeserver.netd.interface import Doing, Opening
from tests.fabric.site import Site, addresses_of, eventually_passes, is_gone, left_behind
from tests.fabric.support import Listened, gateway, port, subnet, topology, vpc, vpc_id
from tests.namespaces import Namespace, namespace
from tests.netd.conftest import Helper
from tests.running import eventually

OUTSIDE = f"rs-outside-{vpc_id()[-12:]}"
TERMS = Terms(outside=f"/run/netns/{OUTSIDE}")


class Died(BaseException):
    """As SIGKILL is: nobody catches it."""


@pytest.fixture
def firewall() -> Iterator[Namespace]:
    with namespace("fw") as made:
        yield made


def dying_after(netd: Any, orders: int) -> Listened:
    """Nothing is carried out behind that many orders."""
    made = Listened(netd)

    def refuse(order: Doing | Opening) -> None:
        del order
        if len(made.orders) >= orders:
            raise Died

    made.refuse = refuse
    return made


def wanted(firewall: Namespace) -> Topology:
    return topology(
        vpc(
            port(10, namespace=firewall),
            port(11, namespace=firewall, device="eth1", check=False),
            subnets=(subnet(1, "10.0.1.4"), subnet(2)),
            outside=gateway(),
        )
    )


def shape_of(name: str) -> object:
    """What can be seen, without what depends on the order of making."""
    there = Namespace(name)
    links = {
        link["ifname"]: (link.get("ifalias"), link["mtu"], "UP" in link["flags"])
        for link in there.ip("link", "show")
        if link["ifname"] != "lo"
    }
    addresses = {
        (link["ifname"], each["local"])
        for link in there.ip("-4", "address", "show")
        for each in link["addr_info"]
    }
    neighbours = {(each["dst"], each["lladdr"]) for each in there.ip("neighbour", "show")}
    return links, addresses, neighbours


async def life(netd: Listened, shape: Topology) -> None:
    """One life of a server, to its end or death."""
    fabric = NetnsFabric(netd, TERMS, own_outside=OUTSIDE)
    try:
        with suppress(Died):
            assert await fabric.converge(shape) == {}
    finally:
        fabric.close()


async def test_dying_between_any_two_orders_leaves_what_the_next_life_completes_or_removes(
    helper: Helper, firewall: Namespace
) -> None:
    whole = Listened(helper.netd)
    await life(whole, wanted(firewall))
    expected, count = shape_of(vpc_id()), len(whole.orders)
    await life(Listened(helper.netd), Topology())
    for orders in range(count):
        await life(dying_after(helper.netd, orders), wanted(firewall))
        if orders % 2:
            await life(Listened(helper.netd), wanted(firewall))
            assert shape_of(vpc_id()) == expected, orders
            # And the same on the way down.
            await life(dying_after(helper.netd, 1 + orders % 3), Topology())
        await life(Listened(helper.netd), Topology())
        assert is_gone(vpc_id()), orders
        assert is_gone(OUTSIDE), orders
        assert [link["ifname"] for link in firewall.ip("link", "show")] == ["lo"], orders


def test_a_killed_server_is_followed_by_one_that_completes_or_removes(tmp_path: Path) -> None:
    with Site.opened(tmp_path) as site, namespace("a") as a, namespace("b") as b:
        vpc_ids = []
        for number in range(3):
            made = site.vpc(f"10.{30 + number}.0.0/16")
            vpc_ids.append(made)
            eni = site.eni(site.subnet(made, f"10.{30 + number}.1.0/24"), f"10.{30 + number}.1.10")
            if number == 0:
                site.attach(eni, a)
                first = eni
            else:
                site.ask("attach", eni=eni, netns=b.name, device=f"eth{number}")
            # In the middle of whatever it is doing.
            site.server.stop(signal.SIGKILL)
            site.start()
        eventually("b has one", lambda: addresses_of(b, "eth1"), lambda have: "10.31.1.10" in have)
        eventually(
            "and another", lambda: addresses_of(b, "eth2"), lambda have: "10.32.1.10" in have
        )
        assert addresses_of(a, "eth0") >= {"10.30.1.10"}
        second = site.eni(
            site.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_ids[0]]}])[
                "Subnets"
            ][0]["SubnetId"],
            "10.30.1.11",
        )
        with namespace("c") as c:
            site.attach(second, c)
            eventually_passes(a, c, "10.30.1.11")
            site.ec2.delete_network_interface(NetworkInterfaceId=first)
            site.server.stop(signal.SIGKILL)
            site.start()
            eventually(
                "it is unplugged", lambda: a.ip("link", "show"), lambda found: len(found) == 1
            )
        _delete(site)
        site.server.stop(signal.SIGKILL)
        site.start()
        eventually("nothing is left", lambda: left_behind(site.server.data_dir), lambda n: not n)
        for where in (a, b):
            assert [link["ifname"] for link in where.ip("link", "show")] == ["lo"]


def _delete(site: Site) -> None:
    ec2 = site.ec2
    for eni in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    for each in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=each["SubnetId"])
    for each in ec2.describe_vpcs()["Vpcs"]:
        ec2.delete_vpc(VpcId=each["VpcId"])
