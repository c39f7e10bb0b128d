"""What an operator sets for an FRR: prefix limits, import rules, graceful shutdown, and what both
sides say to each other at the end."""

from __future__ import annotations

from pathlib import Path

from tests.interop.frr.conftest import OPEN_PORT
from tests.interop.frr.daemon import Announcement, Frr, Neighbour
from tests.interop.site import Place, Site
from tests.running import eventually

IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


def neighbour(site: Site, place: Place, *options: str) -> Neighbour:
    return Neighbour(place.address, place.asn, site.endpoint_address, OPEN_PORT, options=options)


def test_the_excess_is_discarded_and_comes_with_a_higher_limit(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, max_prefixes=2, max_prefixes_action="discard")
    with Frr(tmp_path, neighbour(open_site, place), Announcement(IPV4)):
        peer = eventually(
            "one too many",
            lambda: open_site.session(place.peer_id),
            lambda peer: peer["discarded"] == 1,
        )
        assert (peer["bgp"], peer["routes"]) == ("up", 2)
        open_site.set(place.peer_id, max_prefixes_action="warn")
        open_site.wait_installed(place.address, IPV4)  # by a refresh
        open_site.wait_logged("routes_over_limit", place.peer_id)
        assert open_site.session(place.peer_id)["times_down"] == 0


def test_the_session_is_ended_for_the_excess_and_refused_for_a_while(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(
        65010, max_prefixes=2, max_prefixes_action="restart", max_prefixes_restart_s=3
    )
    with Frr(tmp_path, neighbour(open_site, place), Announcement(IPV4)) as frr:
        frr.bgpd.wait_for_log("6/1 (Cease/Maximum Number of Prefixes Reached)")
        open_site.wait_error(place.peer_id, "more prefixes than it may")
        frr.bgpd.wait_for_log("6/5 (Cease/Connection Rejected)")
        assert open_site.table() == {}
        open_site.set(place.peer_id, max_prefixes=3)  # and is forgiven
        open_site.wait_installed(place.address, IPV4)


def test_its_operators_words_are_shown(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Frr(tmp_path, neighbour(open_site, place), Announcement(IPV4)) as frr:
        open_site.wait_installed(place.address, IPV4)
        peer = f"neighbor {open_site.endpoint_address}"
        frr.configure_bgp(f"{peer} shutdown message rack 7 moves tonight")
        open_site.wait_error(place.peer_id, "rack 7 moves tonight")
        frr.configure_bgp(f"no {peer} shutdown")
        open_site.wait_installed(place.address, IPV4)


def test_rules_on_prefix_path_and_community_decide_with_their_reasons(
    open_site: Site, tmp_path: Path
) -> None:
    rules = [
        {
            "name": "documentation",
            "prefixes": ["192.0.2.0/23 ge 24 le 24"],
            "action": "reject",
            "reason": "Kept for examples.",
        },
        {
            "name": "marked",
            "communities": ["65010:66"],
            "set_preference": 200,
            "action": "continue",
        },
        {"name": "ours", "as_paths": ["^65010 65099$"], "set_med": 7},
    ]
    place = open_site.place(65010, import_rules=rules)
    said = Announcement(IPV4, med=1, prepend=[65099], changes=["set community 65010:66"])
    with Frr(tmp_path, neighbour(open_site, place), said):
        open_site.wait_installed(place.address, IPV4[1:])
        (rejected,) = open_site.explained(IPV4[0])["paths"]
        assert rejected["state"] == "rejected"
        assert "Kept for examples." in rejected["reason"]
        (kept,) = open_site.explained(IPV4[1])["paths"]
        assert (kept["med"], kept["preference"]) == (7, 200)
        assert kept["communities"] == ["65010:66"]


def test_the_peers_file_sets_a_peer_by_its_address(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Frr(tmp_path, neighbour(open_site, place), Announcement(IPV4)):
        open_site.wait_installed(place.address, IPV4)
        open_site.write_peers_file(f"""\
["{place.address}"]
extended_messages = false

[["{place.address}".import_rules]]
name = "examples"
prefixes = ["192.0.2.0/24"]
action = "reject"
""")
        try:
            open_site.wait_error(place.peer_id, "the peer's settings changed")
            open_site.wait_installed(place.address, IPV4[1:])
            peer = open_site.session(place.peer_id)
            assert peer["negotiated"]["max_message_octets"] == 4096
            origin = f"file, [{place.address}]"
            assert peer["settings"]["extended_messages"] == {"value": False, "from": origin}
        finally:
            open_site.write_peers_file("")


def test_graceful_shutdown_moves_traffic_before_the_session_ends(
    open_site: Site, tmp_path: Path
) -> None:
    preferred, spare = open_site.place(65010), open_site.place(65011)
    folders = [tmp_path / "preferred", tmp_path / "spare"]
    for folder in folders:
        folder.mkdir()
    leaving = Frr(folders[0], neighbour(open_site, preferred), Announcement(IPV4[:1]))
    longer = Announcement(IPV4[:1], prepend=[65012])
    with Frr(folders[1], neighbour(open_site, spare), longer), leaving:
        eventually("both", open_site.routes, lambda routes: len(routes) == 2)
        open_site.wait_installed(preferred.address, IPV4[:1])
        leaving.configure_bgp("bgp graceful-shutdown")
        open_site.wait_installed(spare.address, IPV4[:1])
        assert open_site.session(preferred.peer_id)["bgp"] == "up"
        (lost,) = (path for path in open_site.explained(IPV4[0])["paths"] if "lost_at" in path)
        assert lost["communities"] == ["65535:0"]
        assert lost["lost_at"]["name"] == "preference"
        assert lost["lost_at"]["own"] == "0"
        leaving.bgpd.stop()
        open_site.wait_down(preferred.peer_id, 5)
        open_site.wait_installed(spare.address, IPV4[:1])
