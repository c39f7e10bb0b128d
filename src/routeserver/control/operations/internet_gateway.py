"""Create, Describe, Delete, Attach and DetachInternetGateway (EC2 API 2016-11-15).

A gateway is a name that routes and gateway route tables can point at; no packet leaves through it.
"""

from __future__ import annotations

from typing import Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find
from routeserver.control.views.internet_gateway import ATTACHED, internet_gateway
from routeserver.domain import vpc_rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import InternetGateway, RouteTableAssociation, Vpc

FILTERS: Final[dict[str, Column[InternetGateway]]] = {
    "attachment.state": lambda row: ATTACHED if row.vpc_id else None,
    "attachment.vpc-id": lambda row: row.vpc_id,
    "internet-gateway-id": lambda row: row.id,
    "owner-id": lambda row: row.account_id,
}


async def create_internet_gateway(call: Call, params: Params) -> Answer:
    row = InternetGateway(
        id=call.new_id("igw"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
    )
    await call.tx.insert(row)
    tags = await tagging.tag_on_create(call, params, row)
    return {"InternetGateway": internet_gateway(row, tags)}


async def describe_internet_gateways(call: Call, params: Params) -> Answer:
    page = await describe(call, params, InternetGateway, "InternetGatewayIds", FILTERS)
    return page.answer("InternetGateways", internet_gateway)


async def delete_internet_gateway(call: Call, params: Params) -> Answer:
    row = await find(call, InternetGateway, params["InternetGatewayId"])
    if row.vpc_id is not None:
        raise vpc_rules.in_use("internetGateway", row.id, f"it is attached to {row.vpc_id}")
    await call.tx.delete(row)
    return {}


async def attach_internet_gateway(call: Call, params: Params) -> Answer:
    row = await find(call, InternetGateway, params["InternetGatewayId"])
    vpc = await find(call, Vpc, params["VpcId"])
    if row.vpc_id is not None:
        raise Refusal(
            "Resource.AlreadyAssociated",
            f"resource {row.id} is already attached to network {row.vpc_id}",
        )
    if await call.tx.list(InternetGateway, vpc_id=vpc.id):
        raise Refusal(
            "InvalidParameterValue",
            f"Network {vpc.id} already has an internet gateway attached",
        )
    await call.tx.update(row, vpc_id=vpc.id)
    return {}


async def detach_internet_gateway(call: Call, params: Params) -> Answer:
    """Routes through the gateway stay and become a blackhole, as on EC2."""
    row = await find(call, InternetGateway, params["InternetGatewayId"])
    vpc = await find(call, Vpc, params["VpcId"])
    if row.vpc_id != vpc.id:
        raise Refusal(
            "Gateway.NotAttached", f"resource {row.id} is not attached to network {vpc.id}"
        )
    for association in await call.tx.list(RouteTableAssociation, vpc_id=vpc.id):
        if association.gateway_id == row.id:
            raise Refusal(
                "DependencyViolation",
                f"The internetGateway '{row.id}' has dependencies and cannot be detached: route "
                f"table {association.route_table_id} is associated with it ({association.id}).",
            )
    await call.tx.update(row, vpc_id=None)
    return {}
