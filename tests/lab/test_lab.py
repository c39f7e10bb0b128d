"""Labs from beginning to end, by the command: packets take the appliance that they should, in
every way of failing, and nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from routeserver.cli.main import status_of
from routeserver.lab import appliances, examples
from routeserver.lab.errors import LabError
from routeserver.lab.failing import How
from tests.interop.daemons import require
from tests.lab.whole import done, here, journal_of, left_of, shown, succeed
from tests.namespaces import need_root
from tests.running import eventually

PAIRS = {"firewall-pair": ("fw-a", "fw-b"), "floating-ip": ("node-a", "node-b")}


@pytest.fixture(scope="module", params=PAIRS)
def lab(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """Its name and its two appliances; it is well before and after each test."""
    need_root()
    for binary, package in (("bird", "bird2"), ("/usr/lib/frr/bgpd", "frr"), ("gobgpd", "gobgpd")):
        require(binary, package)
    name = f"rst{os.getpid()}"
    succeed("up", request.param, "--name", name)
    token = journal_of(name).notes.token
    try:
        yield (name, *PAIRS[request.param])
    finally:
        done("down", "--lab", name)
        assert left_of(name, token) == []


def ways(name: str) -> list[str]:
    """What `show` says of each flow."""
    return [flow["packets"] for flow in shown(name)["flows"]]


def test_packets_take_the_active_one_in_both_directions(lab: tuple[str, str, str]) -> None:
    name, active, _ = lab
    assert ways(name) == [f"3 sent, 0 lost; 3 by {active}"]
    client, target = _ends(name)
    out = done("ping", client, target, "--lab", name, "-c", "5", "-i", "0.01")
    lines = out.splitlines()
    assert lines[-1] == f"5 sent, 0 lost; 5 by {active}"
    assert all(f"back {active}" in line for line in lines[:-1])


def _ends(name: str) -> tuple[str, str]:
    flow = shown(name)["flows"][0]
    return flow["client"], flow["target"]


@pytest.mark.parametrize("how", How)
def test_the_other_takes_over_and_hands_back(lab: tuple[str, str, str], how: How) -> None:
    name, active, standby = lab
    done("fail", active, "--how", how.value, "--lab", name)
    eventually(f"by {standby}", lambda: ways(name), lambda seen: seen == _all_by(standby), 30.0)
    state = {each["name"]: each for each in shown(name)["appliances"]}
    assert state[active]["failed"] == how.value
    refused = here("fail", active, "--lab", name)
    assert refused.code == 2
    assert f"{active} has failed already ({how.value}); run routeserver lab heal" in refused.err
    done("heal", active, "--lab", name)
    eventually(f"by {active}", lambda: ways(name), lambda seen: seen == _all_by(active), 30.0)


def _all_by(appliance: str) -> list[str]:
    return [f"3 sent, 0 lost; 3 by {appliance}"]


def test_without_both_nothing_arrives_and_it_comes_back(lab: tuple[str, str, str]) -> None:
    name, active, standby = lab
    for each in (active, standby):
        done("fail", each, "--how", "silent-drop", "--lab", name)
    eventually("lost", lambda: ways(name), lambda seen: "3 lost" in seen[0], 30.0)
    client, target = _ends(name)
    lost = here("ping", client, target, "--lab", name, "-c", "2", "-i", "0.01")
    assert lost.code == 1
    assert "2 sent, 2 lost" in lost.out
    for each in (active, standby):
        done("heal", each, "--lab", name)
    eventually(f"by {active}", lambda: ways(name), lambda seen: seen == _all_by(active), 30.0)


def test_names_that_are_not_there_are_said(lab: tuple[str, str, str]) -> None:
    name, active, standby = lab
    said = here("fail", "nobody", "--lab", name)
    assert said.code == 2
    assert f"no appliance is called nobody; there are {active}, {standby}" in said.err
    assert "no host is called nobody" in here("ping", "nobody", active, "--lab", name).err
    client, _ = _ends(name)
    assert "no host or floating address is called x" in here("ping", client, "x", "--lab", name).err
    assert "no lab is called other; there are" in here("show", "--lab", "other").err


def test_one_that_is_up_is_not_built_again(lab: tuple[str, str, str]) -> None:
    name = lab[0]
    said = here("up", "floating-ip", "--name", name)
    assert said.code == 2
    assert f"the lab {name} is up already; look with routeserver lab show" in said.err


# --- refusals before anything is made -------------------------------------------------------------


def test_a_mistake_in_the_file_is_said_before_anything_is_made(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[vpc.v]\n")
    said = here("up", str(file))
    assert said.code == 2
    assert said.err == f"routeserver: {file}:1: [vpc.v] cidr is missing; it is its addresses\n"
    assert left_of("wrong", "") == []


def test_a_name_that_is_taken_is_said_before_anything_is_made() -> None:
    need_root()
    name = f"rst{os.getpid()}x"
    taken = f"{name}-node-a"
    os.close(os.open(f"/run/netns/{taken}", os.O_CREAT | os.O_EXCL))
    try:
        said = here("up", "floating-ip", "--name", name)
        assert said.code == 2
        assert f"a namespace {taken} is there already; take another --name" in said.err
        assert left_of(name, "no such token") == [f"namespace {taken}"]
    finally:
        Path(f"/run/netns/{taken}").unlink()


def test_a_daemon_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    need_root()
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(appliances, "SYSTEM_PATH", "/nonexistent")
    with pytest.raises(LabError, match=r"bird is not installed; .*apt-get install bird2"):
        appliances.path_to("bird", "bird2")


@pytest.mark.parametrize(
    "words", ["up floating-ip", "down", "ping a b", "show", "fail a", "heal a"]
)
def test_without_root_it_is_said(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert status_of(["lab", *words.split()]) == 2
    said = capsys.readouterr().err
    assert said == (
        "routeserver: a lab needs root, for network namespaces; run the command with sudo\n"
    )


def test_down_without_a_lab_is_fine() -> None:
    need_root()
    said = here("down", "--lab", "there-is-none")
    assert (said.code, said.out) == (0, "no lab is called there-is-none; nothing to do\n")


def test_the_examples_are_listed() -> None:
    assert {line.split()[0] for line in done("examples").splitlines()} == set(examples.names())
