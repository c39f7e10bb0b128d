"""The fabric `netns` in this process, with a real helper: which orders are given, and that none is
given where nothing is missing."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from routeserver.domain.topology import Topology
from routeserver.fabric.netns import NetnsFabric
from routeserver.fabric.plan import Terms
from routeserver.netd.orders import Guard, MakeBridge, MakeOutside, Plug
from tests.fabric.site import addresses_of, is_gone
from tests.fabric.support import (
    Listened,
    gateway,
    nothing,
    port,
    subnet,
    topology,
    until,
    vpc,
    vpc_id,
    with_check,
)
from tests.namespaces import Namespace, namespace
from tests.netd.conftest import Helper

OUTSIDE = f"rs-outside-{vpc_id()[-12:]}"


@pytest.fixture
def netd(helper: Helper) -> Listened:
    return Listened(helper.netd)


@pytest.fixture
def firewall() -> Iterator[Namespace]:
    with namespace("fw") as made:
        yield made


def ip_netns(*words: str) -> None:
    subprocess.run(["ip", "netns", *words], check=True)


@asynccontextmanager
async def fabric_of(netd: Listened, terms: Terms | None = None) -> AsyncIterator[NetnsFabric]:
    made = NetnsFabric(netd, terms or Terms(outside=f"/run/netns/{OUTSIDE}"), own_outside=OUTSIDE)
    try:
        yield made
    finally:
        made.close()


async def test_nothing_is_ordered_a_second_time(netd: Listened, firewall: Namespace) -> None:
    wanted = topology(
        vpc(
            port(10, namespace=firewall),
            port(11),
            subnets=(subnet(1, "10.0.1.4"), subnet(2)),
            outside=gateway(),
        )
    )
    async with fabric_of(netd) as fabric:
        assert await fabric.converge(wanted) == {}
        first = netd.take()
        assert first.count("MakeBridge") == 2
        assert first.count("Plug") == first.count("Guard") == 1
        assert await fabric.converge(wanted) == {}
        assert netd.take() == []
    inside = Namespace(vpc_id())
    assert addresses_of(inside, wanted.vpcs[vpc_id()].subnets[0].bridge) >= {
        "10.0.1.1",
        "10.0.1.4",
    }
    assert addresses_of(firewall, "eth0") >= {"10.0.1.10"}


async def test_a_server_that_comes_again_changes_nothing(
    netd: Listened, firewall: Namespace
) -> None:
    wanted = topology(vpc(port(10, namespace=firewall), outside=gateway()))
    async with fabric_of(netd) as fabric:
        assert await fabric.converge(wanted) == {}
    before = Namespace(vpc_id()).ip("link", "show")
    netd.take()
    async with fabric_of(netd) as fabric:
        assert await fabric.converge(wanted) == {}
        # What the kernel does not show is ordered again, and changes nothing.
        assert set(netd.take()) <= {
            "ListNamespaces",
            "MakeNamespace",
            "OpenNetlink",
            "Plug",
            "Guard",
            "MakeOutside",
        }
        assert await fabric.converge(wanted) == {}
        assert netd.take() == []
    after = Namespace(vpc_id()).ip("link", "show")
    assert [link["ifindex"] for link in before] == [link["ifindex"] for link in after]


async def test_only_what_differs_is_touched(netd: Listened, firewall: Namespace) -> None:
    network = vpc(port(10, namespace=firewall), port(11, namespace=firewall, device="eth1"))
    async with fabric_of(netd) as fabric:
        await fabric.converge(topology(network))
        netd.take()
        await fabric.converge(topology(with_check(network, check=False)))
        assert netd.take() == ["Guard", "Guard"]
        one, two = network.ports
        fewer = replace(network, ports=(one, replace(two, netns=None)))
        await fabric.converge(topology(with_check(fewer, check=False)))
        assert netd.take() == ["RemoveLink", "Write"]
        assert [link["ifname"] for link in firewall.ip("link", "show")] == ["lo", "eth0"]
        more = replace(network, ports=(port(10, namespace=firewall, more=("10.0.1.77",)),))
        await fabric.converge(topology(with_check(more, check=False)))
        assert netd.take() == ["Plug", "Guard", "Write"]
        await fabric.converge(topology(replace(more, subnets=(subnet(1, "10.0.1.4"),))))
        assert "MakeBridge" in netd.take()


async def test_what_somebody_has_changed_is_told_and_put_right(
    netd: Listened, firewall: Namespace
) -> None:
    network = vpc(port(10, namespace=firewall), subnets=(subnet(1, "10.0.1.4"),))
    inside, bridge, plugged = Namespace(vpc_id()), network.subnets[0].bridge, network.ports[0].name
    told: list[str] = []

    async def repaired(*command: str) -> list[str]:
        told.clear()
        netd.take()
        inside.ip(*command)
        await until(lambda: bool(told))
        assert await fabric.converge(topology(network)) == {}
        return netd.take()

    async with fabric_of(netd) as fabric:
        fabric.on_change = lambda: told.append("changed")
        await fabric.converge(topology(network))
        # With the last address the kernel forgets the neighbours, too.
        orders = await repaired("address", "flush", "dev", bridge, "scope", "global")
        assert orders == ["MakeBridge", "Write"]
        assert addresses_of(inside, bridge) >= {"10.0.1.1", "10.0.1.4"}
        assert "Plug" in await repaired("link", "set", plugged, "down")
        assert "Plug" in await repaired("link", "set", plugged, "nomaster")
        orders = await repaired("link", "delete", plugged)
        assert {"Plug", "Guard", "Write"} <= set(orders)
        assert addresses_of(firewall, "eth0") >= {"10.0.1.10"}
        orders = await repaired("link", "delete", bridge)
        assert {"MakeBridge", "Plug", "Write"} <= set(orders)


async def test_an_interface_that_was_taken_down_in_its_namespace_stays_down(
    netd: Listened, firewall: Namespace
) -> None:
    wanted = topology(vpc(port(10, namespace=firewall)))
    async with fabric_of(netd) as fabric:
        await fabric.converge(wanted)
        netd.take()
        firewall.ip("link", "set", "eth0", "down")
        await fabric.converge(wanted)
        assert netd.take() == []


async def test_a_neighbour_that_was_removed_is_found_by_looking(
    netd: Listened, firewall: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = vpc(port(10, namespace=firewall))
    inside, bridge = Namespace(vpc_id()), network.subnets[0].bridge
    async with fabric_of(netd) as fabric:
        await fabric.converge(topology(network))
        await fabric.converge(topology(network))
        netd.take()
        inside.ip("neighbour", "delete", "10.0.1.10", "dev", bridge)
        monkeypatch.setattr("routeserver.fabric.netns.LOOK_INTERVAL_S", 0.0)
        await fabric.converge(topology(network))
        assert netd.take() == ["Write"]
        [entry] = [n for n in inside.ip("neighbour", "show") if n["dst"] == "10.0.1.10"]
        assert "PERMANENT" in entry["state"]


async def test_a_namespace_that_was_deleted_is_another_network(
    netd: Listened, firewall: Namespace
) -> None:
    wanted = topology(vpc())
    async with fabric_of(netd) as fabric:
        await fabric.converge(wanted)
        assert fabric.network_of(vpc_id()) == vpc_id()
        ip_netns("delete", vpc_id())
        assert await fabric.converge(wanted) == {}
        network = fabric.network_of(vpc_id())
        assert network != vpc_id()
        (await fabric.listen(network, "10.0.1.1", 179)).close()


async def test_what_fails_is_a_fault_of_its_own_and_the_rest_stands(
    netd: Listened, firewall: Namespace
) -> None:
    nowhere = replace(port(11), netns="/run/netns/rs-nowhere", device="eth0")
    network = vpc(port(10, namespace=firewall), nowhere, subnets=(subnet(1), subnet(2)))

    def refuse(order: object) -> str | None:
        is_meant = isinstance(order, MakeBridge) and order.alias == network.subnets[1].subnet_id
        return "no more bridges; reboot" if is_meant else None

    netd.refuse = refuse
    async with fabric_of(netd) as fabric:
        faults = await fabric.converge(topology(network))
        assert faults.keys() == {nowhere.interface_id, network.subnets[1].subnet_id}
        assert "there is no network namespace" in faults[nowhere.interface_id]
        assert faults[network.subnets[1].subnet_id] == "no more bridges; reboot"
        assert addresses_of(firewall, "eth0") >= {"10.0.1.10"}
        netd.refuse = nothing
        faults = await fabric.converge(topology(network))
        assert faults.keys() == {nowhere.interface_id}


async def test_a_foreign_namespace_of_the_name_is_refused_and_left_alone(netd: Listened) -> None:
    ip_netns("add", vpc_id())
    try:
        async with fabric_of(netd) as fabric:
            faults = await fabric.converge(topology(vpc()))
            assert "was not made by this server" in faults[vpc_id()]
            assert "remove it" in faults[vpc_id()]
            assert await fabric.converge(Topology()) == {}
        assert not is_gone(vpc_id())
    finally:
        ip_netns("delete", vpc_id())


async def test_vpcs_that_are_not_wanted_go_with_everything_plugged(
    netd: Listened, firewall: Namespace
) -> None:
    async with fabric_of(netd) as fabric:
        await fabric.converge(topology(vpc(port(10, namespace=firewall)), vpc(number=2)))
        await fabric.converge(topology(vpc(number=2)))
        assert is_gone(vpc_id(1))
        assert not is_gone(vpc_id(2))
        assert [link["ifname"] for link in firewall.ip("link", "show")] == ["lo"]
    async with fabric_of(netd) as fabric:
        await fabric.converge(Topology())
        assert is_gone(vpc_id(2))


async def test_an_address_moves_from_one_interface_to_another_in_one_step(
    netd: Listened, firewall: Namespace
) -> None:
    first = port(10, namespace=firewall, more=("10.0.1.77",))
    second = port(11, namespace=firewall, device="eth1")
    async with fabric_of(netd) as fabric:
        await fabric.converge(topology(vpc(first, second)))
        moved = (port(10, namespace=firewall), port(11, more=("10.0.1.77",)))
        moved = (moved[0], replace(moved[1], netns=second.netns, device="eth1"))
        assert await fabric.converge(topology(vpc(*moved))) == {}
        assert "10.0.1.77" not in addresses_of(firewall, "eth0")
        assert "10.0.1.77" in addresses_of(firewall, "eth1")
        [entry] = [
            one for one in Namespace(vpc_id()).ip("neighbour", "show") if one["dst"] == "10.0.1.77"
        ]
        assert entry["lladdr"] == second.mac


async def test_a_device_goes_from_one_vpc_to_another_in_one_step(
    netd: Listened, firewall: Namespace
) -> None:
    plugged, other = port(10, namespace=firewall), port(11)
    async with fabric_of(netd) as fabric:
        await fabric.converge(topology(vpc(other), vpc(plugged, number=2)))
        moved = replace(other, netns=plugged.netns, device=plugged.device)
        unplugged = replace(plugged, netns=None)
        assert await fabric.converge(topology(vpc(moved), vpc(unplugged, number=2))) == {}
        assert addresses_of(firewall, "eth0") >= {"10.0.1.11"}


async def test_without_checks_no_guard_is_set(netd: Listened, firewall: Namespace) -> None:
    async with fabric_of(netd, Terms(checks=False)) as fabric:
        await fabric.converge(topology(vpc(port(10, namespace=firewall))))
        assert "Guard" not in netd.take()


async def test_orders_say_what_the_terms_are(netd: Listened, firewall: Namespace) -> None:
    terms = Terms(mtu=1500, outside_mtu=1400, outside=f"/run/netns/{OUTSIDE}")
    async with fabric_of(netd, terms) as fabric:
        await fabric.converge(topology(vpc(port(10, namespace=firewall), outside=gateway())))
    orders = {type(order): order for order in netd.orders}
    plug, guard, outside = orders[Plug], orders[Guard], orders[MakeOutside]
    assert isinstance(plug, Plug)
    assert (plug.mtu, plug.routers, plug.addresses) == (1500, ("10.0.1.1",), ("10.0.1.10/24",))
    assert isinstance(guard, Guard)
    assert guard.check
    assert isinstance(outside, MakeOutside)
    assert (outside.mtu, outside.destinations) == (1400, ("10.0.0.0/16",))
    assert (outside.addresses, outside.outside_addresses) == (
        ("169.254.0.1/30",),
        ("169.254.0.2/30",),
    )
