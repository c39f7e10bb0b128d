"""GoBGP on loopback: sessions, attributes, withdrawal, refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.gobgp.conftest import PORT
from tests.interop.gobgp.daemon import GoBgp, Neighbour, Route
from tests.interop.site import Site
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48", "2001:db8:200::/48")


def gobgp(folder: Path, site: Site, address: str, asn: int) -> GoBgp:
    return GoBgp.make(folder, Neighbour(address, asn, site.endpoint_address, PORT))


def routes_to(next_hop6: str) -> list[Route]:
    ipv4 = [Route(prefix, med=50) for prefix in IPV4]
    return [*ipv4, *(Route(prefix, next_hop6, med=50) for prefix in IPV6)]


@dataclass(frozen=True, slots=True)
class Appliance:
    """A GoBGP whose session is up, and what belongs to its address."""

    daemon: GoBgp
    address: str
    ipv6: str
    peer_id: str


@pytest.fixture(scope="module")
def up(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One session for the tests that do not end it."""
    address, ipv6 = "127.63.1.10", str(site.ipv6_network[0x10])
    peer_id = site.add_appliance(address, 65010, ipv6=ipv6)
    with gobgp(tmp_path_factory.mktemp("gobgp"), site, address, 65010) as daemon:
        site.wait_up(peer_id)
        yield Appliance(daemon, address, ipv6, peer_id)


@pytest.fixture
def appliance(site: Site, up: Appliance) -> Iterator[Appliance]:
    """It announces nothing before and after a test."""
    yield up
    up.daemon.withdraw_all()
    site.wait_installed(up.address, ())


def test_both_families_arrive_over_one_ipv4_session_and_are_installed(
    site: Site, appliance: Appliance
) -> None:
    appliance.daemon.announce(*routes_to(appliance.ipv6))
    site.wait_installed(appliance.address, (*IPV4, *IPV6))
    routes = site.routes_of(appliance.peer_id)
    assert set(routes) == {*IPV4, *IPV6}
    for prefix, route in routes.items():
        assert route["RouteStatus"] == "in-fib"
        assert route["Med"] == 50
        assert route["AsPaths"] == ["65010"]
        assert route["RouteServerEndpointId"] == site.endpoint_id
        assert route["RouteInstallationDetails"] == [
            {"RouteTableId": site.table_id, "RouteInstallationStatus": "installed"}
        ]
        assert route["NextHopIp"] == (appliance.ipv6 if ":" in prefix else appliance.address)


def test_the_ipv4_mapped_next_hop_it_chooses_itself_is_the_interfaces_ipv4_address(
    site: Site, appliance: Appliance
) -> None:
    appliance.daemon.announce(*(Route(prefix) for prefix in IPV6))
    site.wait_installed(appliance.address, IPV6)
    routes = site.routes_of(appliance.peer_id)
    assert {route["NextHopIp"] for route in routes.values()} == {f"::ffff:{appliance.address}"}


def test_a_withdrawn_prefix_leaves_and_the_others_stay(site: Site, appliance: Appliance) -> None:
    gone4, stays4, gone6, stays6 = routes_to("")
    appliance.daemon.announce(gone4, stays4, gone6, stays6)
    site.wait_installed(appliance.address, (*IPV4, *IPV6))
    appliance.daemon.withdraw(gone4, gone6)
    site.wait_installed(appliance.address, (stays4.prefix, stays6.prefix))
    assert set(site.routes_of(appliance.peer_id)) == {stays4.prefix, stays6.prefix}
    assert site.peer(appliance.peer_id)["BgpStatus"]["Status"] == "up"


def test_a_prefix_announced_anew_has_its_new_attributes(site: Site, appliance: Appliance) -> None:
    appliance.daemon.announce(Route(IPV4[0], med=10))
    site.wait_installed(appliance.address, IPV4[:1])
    appliance.daemon.announce(Route(IPV4[0], med=20, as_path=[65099]))
    eventually(
        "the new route",
        lambda: site.routes_of(appliance.peer_id)[IPV4[0]],
        lambda route: (route["Med"], route["AsPaths"]) == (20, ["65010", "65099"]),
    )


def test_a_daemon_stopped_in_order_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.63.1.14"
    peer_id = site.add_appliance(address, 65014)
    with gobgp(tmp_path, site, address, 65014) as daemon:
        daemon.announce(*routes_to(""))
        site.wait_installed(address, (*IPV4, *IPV6))
        daemon.daemon.stop()
        site.wait_down(peer_id, seconds=5)
        site.wait_installed(address, ())
        assert site.routes_of(peer_id) == {}


def test_a_four_octet_as_number_is_the_peers_own(site: Site, tmp_path: Path) -> None:
    address, asn = "127.63.1.16", 4200000001
    peer_id = site.add_appliance(address, asn)
    with gobgp(tmp_path, site, address, asn) as daemon:
        daemon.announce(Route(IPV4[0], med=2147483647, as_path=[4200000009, 65016]))
        site.wait_installed(address, IPV4[:1])
        route = site.routes_of(peer_id)[IPV4[0]]
        assert route["AsPaths"] == ["4200000001", "4200000009", "65016"]
        assert route["Med"] == 2147483647


def test_a_daemon_that_is_no_configured_peer_is_refused(site: Site, tmp_path: Path) -> None:
    with gobgp(tmp_path, site, "127.63.1.99", 65099) as daemon:
        daemon.announce(*routes_to(""))
        refused(site, daemon, "no peer with this address is configured")
    assert site.table() == {}


def test_a_daemon_with_another_as_number_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.63.1.17"
    peer_id = site.add_appliance(address, 65017)
    with gobgp(tmp_path, site, address, 65018) as daemon:
        daemon.announce(*routes_to(""))
        refused(site, daemon, "the peer says AS 65018, configured is AS 65017")
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "down"
    assert site.routes_of(peer_id) == {}


def refused(site: Site, daemon: GoBgp, reason: str) -> None:
    """GoBGP tells that a NOTIFICATION came, the server's log which one it sent."""
    eventually("a NOTIFICATION", daemon.notifications_received, bool, seconds=30)
    assert "Peer Up" not in daemon.daemon.log_text(1_000_000)
    assert reason in (site.server.data_dir / "stderr.jsonl").read_text()
