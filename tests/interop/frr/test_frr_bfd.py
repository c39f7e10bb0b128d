"""bfdd's single hop over a veth pair: its failure is seen long before the hold time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.interop.daemons import require
from tests.interop.frr.daemon import FOLDER, PACKAGE, Announcement, Frr, Neighbour
from tests.interop.namespaces import Link, wired
from tests.running import eventually

ADDRESS = "10.62.1.10"
ASN = 65010
PREFIX = "198.51.100.0/24"

BOUND_S = 5.0
"""Detection takes 0.9 s at the server's defaults; the BGP hold time would take 30 s."""


def stopped(_link: Link, frr: Frr) -> None:
    """TCP stays: the kernel goes on acknowledging. bgpd is stopped too, else it calls again."""
    frr.bgpd.send(signal.SIGSTOP)
    frr.bfdd.send(signal.SIGSTOP)


def unplugged(link: Link, _frr: Frr) -> None:
    link.appliance.ip("link", "set", "veth0", "down")


def resumed(_link: Link, frr: Frr) -> None:
    frr.bfdd.send(signal.SIGCONT)
    frr.bgpd.send(signal.SIGCONT)


def plugged(link: Link, _frr: Frr) -> None:
    link.appliance.ip("link", "set", "veth0", "up")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where another user can reach it, which `tmp_path` is not."""
    with TemporaryDirectory(prefix="routeserver-frr-") as made:
        yield Path(made)


Act = Callable[[Link, Frr], None]


@pytest.mark.parametrize(
    ("fail", "mend"), [(stopped, resumed), (unplugged, plugged)], ids=["stopped", "unplugged"]
)
def test_bfd_comes_up_and_its_failure_takes_the_session_and_the_routes(
    tmp_path: Path, folder: Path, fail: Act, mend: Act
) -> None:
    require(str(FOLDER / "bfdd"), PACKAGE)
    with wired(tmp_path, "10.62", ADDRESS) as (link, site):
        peer_id = site.add_appliance(ADDRESS, ASN, bfd=True)
        neighbour = Neighbour(ADDRESS, ASN, site.endpoint_address, 179, bfd=True)
        frr = Frr(folder, neighbour, Announcement([PREFIX], med=50))
        try:
            with link.appliance.entered():
                frr.start()
            site.wait_up(peer_id, bfd=True)
            eventually("bfdd up", frr.bfd_statuses, lambda statuses: statuses == ["up"])
            eventually("installed", site.table, lambda table: set(table) == {PREFIX})

            failed_at = time.monotonic()
            fail(link, frr)
            peer = eventually(
                "BFD and BGP down",
                lambda: site.peer(peer_id),
                lambda peer: (
                    peer["BfdStatus"]["Status"] == "down" and peer["BgpStatus"]["Status"] == "down"
                ),
            )
            eventually("gone", site.table, lambda table: not table)
            assert time.monotonic() - failed_at < BOUND_S
            assert site.routes() == {}
            assert peer["State"] == "available"

            mend(link, frr)
            if fail is stopped:
                frr.bgpd.wait_for_log("6/10 (Cease/BFD Down)")  # RFC 9384
            site.wait_up(peer_id, bfd=True)
            eventually("back", site.table, lambda table: set(table) == {PREFIX})
        finally:
            frr.stop()
