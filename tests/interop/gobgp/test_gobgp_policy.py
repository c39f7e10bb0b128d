"""What an operator sets for a GoBGP: prefix limits, import rules, graceful shutdown; and a hundred
thousand routes."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from tests.interop.gobgp.conftest import OPEN_PORT
from tests.interop.gobgp.daemon import GoBgp, Neighbour, Route
from tests.interop.many import prefixes, wait_all_installed
from tests.interop.mrt import write_table
from tests.interop.site import Site
from tests.running import eventually

IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


def test_limits_and_rules(open_site: Site, tmp_path: Path) -> None:
    """All in one session, because GoBGP takes its time to call."""
    place = open_site.place(65010, max_prefixes=2)
    here = Neighbour(place.address, place.asn, open_site.endpoint_address, OPEN_PORT)
    with GoBgp.make(tmp_path, here) as daemon:
        first, *others = (Route(prefix, community="65010:66") for prefix in IPV4)
        daemon.announce(first, *others)
        eventually(
            "one too many",
            lambda: open_site.session(place.peer_id),
            lambda peer: (peer["discarded"], peer["routes"]) == (1, 2),
            30,
        )
        rules = [
            {"name": "examples", "prefixes": [IPV4[0]], "action": "reject", "reason": "Kept."},
            {"name": "marked", "communities": ["65010:66"], "set_preference": 200},
        ]
        open_site.set(place.peer_id, max_prefixes_action="warn", import_rules=rules)
        open_site.wait_installed(place.address, IPV4[1:])
        (path,) = open_site.explained(IPV4[1])["paths"]
        assert (path["preference"], path["communities"]) == (200, ["65010:66"])
        (path,) = open_site.explained(IPV4[0])["paths"]
        assert "Kept." in path["reason"]

        daemon.announce(Route(IPV4[2], community="65535:0"))  # RFC 8326
        eventually(
            "no preference",
            lambda: open_site.explained(IPV4[2])["paths"][0]["preference"],
            lambda preference: preference == 0,
        )
        open_site.set(place.peer_id, max_prefixes_action="restart", max_prefixes=1)
        open_site.wait_error(place.peer_id, "more prefixes than it may")
        daemon.daemon.wait_for_log("code 6(cease) subcode 1(maximum number of prefixes reached)")


def test_a_hundred_thousand_routes_come_and_go(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    here = Neighbour(place.address, place.asn, open_site.endpoint_address, OPEN_PORT)
    dump = tmp_path / "table.mrt"
    # The command ends before its queue does: what it may lose comes twice.
    write_table(dump, chain(prefixes(), prefixes(5000)), place.address)
    with GoBgp.make(tmp_path, here) as daemon:
        daemon.announce_dump(dump)
        wait_all_installed(open_site, place.peer_id)
        daemon.daemon.kill()
        open_site.wait_down(place.peer_id, 5)
        open_site.wait_installed(place.address, ())
