"""Security groups below their operations: the rules of many groups in one look, the groups an
interface may have, and the group that a VPC is born with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from routeserver.control.call import Call
from routeserver.control.ownership import owned_like
from routeserver.domain.network import SecurityGroup, SecurityGroupRule
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Subnet, Vpc
from routeserver.domain.security_rules import ALL, RuleSpec
from routeserver.net.ids import is_well_formed
from routeserver.store import Transaction

DEFAULT_NAME = "default"
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def new_rule(
    group: SecurityGroup, spec: RuleSpec, *, is_egress: bool, rule_id: str, now: float
) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=rule_id,
        account_id=group.account_id,
        region=group.region,
        created_at=now,
        group_id=group.id,
        is_egress=is_egress,
        protocol=spec.protocol,
        from_port=spec.from_port,
        to_port=spec.to_port,
        cidr=spec.cidr,
        prefix_list_id=spec.prefix_list_id,
        referenced_group_id=spec.group_id,
        description=spec.description,
    )


def spec_of(rule: SecurityGroupRule) -> RuleSpec:
    return RuleSpec(
        protocol=rule.protocol,
        from_port=rule.from_port,
        to_port=rule.to_port,
        cidr=rule.cidr,
        prefix_list_id=rule.prefix_list_id,
        group_id=rule.referenced_group_id,
        description=rule.description,
    )


def birth_rules(
    group: SecurityGroup, *, with_ipv6: bool, new_id: Callable[[str], str], now: float
) -> list[SecurityGroupRule]:
    """What a new group lets through: everything that leaves; the default group also lets in what
    its own members send."""
    families = (4, 6) if with_ipv6 else (4,)
    rules = [
        new_rule(
            group,
            RuleSpec(ALL, cidr=EVERYWHERE[family]),
            is_egress=True,
            rule_id=new_id("sgr"),
            now=now,
        )
        for family in families
    ]
    if group.name == DEFAULT_NAME:
        own = RuleSpec(ALL, group_id=group.id)
        rules.append(new_rule(group, own, is_egress=False, rule_id=new_id("sgr"), now=now))
    return rules


async def default_group(call: Call, vpc_id: str) -> SecurityGroup:
    (group,) = await call.tx.list(SecurityGroup, vpc_id=vpc_id, name=DEFAULT_NAME)
    return group


async def groups_for(call: Call, group_ids: Sequence[str], subnet: Subnet) -> tuple[str, ...]:
    """The groups that an interface in the subnet shall have: those asked for, or the default one.

    Raises Refusal InvalidSecurityGroupID.NotFound or .Malformed, InvalidParameterValue for one of
    another VPC, SecurityGroupsPerInterfaceLimitExceeded.
    """
    wanted = list(dict.fromkeys(group_ids))
    if not wanted:
        return ((await default_group(call, subnet.vpc_id)).id,)
    for group_id in wanted:
        if not is_well_formed(group_id, "sg"):
            raise Refusal(
                "InvalidSecurityGroupID.Malformed",
                f"Invalid id: '{group_id}' (expecting 'sg-...')",
            )
    limit = call.policy.quotas.security_groups_per_interface
    if limit is not None and len(wanted) > limit:
        raise Refusal(
            "SecurityGroupsPerInterfaceLimitExceeded",
            f"The maximum number of security groups per interface has been reached: {len(wanted)} "
            f"of {limit}.",
        )
    found = {group.id: group for group in await call.tx.list(SecurityGroup, id=wanted)}
    for group_id in wanted:
        group = found.get(group_id)
        if group is None:
            raise Refusal(
                "InvalidSecurityGroupID.NotFound", f"The security group '{group_id}' does not exist"
            )
        if group.vpc_id != subnet.vpc_id:
            raise Refusal(
                "InvalidParameterValue",
                f"Security group {group_id} and subnet {subnet.id} belong to different networks.",
            )
    return tuple(wanted)


async def names_of_groups(tx: Transaction) -> dict[str, str]:
    """Every group's name by its id."""
    return {group.id: group.name for group in await tx.list(SecurityGroup)}


async def rules_by_group(
    tx: Transaction, group_ids: Iterable[str]
) -> defaultdict[str, list[SecurityGroupRule]]:
    found: defaultdict[str, list[SecurityGroupRule]] = defaultdict(list)
    for rule in await tx.list(SecurityGroupRule, group_id=list(group_ids)):
        found[rule.group_id].append(rule)
    return found


async def delete_group(tx: Transaction, group: SecurityGroup) -> None:
    """With its rules; whether it may go is the caller's business."""
    for rule in await tx.list(SecurityGroupRule, group_id=group.id):
        await tx.delete(rule)
    await tx.delete(group)


def default_group_of(
    vpc: Vpc, *, new_id: Callable[[str], str]
) -> tuple[SecurityGroup, list[SecurityGroupRule]]:
    """The group that a VPC is born with, and its rules."""
    group = SecurityGroup(
        id=new_id("sg"),
        vpc_id=vpc.id,
        name=DEFAULT_NAME,
        description="default VPC security group",
        **owned_like(vpc, vpc.created_at),
    )
    with_ipv6 = vpc.ipv6_cidr is not None
    return group, birth_rules(group, with_ipv6=with_ipv6, new_id=new_id, now=vpc.created_at)
