"""In profile ``open`` BGP waits for BFD: FRR calls before BFD is up and is told to wait."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.interop.daemons import require
from tests.interop.frr.daemon import FOLDER, PACKAGE, Announcement, Frr, Neighbour
from tests.interop.namespaces import wired
from tests.running import eventually

ADDRESS = "10.64.1.10"
ASN = 65010
PREFIX = "198.51.100.0/24"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where another user can reach it, which `tmp_path` is not."""
    with TemporaryDirectory(prefix="routeserver-frr-") as made:
        yield Path(made)


def test_no_session_before_bfd_is_up_and_none_is_kept_when_forwarding_fails(
    tmp_path: Path, folder: Path
) -> None:
    require(str(FOLDER / "bfdd"), PACKAGE)
    with wired(tmp_path, "10.64", ADDRESS, "--profile=open") as (link, site):
        peer_id = site.add_appliance(ADDRESS, ASN, bfd=True)
        site.set(peer_id, bfd_interval_ms=100)
        neighbour = Neighbour(ADDRESS, ASN, site.endpoint_address, 179, bfd=True, bfd_later=True)
        frr = Frr(folder, neighbour, Announcement([PREFIX]))
        try:
            with link.appliance.entered():
                frr.start()
            frr.bgpd.wait_for_log("6/10 (Cease/BFD Down)")
            assert site.session(peer_id)["since"] is None

            frr.configure_bgp(f"neighbor {site.endpoint_address} bfd")
            site.wait_up(peer_id, bfd=True)
            eventually("installed", site.table, lambda table: set(table) == {PREFIX})

            # What bfdd no longer says means that nothing is forwarded, and nothing is kept.
            for daemon in (frr.bgpd, frr.bfdd):
                daemon.send(signal.SIGSTOP)
            eventually("failed over", site.table, lambda table: not table, 5)
            for daemon in (frr.bfdd, frr.bgpd):
                daemon.send(signal.SIGCONT)
            site.wait_up(peer_id, bfd=True)
            eventually("back", site.table, lambda table: set(table) == {PREFIX})
        finally:
            frr.stop()
