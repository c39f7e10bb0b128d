"""Making an appliance fail in one of five ways, and healing it.

| how | what happens at once | what stays |
| --- | --- | --- |
| kill | a power cut: silence, its processes die, its namespace goes | nothing |
| link-down | its interfaces are down | the daemons |
| bfd-stop | the process that speaks BFD hangs (SIGSTOP) | forwarding; with FRR and GoBGP, BGP |
| bgp-stop | the BGP daemon is stopped in order and says so | forwarding; with FRR, BFD |
| silent-drop | every packet is dropped, both ways | link and daemons |
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from routeserver.lab import namespaces, processes, silence
from routeserver.lab.appliances import (
    device,
    folder_of,
    furnish,
    make_namespace,
    plug_appliance,
    role_of,
    start_daemons,
)
from routeserver.lab.daemons.choose import setup_of
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Operator
from routeserver.lab.journal import Journal
from routeserver.lab.model import Appliance, Lab


class How(StrEnum):
    KILL = "kill"
    LINK_DOWN = "link-down"
    BFD_STOP = "bfd-stop"
    BGP_STOP = "bgp-stop"
    SILENT_DROP = "silent-drop"


@dataclass(frozen=True, slots=True)
class Patient:
    lab: Lab
    appliance: Appliance
    journal: Journal

    @property
    def namespace(self) -> str:
        return self.lab.namespace(self.appliance.name)

    @property
    def token(self) -> str:
        return self.journal.notes.token

    @property
    def devices(self) -> list[str]:
        return [device(place) for place in range(len(self.appliance.enis))]

    def running(self, *, bgp: bool = False, bfd: bool = False) -> list[processes.Running]:
        """Its processes that speak this."""
        # Which programs there are does not depend on what they announce.
        small = replace(self.appliance, extra_routes=0)
        folder = folder_of(self.journal, small)
        setup = setup_of(self.lab, small, folder, self.journal.notes.ids)
        roles = {
            role_of(self.appliance, program)
            for program in setup.programs
            if (bgp and program.speaks_bgp) or (bfd and program.speaks_bfd)
        }
        found = processes.find(self.token, self.appliance.name)
        return [each for each in found if each.role in roles]


def appliance_named(lab: Lab, name: str) -> Appliance:
    """Raises LabError."""
    found = lab.appliances.get(name)
    if found is None:
        raise LabError(f"no appliance is called {name}; there are {', '.join(lab.appliances)}")
    return found


def fail(patient: Patient, how: How) -> float:
    """The moment when it happened, by the wall clock. Raises LabError."""
    name = patient.appliance.name
    before = patient.journal.notes.failed.get(name)
    if before is not None:
        raise LabError(f"{name} has failed already ({before}); run routeserver lab heal {name}")
    if how is How.BFD_STOP and not patient.appliance.bfd:
        raise LabError(f"{name} has no BFD that could stop; choose another way with --how")
    patient.journal.note(fail=name, how=how.value)
    return _WAYS[how](patient)


def _kill(patient: Patient) -> float:
    # Silence first: a machine without power closes no TCP connection.
    at = _silent_drop(patient)
    running = processes.find(patient.token, patient.appliance.name)
    processes.end(running, patient.token, kindly=False)
    namespaces.remove(patient.namespace)
    return at


def _link_down(patient: Patient) -> float:
    for each in patient.devices:
        namespaces.ip("-n", patient.namespace, "link", "set", each, "down")
    return time.time()


def _bfd_stop(patient: Patient) -> float:
    processes.send(patient.running(bfd=True), patient.token, signal.SIGSTOP)
    return time.time()


def _bgp_stop(patient: Patient) -> float:
    running = patient.running(bgp=True)
    at = time.time()
    processes.end(running, patient.token)
    return at


def _silent_drop(patient: Patient) -> float:
    silence.fall(patient.namespace, patient.devices)
    return time.time()


_WAYS: Final[Mapping[How, Callable[[Patient], float]]] = {
    How.KILL: _kill,
    How.LINK_DOWN: _link_down,
    How.BFD_STOP: _bfd_stop,
    How.BGP_STOP: _bgp_stop,
    How.SILENT_DROP: _silent_drop,
}


def heal(patient: Patient, operator: Operator) -> None:
    """Whatever was done to it, and however far that came. Raises LabError."""
    lab, appliance, journal = patient.lab, patient.appliance, patient.journal
    namespace = patient.namespace
    running = processes.find(patient.token, appliance.name)
    if not namespaces.exists(namespace):
        # What may still run has lost its network.
        processes.end(running, patient.token)
        make_namespace(journal, namespace)
        furnish(lab, appliance)
        plug_appliance(lab, appliance, journal, operator)
    else:
        silence.lift(namespace)
        for each in patient.devices:
            namespaces.ip("-n", namespace, "link", "set", each, "up")
        furnish(lab, appliance)
        # A device that was down has lost its routes.
        plug_appliance(lab, appliance, journal, operator)
        processes.send(running, patient.token, signal.SIGCONT)
    start_daemons(lab, appliance, journal)
    journal.note(heal=appliance.name)
