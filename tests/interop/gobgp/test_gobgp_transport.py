"""TCP MD5 (RFC 2385) and TTL security (RFC 5082) with GoBGP, set per peer in profile ``open``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.interop.drops import MD5, TTL, dropped, wait_dropped
from tests.interop.gobgp.conftest import OPEN_PORT
from tests.interop.gobgp.daemon import GoBgp, Neighbour, Route
from tests.interop.site import Place, Site

IPV4 = "198.51.100.0/24"


def neighbour(site: Site, place: Place) -> Neighbour:
    return Neighbour(place.address, place.asn, site.endpoint_address, OPEN_PORT)


def test_only_the_right_key_and_a_high_ttl_bring_the_session_up_and_the_key_may_change(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, md5_password="sesame", ttl_security_hops=1)
    here = replace(neighbour(open_site, place), password="simsim", ttl_security=True)
    before = dropped(MD5)
    with GoBgp.make(tmp_path, here) as daemon:
        daemon.announce(Route(IPV4))
        wait_dropped(MD5, before)
        assert open_site.session(place.peer_id)["since"] is None
        open_site.set(place.peer_id, md5_password="simsim")
        open_site.wait_installed(place.address, (IPV4,))

        # Changed on one side of a live session: nothing of the other arrives any more.
        before = dropped(MD5)
        open_site.set(place.peer_id, md5_password="sesame")
        daemon.announce(Route("203.0.113.0/24"))
        wait_dropped(MD5, before)
        assert set(open_site.routes_of(place.peer_id)) == {IPV4}
        # And back again in time: TCP has sent anew what was dropped, the session has lived.
        open_site.set(place.peer_id, md5_password="simsim")
        open_site.wait_installed(place.address, (IPV4, "203.0.113.0/24"))
        assert open_site.session(place.peer_id)["times_down"] == 0


def test_a_ttl_that_is_too_low_is_dropped(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    before = dropped(TTL)
    with GoBgp.make(tmp_path, neighbour(open_site, place)) as daemon:
        daemon.announce(Route(IPV4))
        wait_dropped(TTL, before)
        assert open_site.session(place.peer_id)["since"] is None
