"""An internet gateway as the EC2 answer shows it."""

from __future__ import annotations

from collections.abc import Mapping

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import InternetGateway

ATTACHED = "available"
"""What EC2 really answers for an attached gateway, though its model's enum lacks the word."""


def internet_gateway(row: InternetGateway, tags: Mapping[str, str]) -> Answer:
    attachments = [] if row.vpc_id is None else [{"VpcId": row.vpc_id, "State": ATTACHED}]
    return {
        "InternetGatewayId": row.id,
        "OwnerId": row.account_id,
        "Attachments": attachments,
        "Tags": tag_list(tags),
    }
