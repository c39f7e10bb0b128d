"""In profile ``open`` BGP waits for BFD: BIRD calls before BFD is up and is told to wait."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.daemons import require
from tests.interop.namespaces import wired
from tests.running import eventually

ADDRESS = "10.63.1.10"
ASN = 65010
PREFIX = "198.51.100.0/24"
GRACEFUL = ("graceful restart on",)


def test_no_session_before_bfd_is_up_and_none_is_kept_when_forwarding_fails(
    tmp_path: Path,
) -> None:
    require("bird", "bird2")
    with wired(tmp_path, "10.63", ADDRESS, "--profile=open") as (link, site):
        peer_id = site.add_appliance(ADDRESS, ASN, bfd=True)
        site.set(peer_id, bfd_interval_ms=100)
        without = Neighbour(
            ADDRESS, ASN, site.endpoint_address, 179, is_direct=True, options=GRACEFUL
        )
        bird = Bird.make(tmp_path, without, Announcement([PREFIX]))
        with link.appliance.entered():
            bird.daemon.start()
        try:
            bird.daemon.wait_for_log("Received: Unknown error 6.10")  # RFC 9384: BFD Down
            assert site.session(peer_id)["since"] is None

            bird.neighbour = Neighbour(
                ADDRESS, ASN, site.endpoint_address, 179, is_direct=True, bfd=True, options=GRACEFUL
            )
            bird.say(Announcement([PREFIX]))
            site.wait_up(peer_id, bfd=True)
            eventually("installed", site.table, lambda table: set(table) == {PREFIX})
            assert site.session(peer_id)["negotiated"]["graceful_restart"] is not None

            # BIRD's BFD shares no fate with its BGP: what it says is that nothing is forwarded.
            bird.daemon.send(signal.SIGSTOP)
            eventually("failed over", site.table, lambda table: not table, 5)
            bird.daemon.send(signal.SIGCONT)
            site.wait_up(peer_id, bfd=True)
            eventually("back", site.table, lambda table: set(table) == {PREFIX})
        finally:
            bird.daemon.stop()
