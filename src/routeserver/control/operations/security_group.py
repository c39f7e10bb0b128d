"""Create, Describe and DeleteSecurityGroup (EC2 API 2016-11-15).

A group is kept and shown; nothing here filters a packet by it. Groups belong to VPCs, and as there
is no default VPC they are named by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find, find_all
from routeserver.control.ownership import owned
from routeserver.control.security_groups import (
    DEFAULT_NAME,
    birth_rules,
    delete_group,
    names_of_groups,
    rules_by_group,
)
from routeserver.control.views import security_group as views
from routeserver.domain import rules, security_rules
from routeserver.domain.network import SecurityGroup, SecurityGroupRule
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Vpc

RuleColumn = Callable[[SecurityGroupRule], "str | None"]

RULE_FILTERS: Final[dict[str, RuleColumn]] = {
    "cidr": lambda rule: rule.cidr if rule.cidr and ":" not in rule.cidr else None,
    "from-port": lambda rule: None if rule.from_port is None else str(rule.from_port),
    "group-id": lambda rule: rule.referenced_group_id,
    "ipv6-cidr": lambda rule: rule.cidr if rule.cidr and ":" in rule.cidr else None,
    "prefix-list-id": lambda rule: rule.prefix_list_id,
    "protocol": lambda rule: rule.protocol,
    "to-port": lambda rule: None if rule.to_port is None else str(rule.to_port),
    "user-id": lambda rule: rule.account_id if rule.referenced_group_id else None,
}
"""Behind ``ip-permission.`` and ``egress.ip-permission.``."""


async def create_security_group(call: Call, params: Params) -> Answer:
    name, description = params["GroupName"].strip(), params["Description"]
    security_rules.check_group_name(name)
    if not description or len(description) > security_rules.MAX_DESCRIPTION:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({description}) for parameter GroupDescription is invalid. It has 1 to "
            f"{security_rules.MAX_DESCRIPTION} characters.",
        )
    if "VpcId" not in params:
        raise Refusal("VPCIdNotSpecified", "No default VPC for this user; name one with VpcId.")
    vpc = await find(call, Vpc, params["VpcId"])
    present = await call.tx.list(SecurityGroup)
    if any(group.vpc_id == vpc.id and group.name == name for group in present):
        raise Refusal(
            "InvalidGroup.Duplicate",
            f"The security group '{name}' already exists for VPC '{vpc.id}'",
        )
    rules.within(
        call.policy.quotas.security_groups_per_region,
        len(present),
        "SecurityGroupLimitExceeded",
        "security groups per region",
    )
    row = SecurityGroup(
        id=call.new_id("sg"),
        vpc_id=vpc.id,
        name=name,
        description=description,
        **owned(call),
    )
    born = birth_rules(row, with_ipv6=vpc.ipv6_cidr is not None, new_id=call.new_id, now=call.now)
    await call.tx.insert(row, *born)
    tags = await tagging.tag_on_create(call, params, row)
    return {
        "GroupId": row.id,
        "Tags": tagging.tag_list(tags),
        "SecurityGroupArn": views.arn(row, "security-group"),
    }


async def describe_security_groups(call: Call, params: Params) -> Answer:
    for name in params.get("GroupNames", ()):
        raise Refusal(
            "InvalidGroup.NotFound",
            f"The security group '{name}' does not exist in default VPC; there is no default VPC "
            "here, use the filter group-name.",
        )
    groups = await find_all(call, SecurityGroup, params.get("GroupIds"))
    found = await rules_by_group(call.tx, [group.id for group in groups])
    names = await names_of_groups(call.tx)
    filters = _filters(found, names)
    page = await describe(call, params, SecurityGroup, "GroupIds", filters)
    return page.answer(
        "SecurityGroups", lambda row, tags: views.security_group(row, found[row.id], tags)
    )


def _filters(
    found: Mapping[str, Sequence[SecurityGroupRule]], names: Mapping[str, str]
) -> dict[str, Column[SecurityGroup]]:
    def of_rules(column: RuleColumn, *, is_egress: bool) -> Column[SecurityGroup]:
        return lambda row: [
            value
            for rule in found.get(row.id, ())
            if rule.is_egress is is_egress and (value := column(rule)) is not None
        ]

    columns = {
        **RULE_FILTERS,
        "group-name": lambda rule: names.get(rule.referenced_group_id or ""),
    }
    filters: dict[str, Column[SecurityGroup]] = {
        "description": lambda row: row.description,
        "group-id": lambda row: row.id,
        "group-name": lambda row: row.name,
        "owner-id": lambda row: row.account_id,
        "vpc-id": lambda row: row.vpc_id,
    }
    for name, column in columns.items():
        filters[f"ip-permission.{name}"] = of_rules(column, is_egress=False)
        filters[f"egress.ip-permission.{name}"] = of_rules(column, is_egress=True)
    return filters


async def group_named(call: Call, params: Params) -> SecurityGroup:
    """The group that the request is about; names are for default VPCs."""
    if "GroupId" in params:
        return await find(call, SecurityGroup, params["GroupId"])
    if "GroupName" in params:
        raise Refusal(
            "InvalidGroup.NotFound",
            f"The security group '{params['GroupName']}' does not exist in default VPC; there is "
            "no default VPC here, use GroupId.",
        )
    raise Refusal("MissingParameter", "The request must contain the parameter GroupId")


async def delete_security_group(call: Call, params: Params) -> Answer:
    row = await group_named(call, params)
    if row.name == DEFAULT_NAME:
        raise Refusal(
            "CannotDelete",
            f'the specified group: "{row.id}" name: "{row.name}" cannot be deleted by a user',
        )
    for interface in await call.tx.list(NetworkInterface, vpc_id=row.vpc_id):
        if row.id in interface.group_ids:
            raise _has_dependent(row, f"network interface {interface.id} is in it")
    for rule in await call.tx.list(SecurityGroupRule, referenced_group_id=row.id):
        if rule.group_id != row.id:
            raise _has_dependent(row, f"rule {rule.id} of {rule.group_id} refers to it")
    await delete_group(call.tx, row)
    return {"Return": True, "GroupId": row.id}


def _has_dependent(row: SecurityGroup, dependency: str) -> Refusal:
    return Refusal(
        "DependencyViolation", f"resource {row.id} has a dependent object: {dependency}."
    )
