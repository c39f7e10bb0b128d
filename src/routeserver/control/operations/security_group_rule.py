"""Authorize, Revoke, Modify and DescribeSecurityGroupRules (EC2 API 2016-11-15).

Every rule has an id of its own; a group's permissions are its rules shown together. What a request
names is done whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, OperationFn, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find, find_all
from routeserver.control.operations.security_group import group_named
from routeserver.control.rule_requests import (
    first_repeated,
    require_same_vpc,
    spec_of_request,
    specs_of,
)
from routeserver.control.security_groups import new_rule, spec_of
from routeserver.control.views import security_group as views
from routeserver.domain import security_rules
from routeserver.domain.network import ManagedPrefixList, SecurityGroup, SecurityGroupRule
from routeserver.domain.refusal import Refusal
from routeserver.domain.security_rules import RuleSpec

FILTERS: Final[dict[str, Column[SecurityGroupRule]]] = {
    "group-id": lambda row: row.group_id,
    "security-group-rule-id": lambda row: row.id,
}

SHOWN_WHEN_REVOKED: Final = (
    "SecurityGroupRuleId",
    "GroupId",
    "IsEgress",
    "IpProtocol",
    "FromPort",
    "ToPort",
    "CidrIpv4",
    "CidrIpv6",
    "PrefixListId",
    "Description",
)


def authorize(*, is_egress: bool) -> OperationFn:
    """AuthorizeSecurityGroupIngress or …Egress."""

    async def run(call: Call, params: Params) -> Answer:
        group = await group_named(call, params)
        specs = await specs_of(call, params, group)
        if not specs:
            raise Refusal(
                "MissingParameter", "The request must contain the parameter IpPermissions"
            )
        present = await _rules(call, group, is_egress=is_egress)
        _refuse_duplicate(specs, present)
        await _check_limit(call, [*map(spec_of, present), *specs])
        made = [
            new_rule(group, spec, is_egress=is_egress, rule_id=call.new_id("sgr"), now=call.now)
            for spec in specs
        ]
        await call.tx.insert(*made)
        shown = []
        for rule in made:
            tags = await tagging.tag_on_create(call, params, rule)
            shown.append(views.rule(rule, tags))
        return {"Return": True, "SecurityGroupRules": shown}

    return run


def revoke(*, is_egress: bool) -> OperationFn:
    """RevokeSecurityGroupIngress or …Egress: by what the rules say, or by their ids."""

    async def run(call: Call, params: Params) -> Answer:
        group = await group_named(call, params)
        present = await _rules(call, group, is_egress=is_egress)
        specs = await specs_of(call, params, group)
        ids: Sequence[str] = params.get("SecurityGroupRuleIds", ())
        if specs and ids:
            raise Refusal(
                "InvalidParameterCombination",
                "SecurityGroupRuleIds cannot be given together with IpPermissions.",
            )
        if not specs and not ids:
            raise Refusal(
                "MissingParameter",
                "The request must contain the parameter IpPermissions or SecurityGroupRuleIds",
            )
        gone = await _by_ids(call, present, ids) if ids else _by_specs(present, specs)
        for rule in gone:
            await call.tx.delete(rule)
        return {"Return": True, "RevokedSecurityGroupRules": [_revoked(rule) for rule in gone]}

    return run


def update_descriptions(*, is_egress: bool) -> OperationFn:
    """UpdateSecurityGroupRuleDescriptionsIngress or …Egress."""

    async def run(call: Call, params: Params) -> Answer:
        group = await group_named(call, params)
        present = await _rules(call, group, is_egress=is_egress)
        wanted: list[tuple[SecurityGroupRule, str | None]] = []
        specs = await specs_of(call, params, group)
        for spec in specs:
            (rule,) = _by_specs(present, [spec])
            wanted.append((rule, spec.description))
        for item in params.get("SecurityGroupRuleDescriptions", ()):
            if "SecurityGroupRuleId" not in item:
                raise Refusal(
                    "MissingParameter",
                    "Each of SecurityGroupRuleDescriptions must contain the parameter "
                    "SecurityGroupRuleId",
                )
            (rule,) = await _by_ids(call, present, [item["SecurityGroupRuleId"]])
            text = security_rules.check_description(item.get("Description"))
            wanted.append((rule, text))
        if not wanted:
            raise Refusal(
                "MissingParameter", "The request must contain the parameter IpPermissions"
            )
        for rule, text in wanted:
            await call.tx.update(rule, description=text)
        return {"Return": True}

    return run


async def modify_security_group_rules(call: Call, params: Params) -> Answer:
    group = await find(call, SecurityGroup, params["GroupId"])
    changed: dict[str, RuleSpec] = {}
    for item in params["SecurityGroupRules"]:
        rule = await find(call, SecurityGroupRule, item["SecurityGroupRuleId"])
        if rule.group_id != group.id:
            raise Refusal(
                "InvalidSecurityGroupRuleId.NotFound",
                f"The security group rule ID '{rule.id}' does not exist in {group.id}",
            )
        if rule.id in changed:
            raise Refusal("InvalidParameterValue", f"Rule {rule.id} is specified twice.")
        spec = spec_of_request(item.get("SecurityGroupRule", {}))
        if spec.group_id is not None:
            require_same_vpc(group, await find(call, SecurityGroup, spec.group_id))
        if spec.prefix_list_id is not None:
            await find(call, ManagedPrefixList, spec.prefix_list_id)
        changed[rule.id] = spec
    present = await call.tx.list(SecurityGroupRule, group_id=group.id)
    for is_egress in (False, True):
        after = [
            changed.get(rule.id) or spec_of(rule) for rule in present if rule.is_egress is is_egress
        ]
        repeated = first_repeated(after)
        if repeated is not None:
            raise _duplicate(repeated)
        await _check_limit(call, after)
    for rule in present:
        if rule.id in changed:
            await call.tx.update(rule, **_fields(changed[rule.id]))
    return {"Return": True}


def _fields(spec: RuleSpec) -> dict[str, Any]:
    return {
        "protocol": spec.protocol,
        "from_port": spec.from_port,
        "to_port": spec.to_port,
        "cidr": spec.cidr,
        "prefix_list_id": spec.prefix_list_id,
        "referenced_group_id": spec.group_id,
        "description": spec.description,
    }


async def describe_security_group_rules(call: Call, params: Params) -> Answer:
    member = "SecurityGroupRuleIds"
    page = await describe(call, params, SecurityGroupRule, member, FILTERS)
    return page.answer("SecurityGroupRules", views.rule)


# --- which rules, and how many --------------------------------------------------------------------


async def _rules(call: Call, group: SecurityGroup, *, is_egress: bool) -> list[SecurityGroupRule]:
    return await call.tx.list(SecurityGroupRule, group_id=group.id, is_egress=is_egress)


def _refuse_duplicate(specs: Sequence[RuleSpec], present: Sequence[SecurityGroupRule]) -> None:
    repeated = first_repeated([*map(spec_of, present), *specs])
    if repeated is not None:
        raise _duplicate(repeated)


def _duplicate(spec: RuleSpec) -> Refusal:
    return Refusal("InvalidPermission.Duplicate", f'the specified rule "{spec}" already exists')


async def _check_limit(call: Call, specs: Sequence[RuleSpec]) -> None:
    """A prefix list counts as often as it may have entries, as on EC2."""
    limit = call.policy.quotas.rules_per_security_group
    if limit is None:
        return
    ids = {spec.prefix_list_id for spec in specs if spec.prefix_list_id is not None}
    lists = await find_all(call, ManagedPrefixList, ids) if ids else []
    weights = {row.id: row.max_entries for row in lists}
    count = sum(weights.get(spec.prefix_list_id or "", 1) for spec in specs)
    if count > limit:
        raise Refusal(
            "RulesPerSecurityGroupLimitExceeded",
            f"The maximum number of rules per security group has been reached: {count} of {limit} "
            "in one direction.",
        )


def _by_specs(
    present: Sequence[SecurityGroupRule], specs: Sequence[RuleSpec]
) -> list[SecurityGroupRule]:
    known = {spec_of(rule).identity: rule for rule in present}
    missing = [spec for spec in specs if spec.identity not in known]
    if missing:
        raise Refusal(
            "InvalidPermission.NotFound",
            f'The specified rule "{missing[0]}" does not exist in this security group.',
        )
    return [known[identity] for identity in dict.fromkeys(spec.identity for spec in specs)]


async def _by_ids(
    call: Call, present: Sequence[SecurityGroupRule], ids: Sequence[str]
) -> list[SecurityGroupRule]:
    known = {rule.id: rule for rule in present}
    for rule in await find_all(call, SecurityGroupRule, ids):
        if rule.id not in known:
            raise Refusal(
                "InvalidSecurityGroupRuleId.NotFound",
                f"The security group rule ID '{rule.id}' does not exist in this group and "
                "direction",
            )
    return [known[rule_id] for rule_id in dict.fromkeys(ids)]


def _revoked(rule: SecurityGroupRule) -> Answer:
    full = views.rule(rule, {})
    shown: Answer = {name: full[name] for name in SHOWN_WHEN_REVOKED if name in full}
    if rule.referenced_group_id is not None:
        shown["ReferencedGroupId"] = rule.referenced_group_id
    return shown
