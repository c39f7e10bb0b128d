"""FRR's capabilities in profile ``open``: each negotiated, and what it is for seen on the wire.

FRR 8.4 offers an IPv6 next hop for IPv4 routes (RFC 8950) to link-local neighbours alone, so that
pair cannot be had over a session of IPv4.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.interop.frr.conftest import OPEN_PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.many import prefixes
from tests.interop.site import Place, Site
from tests.interop.wire import OPEN, ROUTE_REFRESH, UPDATE, recorded
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
ADD_PATH = 69
"""The code of a capability that an endpoint does not have (RFC 7911)."""

EXTENDED_LENGTH = b"\xff\xff"
"""Behind the BGP Identifier: the optional parameters are of the long form (RFC 9072)."""


def neighbour(site: Site, place: Place, *options: str, instance: tuple[str, ...] = ()) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        options=options,
        instance=instance,
    )


def test_all_that_both_know_is_agreed_on(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, "graceful-restart")
    said = Announcement(IPV4, IPV6, next_hop6=place.ipv6)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Frr(tmp_path, here, said):
        agreed = open_site.wait_negotiated(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert agreed["families"] == ["IPV4", "IPV6"]
        assert agreed["four_octet_asn"]
        assert agreed["max_message_octets"] == 65_535
        assert agreed["route_refresh"]
        assert agreed["enhanced_refresh"]
        assert agreed["graceful_restart"]["families"] == ["IPV4", "IPV6"]
        # FRR would take several paths; nobody offers them.
        assert any(f"code={ADD_PATH}" in offer for offer in agreed["peer_offers"])
        wire.wait_replayed()


def test_more_capabilities_than_the_short_form_has_room_for(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    kinds = ("multicast", "vpn", "flowspec")
    families = [f"{version} {kind}" for version in ("ipv4", "ipv6") for kind in kinds]
    here = replace(
        neighbour(open_site, place, "graceful-restart"),
        families=(*families, "l2vpn evpn"),
        hostname="a" * 63,
    )
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        Frr(tmp_path, here, Announcement(IPV4)),
    ):
        open_site.wait_installed(place.address, IPV4)
        message = wire.wait_received(OPEN)
        assert message.body[9:11] == EXTENDED_LENGTH
        assert len(message.octets) > 255 + 29
        wire.wait_replayed()


def test_many_prefixes_come_in_one_extended_message(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    said = Announcement(list(prefixes(2000)))
    here = neighbour(open_site, place)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Frr(tmp_path, here, said):
        eventually(
            "all", lambda: open_site.session(place.peer_id)["routes"], lambda routes: routes == 2000
        )
        wire.wait_longer(UPDATE, 4096)


def test_new_import_rules_ask_for_nothing_and_a_refresh_has_marks(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    said = Announcement(IPV4, IPV6, next_hop6=place.ipv6)
    here = neighbour(open_site, place)
    with recorded(open_site, place.peer_id, tmp_path) as wire, Frr(tmp_path, here, said):
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        rule = {"name": "not here", "prefixes": [IPV4[0]], "action": "reject", "reason": "No."}
        open_site.set(place.peer_id, import_rules=[rule])
        open_site.wait_installed(place.address, (IPV4[1], *IPV6))
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert path["state"] == "rejected"
        assert path["reason"].endswith("No.")
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
    here = neighbour(open_site, place)
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        Frr(tmp_path, here, Announcement(IPV4)),
    ):
        open_site.wait_installed(place.address, IPV4)
        agreed = open_site.session(place.peer_id)["negotiated"]
        assert not agreed["enhanced_refresh"]
        open_site.refresh(place.peer_id)
        wire.wait_sent(ROUTE_REFRESH, 1 + ("IPV6" in agreed["families"]))
        assert wire.refreshes() == []
        assert open_site.session(place.peer_id)["times_down"] == 0
