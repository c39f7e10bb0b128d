"""The fabric `host`: a namespace plays the machine, with one interface that appliances are behind.
BIRD peers with the address that the server puts there, and its route stands in a kernel table."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.daemons import require
from tests.interop.namespaces import Link, linked
from tests.interop.site import Site
from tests.running import Server, code_of, eventually

OWN, APPLIANCE = "10.70.1.2", "10.70.1.10"
ASN = 65070
PREFIX = "198.51.100.0/24"
TABLE = 17_900


def ip(*words: str) -> Any:
    """What iproute2 says; a table that has never had a route is none to it."""
    done = subprocess.run(
        ["ip", "-N", "-json", *words], check=False, capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else []


def addresses() -> set[str]:
    [link] = ip("address", "show", "dev", "veth0")
    return {f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"]}


def routes() -> dict[str, Any]:
    return {route["dst"]: route for route in ip("route", "show", "table", str(TABLE))}


@contextmanager
def machine(folder: Path) -> Iterator[tuple[Link, Server]]:
    """The calling thread is on it."""
    with linked() as link, link.server.entered():
        link.add_addresses(f"{OWN}/24", f"{APPLIANCE}/24")
        link.server.ip("address", "add", "10.99.0.1/24", "dev", "lo")
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        server = Server(data_dir, 179, 3784, arguments=("--fabric=host",))
        server.environment = {"ROUTESERVER_HOST_INTERFACE": "veth0"}
        try:
            server.start()
            yield link, server
        finally:
            if server.process is not None:
                server.stop()


def peer_states(site: Site) -> set[str]:
    return {peer["State"] for peer in site.ec2.describe_route_server_peers()["RouteServerPeers"]}


def test_an_endpoint_lives_on_the_interface_and_routes_stand_in_the_kernel(
    tmp_path: Path,
) -> None:
    require("bird", "bird2")
    with machine(tmp_path) as (link, server):
        before = addresses()
        site = Site.build(server, "10.70")
        main = site.ec2.describe_route_tables(
            Filters=[{"Name": "association.main", "Values": ["true"]}]
        )["RouteTables"][0]["RouteTableId"]
        rs = {"RouteServerId": site.route_server_id}
        site.ec2.enable_route_server_propagation(**rs, RouteTableId=main)
        assert f"{site.endpoint_address}/32" in addresses()
        peer_id = site.add_appliance(APPLIANCE, ASN, bfd=True)
        neighbour = Neighbour(APPLIANCE, ASN, site.endpoint_address, 179, is_direct=True, bfd=True)
        bird = Bird.make(tmp_path, neighbour, Announcement([PREFIX]))
        with link.appliance.entered():
            bird.daemon.start()
        try:
            site.wait_up(peer_id, bfd=True)
            found = eventually("the route is there", routes, lambda there: PREFIX in there)
            assert (found[PREFIX]["gateway"], found[PREFIX]["dev"]) == (APPLIANCE, "veth0")
            server.stop(signal.SIGKILL)
            assert PREFIX in routes()
            assert f"{site.endpoint_address}/32" in addresses()
            server.start()
            site.ec2 = server.client()
            eventually("the route is learned again", site.fib, lambda fib: PREFIX in fib)
            assert PREFIX in routes()
        finally:
            bird.daemon.kill()
        eventually("the route is gone", routes, lambda there: PREFIX not in there)
        site.remove_appliances()
        eventually(
            "the peers are gone", lambda: peer_states(site), lambda found: found == {"deleted"}
        )
        site.ec2.delete_route_server_endpoint(RouteServerEndpointId=site.endpoint_id)
        eventually("the address is gone", addresses, lambda there: there == before)


def test_a_block_that_hides_the_machines_own_addresses_is_refused(tmp_path: Path) -> None:
    with machine(tmp_path) as (_, server):
        ec2 = server.client()
        assert code_of(ec2.create_vpc, CidrBlock="10.99.0.0/16") == "InvalidVpc.Range"
        vpc_id = ec2.create_vpc(CidrBlock="10.70.0.0/16")["Vpc"]["VpcId"]
        found = code_of(ec2.associate_vpc_cidr_block, VpcId=vpc_id, CidrBlock="10.99.0.0/24")
        assert found == "InvalidVpc.Range"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "name it in host_interface"),
        ({"ROUTESERVER_HOST_INTERFACE": "rs-nowhere"}, "no interface rs-nowhere"),
    ],
)
def test_an_interface_that_is_not_there_is_refused_at_the_start(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    with linked() as link, link.server.entered():
        data_dir = tmp_path / "data"
        data_dir.mkdir(mode=0o700)
        server = Server(data_dir, 179, 3784, arguments=("--fabric=host",))
        server.environment = environment
        with pytest.raises(AssertionError, match=said):
            server.start()
