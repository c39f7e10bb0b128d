"""The daemons' configurations: taken by the daemons themselves, and with what was asked for."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from routeserver.lab.appliances import path_to
from routeserver.lab.daemons.base import Setup
from routeserver.lab.daemons.choose import setup_of
from routeserver.lab.model import Appliance, Lab
from routeserver.lab.reading import read_text
from tests.interop.daemons import require
from tests.lab.test_reading import TEXT

DAEMONS = ("bird", "frr", "gobgp")


def lab_with(daemon: str, *, bfd: bool = True, announce: str = "") -> tuple[Lab, Appliance]:
    text = TEXT.replace('"bird"', f'"{daemon}"').replace('["dmz"]', '["dmz", "app"]')
    text = text.replace(
        "asn = 65001", f"asn = 65001\nmed = 7\nprepend = 2\nbfd = {str(bfd).lower()}"
    )
    if announce:
        text = text.replace('routes = ["10.9.0.0/16"]', f'announce = ["{announce}"]')
    lab = read_text(text, "some.toml")
    return lab, lab.appliances["fw"]


def setup(folder: Path, daemon: str, *, bfd: bool = True, announce: str = "") -> Setup:
    lab, appliance = lab_with(daemon, bfd=bfd, announce=announce)
    ids = {"endpoint.rs.0.address": "10.0.1.4", "endpoint.rs.1.address": "10.0.2.5"}
    made = setup_of(lab, appliance, folder, ids)
    for name, text in made.files.items():
        (folder / name).write_text(text)
    return made


CHECKS = {
    "bird": ("bird", "bird2", ("-p", "-c", "{}/bird.conf")),
    "bgpd": ("/usr/lib/frr/bgpd", "frr", ("-C", "-f", "{}/bgpd.conf", "--skip_runas")),
    "bfdd": ("/usr/lib/frr/bfdd", "frr", ("-C", "-f", "{}/bfdd.conf")),
    "gobgpd": ("gobgpd", "gobgpd", ("--dry-run", "-f", "{}/gobgpd.toml")),
}


@pytest.mark.parametrize("bfd", [True, False], ids=["bfd", "no-bfd"])
@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_daemon_itself_takes_its_configuration(daemon: str, bfd: bool, tmp_path: Path) -> None:
    checked = 0
    for program in setup(tmp_path, daemon, bfd=bfd).programs:
        if program.name not in CHECKS:
            continue
        binary, package, arguments = CHECKS[program.name]
        words = [require(binary, package), *(each.format(tmp_path) for each in arguments)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        assert "error" not in f"{done.stdout}{done.stderr}".lower()
        checked += 1
    assert checked


def test_a_daemon_that_is_wrong_is_not_taken(tmp_path: Path) -> None:
    """The check above can fail."""
    setup(tmp_path, "bird")
    config = tmp_path / "bird.conf"
    config.write_text(config.read_text().replace("strict bind", "strikt bind"))
    words = [require("bird", "bird2"), "-p", "-c", str(config)]
    assert subprocess.run(words, check=False, capture_output=True).returncode != 0


def test_each_interface_announces_its_own(tmp_path: Path) -> None:
    bird = setup(tmp_path, "bird", announce="10.9.0.0/16").files["bird.conf"]
    first, second = bird.split("protocol static routes1")
    assert "route 172.31.255.1/32 blackhole" in first
    assert "10.9.0.0/16" not in first
    assert "route 10.9.0.0/16 blackhole" in second
    assert bird.count("bgp_path.prepend(65001);") == 4
    frr = setup(tmp_path, "frr", announce="10.9.0.0/16").files["bgpd.conf"]
    assert "ip prefix-list interface1 seq 1 permit 10.9.0.0/16" in frr
    assert "neighbor 10.0.2.5 route-map interface1 out" in frr
    assert "set metric 7" in frr


def test_gobgp_gets_its_routes_by_its_own_command(tmp_path: Path) -> None:
    made = setup(tmp_path, "gobgp")
    assert [command[-1] for command in made.afterwards] == ["65001,65001"] * 2
    assert [command[6] for command in made.afterwards] == ["0.0.0.0/0", "172.31.255.1/32"]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_one_program_speaks_bgp_and_one_bfd_where_it_is_wanted(daemon: str, tmp_path: Path) -> None:
    for bfd in (True, False):
        programs = setup(tmp_path, daemon, bfd=bfd).programs
        assert sum(program.speaks_bgp for program in programs) == 1
        assert sum(program.speaks_bfd for program in programs) == bfd


@pytest.mark.parametrize("daemon", DAEMONS)
def test_what_has_to_be_installed_is_known_before_there_is_an_endpoint(daemon: str) -> None:
    lab, appliance = lab_with(daemon)
    nowhere: defaultdict[str, str] = defaultdict(lambda: "10.0.0.4")
    for program in setup_of(lab, appliance, Path("/"), nowhere).programs:
        require(program.binary, program.package)
        assert path_to(program.binary, program.package)
