"""What an operator sets for a BIRD: prefix limits, import rules, graceful shutdown, and what both
sides say to each other at the end."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.interop.bird.conftest import OPEN_PORT
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.site import Place, Site
from tests.running import COMMAND, eventually

IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


def neighbour(site: Site, place: Place, *options: str) -> Neighbour:
    return Neighbour(place.address, place.asn, site.endpoint_address, OPEN_PORT, options=options)


def operate(site: Site, *words: str) -> str:
    """Run a command of `routeserver` on the site's server."""
    command = [COMMAND, *words, f"--data-dir={site.server.data_dir}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


# --- prefix limits --------------------------------------------------------------------------------


def test_one_over_the_limit_is_warned_of(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010, max_prefixes=2, max_prefixes_action="warn")
    with Bird.make(tmp_path, neighbour(open_site, place), Announcement(IPV4)):
        open_site.wait_installed(place.address, IPV4)
        open_site.wait_logged("routes_over_limit", place.peer_id)


def test_the_excess_is_discarded_and_counted_and_comes_with_a_higher_limit(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010, max_prefixes=2, max_prefixes_action="discard")
    with Bird.make(tmp_path, neighbour(open_site, place), Announcement(IPV4)):
        discarded = eventually(
            "one too many",
            lambda: open_site.session(place.peer_id),
            lambda peer: peer["discarded"] == 1,
        )
        assert (discarded["bgp"], discarded["routes"]) == ("up", 2)
        assert len(open_site.table()) == 2
        open_site.set(place.peer_id, max_prefixes=3)
        open_site.wait_installed(place.address, IPV4)  # by a refresh
        assert open_site.session(place.peer_id)["times_down"] == 0


def test_the_session_is_ended_for_the_excess_and_each_pause_doubles(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(
        65010, max_prefixes=2, max_prefixes_action="restart", max_prefixes_restart_s=1
    )
    with Bird.make(tmp_path, neighbour(open_site, place), Announcement(IPV4)) as bird:
        bird.daemon.wait_for_log("Received: Maximum number of prefixes reached")
        open_site.wait_error(place.peer_id, "more prefixes than it may")
        # Refused for a while: Connection Rejected is not the limit's own Cease.
        bird.daemon.wait_for_log("Received: Connection rejected")
        log = open_site.server.data_dir / "stderr.jsonl"
        eventually(
            "the second pause",
            log.read_text,
            lambda text: any(
                place.peer_id in line and '"not_accepted_for_s": 2.0' in line
                for line in text.splitlines()
            ),
            30,
        )
        assert open_site.table() == {}
        bird.say(Announcement(IPV4[:2]))
        open_site.set(place.peer_id, max_prefixes_restart_s=2)  # and is forgiven
        open_site.wait_installed(place.address, IPV4[:2])


# --- what is said at the end ----------------------------------------------------------------------


def test_its_operators_words_are_shown(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Bird.make(tmp_path, neighbour(open_site, place), Announcement(IPV4)) as bird:
        open_site.wait_installed(place.address, IPV4)
        bird.control('disable appliance "Wartung bis 22 Uhr, Grüße"')
        open_site.wait_error(place.peer_id, "Wartung bis 22 Uhr, Grüße")
        bird.control("enable appliance")
        open_site.wait_installed(place.address, IPV4)


def test_a_deleted_peer_is_told_so(open_site: Site, tmp_path: Path) -> None:
    place = open_site.place(65010)
    with Bird.make(tmp_path, neighbour(open_site, place), Announcement(IPV4)) as bird:
        open_site.wait_installed(place.address, IPV4)
        open_site.remove_appliances()
        bird.daemon.wait_for_log("Received: Peer de-configured")


# --- import rules ---------------------------------------------------------------------------------


def test_rules_on_prefix_path_and_community_are_set_by_command(
    open_site: Site, tmp_path: Path
) -> None:
    place = open_site.place(65010)
    rules = tmp_path / "rules.toml"
    rules.write_text("""\
[[import_rules]]
name = "documentation"
prefixes = ["192.0.2.0/23 ge 24 le 24"]
action = "reject"
reason = "Kept for examples."

[[import_rules]]
name = "marked"
communities = ["65010:66"]
set_preference = 200
action = "continue"

[[import_rules]]
name = "ours"
as_paths = ["^65010 65099$"]
set_med = 7
""")
    said = Announcement(IPV4, med=1, prepend=[65099], changes=["bgp_community.add((65010, 66));"])
    with Bird.make(tmp_path, neighbour(open_site, place), said):
        open_site.wait_installed(place.address, IPV4)
        operate(open_site, "peer", "set", place.peer_id, f"import_rules=@{rules}")
        open_site.wait_installed(place.address, IPV4[1:])
        eventually(
            "the rule's MED",
            lambda: open_site.routes_of(place.peer_id)[IPV4[1]].get("Med"),
            lambda med: med == 7,
        )
        said_why = operate(open_site, "show", "route", IPV4[0], "--why")
        assert "rejected: Rejected by the import rule 'documentation': Kept for examples." in (
            " ".join(said_why.split())
        )
        kept = " ".join(operate(open_site, "show", "route", IPV4[1], "--why").split())
        assert "MED 7, preference 200, communities 65010:66" in kept
        assert "the best path" in kept


def test_graceful_shutdown_moves_traffic_before_the_session_ends(
    open_site: Site, tmp_path: Path
) -> None:
    preferred, spare = open_site.place(65010), open_site.place(65011)
    folders = [tmp_path / "preferred", tmp_path / "spare"]
    for folder in folders:
        folder.mkdir()
    leaving = Bird.make(folders[0], neighbour(open_site, preferred), Announcement(IPV4[:1]))
    longer = Announcement(IPV4[:1], prepend=[65012])
    with Bird.make(folders[1], neighbour(open_site, spare), longer), leaving:
        eventually("both", open_site.routes, lambda routes: len(routes) == 2)
        open_site.wait_installed(preferred.address, IPV4[:1])
        (lost,) = (path for path in open_site.explained(IPV4[0])["paths"] if "lost_at" in path)
        assert lost["peer"] == spare.peer_id
        assert lost["lost_at"]["name"] == "AS_PATH length"

        leaving.say(Announcement(IPV4[:1], changes=["bgp_community.add((65535, 0));"]))
        open_site.wait_installed(spare.address, IPV4[:1])
        assert open_site.session(preferred.peer_id)["bgp"] == "up"
        why = " ".join(operate(open_site, "show", "route", IPV4[0], "--why").split())
        assert "preference: 0 against 100" in why
        leaving.daemon.stop()
        open_site.wait_down(preferred.peer_id, 5)
        open_site.wait_installed(spare.address, IPV4[:1])
