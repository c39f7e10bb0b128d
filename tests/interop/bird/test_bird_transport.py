"""TCP MD5 (RFC 2385) and TTL security (RFC 5082) with BIRD, set per peer in profile ``open``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.bird.conftest import OPEN_PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.drops import MD5, TTL, dropped, wait_dropped
from tests.interop.site import Place, Site
from tests.running import eventually

IPV4 = ("198.51.100.0/24",)
SAID = Announcement(IPV4)


def neighbour(site: Site, place: Place, *options: str) -> Neighbour:
    return Neighbour(place.address, place.asn, site.endpoint_address, OPEN_PORT, options=options)


def test_the_right_key_brings_the_session_up(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, md5_password="sesame")
    with Bird.make(tmp_path, neighbour(open_site, place, 'password "sesame"'), SAID):
        open_site.wait_installed(place.address, IPV4)
        assert open_site.session(place.peer_id)["settings"]["md5_password"]["value"] == "********"


@pytest.mark.parametrize("options", [(), ('password "simsim"',)], ids=["none", "another"])
def test_without_the_right_key_the_session_never_comes_up(
    open_site: Site, tmp_path: Path, options: tuple[str, ...]
) -> None:
    place = open_site.place(65010, md5_password="sesame")
    before = dropped(MD5)
    with Bird.make(tmp_path, neighbour(open_site, place, *options), SAID) as bird:
        wait_dropped(MD5, before)
        assert open_site.session(place.peer_id)["since"] is None
        assert "BGP session established" not in bird.daemon.log_text(1_000_000)


def test_a_key_is_changed_under_a_live_session(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, md5_password="sesame")
    here = neighbour(open_site, place, 'password "sesame"', "graceful restart on")
    bird = Bird.make(tmp_path, here, SAID)
    with bird:
        open_site.wait_installed(place.address, IPV4)
        open_site.set(place.peer_id, md5_password="simsim")
        # BIRD makes a new session of a new key: its goodbye and its call come signed anew.
        bird.neighbour = replace(here, options=('password "simsim"', "graceful restart on"))
        bird.say(SAID)
        eventually(
            "established again",
            lambda: bird.daemon.log_text(1_000_000).count("BGP session established"),
            lambda count: count == 2,
            30,
        )
        open_site.wait_up(place.peer_id)
        open_site.wait_installed(place.address, IPV4)
        # The old key is none any more.
        before = dropped(MD5)
        bird.neighbour = here
        bird.say(SAID)
        wait_dropped(MD5, before)


def test_ttl_security_lets_a_direct_neighbour_in(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    with Bird.make(tmp_path, neighbour(open_site, place, "ttl security on"), SAID):
        open_site.wait_installed(place.address, IPV4)


def test_a_ttl_that_is_too_low_is_dropped(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    before = dropped(TTL)
    with Bird.make(tmp_path, neighbour(open_site, place), SAID) as bird:
        wait_dropped(TTL, before)
        bird.daemon.check()
        assert open_site.session(place.peer_id)["since"] is None
