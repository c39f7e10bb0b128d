"""BIRD 2 on loopback: sessions, attributes, withdrawal, refusal."""

from __future__ import annotations

from pathlib import Path

from tests.interop.bird.conftest import PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.site import Site
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48", "2001:db8:200::/48")


def said_at(address: str) -> Announcement:
    return Announcement(IPV4, IPV6, next_hop6=f"::ffff:{address}", med=50)


def neighbour(site: Site, address: str, asn: int, *, four_octet: bool = True) -> Neighbour:
    return Neighbour(address, asn, site.endpoint_address, PORT, four_octet=four_octet)


def wait_table(site: Site, *prefixes: str) -> dict[str, str]:
    """Exactly these destinations; the network interface that each is sent to."""
    table = eventually("table", site.table, lambda table: set(table) == set(prefixes))
    assert all(entry["State"] == "active" for entry in table.values())
    return {prefix: entry["NetworkInterfaceId"] for prefix, entry in table.items()}


def test_both_families_arrive_over_one_ipv4_session_and_are_installed(
    site: Site, tmp_path: Path
) -> None:
    address = "127.61.1.10"
    peer_id = site.add_appliance(address, 65010)
    with Bird.make(tmp_path, neighbour(site, address, 65010), said_at(address)):
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
        assert routes[IPV6[0], peer_id]["NextHopIp"] == f"::ffff:{address}"


def test_an_ipv6_next_hop_is_found_by_the_interfaces_ipv6_address(
    site: Site, tmp_path: Path
) -> None:
    address, ipv6 = "127.61.1.19", str(site.ipv6_network[0x19])
    peer_id = site.add_appliance(address, 65010, ipv6=ipv6)
    said = Announcement(ipv6=IPV6, next_hop6=ipv6)
    with Bird.make(tmp_path, neighbour(site, address, 65010), said):
        site.wait_up(peer_id)
        assert wait_table(site, *IPV6) == dict.fromkeys(IPV6, site.interfaces[address])
        assert site.routes()[IPV6[0], peer_id]["NextHopIp"] == ipv6


def test_a_withdrawn_prefix_leaves_and_the_others_stay(site: Site, tmp_path: Path) -> None:
    address = "127.61.1.11"
    peer_id = site.add_appliance(address, 65011)
    with Bird.make(tmp_path, neighbour(site, address, 65011), said_at(address)) as bird:
        wait_table(site, *IPV4, *IPV6)
        bird.say(Announcement(IPV4[1:], IPV6[1:], f"::ffff:{address}", med=50))
        wait_table(site, IPV4[1], IPV6[1])
        assert set(site.routes()) == {(IPV4[1], peer_id), (IPV6[1], peer_id)}
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "up"


def test_a_daemon_stopped_in_order_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.61.1.12"
    peer_id = site.add_appliance(address, 65012)
    with Bird.make(tmp_path, neighbour(site, address, 65012), said_at(address)) as bird:
        wait_table(site, *IPV4, *IPV6)
        bird.daemon.stop()
        site.wait_down(peer_id, seconds=5)
        wait_table(site)
        assert site.routes() == {}


def test_a_killed_daemon_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.61.1.13"
    peer_id = site.add_appliance(address, 65013)
    with Bird.make(tmp_path, neighbour(site, address, 65013), said_at(address)) as bird:
        wait_table(site, *IPV4, *IPV6)
        bird.daemon.kill()
        site.wait_down(peer_id, seconds=5)
        wait_table(site)


def test_a_four_octet_as_number_is_the_peers_own(site: Site, tmp_path: Path) -> None:
    address, asn = "127.61.1.14", 4200000001
    peer_id = site.add_appliance(address, asn)
    said = Announcement(IPV4, med=2147483647, prepend=[4200000009])
    with Bird.make(tmp_path, neighbour(site, address, asn), said):
        wait_table(site, *IPV4)
        route = site.routes()[IPV4[0], peer_id]
        assert route["AsPaths"] == ["4200000001", "4200000009"]
        assert route["Med"] == 2147483647


def test_a_two_octet_speaker_still_brings_four_octet_numbers_in_its_path(
    site: Site, tmp_path: Path
) -> None:
    address = "127.61.1.15"
    peer_id = site.add_appliance(address, 65015)
    said = Announcement(IPV4, prepend=[65016, 4200000001])
    old = neighbour(site, address, 65015, four_octet=False)
    with Bird.make(tmp_path, old, said):
        wait_table(site, *IPV4)
        route = site.routes()[IPV4[0], peer_id]
        assert route["AsPaths"] == ["65015", "4200000001", "65016"]


def test_the_lower_med_of_two_birds_wins_and_its_loss_brings_the_other(
    site: Site, tmp_path: Path
) -> None:
    preferred, spare = "127.61.1.16", "127.61.1.17"
    folders = []
    for name in ("preferred", "spare"):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
    peers = {address: site.add_appliance(address, 65016) for address in (preferred, spare)}
    first = Bird.make(folders[0], neighbour(site, preferred, 65016), Announcement(IPV4[:1], med=10))
    second = Bird.make(folders[1], neighbour(site, spare, 65016), Announcement(IPV4[:1], med=20))
    with second, first:
        eventually("both", site.routes, lambda routes: len(routes) == 2)
        statuses = {peer: route["RouteStatus"] for (_, peer), route in site.routes().items()}
        assert statuses == {peers[preferred]: "in-fib", peers[spare]: "in-rib"}
        assert wait_table(site, IPV4[0]) == {IPV4[0]: site.interfaces[preferred]}
        first.daemon.stop()
        eventually(
            "the spare",
            lambda: wait_table(site, IPV4[0])[IPV4[0]],
            lambda target: target == site.interfaces[spare],
        )


def test_a_daemon_that_is_no_configured_peer_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.61.1.99"
    with Bird.make(tmp_path, neighbour(site, address, 65099), said_at(address)) as bird:
        bird.daemon.wait_for_log("Received: Connection rejected")
        assert "BGP session established" not in bird.daemon.log_text()
    assert site.routes() == {}


def test_a_daemon_with_another_as_number_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.61.1.18"
    peer_id = site.add_appliance(address, 65018)
    with Bird.make(tmp_path, neighbour(site, address, 65019), said_at(address)) as bird:
        bird.daemon.wait_for_log("Received: Bad peer AS")
        assert "BGP session established" not in bird.daemon.log_text()
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "down"
    assert site.routes() == {}
