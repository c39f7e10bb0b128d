"""Graceful restart with FRR: its restart with the server as helper, and the server's own."""

from __future__ import annotations

from pathlib import Path

from tests.interop.frr.conftest import OPEN_PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.site import Place, Site
from tests.interop.watch import nothing_lost

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
GONE_LATER = "192.0.2.0/24"


def neighbour(site: Site, place: Place, *instance: str) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        options=("graceful-restart",),
        instance=("bgp graceful-restart preserve-fw-state", *instance),
    )


def said_at(place: Place, *more: str) -> Announcement:
    return Announcement((*IPV4, *more), IPV6, next_hop6=place.ipv6, med=50)


def test_nothing_is_lost_while_it_restarts_and_what_it_forgot_goes_after_end_of_rib(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    with Frr(tmp_path, neighbour(open_site, place), said_at(place, GONE_LATER)) as frr:
        open_site.wait_installed(place.address, (*IPV4, *IPV6, GONE_LATER))
        with nothing_lost(open_site, (*IPV4, *IPV6)):
            frr.bgpd.kill()
            open_site.wait_down(place.peer_id, 5)
            held = open_site.session(place.peer_id)
            assert (held["routes"], held["held"]) == (4, 4)
            assert GONE_LATER in open_site.table()
            frr.kill_and_start(said_at(place))
            open_site.wait_up(place.peer_id)
            agreed = open_site.session(place.peer_id)["negotiated"]["graceful_restart"]
            assert agreed["forwarding"] == ["IPV4", "IPV6"]
            open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert open_site.session(place.peer_id)["held"] == 0


def test_routes_go_when_the_restart_time_is_over(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, "bgp graceful-restart restart-time 2")
    with Frr(tmp_path, here, said_at(place)) as frr:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        frr.bgpd.kill()
        open_site.wait_down(place.peer_id, 5)
        assert set(open_site.table()) == {*IPV4, *IPV6}
        open_site.wait_installed(place.address, ())
        assert open_site.session(place.peer_id)["routes"] == 0


def test_the_server_is_killed_and_learns_everything_anew(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Frr(tmp_path, neighbour(open_site, place), said_at(place)) as frr:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        open_site.restart_server()
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert open_site.session(place.peer_id)["negotiated"]["graceful_restart"] is not None
        # It is not asked to keep anything: as a helper it would wait for a call.
        assert "NSF peer closed the session" not in frr.bgpd.log_text(1_000_000)


def test_the_server_ends_in_order_and_says_why(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Frr(tmp_path, neighbour(open_site, place), said_at(place)) as frr:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        with open_site.stopped_server():
            # RFC 9003, inside a Hard Reset (RFC 8538): both sides have flag N.
            frr.bgpd.wait_for_log("the route server process ends")
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
