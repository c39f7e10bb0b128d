"""Appliances and hosts on the machine: their namespaces, their interfaces, their daemons."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from routeserver.lab import namespaces, processes
from routeserver.lab.cloud_plan import eni_ref
from routeserver.lab.daemons.base import Program, Setup
from routeserver.lab.daemons.choose import setup_of
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Operator
from routeserver.lab.journal import Journal
from routeserver.lab.model import Appliance, Host, Lab
from routeserver.lab.server import has_ended, last_words, until

SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin:/sbin"
READY_S: Final = 30.0
COMMAND_S: Final = 0.1


def make_namespace(journal: Journal, name: str) -> None:
    """Raises LabError; then it is none of ours."""
    journal.note(namespace=name)
    if namespaces.exists(name):
        journal.note(not_ours=name)
        raise LabError(f"a namespace {name} is there already; take another --name for the lab")
    namespaces.make(name, journal.notes.token)


def device(place: int) -> str:
    return f"eth{place}"


def furnish(lab: Lab, appliance: Appliance) -> None:
    """What a namespace needs before anything is plugged into it."""
    name = lab.namespace(appliance.name)
    namespaces.forward(name)
    namespaces.own(name, [str(each.address) for each in lab.floating_of(appliance.name)])


def plug_appliance(lab: Lab, appliance: Appliance, journal: Journal, operator: Operator) -> None:
    """All its interfaces; the first one has the default route."""
    namespace = lab.namespace(appliance.name)
    for place, eni in enumerate(appliance.enis):
        eni_id = journal.notes.ids[eni_ref(appliance.name, eni.name)]
        attach(operator, eni_id, namespace, device(place), default_route=place == 0)
        wait_plugged(namespace, device(place), str(eni.address))
        router = str(lab.subnets[eni.subnet].cidr.network_address + 1)
        # The default route, too: an interface that was down has lost it.
        for prefix in (*(("default",) if place == 0 else ()), *map(str, eni.routes)):
            to = (prefix, "via", router, "dev", device(place))
            namespaces.ip("-n", namespace, "route", "replace", *to)


def plug_host(lab: Lab, host: Host, journal: Journal, operator: Operator) -> None:
    namespace = lab.namespace(host.name)
    attach(operator, journal.notes.ids[eni_ref(host.name)], namespace, device(0))
    wait_plugged(namespace, device(0), str(host.address))


def attach(
    operator: Operator, eni_id: str, namespace: str, device: str, *, default_route: bool = True
) -> None:
    operator.ask(
        "attach",
        eni=eni_id,
        netns=str(namespaces.path_of(namespace)),
        device=device,
        default_route=default_route,
    )


def wait_plugged(namespace: str, device: str, address: str) -> None:
    def is_there() -> bool:
        links = namespaces.ip_json("-n", namespace, "address", "show")
        return any(
            link["ifname"] == device and any(a.get("local") == address for a in link["addr_info"])
            for link in links
        )

    until(f"{address} is at {device} of {namespace}", is_there)


# --- daemons --------------------------------------------------------------------------------------


def folder_of(journal: Journal, appliance: Appliance) -> Path:
    return journal.folder / appliance.name


def path_to(binary: str, package: str) -> str:
    """Raises LabError when it is not installed."""
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_PATH))
    found = shutil.which(binary, path=search)
    if found is None:
        raise LabError(
            f"{Path(binary).name} is not installed; install it (Debian: apt-get install {package})"
        )
    return found


def configure(lab: Lab, appliance: Appliance, journal: Journal) -> Setup:
    """Write its daemons' files."""
    folder = folder_of(journal, appliance)
    setup = setup_of(lab, appliance, folder, journal.notes.ids)
    folder.mkdir(mode=0o755, exist_ok=True)
    for name, text in setup.files.items():
        (folder / name).write_text(text)
    if setup.owner is not None:
        shutil.chown(folder, setup.owner, setup.owner)
    return setup


def start_daemons(lab: Lab, appliance: Appliance, journal: Journal) -> None:
    """Those of its programs that do not run."""
    setup = configure(lab, appliance, journal)
    token = journal.notes.token
    running = {each.role for each in processes.find(token, appliance.name)}
    missing = [each for each in setup.programs if role_of(appliance, each) not in running]
    for program in missing:
        _start(lab, appliance, journal, program)
    if any(program.speaks_bgp for program in missing):
        for command in setup.afterwards:
            _run(lab.namespace(appliance.name), command)


def role_of(appliance: Appliance, program: Program) -> str:
    return f"{appliance.name}/{program.name}"


def _start(lab: Lab, appliance: Appliance, journal: Journal, program: Program) -> None:
    if program.ready is not None:
        program.ready.unlink(missing_ok=True)
    log = folder_of(journal, appliance) / f"{program.name}.log"
    pid = processes.start(
        [path_to(program.binary, program.package), *program.arguments],
        log,
        journal.notes.token,
        role_of(appliance, program),
        namespace=lab.namespace(appliance.name),
    )

    def is_ready() -> bool:
        if has_ended(pid):
            raise LabError(
                f"{program.name} of {appliance.name} has ended: {last_words(log)}; look into {log}"
            )
        return _answers(program)

    until(f"{program.name} of {appliance.name} answers", is_ready, log=log, seconds=READY_S)


def _answers(program: Program) -> bool:
    if program.ready is None:
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(COMMAND_S)
        try:
            asking.connect(str(program.ready))
            return not program.greets or bool(asking.recv(1))
        except OSError:
            return False


def _run(namespace: str, command: Iterable[str]) -> None:
    """Again until it succeeds: the daemon has only just begun."""
    binary, *arguments = command
    package = "gobgpd" if binary == "gobgp" else binary
    words = [path_to(binary, package), *arguments]
    deadline = time.monotonic() + READY_S
    while True:
        code, said = namespaces.run(namespace, words)
        if code == 0:
            return
        if time.monotonic() > deadline:
            raise LabError(f"{' '.join(command)}: {' '.join(said.split())}; look into its log")
        time.sleep(COMMAND_S)
