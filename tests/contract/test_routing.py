"""Real routes, from the sessions to the table: who wins, who is rejected, and why."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.interop.site import Site
from tests.running import COMMAND, Server, error_of, eventually

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def site(server: Server) -> Site:
    return Site.build(server, "127.40")


@pytest.fixture
def appliance(site: Site) -> Iterator[Start]:
    """Start our own appliance at an address; every one is ended by its pid behind the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(address: str, asn: int, *options: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                COMMAND,
                "appliance",
                f"--local={address}",
                f"--peer={site.endpoint_address}:{site.server.bgp_port}",
                f"--asn={asn}",
                "--peer-asn=65000",
                *options,
            ],
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def statuses(site: Site, prefix: str) -> dict[str, str]:
    """What the database says of a prefix, by peer."""
    return {
        peer_id: route["RouteStatus"]
        for (found, peer_id), route in site.routes().items()
        if found == prefix
    }


def rejection(site: Site, prefix: str, peer_id: str) -> str | None:
    """Why the route of a peer is not in the table, once it is in the database."""
    route = site.routes().get((prefix, peer_id))
    if route is None:
        return None
    for place in route["RouteInstallationDetails"]:
        if place["RouteInstallationStatus"] == "rejected":
            return str(place["RouteInstallationStatusReason"])
    return None


def test_the_lower_med_wins_and_its_loss_moves_the_route(site: Site, appliance: Start) -> None:
    first, second = "127.40.1.10", "127.40.1.11"
    a, b = site.add_appliance(first, 65001), site.add_appliance(second, 65002)
    appliance(second, 65002, "--med=100", "--announce=10.1.0.0/16")
    eventually("B alone", lambda: statuses(site, "10.1.0.0/16"), lambda s: s == {b: "in-fib"})
    active = appliance(first, 65001, "--med=0", "--announce=10.1.0.0/16")
    eventually(
        "A wins, although B is older",
        lambda: statuses(site, "10.1.0.0/16"),
        lambda s: s == {a: "in-fib", b: "in-rib"},
    )
    entry = eventually(
        "A is the target",
        lambda: site.table().get("10.1.0.0/16", {}),
        lambda e: e.get("NetworkInterfaceId") == site.interfaces[first],
    )
    assert (entry["Origin"], entry["State"], entry["IpAddress"]) == (
        "Advertisement",
        "active",
        first,
    )
    active.kill()
    eventually(
        "B is the target",
        lambda: site.table().get("10.1.0.0/16", {}),
        lambda e: e.get("NetworkInterfaceId") == site.interfaces[second],
    )


def test_a_static_route_wins_over_a_propagated_one_and_gives_way_when_it_goes(
    site: Site, appliance: Start
) -> None:
    address, prefix = "127.40.1.20", "10.2.0.0/16"
    peer_id = site.add_appliance(address, 65001)
    static: dict[str, Any] = {
        "RouteTableId": site.table_id,
        "DestinationCidrBlock": prefix,
    }
    site.ec2.create_route(**static, NetworkInterfaceId=site.interfaces[address])
    appliance(address, 65001, f"--announce={prefix}")
    reason = eventually("rejected", lambda: rejection(site, prefix, peer_id), bool)
    assert reason is not None
    assert "static route" in reason
    assert prefix not in site.table()
    site.ec2.delete_route(**static)
    eventually("propagated", site.table, lambda table: prefix in table)


def test_a_next_hop_without_an_interface_is_rejected_until_there_is_one(
    site: Site, appliance: Start
) -> None:
    address, prefix = "127.40.1.30", "10.3.0.0/16"
    peer_id = site.add_appliance(address, 65001)
    site.ec2.delete_network_interface(NetworkInterfaceId=site.interfaces[address])
    appliance(address, 65001, f"--announce={prefix}")
    reason = eventually("rejected", lambda: rejection(site, prefix, peer_id), bool)
    assert reason is not None
    assert address in reason
    made = site.ec2.create_network_interface(SubnetId=site.subnet_id, PrivateIpAddress=address)[
        "NetworkInterface"
    ]
    entry = eventually("installed", lambda: site.table().get(prefix, {}), bool)
    assert entry["NetworkInterfaceId"] == made["NetworkInterfaceId"]


def test_disabling_propagation_empties_the_table_and_keeps_the_database(
    site: Site, appliance: Start
) -> None:
    address, prefix = "127.40.1.40", "2001:db8:4::/48"
    peer_id = site.add_appliance(address, 65001)
    appliance(address, 65001, f"--announce={prefix}")
    eventually("propagated by the IPv4-mapped next hop", site.table, lambda t: prefix in t)
    rs = {"RouteServerId": site.route_server_id}
    link = {**rs, "RouteTableId": site.table_id}
    site.ec2.disable_route_server_propagation(**link)
    eventually("an empty table", site.table, lambda table: not table)
    assert statuses(site, prefix) == {peer_id: "in-fib"}
    eventually(
        "disabled",
        lambda: error_of(site.ec2.get_route_server_propagations, **rs),
        lambda code: code == "InvalidRouteServerId.NotPropagated",
    )
    site.ec2.enable_route_server_propagation(**link)
    eventually("propagated again", site.table, lambda table: prefix in table)


def test_persisted_routes_stay_when_the_last_session_ends_until_they_are_reset(
    server: Server, appliance: Start
) -> None:
    own = Site.build(server, "127.41")
    address, prefix = "127.41.1.10", "10.4.0.0/16"
    rs = {"RouteServerId": own.route_server_id}
    own.ec2.modify_route_server(**rs, PersistRoutes="enable")

    def state() -> str:
        [shown] = own.ec2.describe_route_servers(RouteServerIds=[own.route_server_id])[
            "RouteServers"
        ]
        return str(shown["State"])

    eventually("modified", state, lambda found: found == "available")
    peer_id = own.add_appliance(address, 65001)
    process = appliance(
        address, 65001, f"--announce={prefix}", f"--peer={own.endpoint_address}:{server.bgp_port}"
    )
    eventually("propagated", own.table, lambda table: prefix in table)
    process.kill()
    own.wait_down(peer_id)

    def persisted() -> bool:
        return bool(own.ec2.get_route_server_routing_database(**rs)["AreRoutesPersisted"])

    eventually("held", persisted, bool)
    assert prefix in own.table()
    own.ec2.modify_route_server(**rs, PersistRoutes="reset")
    eventually("dropped", own.table, lambda table: not table)
    assert not persisted()
