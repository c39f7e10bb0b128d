"""A security group and its rules as the EC2 answer shows them: rules of the same protocol and ports
together in the group, one by one on their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.network import SecurityGroup, SecurityGroupRule
from routeserver.domain.security_rules import RuleSpec

NO_PORT = -1


def security_group(
    row: SecurityGroup, rules: Iterable[SecurityGroupRule], tags: Mapping[str, str]
) -> Answer:
    rules = list(rules)
    return {
        "GroupId": row.id,
        "GroupName": row.name,
        "Description": row.description,
        "OwnerId": row.account_id,
        "VpcId": row.vpc_id,
        "SecurityGroupArn": arn(row, "security-group"),
        "IpPermissions": permissions(row.account_id, (r for r in rules if not r.is_egress)),
        "IpPermissionsEgress": permissions(row.account_id, (r for r in rules if r.is_egress)),
        "Tags": tag_list(tags),
    }


def arn(row: SecurityGroup | SecurityGroupRule, noun: str) -> str:
    return f"arn:aws:ec2:{row.region}:{row.account_id}:{noun}/{row.id}"


def permissions(account_id: str, rules: Iterable[SecurityGroupRule | RuleSpec]) -> list[Answer]:
    shown: dict[tuple[object, ...], Answer] = {}
    for rule in rules:
        key = (rule.protocol, rule.from_port, rule.to_port)
        permission = shown.get(key)
        if permission is None:
            permission = shown[key] = {
                "IpProtocol": rule.protocol,
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [],
            }
            if rule.from_port is not None:
                permission["FromPort"] = rule.from_port
                permission["ToPort"] = rule.to_port
        _add_peer(permission, account_id, rule)
    return list(shown.values())


def _add_peer(permission: Answer, account_id: str, rule: SecurityGroupRule | RuleSpec) -> None:
    more = {} if rule.description is None else {"Description": rule.description}
    group_id = rule.group_id if isinstance(rule, RuleSpec) else rule.referenced_group_id
    if group_id is not None:
        pair = {"GroupId": group_id, "UserId": account_id, **more}
        permission["UserIdGroupPairs"].append(pair)
    elif rule.prefix_list_id is not None:
        permission["PrefixListIds"].append({"PrefixListId": rule.prefix_list_id, **more})
    elif rule.cidr is not None and ":" in rule.cidr:
        permission["Ipv6Ranges"].append({"CidrIpv6": rule.cidr, **more})
    else:
        permission["IpRanges"].append({"CidrIp": rule.cidr, **more})


def rule(row: SecurityGroupRule, tags: Mapping[str, str]) -> Answer:
    shown: Answer = {
        "SecurityGroupRuleId": row.id,
        "GroupId": row.group_id,
        "GroupOwnerId": row.account_id,
        "IsEgress": row.is_egress,
        "IpProtocol": row.protocol,
        "FromPort": NO_PORT if row.from_port is None else row.from_port,
        "ToPort": NO_PORT if row.to_port is None else row.to_port,
        "SecurityGroupRuleArn": arn(row, "security-group-rule"),
        "Tags": tag_list(tags),
    }
    if row.description is not None:
        shown["Description"] = row.description
    if row.referenced_group_id is not None:
        shown["ReferencedGroupInfo"] = {
            "GroupId": row.referenced_group_id,
            "UserId": row.account_id,
        }
    elif row.prefix_list_id is not None:
        shown["PrefixListId"] = row.prefix_list_id
    elif row.cidr is not None:
        shown["CidrIpv6" if ":" in row.cidr else "CidrIpv4"] = row.cidr
    return shown
