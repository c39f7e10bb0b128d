"""TCP MD5 (RFC 2385) and TTL security (RFC 5082) with FRR, set per peer in profile ``open``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.drops import MD5, TTL, dropped, wait_dropped
from tests.interop.frr.conftest import OPEN_PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.site import Place, Site

IPV4 = ("198.51.100.0/24",)
SAID = Announcement(IPV4)


def neighbour(site: Site, place: Place, *options: str, multihop: bool = True) -> Neighbour:
    return Neighbour(
        place.address,
        place.asn,
        site.endpoint_address,
        OPEN_PORT,
        multihop=multihop,
        options=options,
    )


def test_the_right_key_brings_the_session_up(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, md5_password="sesame")
    with Frr(tmp_path, neighbour(open_site, place, "password sesame"), SAID):
        open_site.wait_installed(place.address, IPV4)


@pytest.mark.parametrize("options", [(), ("password simsim",)], ids=["none", "another"])
def test_without_the_right_key_the_session_never_comes_up(
    open_site: Site, tmp_path: Path, options: tuple[str, ...]
) -> None:
    place = open_site.place(65010, md5_password="sesame")
    before = dropped(MD5)
    with Frr(tmp_path, neighbour(open_site, place, *options), SAID) as frr:
        wait_dropped(MD5, before)
        assert open_site.session(place.peer_id)["since"] is None
        assert " Up" not in frr.bgpd.log_text(1_000_000)


def test_a_key_is_changed_under_a_live_session(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, md5_password="sesame")
    here = neighbour(open_site, place, "password sesame", "graceful-restart")
    with Frr(tmp_path, here, SAID) as frr:
        open_site.wait_installed(place.address, IPV4)
        open_site.set(place.peer_id, md5_password="simsim")
        frr.configure_bgp(f"neighbor {open_site.endpoint_address} password simsim")
        open_site.wait_logged("bgp_session_down", place.peer_id)
        open_site.wait_up(place.peer_id)
        open_site.wait_installed(place.address, IPV4)
        # The old key is none any more.
        before = dropped(MD5)
        frr.configure_bgp(f"neighbor {open_site.endpoint_address} password sesame")
        wait_dropped(MD5, before)


def test_ttl_security_lets_a_direct_neighbour_in(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    here = neighbour(open_site, place, "ttl-security hops 2", multihop=False)
    with Frr(tmp_path, here, SAID):
        open_site.wait_installed(place.address, IPV4)


def test_a_ttl_that_is_too_low_is_dropped(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, ttl_security_hops=1)
    before = dropped(TTL)
    with Frr(tmp_path, neighbour(open_site, place, "ebgp-multihop 64"), SAID) as frr:
        wait_dropped(TTL, before)
        frr.bgpd.check()
        assert open_site.session(place.peer_id)["since"] is None
