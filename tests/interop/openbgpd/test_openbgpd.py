"""OpenBGPD on loopback: sessions, attributes, withdrawal, refusal."""

from __future__ import annotations

from pathlib import Path

from tests.interop.openbgpd.conftest import PORT
from tests.interop.openbgpd.daemon import Neighbour, OpenBgpd, Route
from tests.interop.site import Site
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48", "2001:db8:200::/48")


def neighbour(site: Site, address: str, asn: int, *, four_octet: bool = True) -> Neighbour:
    return Neighbour(address, asn, site.endpoint_address, PORT, four_octet)


def routes_to(address: str, next_hop6: str = "") -> list[Route]:
    """Both families; without another next hop IPv6 has the IPv4-mapped one."""
    ipv4 = [Route(prefix, med=50) for prefix in IPV4]
    mapped = f"::ffff:{address}"
    return [*ipv4, *(Route(prefix, next_hop6 or mapped, med=50) for prefix in IPV6)]


def test_both_families_arrive_over_one_ipv4_session_and_are_installed(
    site: Site, tmp_path: Path
) -> None:
    address, ipv6 = "127.64.1.10", str(site.ipv6_network[0x10])
    peer_id = site.add_appliance(address, 65010, ipv6=ipv6)
    said = routes_to(address, ipv6)
    with OpenBgpd.make(tmp_path, neighbour(site, address, 65010), *said):
        site.wait_up(peer_id)
        site.wait_installed(address, (*IPV4, *IPV6))
        routes = site.routes_of(peer_id)
        assert set(routes) == {*IPV4, *IPV6}
        for prefix, route in routes.items():
            assert route["RouteStatus"] == "in-fib"
            assert route["Med"] == 50
            assert route["AsPaths"] == ["65010"]
            assert route["RouteServerEndpointId"] == site.endpoint_id
            assert route["RouteInstallationDetails"] == [
                {"RouteTableId": site.table_id, "RouteInstallationStatus": "installed"}
            ]
            assert route["NextHopIp"] == (ipv6 if ":" in prefix else address)


def test_an_ipv4_mapped_next_hop_is_found_by_the_interfaces_ipv4_address(
    site: Site, tmp_path: Path
) -> None:
    address = "127.64.1.11"
    peer_id = site.add_appliance(address, 65011)
    with OpenBgpd.make(tmp_path, neighbour(site, address, 65011), *routes_to(address)):
        site.wait_installed(address, (*IPV4, *IPV6))
        assert site.routes_of(peer_id)[IPV6[0]]["NextHopIp"] == f"::ffff:{address}"


def test_a_next_hop_of_no_interface_is_rejected_with_its_reason(site: Site, tmp_path: Path) -> None:
    address, stranger = "127.64.1.12", str(site.ipv6_network[0xDEAD])
    peer_id = site.add_appliance(address, 65012)
    said = (*routes_to(address)[:2], Route(IPV6[0], stranger))
    with OpenBgpd.make(tmp_path, neighbour(site, address, 65012), *said):
        site.wait_installed(address, IPV4)
        route = eventually("route", lambda: site.routes_of(peer_id).get(IPV6[0]), bool)
        assert route is not None
        (details,) = eventually(
            "verdict", lambda: site.routes_of(peer_id)[IPV6[0]]["RouteInstallationDetails"], bool
        )
        assert details["RouteInstallationStatus"] == "rejected"
        assert stranger in details["RouteInstallationStatusReason"]
        site.wait_installed(address, IPV4)


def test_a_withdrawn_prefix_leaves_and_the_others_stay(site: Site, tmp_path: Path) -> None:
    address = "127.64.1.13"
    peer_id = site.add_appliance(address, 65013)
    gone4, stays4, gone6, stays6 = routes_to(address)
    said = (gone4, stays4, gone6, stays6)
    with OpenBgpd.make(tmp_path, neighbour(site, address, 65013), *said) as daemon:
        site.wait_installed(address, (*IPV4, *IPV6))
        daemon.say(stays4, stays6)
        site.wait_installed(address, (stays4.prefix, stays6.prefix))
        assert set(site.routes_of(peer_id)) == {stays4.prefix, stays6.prefix}
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "up"


def test_a_daemon_stopped_in_order_takes_its_routes_with_it(site: Site, tmp_path: Path) -> None:
    address = "127.64.1.14"
    peer_id = site.add_appliance(address, 65014)
    here = neighbour(site, address, 65014)
    with OpenBgpd.make(tmp_path, here, *routes_to(address)) as daemon:
        site.wait_installed(address, (*IPV4, *IPV6))
        daemon.daemon.stop()
        site.wait_down(peer_id, seconds=5)
        site.wait_installed(address, ())
        assert site.routes_of(peer_id) == {}


def test_a_four_octet_as_number_is_the_peers_own(site: Site, tmp_path: Path) -> None:
    address, asn = "127.64.1.15", 4200000001
    peer_id = site.add_appliance(address, asn)
    said = Route(IPV4[0], med=2147483647, prepend=2)
    with OpenBgpd.make(tmp_path, neighbour(site, address, asn), said):
        site.wait_installed(address, IPV4[:1])
        route = site.routes_of(peer_id)[IPV4[0]]
        assert route["AsPaths"] == [str(asn)] * 3
        assert route["Med"] == 2147483647


def test_a_two_octet_speaker_is_a_peer_like_any_other(site: Site, tmp_path: Path) -> None:
    address = "127.64.1.16"
    peer_id = site.add_appliance(address, 65016)
    here = neighbour(site, address, 65016, four_octet=False)
    with OpenBgpd.make(tmp_path, here, *routes_to(address)):
        site.wait_installed(address, (*IPV4, *IPV6))
        assert site.routes_of(peer_id)[IPV4[0]]["AsPaths"] == ["65016"]


def test_a_four_octet_as_behind_a_two_octet_session_is_shown_by_its_own_number(
    site: Site, tmp_path: Path
) -> None:
    """The OPEN has its old number, AS_PATH has AS_TRANS, AS4_PATH the real one."""
    address, asn, old_asn = "127.64.1.17", 4200000001, 65017
    peer_id = site.add_appliance(address, old_asn)
    here = Neighbour(address, asn, site.endpoint_address, PORT, four_octet=False, old_asn=old_asn)
    with OpenBgpd.make(tmp_path, here, Route(IPV4[0], prepend=1)):
        site.wait_installed(address, IPV4[:1])
        assert site.routes_of(peer_id)[IPV4[0]]["AsPaths"] == [str(asn)] * 2


def test_a_daemon_that_is_no_configured_peer_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.64.1.99"
    here = neighbour(site, address, 65099)
    with OpenBgpd.make(tmp_path, here, *routes_to(address)) as daemon:
        daemon.daemon.wait_for_log("received notification: Cease, connection rejected")
        assert "-> Established" not in daemon.daemon.log_text(1_000_000)
    assert site.table() == {}


def test_a_daemon_with_another_as_number_is_refused(site: Site, tmp_path: Path) -> None:
    address = "127.64.1.18"
    peer_id = site.add_appliance(address, 65018)
    here = neighbour(site, address, 65019)
    with OpenBgpd.make(tmp_path, here, *routes_to(address)) as daemon:
        daemon.daemon.wait_for_log("received notification: error in OPEN message, AS unacceptable")
        assert "-> Established" not in daemon.daemon.log_text(1_000_000)
        assert site.peer(peer_id)["BgpStatus"]["Status"] == "down"
    assert site.routes_of(peer_id) == {}
