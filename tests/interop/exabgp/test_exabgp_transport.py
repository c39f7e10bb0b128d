"""TCP MD5 (RFC 2385) and TTL security (RFC 5082) with ExaBGP, set per peer in profile
``open``."""

from __future__ import annotations

from pathlib import Path

from tests.interop.drops import MD5, TTL, dropped, wait_dropped
from tests.interop.exabgp.conftest import OPEN_PORT
from tests.interop.exabgp.daemon import ExaBgp, Neighbour, Route
from tests.interop.site import Place, Site

IPV4 = "198.51.100.0/24"


def neighbour(site: Site, place: Place, *options: str) -> Neighbour:
    return Neighbour(place.address, place.asn, site.endpoint_address, OPEN_PORT, options=options)


def test_only_the_right_key_brings_the_session_up_and_it_may_change(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, md5_password="sesame")
    here = neighbour(open_site, place, "md5-password simsim")
    before = dropped(MD5)
    with ExaBgp.make(tmp_path, here, Route(IPV4, place.address)) as daemon:
        wait_dropped(MD5, before)
        assert open_site.session(place.peer_id)["since"] is None
        open_site.set(place.peer_id, md5_password="simsim")
        open_site.wait_installed(place.address, (IPV4,))

        before = dropped(MD5)
        open_site.set(place.peer_id, md5_password="sesame")
        daemon.announce(Route("203.0.113.0/24", place.address))
        wait_dropped(MD5, before)
        assert set(open_site.routes_of(place.peer_id)) == {IPV4}
        # And back again in time: TCP has sent anew what was dropped, the session has lived.
        open_site.set(place.peer_id, md5_password="simsim")
        open_site.wait_installed(place.address, (IPV4, "203.0.113.0/24"))
        assert open_site.session(place.peer_id)["times_down"] == 0


def test_ttl_security_lets_a_direct_neighbour_in(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    here = neighbour(open_site, place, "outgoing-ttl 255")
    with ExaBgp.make(tmp_path, here, Route(IPV4, place.address)):
        open_site.wait_installed(place.address, (IPV4,))


def test_a_ttl_that_is_too_low_is_dropped(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    before = dropped(TTL)
    with ExaBgp.make(tmp_path, neighbour(open_site, place), Route(IPV4, place.address)):
        wait_dropped(TTL, before)
        assert open_site.session(place.peer_id)["since"] is None
