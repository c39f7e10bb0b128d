"""Network ACLs, their entries and the subnets that have them (EC2 API 2016-11-15).

An ACL is kept and shown; nothing here filters a packet by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from routeserver.control import idempotency, network_acls, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find, find_all
from routeserver.control.ownership import owned
from routeserver.control.views import network_acl as views
from routeserver.domain import rules, security_rules, vpc_rules
from routeserver.domain.network import NetworkAcl, NetworkAclAssociation, NetworkAclEntry
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Vpc

WITH_PORTS: Final = frozenset({"6", "17"})
WITH_TYPES: Final = frozenset({"1", "58"})

EntryColumn = Callable[[NetworkAclEntry], "str | None"]


def _number(field: str) -> EntryColumn:
    return lambda entry: None if getattr(entry, field) is None else str(getattr(entry, field))


ENTRY_FILTERS: Final[dict[str, EntryColumn]] = {
    "entry.cidr": lambda entry: None if ":" in entry.cidr else entry.cidr,
    "entry.ipv6-cidr": lambda entry: entry.cidr if ":" in entry.cidr else None,
    "entry.egress": lambda entry: str(entry.is_egress).lower(),
    "entry.icmp.code": _number("icmp_code"),
    "entry.icmp.type": _number("icmp_type"),
    "entry.port-range.from": _number("from_port"),
    "entry.port-range.to": _number("to_port"),
    "entry.protocol": lambda entry: entry.protocol,
    "entry.rule-action": lambda entry: entry.action,
    "entry.rule-number": _number("rule_number"),
}


async def create_network_acl(call: Call, params: Params) -> Answer:
    row = await idempotency.once(call, params, NetworkAcl)
    if row is not None:
        tags = (await call.tx.tags_of([row.id]))[row.id]
    else:
        vpc = await find(call, Vpc, params["VpcId"])
        rules.within(
            call.policy.quotas.network_acls_per_vpc,
            len(await call.tx.list(NetworkAcl, vpc_id=vpc.id)),
            "NetworkAclLimitExceeded",
            "network ACLs per VPC",
        )
        row = NetworkAcl(id=call.new_id("acl"), vpc_id=vpc.id, **owned(call))
        with_ipv6 = vpc.ipv6_cidr is not None
        born = network_acls.birth_entries(row, with_ipv6=with_ipv6, now=call.now)
        await call.tx.insert(row, *born)
        tags = await tagging.tag_on_create(call, params, row)
        await idempotency.remember(call, params, row)
    entries = await call.tx.list(NetworkAclEntry, network_acl_id=row.id)
    links = await call.tx.list(NetworkAclAssociation, network_acl_id=row.id)
    answer: Answer = {"NetworkAcl": views.network_acl(row, entries, links, tags)}
    if "ClientToken" in params:
        answer["ClientToken"] = params["ClientToken"]
    return answer


async def describe_network_acls(call: Call, params: Params) -> Answer:
    ids = [row.id for row in await find_all(call, NetworkAcl, params.get("NetworkAclIds"))]
    entries: defaultdict[str, list[NetworkAclEntry]] = defaultdict(list)
    for entry in await call.tx.list(NetworkAclEntry, network_acl_id=ids):
        entries[entry.network_acl_id].append(entry)
    links: defaultdict[str, list[NetworkAclAssociation]] = defaultdict(list)
    for link in await call.tx.list(NetworkAclAssociation, network_acl_id=ids):
        links[link.network_acl_id].append(link)

    def of_links(field: str) -> Column[NetworkAcl]:
        return lambda row: [getattr(link, field) for link in links[row.id]]

    def of_entries(column: EntryColumn) -> Column[NetworkAcl]:
        return lambda row: [
            value for entry in entries[row.id] if (value := column(entry)) is not None
        ]

    filters: dict[str, Column[NetworkAcl]] = {
        "association.association-id": of_links("id"),
        "association.network-acl-id": of_links("network_acl_id"),
        "association.subnet-id": of_links("subnet_id"),
        "default": lambda row: str(row.is_default).lower(),
        "network-acl-id": lambda row: row.id,
        "owner-id": lambda row: row.account_id,
        "vpc-id": lambda row: row.vpc_id,
        **{name: of_entries(column) for name, column in ENTRY_FILTERS.items()},
    }
    page = await describe(call, params, NetworkAcl, "NetworkAclIds", filters)
    return page.answer(
        "NetworkAcls",
        lambda row, tags: views.network_acl(row, entries[row.id], links[row.id], tags),
    )


async def delete_network_acl(call: Call, params: Params) -> Answer:
    row = await find(call, NetworkAcl, params["NetworkAclId"])
    if row.is_default:
        raise Refusal(
            "InvalidParameterValue",
            f"cannot delete default network ACL {row.id}; it goes with {row.vpc_id}",
        )
    links = await call.tx.list(NetworkAclAssociation, network_acl_id=row.id)
    if links:
        raise vpc_rules.in_use(
            "networkAcl", row.id, f"it is associated with {links[0].subnet_id} ({links[0].id})"
        )
    await network_acls.delete_acl(call.tx, row)
    return {}


# --- entries --------------------------------------------------------------------------------------


async def create_network_acl_entry(call: Call, params: Params) -> Answer:
    acl = await find(call, NetworkAcl, params["NetworkAclId"])
    entry = _entry(call, params, acl)
    present = await call.tx.list(NetworkAclEntry, network_acl_id=acl.id, is_egress=entry.is_egress)
    if any(other.id == entry.id for other in present):
        raise Refusal(
            "NetworkAclEntryAlreadyExists",
            f"The network acl entry identified by {entry.rule_number} already exists.",
        )
    rules.within(
        call.policy.quotas.rules_per_network_acl,
        sum(other.rule_number <= security_rules.LAST_ACL_RULE for other in present),
        "NetworkAclEntryLimitExceeded",
        "rules per network ACL in one direction",
    )
    await call.tx.insert(entry)
    return {}


async def replace_network_acl_entry(call: Call, params: Params) -> Answer:
    acl = await find(call, NetworkAcl, params["NetworkAclId"])
    entry = _entry(call, params, acl)
    old = await _find_entry(call, acl, is_egress=entry.is_egress, number=entry.rule_number)
    await call.tx.delete(old)
    await call.tx.insert(entry)
    return {}


async def delete_network_acl_entry(call: Call, params: Params) -> Answer:
    acl = await find(call, NetworkAcl, params["NetworkAclId"])
    number = params["RuleNumber"]
    security_rules.check_acl_rule_number(number)
    entry = await _find_entry(call, acl, is_egress=params["Egress"], number=number)
    await call.tx.delete(entry)
    return {}


async def _find_entry(
    call: Call, acl: NetworkAcl, *, is_egress: bool, number: int
) -> NetworkAclEntry:
    entry_id = network_acls.entry_id(acl.id, is_egress=is_egress, rule_number=number)
    entry = await call.tx.get(NetworkAclEntry, entry_id)
    if entry is None:
        direction = "egress" if is_egress else "ingress"
        raise Refusal(
            "InvalidNetworkAclEntry.NotFound",
            f"The {direction} entry with rule number {number} does not exist in network ACL "
            f"'{acl.id}'",
        )
    return entry


def _entry(call: Call, params: Params, acl: NetworkAcl) -> NetworkAclEntry:
    number, is_egress = params["RuleNumber"], params["Egress"]
    security_rules.check_acl_rule_number(number)
    protocol = security_rules.protocol_number(params["Protocol"])
    return NetworkAclEntry(
        id=network_acls.entry_id(acl.id, is_egress=is_egress, rule_number=number),
        network_acl_id=acl.id,
        is_egress=is_egress,
        rule_number=number,
        protocol=protocol,
        action=params["RuleAction"],
        cidr=_block(params),
        **_range(params, protocol),
        **owned(call),
    )


def _block(params: Params) -> str:
    given = [name for name in ("CidrBlock", "Ipv6CidrBlock") if name in params]
    if not given:
        raise Refusal("MissingParameter", "The request must contain the parameter cidrBlock")
    if len(given) > 1:
        raise Refusal(
            "InvalidParameterCombination", "CidrBlock and Ipv6CidrBlock cannot both be given."
        )
    if given == ["CidrBlock"]:
        return str(vpc_rules.check_ipv4_block("cidrBlock", params["CidrBlock"]))
    return str(vpc_rules.check_ipv6_block("ipv6CidrBlock", params["Ipv6CidrBlock"]))


def _range(params: Params, protocol: str) -> dict[str, Any]:
    """Ports for TCP and UDP, type and code for ICMP, nothing for the others."""
    if protocol in WITH_PORTS:
        given = params.get("PortRange", {})
        first, last = security_rules.check_ports(given.get("From"), given.get("To"))
        return {"from_port": first, "to_port": last}
    if protocol in WITH_TYPES:
        given = params.get("IcmpTypeCode", {})
        kind, code = security_rules.check_icmp(given.get("Type", -1), given.get("Code", -1))
        return {"icmp_type": kind, "icmp_code": code}
    return {}


# --- subnets --------------------------------------------------------------------------------------


async def replace_network_acl_association(call: Call, params: Params) -> Answer:
    """Gives the association's subnet another ACL, under a new association id."""
    old = await find(call, NetworkAclAssociation, params["AssociationId"])
    acl = await find(call, NetworkAcl, params["NetworkAclId"])
    if acl.vpc_id != old.vpc_id:
        raise Refusal(
            "InvalidParameterValue",
            f"network acl {acl.id} and subnet {old.subnet_id} belong to different networks",
        )
    if acl.id == old.network_acl_id:
        return {"NewAssociationId": old.id}
    await call.tx.delete(old)
    return {"NewAssociationId": (await network_acls.associate(call, acl, old.subnet_id)).id}
