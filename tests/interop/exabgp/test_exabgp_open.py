"""ExaBGP in profile ``open``: capabilities, refresh, limits, rules and restarts.

ExaBGP 4.2 offers route refresh, but an exception ends its session when it is asked for one; and it
cannot decode a shutdown communication (RFC 9003). Its last words have no text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from routeserver.cli.operator_client import OperatorError
from tests.interop.exabgp.conftest import OPEN_PORT
from tests.interop.exabgp.daemon import ExaBgp, Neighbour, Route
from tests.interop.many import wait_all_installed
from tests.interop.site import Place, Site
from tests.interop.watch import nothing_lost
from tests.interop.wire import OPEN, ROUTE_REFRESH, UPDATE, recorded
from tests.running import eventually

IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
ADD_PATH = 69
"""The code of a capability that an endpoint does not have (RFC 7911)."""

ALL_CAPABILITIES = (
    "add-path send/receive",
    "extended-message enable",
    "graceful-restart 60",
    "nexthop enable",
    "route-refresh enable",
)
A_HUNDRED_THOUSAND = (
    "10.0.0.0/10",
    "10.64.0.0/11",
    "10.96.0.0/16",
    "10.97.0.0/17",
    "10.97.128.0/19",
    "10.97.160.0/21",
)
"""In pieces of /26."""


def neighbour(site: Site, place: Place, *capabilities: str) -> Neighbour:
    return Neighbour(
        place.address, place.asn, site.endpoint_address, OPEN_PORT, capabilities=capabilities
    )


def routes(place: Place) -> list[Route]:
    ipv4 = [Route(prefix, place.address) for prefix in IPV4]
    return [*ipv4, *(Route(prefix, place.ipv6) for prefix in IPV6)]


def test_all_that_both_know_is_agreed_on(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, *ALL_CAPABILITIES)
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        ExaBgp.make(tmp_path, here, *routes(place)),
    ):
        agreed = open_site.wait_negotiated(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert agreed["families"] == ["IPV4", "IPV6"]
        assert agreed["four_octet_asn"]
        assert agreed["max_message_octets"] == 65_535
        assert agreed["extended_next_hop"] == ["IPV4"]
        assert agreed["route_refresh"]
        assert agreed["enhanced_refresh"]
        assert agreed["graceful_restart"]["families"] == ["IPV4", "IPV6"]
        # It would send several paths; nobody asks for them, and prefixes come without an id.
        assert any(f"code={ADD_PATH}" in offer for offer in agreed["peer_offers"])
        wire.wait_replayed()


def test_a_long_attribute_comes_in_an_extended_message_and_ipv4_with_an_ipv6_next_hop(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    values = [f"{place.asn}:1:{number}" for number in range(500)]
    said = Route(IPV4[0], place.ipv6, large_communities=values)
    here = neighbour(open_site, place, "extended-message enable", "nexthop enable")
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        ExaBgp.make(tmp_path, here, said),
    ):
        open_site.wait_installed(place.address, IPV4[:1])
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert path["next_hop"] == place.ipv6
        assert sorted(path["large_communities"]) == sorted(values)
        wire.wait_longer(UPDATE, 500 * 12)


def test_new_import_rules_need_no_refresh(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, "route-refresh disable")
    with ExaBgp.make(tmp_path, here, *routes(place)) as daemon:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert not open_site.session(place.peer_id)["negotiated"]["route_refresh"]
        rule = {"name": "not here", "prefixes": [IPV4[0]], "action": "reject", "reason": "No."}
        open_site.set(place.peer_id, import_rules=[rule])
        open_site.wait_installed(place.address, (*IPV4[1:], *IPV6))
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert path["state"] == "rejected"
        assert open_site.session(place.peer_id)["times_down"] == 0

        with pytest.raises(OperatorError, match="does not offer route refresh; a reset brings"):
            open_site.refresh(place.peer_id)
        open_site.operator.ask("peer-reset", peer=place.peer_id)
        daemon.daemon.wait_for_log("notification received (6,4)")
        open_site.wait_installed(place.address, (*IPV4[1:], *IPV6))


def test_a_refresh_breaks_its_session_and_it_comes_back(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, "route-refresh enable")
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        ExaBgp.make(tmp_path, here, *routes(place)) as daemon,
    ):
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        open_site.refresh(place.peer_id)
        daemon.daemon.wait_for_log("<< message of type ROUTE_REFRESH")
        wire.wait_sent(ROUTE_REFRESH, 2)
        eventually("a new session", lambda: wire.sent(OPEN), lambda found: len(found) > 1)
        open_site.wait_up(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))


def test_limits_and_rules(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, max_prefixes=2)
    said = [Route(prefix, place.address, communities=["65010:66"]) for prefix in IPV4]
    here = neighbour(open_site, place, "route-refresh disable")
    with ExaBgp.make(tmp_path, here, *said) as daemon:
        eventually(
            "one too many",
            lambda: open_site.session(place.peer_id),
            lambda peer: (peer["discarded"], peer["routes"]) == (1, 2),
        )
        rules = [
            {"name": "examples", "prefixes": [IPV4[0]], "action": "reject", "reason": "Kept."},
            {"name": "marked", "communities": ["65010:66"], "set_preference": 200},
        ]
        open_site.set(place.peer_id, max_prefixes_action="warn", import_rules=rules)
        open_site.wait_installed(place.address, IPV4[1:])
        (path,) = open_site.explained(IPV4[1])["paths"]
        assert (path["preference"], path["communities"]) == (200, ["65010:66"])

        daemon.announce(Route(IPV4[2], place.address, communities=["65535:0"]))  # RFC 8326
        eventually(
            "no preference",
            lambda: open_site.explained(IPV4[2])["paths"][0]["preference"],
            lambda preference: preference == 0,
        )
        open_site.set(place.peer_id, max_prefixes_action="restart", max_prefixes=1)
        open_site.wait_error(place.peer_id, "more prefixes than it may")
        daemon.daemon.wait_for_log("notification received (6,1)")
        open_site.set(place.peer_id, max_prefixes=3)
        open_site.wait_up(place.peer_id)


def test_nothing_is_lost_while_either_side_restarts(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    gone_later, *kept = routes(place)
    here = neighbour(open_site, place, "graceful-restart 60")
    with ExaBgp.make(tmp_path, here, gone_later, *kept) as daemon:
        stay = [route.prefix for route in kept]
        open_site.wait_installed(place.address, (gone_later.prefix, *stay))
        with nothing_lost(open_site, stay):
            daemon.daemon.kill()
            open_site.wait_down(place.peer_id, 5)
            assert open_site.session(place.peer_id)["held"] == 4
            assert gone_later.prefix in open_site.table()
            daemon.kill_and_start(*kept)
            open_site.wait_up(place.peer_id)
            open_site.wait_installed(place.address, stay)
        open_site.restart_server()
        open_site.wait_installed(place.address, stay)


def test_a_hundred_thousand_routes_come_and_go(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    said = [Route(prefix, place.address, split=26) for prefix in A_HUNDRED_THOUSAND]
    here = neighbour(open_site, place, "extended-message enable")
    with ExaBgp.make(tmp_path, here, *said) as daemon:
        wait_all_installed(open_site, place.peer_id)
        daemon.daemon.kill()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())
