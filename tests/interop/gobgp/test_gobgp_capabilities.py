"""GoBGP's capabilities in profile ``open``: what it has is negotiated and used.

GoBGP 3.10 has no extended messages and no enhanced refresh, and offers IPv6 next hops for IPv4 to
neighbours of IPv6 alone.
"""

from __future__ import annotations

from pathlib import Path

from tests.interop.gobgp.conftest import OPEN_PORT
from tests.interop.gobgp.daemon import GoBgp, Neighbour, Route
from tests.interop.site import Site
from tests.interop.wire import ROUTE_REFRESH, recorded
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
ADD_PATH = 69
"""The code of a capability that an endpoint does not have (RFC 7911)."""


def test_all_that_both_know_is_agreed_on_and_a_refresh_is_answered(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, long_lived_stale_time_s=600)
    here = Neighbour(
        place.address,
        place.asn,
        open_site.endpoint_address,
        OPEN_PORT,
        restart_time_s=120,
        add_paths=True,
    )
    with (
        recorded(open_site, place.peer_id, tmp_path) as wire,
        GoBgp.make(tmp_path, here) as daemon,
    ):
        daemon.announce(*(Route(prefix) for prefix in IPV4), Route(IPV6[0], place.ipv6))
        agreed = open_site.wait_negotiated(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert agreed["families"] == ["IPV4", "IPV6"]
        assert agreed["four_octet_asn"]
        assert agreed["max_message_octets"] == 4096
        assert agreed["route_refresh"]
        assert not agreed["enhanced_refresh"]
        assert agreed["graceful_restart"]["families"] == ["IPV4", "IPV6"]
        assert agreed["graceful_restart"]["notification"]
        assert agreed["long_lived_graceful_restart"] == {"IPV4": 3600, "IPV6": 3600}
        # It would send several paths; nobody asks for them, and prefixes come without an id.
        assert any(f"code={ADD_PATH}" in offer for offer in agreed["peer_offers"])

        rule = {"name": "not here", "prefixes": [IPV4[0]], "action": "reject", "reason": "No."}
        open_site.set(place.peer_id, import_rules=[rule])
        open_site.wait_installed(place.address, (IPV4[1], *IPV6))
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert path["state"] == "rejected"
        open_site.set(place.peer_id, import_rules=[{"name": "cheap", "set_med": 5}])
        eventually(
            "the new MED",
            lambda: {each.get("Med") for each in open_site.routes_of(place.peer_id).values()},
            lambda meds: meds == {5},
        )
        open_site.refresh(place.peer_id)
        wire.wait_sent(ROUTE_REFRESH, 2)
        assert open_site.session(place.peer_id)["times_down"] == 0
        wire.wait_replayed()

        daemon.shut_down("rack 7 moves tonight")
        open_site.wait_error(place.peer_id, "rack 7 moves tonight")  # RFC 9003
