"""Graceful restart with GoBGP: its restart with the server as helper, long-lived too, and the
server's own."""

from __future__ import annotations

import time
from pathlib import Path

from tests.interop.gobgp.conftest import OPEN_PORT
from tests.interop.gobgp.daemon import GoBgp, Neighbour, Route
from tests.interop.site import Place, Site
from tests.interop.watch import nothing_lost

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
LONG_LIVED_S = 2
GONE_LATER = "192.0.2.0/24"


def neighbour(site: Site, place: Place, restart_time_s: int = 120) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        restart_time_s=restart_time_s,
        long_lived_s=LONG_LIVED_S,
    )


def routes(place: Place) -> list[Route]:
    return [*(Route(prefix) for prefix in IPV4), *(Route(prefix, place.ipv6) for prefix in IPV6)]


def test_nothing_is_lost_while_either_side_restarts(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with GoBgp.make(tmp_path, neighbour(open_site, place)) as daemon:
        daemon.announce(*routes(place), Route(GONE_LATER))
        open_site.wait_installed(place.address, (*IPV4, *IPV6, GONE_LATER))
        with nothing_lost(open_site, (*IPV4, *IPV6)):
            daemon.daemon.kill()
            open_site.wait_down(place.peer_id, 5)
            assert open_site.session(place.peer_id)["held"] == 4
            daemon.kill_and_recover()
            daemon.announce(*routes(place))
            assert GONE_LATER in open_site.table()
            open_site.wait_up(place.peer_id)
            open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert open_site.session(place.peer_id)["held"] == 0

        open_site.restart_server()
        open_site.wait_up(place.peer_id)
        open_site.wait_installed(place.address, (*IPV4, *IPV6))


def test_stale_routes_live_long_where_that_is_agreed_and_then_go(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, long_lived_stale_time_s=600)
    with GoBgp.make(tmp_path, neighbour(open_site, place, 1)) as daemon:
        daemon.announce(*routes(place))
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        daemon.daemon.kill()
        killed_at = time.monotonic()
        open_site.wait_down(place.peer_id, 5)
        assert set(open_site.table()) == {*IPV4, *IPV6}
        open_site.wait_installed(place.address, ())
        # The Restart Time alone is one second.
        assert time.monotonic() - killed_at > LONG_LIVED_S
