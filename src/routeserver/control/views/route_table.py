"""A route table as the EC2 answer shows it: its associations and the routes of all sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from heapq import merge
from typing import Final

from routeserver.control.call import Answer
from routeserver.control.prefix_lists import ID_PREFIX
from routeserver.control.route_tables import TableFacts
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import Route, RouteTable, RouteTableAssociation
from routeserver.domain.routing import Entry
from routeserver.domain.vpc_rules import local_destinations
from routeserver.ec2.response import LongList
from routeserver.net.prefix import Prefix, format_prefix, parse_prefix
from routeserver.net.sharded_dict import lasting_keys

DESTINATIONS: Final = frozenset({"DestinationCidrBlock", "DestinationIpv6CidrBlock"})
"""The members of a route of which each prefix has its own."""


def route_table(row: RouteTable, facts: TableFacts, tags: Mapping[str, str]) -> Answer:
    return {
        "RouteTableId": row.id,
        "VpcId": row.vpc_id,
        "OwnerId": row.account_id,
        "Associations": [association(link) for link in facts.associations],
        "PropagatingVgws": [],
        "Routes": list(routes(facts)) if facts.runs is None else LongList(routes(facts)),
        "Tags": tag_list(tags),
    }


def association(link: RouteTableAssociation) -> Answer:
    shown: Answer = {
        "RouteTableAssociationId": link.id,
        "RouteTableId": link.route_table_id,
        "Main": link.main,
        "AssociationState": {"State": "associated"},
    }
    if link.subnet_id is not None:
        shown["SubnetId"] = link.subnet_id
    if link.gateway_id is not None:
        shown["GatewayId"] = link.gateway_id
    return shown


def routes(facts: TableFacts) -> Iterator[Answer]:
    """Local routes, then static ones as they were made, then propagated ones by prefix."""
    yield from _made_here(facts)
    if not facts.propagated:
        return
    occupied = _occupied(facts)
    for prefix in sorted(facts.propagated) if facts.runs is None else merge(*facts.runs):
        # The moment between a static route's birth and the propagated one's removal shows only the
        # static one.
        entry = None if prefix in occupied else facts.propagated.get(prefix)
        if entry is not None:
            yield _propagated(prefix, entry, facts)


def values(
    facts: TableFacts, member: str, prefixes: Collection[Prefix] | None = None
) -> Iterator[str | None]:
    """The member of every route, in no order; with `prefixes`, of the propagated ones to these.

    Propagated routes that lead the same way differ in their destination alone: where something
    else is asked, and where they have none, None comes in their place. The reader may be long on
    its way between two values.
    """
    for route in _made_here(facts):
        yield route.get(member)
    occupied = _occupied(facts) if facts.propagated else frozenset()
    told: dict[int, Entry] = {}  # held here, no other entry can have its id
    for prefix in lasting_keys(facts.propagated) if prefixes is None else prefixes:
        entry = None if prefix in occupied else facts.propagated.get(prefix)
        if entry is None:
            yield None
        elif member in DESTINATIONS:
            yield _destination(format_prefix(prefix)).get(member)
        elif id(entry) in told:
            yield None
        else:
            told[id(entry)] = entry
            yield _propagated(prefix, entry, facts).get(member)


def _occupied(facts: TableFacts) -> frozenset[Prefix]:
    """What local and static routes have, before any propagated one."""
    static = (each.destination for each in facts.static)
    blocks = (*local_destinations(facts.vpc), *(s for s in static if not s.startswith(ID_PREFIX)))
    return facts.listed.union(map(parse_prefix, blocks))


def _made_here(facts: TableFacts) -> Iterator[Answer]:
    static = {route.destination: route for route in facts.static}
    local = local_destinations(facts.vpc)
    for destination in local:
        override = static.get(destination)
        if override is None:
            target = {"GatewayId": "local", "State": "active"}
        else:
            target = _static_target(override, facts)
        yield {**_destination(destination), **target, "Origin": "CreateRouteTable"}
    for route in facts.static:
        if route.destination not in local:
            yield {
                **_destination(route.destination),
                **_static_target(route, facts),
                "Origin": "CreateRoute",
            }


def _destination(text: str) -> Answer:
    if text.startswith(ID_PREFIX):
        return {"DestinationPrefixListId": text}
    return {"DestinationIpv6CidrBlock" if ":" in text else "DestinationCidrBlock": text}


def _static_target(route: Route, facts: TableFacts) -> Answer:
    if route.gateway_id is not None:
        return {"GatewayId": route.gateway_id, "State": _state(route.gateway_id, facts)}
    return _interface_target(route.network_interface_id or "", facts)


def _propagated(prefix: Prefix, entry: Entry, facts: TableFacts) -> Answer:
    return {
        **_destination(format_prefix(prefix)),
        **_interface_target(entry.network_interface_id, facts),
        "IpAddress": entry.next_hop,
        "Origin": "Advertisement",
    }


def _interface_target(interface_id: str, facts: TableFacts) -> Answer:
    target = {"NetworkInterfaceId": interface_id, "State": _state(interface_id, facts)}
    instance_id = facts.instances.get(interface_id)
    if instance_id is not None:
        target["InstanceId"] = instance_id
        target["InstanceOwnerId"] = facts.vpc.account_id
    return target


def _state(target_id: str, facts: TableFacts) -> str:
    return "active" if target_id in facts.live_targets else "blackhole"
