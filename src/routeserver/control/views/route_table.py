"""A route table as the EC2 answer shows it: its associations and the routes of all sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import merge

from routeserver.control.call import Answer
from routeserver.control.prefix_lists import ID_PREFIX
from routeserver.control.route_tables import TableFacts
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import Route, RouteTable, RouteTableAssociation
from routeserver.domain.routing import Entry
from routeserver.domain.vpc_rules import local_destinations
from routeserver.ec2.response import LongList
from routeserver.net.prefix import Prefix, format_prefix, parse_prefix


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
    if not facts.propagated:
        return
    blocks = (*local, *(each for each in static if not each.startswith(ID_PREFIX)))
    occupied = facts.listed.union(map(parse_prefix, blocks))
    for prefix in sorted(facts.propagated) if facts.runs is None else merge(*facts.runs):
        # The moment between a static route's birth and the propagated one's removal shows only the
        # static one.
        entry = None if prefix in occupied else facts.propagated.get(prefix)
        if entry is not None:
            yield _propagated(prefix, entry, facts)


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
