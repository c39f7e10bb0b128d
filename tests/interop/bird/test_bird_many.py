"""A hundred thousand routes of BIRD's: learnt, learnt anew by a killed server, and gone."""

from __future__ import annotations

from pathlib import Path

from tests.interop.bird.conftest import OPEN_PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.many import prefixes, wait_all_installed
from tests.interop.site import Site


def test_a_hundred_thousand_routes_come_again_after_a_kill_and_go_with_their_session(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    options = ("graceful restart on", "enable extended messages yes")
    here = Neighbour(
        place.address, place.asn, open_site.endpoint_address, OPEN_PORT, options=options
    )
    with Bird.make(tmp_path, here, Announcement(list(prefixes()))) as bird:
        wait_all_installed(open_site, place.peer_id)
        open_site.restart_server()
        wait_all_installed(open_site, place.peer_id)
        bird.daemon.stop()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())
