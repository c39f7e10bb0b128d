"""OpenBGPD in profile ``open``: capabilities, refresh, limits, rules, restarts and last words.

OpenBGPD 7.7 has no extended messages and no IPv6 next hops for IPv4. Its graceful restart is
End-of-RIB alone: it names no families, so its own restart is an ordinary loss. A ROUTE-REFRESH it
does not answer: its log says that the family is not negotiated, though both sides have offered it.
"""

from __future__ import annotations

from pathlib import Path

from tests.interop.many import prefixes, wait_all_installed
from tests.interop.mrt import write_table
from tests.interop.openbgpd.conftest import OPEN_PORT
from tests.interop.openbgpd.daemon import Neighbour, OpenBgpd, Route
from tests.interop.site import Place, Site
from tests.interop.wire import recorded
from tests.running import eventually

IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
ADD_PATH = 69
"""The code of a capability that an endpoint does not have (RFC 7911)."""


def neighbour(site: Site, place: Place, *options: str, before: str = "") -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        options=options,
        before=before,
    )


def routes(place: Place) -> list[Route]:
    return [*(Route(prefix) for prefix in IPV4), *(Route(prefix, place.ipv6) for prefix in IPV6)]


def test_all_that_both_know_is_agreed_on_and_import_rules_ask_for_nothing(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    here = neighbour(
        open_site, place, "announce enhanced refresh yes", "announce add-path send all"
    )
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        OpenBgpd.make(tmp_path, here, *routes(place)) as daemon,
    ):
        agreed = open_site.wait_negotiated(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert agreed["families"] == ["IPV4", "IPV6"]
        assert agreed["four_octet_asn"]
        assert agreed["max_message_octets"] == 4096
        assert agreed["route_refresh"]
        assert agreed["enhanced_refresh"]
        assert agreed["graceful_restart"]["families"] == []
        # It would send several paths; nobody asks for them, and prefixes come without an id.
        assert any(f"code={ADD_PATH}" in offer for offer in agreed["peer_offers"])

        rule = {"name": "not here", "prefixes": [IPV4[0]], "action": "reject", "reason": "No."}
        open_site.set(place.peer_id, import_rules=[rule])
        open_site.wait_installed(place.address, (*IPV4[1:], *IPV6))
        assert open_site.session(place.peer_id)["times_down"] == 0
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert path["state"] == "rejected"
        wire.wait_replayed()

        daemon.control("neighbor", open_site.endpoint_address, "down", "rack 7 moves tonight")
        open_site.wait_error(place.peer_id, "rack 7 moves tonight")  # RFC 9003


def test_limits_and_rules(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, max_prefixes=2, refresh_wait_s=2)
    said = [Route(prefix, community="65010:66") for prefix in IPV4]
    with OpenBgpd.make(tmp_path, neighbour(open_site, place), *said) as daemon:
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
        # It negotiates route refresh and does nothing on being asked.
        open_site.wait_error(place.peer_id, "has sent none for 2 s")
        daemon.clear()
        open_site.wait_installed(place.address, IPV4[1:])
        (path,) = open_site.explained(IPV4[1])["paths"]
        assert (path["preference"], path["communities"]) == (200, ["65010:66"])
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert "Kept." in path["reason"]

        daemon.say(*said[:2], Route(IPV4[2], community="65535:0"))  # RFC 8326
        eventually(
            "no preference",
            lambda: open_site.explained(IPV4[2])["paths"][0]["preference"],
            lambda preference: preference == 0,
        )
        open_site.set(place.peer_id, max_prefixes_action="restart", max_prefixes=1)
        open_site.wait_error(place.peer_id, "more prefixes than it may")
        daemon.daemon.wait_for_log("received notification: Cease, received max-prefix exceeded")


def test_the_server_is_killed_and_learns_everything_anew_and_says_why_it_ends(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    with OpenBgpd.make(tmp_path, neighbour(open_site, place), *routes(place)) as daemon:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        open_site.restart_server()
        daemon.clear()
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        with open_site.stopped_server():
            daemon.daemon.wait_for_log("the route server process ends")


def test_its_own_restart_is_an_ordinary_loss(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with OpenBgpd.make(tmp_path, neighbour(open_site, place), *routes(place)) as daemon:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        daemon.daemon.kill()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())


def test_a_hundred_thousand_routes_come_and_go(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    dump = tmp_path / "table.mrt"
    write_table(dump, prefixes(), place.address)
    with OpenBgpd.make(tmp_path, neighbour(open_site, place)) as daemon:
        open_site.wait_up(place.peer_id)
        # From its configuration file the same takes most of a minute.
        daemon.control("network", "mrt", "file", str(dump))
        wait_all_installed(open_site, place.peer_id)
        daemon.daemon.stop()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())
