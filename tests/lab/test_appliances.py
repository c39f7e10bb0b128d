"""Appliances' daemons in a namespace, started, stopped in each way, and gone without a trace; with
nobody to peer with."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from routeserver.lab import appliances, journal, namespaces, processes
from routeserver.lab.errors import LabError
from routeserver.lab.failing import How, Patient, fail
from routeserver.lab.journal import Journal
from routeserver.lab.model import Appliance, Lab
from routeserver.lab.reading import read_text
from tests.interop.daemons import require
from tests.lab.test_reading import TEXT
from tests.namespaces import need_root
from tests.running import eventually

DAEMONS = {
    "bird": ["bird"],
    "frr": ["bfdd", "bgpd", "zebra"],
    "gobgp": ["bfdd", "gobgpd", "zebra"],
}

BFD_SPEAKER = {"bird": "bird", "frr": "bfdd", "gobgp": "bfdd"}
BGP_SPEAKER = {"bird": "bird", "frr": "bgpd", "gobgp": "gobgpd"}


@pytest.fixture(params=DAEMONS)
def patient(request: pytest.FixtureRequest) -> Iterator[Patient]:
    """An appliance whose namespace and interfaces are there, plugged into nothing."""
    need_root()
    require("bird", "bird2")
    require("/usr/lib/frr/bfdd", "frr")
    require("gobgpd", "gobgpd")
    text = TEXT.replace('"bird"', f'"{request.param}"')
    name = f"rst{os.getpid()}"
    lab = read_text(text, "some.toml", name)
    # Where the user of FRR's daemons can reach it, which pytest's own folders are not.
    with TemporaryDirectory(prefix="routeserver-lab-") as folder:
        Path(folder).chmod(0o755)
        yield from _in_folder(Path(folder), lab)


def _in_folder(folder: Path, lab: Lab) -> Iterator[Patient]:
    with journal.opened(lab.name, folder) as opened:
        try:
            yield _plugged(lab, lab.appliances["fw"], opened)
        finally:
            processes.end(processes.find(opened.notes.token), opened.notes.token)
            namespaces.remove(lab.namespace("fw"))


def _plugged(lab: Lab, appliance: Appliance, opened: Journal) -> Patient:
    opened.begin(lab, TEXT, "some.toml", f"token{os.getpid()}")
    opened.note(ids={"endpoint.rs.0.address": "10.0.1.4"})
    name = lab.namespace("fw")
    appliances.make_namespace(opened, name)
    appliances.furnish(lab, appliance)
    for place, eni in enumerate(appliance.enis):
        device = appliances.device(place)
        namespaces.ip(
            "-n", name, "link", "add", device, "type", "veth", "peer", "name", f"p{place}"
        )
        namespaces.ip("-n", name, "address", "add", f"{eni.address}/24", "dev", device)
        namespaces.ip("-n", name, "link", "set", device, "up")
        namespaces.ip("-n", name, "link", "set", f"p{place}", "up")
    appliances.start_daemons(lab, appliance, opened)
    return Patient(lab, appliance, opened)


def programs(patient: Patient) -> list[str]:
    found = processes.find(patient.token, "fw")
    return sorted(each.role.removeprefix("fw/") for each in found)


def stopped(patient: Patient) -> list[str]:
    return [
        each.role.removeprefix("fw/")
        for each in processes.find(patient.token, "fw")
        if Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    ]


def test_daemons_run_and_fail_in_each_way(patient: Patient) -> None:
    kind = patient.appliance.daemon
    assert programs(patient) == DAEMONS[kind]
    lab, opened = patient.lab, patient.journal

    fail(patient, How.BFD_STOP)
    eventually("it stops", lambda: stopped(patient), lambda seen: seen == [BFD_SPEAKER[kind]])
    with pytest.raises(LabError, match="has failed already"):
        fail(patient, How.KILL)
    processes.send(processes.find(patient.token), patient.token, signal.SIGCONT)
    opened.note(heal="fw")

    fail(patient, How.BGP_STOP)
    assert programs(patient) == [each for each in DAEMONS[kind] if each != BGP_SPEAKER[kind]]
    appliances.start_daemons(lab, patient.appliance, opened)
    assert programs(patient) == DAEMONS[kind]
    opened.note(heal="fw")

    fail(patient, How.LINK_DOWN)
    links = namespaces.ip_json("-n", patient.namespace, "link", "show", "eth0")
    assert "UP" not in links[0]["flags"]
    opened.note(heal="fw")

    fail(patient, How.KILL)
    eventually("all gone", lambda: programs(patient), lambda found: found == [])
    assert not namespaces.exists(patient.namespace)


@pytest.mark.parametrize("patient", ["bird"], indirect=True)
def test_a_daemon_that_cannot_start_says_where_to_look(patient: Patient) -> None:
    lab, appliance, opened = patient.lab, patient.appliance, patient.journal
    processes.end(processes.find(patient.token), patient.token)
    opened.note(ids={"endpoint.rs.0.address": "no address"})
    with pytest.raises(LabError, match=r"bird of fw has ended: .*; look into .*/fw/bird\.log"):
        appliances.start_daemons(lab, appliance, opened)
