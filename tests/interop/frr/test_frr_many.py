"""A hundred thousand routes of FRR's: learnt, and gone with their session."""

from __future__ import annotations

from pathlib import Path

from tests.interop.frr.conftest import OPEN_PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.many import prefixes, wait_all_installed
from tests.interop.site import Site


def test_a_hundred_thousand_routes_come_and_go(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = Neighbour(place.address, place.asn, open_site.endpoint_address, OPEN_PORT)
    with Frr(tmp_path, here, Announcement(list(prefixes()))) as frr:
        wait_all_installed(open_site, place.peer_id)
        frr.bgpd.kill()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())
