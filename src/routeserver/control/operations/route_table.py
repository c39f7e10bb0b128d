"""Create, Describe and DeleteRouteTable, and what a table is associated with (EC2 API 2016-11-15).

A subnet or gateway has one table: its explicit association, or the VPC's main table. Propagated
routes are shown as they are observed; they are nobody's rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from routeserver.control import idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, all_named
from routeserver.control.lookup import find
from routeserver.control.route_tables import TableFacts, facts_of, facts_of_one, with_runs
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import route_table as views
from routeserver.domain import rules, vpc_rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    InternetGateway,
    Route,
    RouteServerPropagation,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.ec2.filters import Filters, compile_filters, exact_values
from routeserver.ec2.response import LongAnswer
from routeserver.net.prefix import parsed_prefixes

LOOKED_AT: Final = 512
"""Routes between two turns of the event loop; a millisecond at most."""

ASSOCIATED: Final[Answer] = {"State": "associated"}

ROUTE_FILTERS: Final = {
    "route.destination-cidr-block": "DestinationCidrBlock",
    "route.destination-ipv6-cidr-block": "DestinationIpv6CidrBlock",
    "route.gateway-id": "GatewayId",
    "route.origin": "Origin",
    "route.state": "State",
    "route.destination-prefix-list-id": "DestinationPrefixListId",
    "route.instance-id": "InstanceId",
    # Routes have none of these targets here; the filters are known and match nothing.
    "route.egress-only-internet-gateway-id": "EgressOnlyInternetGatewayId",
    "route.nat-gateway-id": "NatGatewayId",
    "route.transit-gateway-id": "TransitGatewayId",
    "route.vpc-peering-connection-id": "VpcPeeringConnectionId",
}
"""Filter name and the member of a route in the answer that it looks at."""


async def create_route_table(call: Call, params: Params) -> Answer:
    row = await idempotency.once(call, params, RouteTable)
    if row is not None:
        tags = (await call.tx.tags_of([row.id]))[row.id]
    else:
        vpc = await find(call, Vpc, params["VpcId"])
        rules.within(
            call.policy.quotas.route_tables_per_vpc,
            len(await call.tx.list(RouteTable, vpc_id=vpc.id)),
            "RouteTableLimitExceeded",
            "route tables per VPC",
        )
        row = RouteTable(
            id=call.new_id("rtb"),
            account_id=call.account_id,
            region=call.region,
            created_at=call.now,
            vpc_id=vpc.id,
        )
        await call.tx.insert(row)
        tags = await tagging.tag_on_create(call, params, row)
        await idempotency.remember(call, params, row)
    answer: Answer = {"RouteTable": views.route_table(row, await facts_of_one(call, row), tags)}
    if "ClientToken" in params:
        answer["ClientToken"] = params["ClientToken"]
    return answer


async def describe_route_tables(call: Call, params: Params) -> Answer:
    named = await all_named(call, params, RouteTable, "RouteTableIds")
    facts = await facts_of(call, named.rows)
    await call.tx.done_reading()
    asked = [one for one in params.get("Filters", ()) if one.get("Name") in ROUTE_FILTERS]
    values = await _route_values(facts, asked) if asked else {}
    page = named.page(params, _filters(facts, values))
    shown = {row.id: await with_runs(facts[row.id]) for row in page.rows}
    answer = page.answer(
        "RouteTables", lambda row, tags: views.route_table(row, shown[row.id], tags)
    )
    is_long = any(each.runs is not None for each in shown.values())
    return LongAnswer(answer) if is_long else answer


Values: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]
"""What some routes of a table have of a member, by member and table id."""


async def _route_values(facts: Mapping[str, TableFacts], asked: Filters) -> Values:
    """One value that passes, for each table and filter that have one: a table is described for
    having any such route.

    Destinations without a wildcard are looked up; everything else is looked for, with a turn of the
    event loop now and then. Raises Fault as `compile_filters` does.
    """
    found: dict[str, dict[str, list[str]]] = {
        ROUTE_FILTERS[one["Name"]]: {table_id: [] for table_id in facts} for one in asked
    }
    for one in asked:
        name = one["Name"]
        member, passes = ROUTE_FILTERS[name], compile_filters([one], ROUTE_FILTERS)
        exact = exact_values([one], name) if member in views.DESTINATIONS else None
        prefixes = None if exact is None else parsed_prefixes(exact)
        number = 0
        for table_id, known in facts.items():
            for value in views.values(known, member, prefixes):
                number += 1
                if not number % LOOKED_AT:
                    await asyncio.sleep(0)
                if value is not None and passes({name: value}, {}):
                    found[member][table_id].append(value)
                    break
    return found


def _filters(facts: Mapping[str, TableFacts], values: Values) -> dict[str, Column[RouteTable]]:
    def of_associations(field: str) -> Column[RouteTable]:
        return lambda row: [
            value
            for link in facts[row.id].associations
            if (value := getattr(link, field)) is not None
        ]

    def of_routes(member: str) -> Column[RouteTable]:
        return lambda row: values[member][row.id]

    return {
        "association.gateway-id": of_associations("gateway_id"),
        "association.main": lambda row: [
            str(link.main).lower() for link in facts[row.id].associations
        ],
        "association.route-table-association-id": of_associations("id"),
        "association.route-table-id": of_associations("route_table_id"),
        "association.subnet-id": of_associations("subnet_id"),
        "owner-id": lambda row: row.account_id,
        "route-table-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        **{name: of_routes(member) for name, member in ROUTE_FILTERS.items()},
    }


async def delete_route_table(call: Call, params: Params) -> Answer:
    row = await find(call, RouteTable, params["RouteTableId"])
    if row.main:
        raise vpc_rules.in_use("routeTable", row.id, f"it is the main route table of {row.vpc_id}")
    associations = await call.tx.list(RouteTableAssociation, route_table_id=row.id)
    if associations:
        first = associations[0]
        raise vpc_rules.in_use(
            "routeTable",
            row.id,
            f"it is associated with {first.subnet_id or first.gateway_id} ({first.id})",
        )
    propagations = await call.tx.list(RouteServerPropagation, route_table_id=row.id)
    if propagations:
        server_id = propagations[0].route_server_id
        raise vpc_rules.in_use("routeTable", row.id, f"{server_id} is propagated to it")
    for route in await call.tx.list(Route, route_table_id=row.id):
        await call.tx.delete(route)
    await call.tx.delete(row)
    return {}


async def associate_route_table(call: Call, params: Params) -> Answer:
    """The same association a second time answers the first one's id."""
    refuse_unsupported(params, {"PublicIpv4Pool": "there are no public address pools here"})
    table = await find(call, RouteTable, params["RouteTableId"])
    subnet_id, gateway_id = params.get("SubnetId"), params.get("GatewayId")
    if subnet_id is not None and gateway_id is not None:
        raise Refusal("InvalidParameterCombination", "SubnetId and GatewayId cannot both be given.")
    if subnet_id is not None:
        await _require_subnet(call, table, subnet_id)
    elif gateway_id is not None:
        await _require_gateway(call, table, gateway_id)
    else:
        raise Refusal(
            "MissingParameter", "The request must contain the parameter SubnetId or GatewayId"
        )
    for present in await call.tx.list(RouteTableAssociation, vpc_id=table.vpc_id):
        if (present.subnet_id, present.gateway_id) == (subnet_id, gateway_id):
            if present.route_table_id == table.id:
                return {"AssociationId": present.id, "AssociationState": ASSOCIATED}
            raise Refusal(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {table.id} conflicts with an existing "
                f"association: {present.id} with {present.route_table_id}",
            )
    association = await _associate(call, table, subnet_id=subnet_id, gateway_id=gateway_id)
    return {"AssociationId": association.id, "AssociationState": ASSOCIATED}


async def _associate(
    call: Call,
    table: RouteTable,
    *,
    subnet_id: str | None = None,
    gateway_id: str | None = None,
    main: bool = False,
) -> RouteTableAssociation:
    association = RouteTableAssociation(
        id=call.new_id("rtbassoc"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_table_id=table.id,
        vpc_id=table.vpc_id,
        subnet_id=subnet_id,
        gateway_id=gateway_id,
        main=main,
    )
    await call.tx.insert(association)
    return association


async def _require_subnet(call: Call, table: RouteTable, subnet_id: str) -> None:
    subnet = await find(call, Subnet, subnet_id)
    if subnet.vpc_id != table.vpc_id:
        raise vpc_rules.different_networks(table.id, f"subnet {subnet.id}")


async def _require_gateway(call: Call, table: RouteTable, gateway_id: str) -> None:
    """A gateway's table steers what comes in through it, so it cannot lead back to a gateway."""
    gateway = await find(call, InternetGateway, gateway_id)
    if gateway.vpc_id != table.vpc_id:
        raise vpc_rules.different_networks(table.id, f"network gateway {gateway.id}")
    for route in await call.tx.list(Route, route_table_id=table.id):
        if route.gateway_id is not None:
            raise vpc_rules.gateway_behind_gateway(table.id, route.gateway_id)


async def disassociate_route_table(call: Call, params: Params) -> Answer:
    association = await find(call, RouteTableAssociation, params["AssociationId"])
    if association.main:
        raise Refusal(
            "InvalidParameterValue",
            f"cannot disassociate the main route table association {association.id}; "
            "replace it by another table's with ReplaceRouteTableAssociation",
        )
    await call.tx.delete(association)
    return {}


async def replace_route_table_association(call: Call, params: Params) -> Answer:
    """Gives the association's subnet, gateway or VPC (for the main one) another table, under a new
    association id.
    """
    old = await find(call, RouteTableAssociation, params["AssociationId"])
    table = await find(call, RouteTable, params["RouteTableId"])
    if table.vpc_id != old.vpc_id:
        target = old.subnet_id or old.gateway_id or old.vpc_id
        raise vpc_rules.different_networks(table.id, f"association {old.id} of {target}")
    if table.id == old.route_table_id:
        return {"NewAssociationId": old.id, "AssociationState": ASSOCIATED}
    if old.gateway_id is not None:
        await _require_gateway(call, table, old.gateway_id)
    await call.tx.delete(old)
    new = await _associate(
        call, table, subnet_id=old.subnet_id, gateway_id=old.gateway_id, main=old.main
    )
    if old.main:
        former = await find(call, RouteTable, old.route_table_id)
        await call.tx.update(former, main=False)
        await call.tx.update(table, main=True)
    return {"NewAssociationId": new.id, "AssociationState": ASSOCIATED}
