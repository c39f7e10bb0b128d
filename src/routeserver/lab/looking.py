"""`lab show`: what there is, how it is, and where packets flow now; as values, for whoever prints
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from routeserver.lab import cloud, namespaces, traffic
from routeserver.lab.appliances import device
from routeserver.lab.cloud_plan import eni_ref
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Api, Operator
from routeserver.lab.journal import Journal
from routeserver.lab.model import Lab

ADVERTISED: Final = "Advertisement"


@dataclass(frozen=True, slots=True)
class ApplianceState:
    """`failed` is how it was made to fail; packets are those of its interfaces since they were
    plugged."""

    name: str
    daemon: str
    address: str
    asn: int
    bgp: str
    bfd: str
    routes: int
    last_error: str
    failed: str
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class RouteState:
    table: str
    destination: str
    target: str
    origin: str
    state: str


@dataclass(frozen=True, slots=True)
class FlowState:
    client: str
    target: str
    packets: str


@dataclass(frozen=True, slots=True)
class Seen:
    name: str
    appliances: list[ApplianceState]
    routes: list[RouteState]
    more_routes: dict[str, int]
    """How many propagated routes a table has that are not listed."""
    flows: list[FlowState]


def look(
    lab: Lab, journal: Journal, api: Api, operator: Operator, *, most_routes: int = 20
) -> Seen:
    """At most so many propagated routes of each table. Raises StartError."""
    routes, more = _routes(lab, journal, api, most_routes)
    return Seen(
        lab.name,
        _appliances(lab, journal, operator),
        routes,
        more,
        [FlowState(f.client, f.target, _packets(lab, f)) for f in lab.traffic],
    )


def _appliances(lab: Lab, journal: Journal, operator: Operator) -> list[ApplianceState]:
    peers = {peer["address"]: peer for peer in operator.ask("show-peers")["peers"]}
    found = []
    for appliance in lab.appliances.values():
        for place, eni in enumerate(appliance.enis):
            peer: Mapping[str, Any] = peers.get(str(eni.address), {})
            received, sent = _counters(lab.namespace(appliance.name), device(place))
            found.append(
                ApplianceState(
                    appliance.name,
                    appliance.daemon,
                    str(eni.address),
                    appliance.asn,
                    peer.get("bgp", "-"),
                    peer.get("bfd") or "-",
                    peer.get("routes", 0),
                    "" if peer.get("bgp") == "up" else peer.get("last_error") or "",
                    journal.notes.failed.get(appliance.name, ""),
                    received,
                    sent,
                )
            )
    return found


def _counters(namespace: str, name: str) -> tuple[int, int]:
    """Packets in and out; none where there is no such interface."""
    if not namespaces.exists(namespace):
        return 0, 0
    try:
        links = namespaces.ip_json("-n", namespace, "-s", "link", "show", name)
    except LabError:
        return 0, 0
    counted = links[0]["stats64"]
    return counted["rx"]["packets"], counted["tx"]["packets"]


def _routes(
    lab: Lab, journal: Journal, api: Api, most: int
) -> tuple[list[RouteState], dict[str, int]]:
    names = {journal.notes.ids[f"igw.{v.name}"]: "internet-gateway" for v in _gateways(lab)}
    for appliance in lab.appliances.values():
        for eni in appliance.enis:
            names[journal.notes.ids[eni_ref(appliance.name, eni.name)]] = appliance.name
    listed: list[RouteState] = []
    more: dict[str, int] = {}
    for table, routes in cloud.route_tables(api, journal, lab.tables).items():
        advertised = [route for route in routes if route[2] == ADVERTISED]
        shown = [route for route in routes if route[2] != ADVERTISED] + advertised[:most]
        for destination, target, origin, state in shown:
            named = names.get(target, target)
            listed.append(RouteState(table, destination, named, origin, state))
        if len(advertised) > most:
            more[table] = len(advertised) - most
    return listed, more


def _gateways(lab: Lab) -> list[Any]:
    return [vpc for vpc in lab.vpcs.values() if vpc.internet_gateway]


def _packets(lab: Lab, flow: Any) -> str:
    try:
        return str(traffic.try_out(lab, flow))
    except LabError as error:
        return str(error)
