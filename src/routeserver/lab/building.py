"""`lab up`: refuse, or build step by step, telling each; and wait until packets arrive."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from routeserver.lab import appliances, cloud, namespaces, server, traffic
from routeserver.lab.cloud_plan import plan
from routeserver.lab.daemons.choose import setup_of
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Access, Api, Operator, Tell
from routeserver.lab.journal import Journal
from routeserver.lab.model import Lab

SESSIONS_S: Final = 60.0
ROUTES_S: Final = 120.0


def refuse(lab: Lab, journal: Journal, access: Access, data_dir: Path | None = None) -> None:
    """Everything that can be known to be in the way, before anything is made. Raises StartError."""
    need_root()
    if data_dir is not None:
        access.operator(data_dir).ask("counts")
        if lab.has_outside:
            raise LabError(
                "a lab with an internet gateway needs a server of its own, whose outside it makes; "
                "leave --data-dir out"
            )
    if journal.exists:
        if journal.notes.is_up:
            raise LabError(
                f"the lab {lab.name} is up already; look with routeserver lab show, or end it with "
                f"routeserver lab down --lab {lab.name}"
            )
        raise LabError(
            f"the lab {lab.name} was left half-built, at: {journal.notes.last or 'the beginning'}; "
            f"remove it with routeserver lab down --lab {lab.name}"
        )
    namespaces.ip("-V")
    nowhere: defaultdict[str, str] = defaultdict(lambda: "0.0.0.0")  # noqa: S104 - any address
    for appliance in lab.appliances.values():
        setup = setup_of(lab, appliance, Path("/"), nowhere)
        for program in setup.programs:
            appliances.path_to(program.binary, program.package)
    for name in lab.namespaces():
        if namespaces.exists(name):
            raise LabError(
                f"a namespace {name} is there already; take another --name for the lab, or remove "
                f"it (ip netns delete {name})"
            )


def need_root() -> None:
    if os.geteuid() != 0:
        raise LabError("a lab needs root, for network namespaces; run the command with sudo")


def build(
    lab: Lab,
    journal: Journal,
    access: Access,
    tell: Tell,
    *,
    text: str,
    file: str,
    data_dir: Path | None = None,
) -> None:
    """In the running server of `data_dir`, or in one of its own.

    Raises StartError; what was begun is left, for `taking_down`.
    """
    journal.begin(lab, text, file, secrets.token_hex(8), data_dir)
    if lab.has_outside:
        _make_outside(lab, journal)
        tell("outside", lab.outside_namespace)
    if data_dir is None:
        journal.note(step="the server")
        pid = server.start(lab, journal, access)
        tell("server", f"process {pid}, state in {journal.data_dir}")
    api, operator = access.api(journal.data_dir), access.operator(journal.data_dir)
    cloud.carry_out(plan(lab), api, journal, tell)
    for host in lab.hosts.values():
        if host.subnet is not None:
            journal.note(step=f"host {host.name}")
            appliances.make_namespace(journal, lab.namespace(host.name))
            appliances.plug_host(lab, host, journal, operator)
            tell(f"host {host.name}", f"{host.address} in namespace {lab.namespace(host.name)}")
    for appliance in lab.appliances.values():
        name = lab.namespace(appliance.name)
        journal.note(step=f"appliance {appliance.name}")
        appliances.make_namespace(journal, name)
        appliances.furnish(lab, appliance)
        appliances.plug_appliance(lab, appliance, journal, operator)
        appliances.start_daemons(lab, appliance, journal)
        tell(
            f"appliance {appliance.name}",
            f"{appliance.daemon}, AS {appliance.asn}, in namespace {name}",
        )
    journal.note(step="waiting for sessions and routes")
    wait_until_settled(lab, journal, operator, tell)
    _check_tables(lab, journal, api)
    _check_traffic(lab, tell)
    journal.note(up=True)


def _make_outside(lab: Lab, journal: Journal) -> None:
    name = lab.outside_namespace
    appliances.make_namespace(journal, name)
    outside = [str(host.address) for host in lab.hosts.values() if host.subnet is None]
    namespaces.own(name, outside)


# --- waiting --------------------------------------------------------------------------------------


def wait_until_settled(lab: Lab, journal: Journal, operator: Operator, tell: Tell) -> None:
    """Until every living appliance's sessions are up and all its routes are there."""
    log = journal.folder / server.LOG
    seen: dict[str, Any] = {}

    def look() -> bool:
        seen.clear()
        seen.update(unsettled(lab, journal, operator))
        return not seen

    seconds = ROUTES_S if any(a.extra_routes for a in lab.appliances.values()) else SESSIONS_S
    server.until(
        "every session up and every route there",
        look,
        log=log,
        seconds=seconds,
        tell=lambda: ", ".join(f"{name}: {what}" for name, what in seen.items()),
    )
    peers = operator.ask("show-peers")["peers"]
    routes = sum(peer["routes"] for peer in peers)
    tell("sessions", f"{len(peers)} up, {routes:,} routes")


def unsettled(lab: Lab, journal: Journal, operator: Operator) -> dict[str, str]:
    """What is still missing, by appliance."""
    peers = {peer["address"]: peer for peer in operator.ask("show-peers")["peers"]}
    missing = {}
    for appliance in lab.appliances.values():
        if appliance.name in journal.notes.failed:
            continue
        for eni, _, _ in lab.peerings(appliance):
            peer = peers[str(eni.address)]
            wanted = len(lab.announced(appliance, eni))
            if peer["bgp"] != "up":
                missing[appliance.name] = f"BGP {peer['bgp']} {peer['last_error'] or ''}".strip()
            elif appliance.bfd and peer["bfd"] != "up":
                missing[appliance.name] = f"BFD {peer['bfd']}"
            elif peer["routes"] + peer["discarded"] < wanted:
                missing[appliance.name] = f"{peer['routes']} of {wanted} routes"
    return missing


def _check_tables(lab: Lab, journal: Journal, api: Api) -> None:
    """What is announced stands in every table that it is propagated into, unless a static route
    does."""
    if any(appliance.extra_routes for appliance in lab.appliances.values()):
        return  # packets tell; the listing would be long
    wanted: dict[str, set[str]] = defaultdict(set)
    for appliance in lab.appliances.values():
        for eni, rs, _ in lab.peerings(appliance):
            for table in rs.propagate:
                wanted[table] |= {str(prefix) for prefix in lab.announced(appliance, eni)}

    def look() -> bool:
        found = cloud.route_tables(api, journal, wanted)
        return all(
            prefixes <= {route[0] for route in found[table]} for table, prefixes in wanted.items()
        )

    server.until("every route in its tables", look, log=journal.folder / server.LOG)


def _check_traffic(lab: Lab, tell: Tell) -> None:
    for flow in lab.traffic:
        seen: list[traffic.Summary] = []

        def look(flow: Any = flow, seen: list[traffic.Summary] = seen) -> bool:
            seen.append(traffic.try_out(lab, flow))
            return seen[-1].answered == seen[-1].sent

        name = f"{flow.client} → {flow.target}"
        server.until(f"packets of {name} arrive", look, tell=lambda seen=seen: str(seen[-1]))  # type: ignore[misc]
        tell(name, str(seen[-1]))
