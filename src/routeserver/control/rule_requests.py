"""The rules that a request on a security group names: ``IpPermissions``, or one rule in the flat
parameters that EC2 had before them.

One permission may name many peers for one range of ports; each is a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from routeserver.control.call import Call, Params
from routeserver.control.lookup import find
from routeserver.domain import security_rules, vpc_rules
from routeserver.domain.network import ManagedPrefixList, SecurityGroup
from routeserver.domain.refusal import Refusal
from routeserver.domain.security_rules import RuleSpec

FLAT: Final = ("IpProtocol", "FromPort", "ToPort", "CidrIp", "SourceSecurityGroupName")
MAX_RULES: Final = 1000
"""In one request: more than a group may have; it bounds one transaction."""


async def specs_of(call: Call, params: Params, group: SecurityGroup) -> list[RuleSpec]:
    """The rules a request names, in its order; none when it names none.

    Raises Refusal: InvalidParameterCombination for both forms at once, InvalidParameterValue for a
    protocol, port or block that is none, ….NotFound for a group or prefix list that is not there.
    """
    flat = [name for name in FLAT if name in params]
    if flat and params.get("IpPermissions"):
        raise Refusal(
            "InvalidParameterCombination",
            f"IpPermissions cannot be given together with {', '.join(flat)}.",
        )
    permissions = params.get("IpPermissions", ())
    if flat:
        permissions = (_flat_permission(params),)
    specs = [spec for permission in permissions for spec in _specs(permission)]
    if len(specs) > MAX_RULES:
        raise Refusal(
            "RulesPerSecurityGroupLimitExceeded",
            f"One request can name {MAX_RULES} rules, not {len(specs)}.",
        )
    for group_id in {spec.group_id for spec in specs if spec.group_id is not None}:
        if group_id != group.id:
            other = await find(call, SecurityGroup, group_id)
            require_same_vpc(group, other)
    for list_id in {spec.prefix_list_id for spec in specs if spec.prefix_list_id is not None}:
        await find(call, ManagedPrefixList, list_id)
    return specs


def require_same_vpc(group: SecurityGroup, other: SecurityGroup) -> None:
    if other.vpc_id != group.vpc_id:
        raise Refusal(
            "InvalidGroup.NotFound",
            f"You have specified two resources that belong to different networks: {group.id} is in "
            f"{group.vpc_id}, {other.id} in {other.vpc_id}.",
        )


def _flat_permission(params: Params) -> dict[str, Any]:
    if "SourceSecurityGroupName" in params:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter SourceSecurityGroupName is for a default VPC, and there is none here; "
            "name the group by its id in IpPermissions.",
        )
    permission = {name: params[name] for name in FLAT[:3] if name in params}
    permission["IpRanges"] = [{"CidrIp": params["CidrIp"]}] if "CidrIp" in params else []
    return permission


def _specs(permission: Mapping[str, Any]) -> Iterator[RuleSpec]:
    protocol, first, last = _range(permission)
    peers = list(_peers(permission))
    if not peers:
        raise Refusal(
            "MissingParameter",
            "Each of IpPermissions must name a source or destination: IpRanges, Ipv6Ranges, "
            "PrefixListIds or UserIdGroupPairs",
        )
    for field, peer, description in peers:
        yield RuleSpec(
            protocol,
            first,
            last,
            **{field: peer},
            description=security_rules.check_description(description),
        )


def _range(request: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    if "IpProtocol" not in request:
        raise Refusal("MissingParameter", "The request must contain the parameter IpProtocol")
    protocol = security_rules.protocol_name(request["IpProtocol"])
    first, last = request.get("FromPort"), request.get("ToPort")
    return protocol, *security_rules.ports(protocol, first, last)


def _peers(permission: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Field of a RuleSpec, its value and the description."""
    for item in permission.get("IpRanges", ()):
        block = vpc_rules.check_ipv4_block("cidrIp", _member(item, "IpRanges", "CidrIp"))
        yield "cidr", str(block), item.get("Description")
    for item in permission.get("Ipv6Ranges", ()):
        text = _member(item, "Ipv6Ranges", "CidrIpv6")
        yield (
            "cidr",
            str(vpc_rules.check_ipv6_block("cidrIpv6", text)),
            item.get("Description"),
        )
    for item in permission.get("PrefixListIds", ()):
        list_id = _member(item, "PrefixListIds", "PrefixListId")
        yield "prefix_list_id", list_id, item.get("Description")
    for item in permission.get("UserIdGroupPairs", ()):
        yield "group_id", _member(item, "UserIdGroupPairs", "GroupId"), item.get("Description")


def _member(item: Mapping[str, Any], of: str, name: str) -> str:
    if name not in item:
        raise Refusal("MissingParameter", f"Each of {of} must contain the parameter {name}")
    return str(item[name])


def spec_of_request(request: Mapping[str, Any]) -> RuleSpec:
    """The one rule of a SecurityGroupRuleRequest (ModifySecurityGroupRules)."""
    protocol, first, last = _range(request)
    peers: list[dict[str, str]] = []
    if "CidrIpv4" in request:
        block = vpc_rules.check_ipv4_block("cidrIpv4", request["CidrIpv4"])
        peers.append({"cidr": str(block)})
    if "CidrIpv6" in request:
        peers.append({"cidr": str(vpc_rules.check_ipv6_block("cidrIpv6", request["CidrIpv6"]))})
    if "PrefixListId" in request:
        peers.append({"prefix_list_id": request["PrefixListId"]})
    if "ReferencedGroupId" in request:
        peers.append({"group_id": request["ReferencedGroupId"]})
    if len(peers) != 1:
        raise Refusal(
            "InvalidParameterCombination" if peers else "MissingParameter",
            "Each rule must have exactly one of CidrIpv4, CidrIpv6, PrefixListId and "
            "ReferencedGroupId.",
        )
    description = security_rules.check_description(request.get("Description"))
    return RuleSpec(protocol, first, last, **peers[0], description=description)


def first_repeated(specs: Iterable[RuleSpec]) -> RuleSpec | None:
    seen: set[RuleSpec] = set()
    for spec in specs:
        if spec.identity in seen:
            return spec
        seen.add(spec.identity)
    return None
