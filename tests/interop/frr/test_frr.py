"""FRR's bgpd on loopback: sessions, attributes, withdrawal, refusal."""

from __future__ import annotations

from pathlib import Path

from tests.interop.frr.conftest import PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.site import Site
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48", "2001:db8:200::/48")
SAID = Announcement(IPV4, IPV6, med=50)


def neighbour(site: Site, address: str, asn: int, *, negotiates: bool = True) -> Neighbour:
    return Neighbour(address, asn, site.endpoint_address, PORT, negotiates=negotiates)


def wait_table(site: Site, *prefixes: str) -> dict[str, str]:
    """Exactly these destinations; the network interface that each is sent to."""
    table = eventually("table", site.table, lambda table: set(table) == set(prefixes))
    assert all(entry["State"] == "active" for entry in table.values())
    return {prefix: entry["NetworkInterfaceId"] for prefix, entry in table.items()}


def test_both_families_arrive_over_one_ipv4_session_and_are_installed(
    site: Site, tmp_path: Path
) -> None:
    address = "127.62.1.10"
    peer_id = site.add_appliance(address, 65010)
    with Frr(tmp_path, neighbour(site, address, 65010), SAID):
        site.wait_up(peer_id)
        targets = wait_table(site, *IPV4, *IPV6)
        assert set(targets.values()) == {site.interfaces[address]}
        routes = site.routes()
        assert set(routes) == {(prefix, peer_id) for prefix in (*IPV4, *IPV6)}
        for route in routes.values():
            assert route["RouteStatus"] == "in-fib"
            assert route["Med"] == 50
            assert route["AsPaths"] == ["65010"]
            assert route["RouteServerEndpointId"] == site.endpoint_id
            assert route["RouteInstallationDetails"] == [
                {"RouteTableId": site.table_id, "RouteInstallationStatus": "installed"}
            ]
        assert routes[IPV4[0], peer_id]["NextHopIp"] == address
        # Without an IPv6 address on its interface FRR chooses the IPv4-mapped next hop.
        assert routes[IPV6[0], peer_id]["NextHopIp"] == f"::ffff:{address}"


def test_an_ipv6_next_hop_is_found_by_the_interfaces_ipv6_address(
    site: Site, tmp_path: Path
) -> None:
    address, ipv6 = "127.62.1.19", str(site.ipv6_network[0x19])
    peer_id = site.add_appliance(address, 65010, ipv6=ipv6)
    said = Announcement(ipv6=IPV6, next_hop6=ipv6)
    with Frr(tmp_path, neighbour(site, address, 65010), said):
        site.wait_up(peer_id)
        assert wait_table(site, *IPV6) == dict.fromkeys(IPV6, site.interfaces[address])
        assert site.routes()[IPV6[0], peer_id]["NextHopIp"] == ipv6


def test_a_withdrawn_prefix_leaves_and_the_others_stay(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.11"
    peer_id = site.add_appliance(address, 65011)
    with Frr(tmp_path, neighbour(site, address, 65011), SAID) as frr:
        wait_table(site, *IPV4, *IPV6)
        frr.configure_bgp("address-family ipv4 unicast", f"no network {IPV4[0]}")
        wait_table(site, IPV4[1], *IPV6)
        frr.configure_bgp("address-family ipv6 unicast", f"no network {IPV6[0]}")
        wait_table(site, IPV4[1], IPV6[1])
        assert set(site.routes()) == {(IPV4[1], peer_id), (IPV6[1], peer_id)}
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "up"


def test_a_daemon_stopped_in_order_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.12"
    peer_id = site.add_appliance(address, 65012)
    with Frr(tmp_path, neighbour(site, address, 65012), SAID) as frr:
        wait_table(site, *IPV4, *IPV6)
        frr.bgpd.stop()
        site.wait_down(peer_id, seconds=5)
        wait_table(site)
        assert site.routes() == {}


def test_a_killed_daemon_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.13"
    peer_id = site.add_appliance(address, 65013)
    with Frr(tmp_path, neighbour(site, address, 65013), SAID) as frr:
        wait_table(site, *IPV4, *IPV6)
        frr.bgpd.kill()
        site.wait_down(peer_id, seconds=5)
        wait_table(site)


def test_a_four_octet_as_number_is_the_peers_own(site: Site, tmp_path: Path) -> None:
    address, asn = "127.62.1.14", 4200000001
    peer_id = site.add_appliance(address, asn)
    said = Announcement(IPV4, prepend=[4200000009])
    with Frr(tmp_path, neighbour(site, address, asn), said):
        wait_table(site, *IPV4)
        route = site.routes()[IPV4[0], peer_id]
        assert route["AsPaths"] == ["4200000001", "4200000009"]


def test_a_speaker_without_capabilities_brings_four_octet_numbers_in_its_path(
    site: Site, tmp_path: Path
) -> None:
    address = "127.62.1.15"
    peer_id = site.add_appliance(address, 65015)
    said = Announcement(IPV4, prepend=[4200000001, 65016])
    old = neighbour(site, address, 65015, negotiates=False)
    with Frr(tmp_path, old, said):
        wait_table(site, *IPV4)
        route = site.routes()[IPV4[0], peer_id]
        assert route["AsPaths"] == ["65015", "4200000001", "65016"]


def test_a_changed_med_replaces_the_route_in_place(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.16"
    peer_id = site.add_appliance(address, 65016)
    with Frr(tmp_path, neighbour(site, address, 65016), SAID) as frr:
        wait_table(site, *IPV4, *IPV6)
        frr.shell("configure terminal", "route-map appliance permit 10", "set metric 70")
        eventually(
            "MED",
            lambda: {route["Med"] for route in site.routes().values()},
            lambda meds: meds == {70},
        )
        assert set(site.routes()) == {(prefix, peer_id) for prefix in (*IPV4, *IPV6)}


def test_a_daemon_that_is_no_configured_peer_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.99"
    with Frr(tmp_path, neighbour(site, address, 65099), SAID) as frr:
        frr.bgpd.wait_for_log("received from neighbor 127.62.1.4 6/5 (Cease/Connection Rejected)")
        assert " Up" not in frr.bgpd.log_text()
    assert site.routes() == {}


def test_a_daemon_with_another_as_number_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.62.1.18"
    peer_id = site.add_appliance(address, 65018)
    with Frr(tmp_path, neighbour(site, address, 65019), SAID) as frr:
        frr.bgpd.wait_for_log("2/2 (OPEN Message Error/Bad Peer AS)")
        assert " Up" not in frr.bgpd.log_text()
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "down"
    assert site.routes() == {}
