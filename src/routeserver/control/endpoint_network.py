"""What an endpoint has in its owner's account: a network interface, and a security group that lets
its peers in.

Amazon's service makes, opens and removes both with the caller's rights (user guide, "Identity and
access management for Amazon VPC Route Server"); they are shown and belong to the service. A group
that somebody else has come to use stays when the endpoint goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routeserver.control.call import Call
from routeserver.control.interfaces import allocate_interface
from routeserver.control.ownership import owned_like
from routeserver.control.security_groups import birth_rules, delete_group, new_rule
from routeserver.domain.network import SecurityGroup, SecurityGroupRule
from routeserver.domain.resources import (
    Liveness,
    NetworkInterface,
    RouteServerEndpoint,
    RouteServerPeer,
    Subnet,
)
from routeserver.domain.security_rules import RuleSpec
from routeserver.store import Transaction

GROUP_NAME: Final = "route-server-endpoint-"
BGP: Final = ("tcp", 179)
BFD: Final = ("udp", 3784)


async def allocate_endpoint_interface(
    tx: Transaction,
    endpoint: RouteServerEndpoint,
    subnet: Subnet,
    *,
    new_id: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
    now: float,
) -> NetworkInterface:
    """Make the endpoint's group and interface. Raises Refusal when the subnet has no room."""
    group = SecurityGroup(
        id=new_id("sg"),
        vpc_id=endpoint.vpc_id,
        name=f"{GROUP_NAME}{endpoint.id}",
        description=f"Route Server Endpoint {endpoint.id}",
        **owned_like(endpoint, now),
    )
    interface = await allocate_interface(
        tx,
        subnet=subnet,
        description=f"Route Server Endpoint {endpoint.id}",
        requester_managed=True,
        new_id=new_id,
        random_bytes=random_bytes,
        now=now,
        group_ids=(group.id,),
    )
    born = birth_rules(group, with_ipv6=subnet.ipv6_cidr is not None, new_id=new_id, now=now)
    await tx.insert(group, *born)
    return interface


async def release_endpoint_interface(tx: Transaction, interface: NetworkInterface) -> None:
    """Remove the interface, and its group when nobody else uses that."""
    await tx.delete(interface)
    for group in await tx.list(SecurityGroup, id=list(interface.group_ids)):
        if group.name.startswith(GROUP_NAME) and not await _is_used(tx, group):
            await delete_group(tx, group)


async def _is_used(tx: Transaction, group: SecurityGroup) -> bool:
    if any(
        group.id in interface.group_ids
        for interface in await tx.list(NetworkInterface, vpc_id=group.vpc_id)
    ):
        return True
    rules = await tx.list(SecurityGroupRule, referenced_group_id=group.id)
    return any(rule.group_id != group.id for rule in rules)


async def admit_peer(call: Call, peer: RouteServerPeer) -> None:
    """Open the endpoint's group for the peer's BGP, and its BFD when it has one."""
    group = await _group_of(call, peer)
    if group is None:
        return
    for protocol, port in (BGP, BFD) if peer.liveness is Liveness.BFD else (BGP,):
        spec = RuleSpec(
            protocol, port, port, cidr=f"{peer.peer_address}/32", description=_label(peer)
        )
        rule_id = call.new_id("sgr")
        await call.tx.insert(new_rule(group, spec, is_egress=False, rule_id=rule_id, now=call.now))


async def shut_out_peer(call: Call, peer: RouteServerPeer) -> None:
    """Take away what `admit_peer` has opened, as far as it is still there."""
    group = await _group_of(call, peer)
    if group is None:
        return
    for rule in await call.tx.list(SecurityGroupRule, group_id=group.id, description=_label(peer)):
        await call.tx.delete(rule)


async def _group_of(call: Call, peer: RouteServerPeer) -> SecurityGroup | None:
    name = f"{GROUP_NAME}{peer.route_server_endpoint_id}"
    found = await call.tx.list(SecurityGroup, vpc_id=peer.vpc_id, name=name)
    return found[0] if found else None


def _label(peer: RouteServerPeer) -> str:
    return f"Route Server Peer {peer.id}"
