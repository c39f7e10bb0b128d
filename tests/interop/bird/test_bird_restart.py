"""Graceful restart with BIRD: its restart with the server as helper, and the server's own."""

from __future__ import annotations

from pathlib import Path

from tests.interop.bird.conftest import OPEN_PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.site import Place, Site
from tests.interop.watch import nothing_lost
from tests.running import eventually

IPV4 = ("198.51.100.0/24", "203.0.113.0/24")
IPV6 = ("2001:db8:100::/48",)
GONE_LATER = "192.0.2.0/24"


def neighbour(site: Site, place: Place, *options: str) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        options=("graceful restart on", *options),
    )


def said_at(place: Place, *more: str) -> Announcement:
    return Announcement((*IPV4, *more), IPV6, next_hop6=place.ipv6, med=50)


def test_nothing_is_lost_while_it_restarts_and_what_it_forgot_goes_after_end_of_rib(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    bird = Bird.make(tmp_path, neighbour(open_site, place), said_at(place, GONE_LATER))
    with bird:
        open_site.wait_installed(place.address, (*IPV4, *IPV6, GONE_LATER))
        with nothing_lost(open_site, (*IPV4, *IPV6)):
            bird.daemon.kill()
            open_site.wait_down(place.peer_id, 5)
            held = open_site.session(place.peer_id)
            assert (held["routes"], held["held"]) == (4, 4)
            assert GONE_LATER in open_site.table()
            bird.kill_and_recover(said_at(place))
            open_site.wait_up(place.peer_id)
            agreed = open_site.session(place.peer_id)["negotiated"]["graceful_restart"]
            assert agreed["forwarding"] == ["IPV4", "IPV6"]
            open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert open_site.session(place.peer_id)["held"] == 0


def test_routes_go_when_the_restart_time_is_over(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = neighbour(open_site, place, "graceful restart time 2")
    with Bird.make(tmp_path, here, said_at(place)) as bird:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        bird.daemon.kill()
        open_site.wait_down(place.peer_id, 5)
        assert set(open_site.table()) == {*IPV4, *IPV6}
        open_site.wait_installed(place.address, ())
        assert open_site.session(place.peer_id)["routes"] == 0


def test_a_long_lived_stale_route_loses_against_a_worse_one_and_goes_at_last(
    open_site: Site, tmp_path: Path
) -> None:
    better = open_site.place(65010, long_lived_stale_time_s=3)
    worse = open_site.place(65011)
    folders = [tmp_path / "better", tmp_path / "worse"]
    for folder in folders:
        folder.mkdir()
    options = (
        "graceful restart time 1",
        "long lived graceful restart on",
        "long lived stale time 3",
    )
    first = Bird.make(folders[0], neighbour(open_site, better, *options), Announcement(IPV4))
    longer = Announcement(IPV4[:1], prepend=[65012])
    with first, Bird.make(folders[1], neighbour(open_site, worse), longer):
        both = dict.fromkeys(IPV4, better.peer_id)
        eventually("the better one", open_site.fib, lambda fib: fib == both)
        eventually(
            "both paths", lambda: len(open_site.explained(IPV4[0])["paths"]), lambda n: n == 2
        )
        first.daemon.kill()
        open_site.wait_down(better.peer_id, 5)
        assert open_site.fib() == both
        eventually(
            "demoted, and still there where it is alone",
            open_site.fib,
            lambda fib: fib == {IPV4[0]: worse.peer_id, IPV4[1]: better.peer_id},
        )
        eventually("gone", open_site.fib, lambda fib: fib == {IPV4[0]: worse.peer_id})


def test_an_orderly_end_is_no_restart(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Bird.make(tmp_path, neighbour(open_site, place), said_at(place)) as bird:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        bird.daemon.stop()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())


def test_the_server_is_killed_and_learns_everything_anew(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Bird.make(tmp_path, neighbour(open_site, place), said_at(place)) as bird:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        open_site.restart_server()
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        assert bird.daemon.log_text(1_000_000).count("BGP session established") == 2
        assert open_site.session(place.peer_id)["negotiated"]["graceful_restart"] is not None


def test_the_server_ends_in_order_and_says_why(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Bird.make(tmp_path, neighbour(open_site, place), said_at(place)) as bird:
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
        with open_site.stopped_server():
            bird.daemon.wait_for_log("the route server process ends")  # RFC 9003
        open_site.wait_installed(place.address, (*IPV4, *IPV6))
