"""BIRD's capabilities in profile ``open``: each negotiated, and what it is for seen on the wire."""

from __future__ import annotations

from pathlib import Path

from tests.interop.bird.conftest import OPEN_PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.site import Place, Site
from tests.interop.wire import ROUTE_REFRESH, UPDATE, recorded

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
ADD_PATH = 69
"""The code of a capability that an endpoint does not have (RFC 7911)."""


def neighbour(site: Site, place: Place, *options: str, options4: tuple[str, ...] = ()) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        options=options,
        options4=options4,
    )


def test_all_that_both_know_is_agreed_on(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, long_lived_stale_time_s=600)
    here = neighbour(
        open_site,
        place,
        "enable extended messages yes",
        "graceful restart on",
        "long lived graceful restart on",
        options4=("add paths tx", "extended next hop yes"),
    )
    said = Announcement(IPV4, IPV6, next_hop6=place.ipv6)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Bird.make(tmp_path, here, said):
        agreed = open_site.wait_negotiated(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert agreed["families"] == ["IPV4", "IPV6"]
        assert agreed["four_octet_asn"]
        assert agreed["max_message_octets"] == 65_535
        assert agreed["extended_next_hop"] == ["IPV4"]
        assert agreed["route_refresh"]
        assert agreed["enhanced_refresh"]
        assert agreed["graceful_restart"]["families"] == ["IPV4", "IPV6"]
        assert set(agreed["long_lived_graceful_restart"]) == {"IPV4", "IPV6"}
        # BIRD would send several paths; nobody asks for them, and prefixes come without an id.
        assert any(f"code={ADD_PATH}" in offer for offer in agreed["peer_offers"])
        wire.wait_replayed()


def test_attributes_that_need_an_extended_message_arrive(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    values = [f"{place.asn}:1:{number}" for number in range(500)]
    changes = [f"bgp_large_community.add(({value.replace(':', ',')}));" for value in values]
    here = neighbour(open_site, place, "enable extended messages yes")
    said = Announcement(IPV4[:1], changes=changes)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Bird.make(tmp_path, here, said):
        open_site.wait_installed(place.address, IPV4[:1])
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert sorted(path["large_communities"]) == sorted(values)
        wire.wait_longer(UPDATE, 500 * 12)


def test_without_extended_messages_only_the_route_that_needs_one_is_missing(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, extended_messages=False)
    values = [f"bgp_large_community.add((1,1,{number}));" for number in range(500)]
    here = neighbour(open_site, place, "enable extended messages yes")
    said = Announcement(IPV4, changes=[f"if net = {IPV4[0]} then {{ {' '.join(values)} }}"])
    with Bird.make(tmp_path, here, said):
        agreed = open_site.wait_negotiated(place.peer_id)
        assert agreed["max_message_octets"] == 4096
        open_site.wait_installed(place.address, IPV4[1:])


def test_ipv4_routes_have_an_ipv6_next_hop(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    # `next hop address` sets both families' next hop; here it is one of IPv6.
    options = ("extended next hop yes", f"next hop address {place.ipv6}")
    said = Announcement(IPV4, IPV6, next_hop6=place.ipv6)
    here = neighbour(open_site, place, options4=options)
    with Bird.make(tmp_path, here, said):
        agreed = open_site.wait_negotiated(place.peer_id)
        assert agreed["extended_next_hop"] == ["IPV4"]
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        routes = open_site.routes_of(place.peer_id)
        assert {routes[prefix]["NextHopIp"] for prefix in (*IPV4, *IPV6)} == {place.ipv6}


def test_new_import_rules_ask_for_nothing_and_a_refresh_has_marks(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    said = Announcement(IPV4, IPV6, next_hop6=place.ipv6)
    here = neighbour(open_site, place)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Bird.make(tmp_path, here, said):
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        rule = {"name": "not here", "prefixes": [IPV4[0]], "action": "reject", "reason": "No."}
        open_site.set(place.peer_id, import_rules=[rule])
        open_site.wait_installed(place.address, (IPV4[1], *IPV6))
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert (path["state"], path["reason"]) == (
            "rejected",
            "Rejected by the import rule 'not here': No.",
        )

        open_site.set(place.peer_id, import_rules=[])
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert wire.sent(ROUTE_REFRESH) == []

        open_site.refresh(place.peer_id)
        wire.wait_sent(ROUTE_REFRESH, 2)
        wire.wait_refreshed(2)
        assert set(open_site.table()) == {*IPV4, *IPV6}
        assert open_site.session(place.peer_id)["times_down"] == 0


def test_without_enhanced_refresh_the_plain_one_is_answered(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, enhanced_refresh=False)
    said = Announcement(IPV4)
    here = neighbour(open_site, place)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Bird.make(tmp_path, here, said):
        open_site.wait_installed(place.address, IPV4)
        agreed = open_site.session(place.peer_id)["negotiated"]
        assert not agreed["enhanced_refresh"]
        open_site.refresh(place.peer_id)
        wire.wait_sent(ROUTE_REFRESH, 1 + ("IPV6" in agreed["families"]))
        assert wire.refreshes() == []
        assert open_site.session(place.peer_id)["times_down"] == 0
