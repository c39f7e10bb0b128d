"""Network ACLs below their operations: the ACL that a VPC is born with, and whose subnet is whose.

Every subnet has exactly one ACL at any time; a new one has the VPC's default.
"""

from __future__ import annotations

from collections.abc import Callable

from routeserver.control.call import Call
from routeserver.control.ownership import owned, owned_like
from routeserver.domain.network import NetworkAcl, NetworkAclAssociation, NetworkAclEntry
from routeserver.domain.resources import Subnet, Vpc
from routeserver.domain.security_rules import ALL, LAST_ACL_RULE
from routeserver.store import Transaction

FIRST_BORN = 100
EVERYWHERE = ("0.0.0.0/0", "::/0")


def entry_id(acl_id: str, *, is_egress: bool, rule_number: int) -> str:
    return f"{acl_id}|{'egress' if is_egress else 'ingress'}|{rule_number}"


def birth_entries(acl: NetworkAcl, *, with_ipv6: bool, now: float) -> list[NetworkAclEntry]:
    """What every ACL denies at its end; the default one lets everything through before that."""
    return [
        NetworkAclEntry(
            id=entry_id(acl.id, is_egress=is_egress, rule_number=number + offset),
            network_acl_id=acl.id,
            is_egress=is_egress,
            rule_number=number + offset,
            protocol=ALL,
            action=action,
            cidr=block,
            **owned_like(acl, now),
        )
        for offset, block in enumerate(EVERYWHERE[: 2 if with_ipv6 else 1])
        for number, action in ((FIRST_BORN, "allow"), (LAST_ACL_RULE + 1, "deny"))
        for is_egress in (True, False)
        if acl.is_default or action == "deny"
    ]


def default_acl_of(
    vpc: Vpc, *, new_id: Callable[[str], str]
) -> tuple[NetworkAcl, list[NetworkAclEntry]]:
    """The ACL that a VPC is born with, and its entries."""
    acl = NetworkAcl(
        id=new_id("acl"), vpc_id=vpc.id, is_default=True, **owned_like(vpc, vpc.created_at)
    )
    with_ipv6 = vpc.ipv6_cidr is not None
    return acl, birth_entries(acl, with_ipv6=with_ipv6, now=vpc.created_at)


async def default_acl(call: Call, vpc_id: str) -> NetworkAcl:
    (acl,) = await call.tx.list(NetworkAcl, vpc_id=vpc_id, is_default=True)
    return acl


async def associate(call: Call, acl: NetworkAcl, subnet_id: str) -> NetworkAclAssociation:
    link = NetworkAclAssociation(
        id=call.new_id("aclassoc"),
        network_acl_id=acl.id,
        vpc_id=acl.vpc_id,
        subnet_id=subnet_id,
        **owned(call),
    )
    await call.tx.insert(link)
    return link


async def forget_subnet(call: Call, subnet: Subnet) -> None:
    for link in await call.tx.list(NetworkAclAssociation, subnet_id=subnet.id):
        await call.tx.delete(link)


async def add_ipv6_entries(call: Call, acl: NetworkAcl) -> None:
    """When a VPC gets an IPv6 block its default ACL speaks of IPv6, too."""
    present = {entry.id for entry in await call.tx.list(NetworkAclEntry, network_acl_id=acl.id)}
    born = birth_entries(acl, with_ipv6=True, now=call.now)
    missing = [entry for entry in born if ":" in entry.cidr and entry.id not in present]
    if missing:
        await call.tx.insert(*missing)


async def delete_acl(tx: Transaction, acl: NetworkAcl) -> None:
    """With its entries; whether it may go is the caller's business."""
    for entry in await tx.list(NetworkAclEntry, network_acl_id=acl.id):
        await tx.delete(entry)
    await tx.delete(acl)
