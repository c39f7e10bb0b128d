"""Everything that is wanted, read in one transaction across all accounts, and what follows from it.

`Intent` is the reconcilers' only input. The functions behind it are pure: rows in, specifications
for the speaker, the BFD process and the route tables out. What is being deleted is simply not
wanted any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Final

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfd.config import BfdConfig
from routeserver.bfdd.spec import BfdSpec
from routeserver.control.policy import Policy
from routeserver.control.prefix_lists import spelled_out
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    InternetGateway,
    Liveness,
    NetworkInterface,
    PeerState,
    PersistState,
    PropagationState,
    Route,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerPropagation,
    RouteServerState,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from routeserver.domain.routing import TableIntent
from routeserver.domain.topology_rows import Rows
from routeserver.domain.vpc_rules import local_destinations
from routeserver.net.peering import PeerSettings
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.speaker.spec import EndpointSpec, PeerSpec, RouteServerSpec
from routeserver.store import Transaction

LOOPBACK: Final = IPv4Network("127.0.0.0/8")

LIVE_SERVER: Final = frozenset(
    {RouteServerState.PENDING, RouteServerState.AVAILABLE, RouteServerState.MODIFYING}
)
LIVE_ENDPOINT: Final = frozenset(
    {
        EndpointState.PENDING,
        EndpointState.AVAILABLE,
        EndpointState.FAILING,
        EndpointState.FAILED,
    }
)
LIVE_PEER: Final = frozenset(
    {PeerState.PENDING, PeerState.AVAILABLE, PeerState.FAILING, PeerState.FAILED}
)
PERSISTING: Final = frozenset(
    {PersistState.ENABLING, PersistState.ENABLED, PersistState.MODIFYING, PersistState.RESETTING}
)


@dataclass(frozen=True, slots=True)
class Intent:
    pending_vpcs: Sequence[Vpc]
    pending_subnets: Sequence[Subnet]
    servers: Sequence[RouteServer]
    associations: Sequence[RouteServerAssociation]
    endpoints: Sequence[RouteServerEndpoint]
    peers: Sequence[RouteServerPeer]
    propagations: Sequence[RouteServerPropagation]
    vpcs: Mapping[str, Vpc]
    """The VPCs that route servers are associated with, by id."""
    interfaces: Sequence[NetworkInterface]
    """All interfaces in those VPCs."""
    tables: Mapping[str, RouteTable]
    """The route tables that are propagated to, by id."""
    static_routes: Sequence[Route]
    """The static routes in those tables; one to a prefix list stands as one for every entry."""
    peer_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """What was set for peers, by peer id."""
    shape: Rows | None = None
    """Everything that VPCs are built from; None where nothing is built."""


async def read_intent(tx: Transaction, *, with_shape: bool = False) -> Intent:
    associations = await tx.list(RouteServerAssociation)
    propagations = await tx.list(RouteServerPropagation)
    endpoints = await tx.list(RouteServerEndpoint)
    vpc_ids = {link.vpc_id for link in associations}
    table_ids = {link.route_table_id for link in propagations}
    return Intent(
        pending_vpcs=await tx.list(Vpc, state="pending"),
        pending_subnets=await tx.list(Subnet, state="pending"),
        servers=await tx.list(RouteServer),
        associations=associations,
        endpoints=endpoints,
        peers=await tx.list(RouteServerPeer),
        propagations=propagations,
        vpcs={vpc.id: vpc for vpc in await tx.list(Vpc, id=vpc_ids)},
        interfaces=await tx.list(NetworkInterface, vpc_id=vpc_ids),
        tables={table.id: table for table in await tx.list(RouteTable, id=table_ids)},
        static_routes=await spelled_out(tx, await tx.list(Route, route_table_id=table_ids)),
        peer_settings={row.peer_id: row.settings for row in await tx.peer_settings()},
        shape=await _read_shape(tx, endpoints) if with_shape else None,
    )


async def _read_shape(tx: Transaction, endpoints: Sequence[RouteServerEndpoint]) -> Rows:
    addresses: defaultdict[str, list[str]] = defaultdict(list)
    for end in endpoints:
        if end.state in LIVE_ENDPOINT and end.eni_address is not None:
            addresses[end.subnet_id].append(end.eni_address)
    return Rows(
        vpcs=await tx.list(Vpc),
        subnets=await tx.list(Subnet),
        interfaces=await tx.list(NetworkInterface),
        tables=await tx.list(RouteTable),
        associations=await tx.list(RouteTableAssociation),
        routes=await spelled_out(tx, await tx.list(Route)),
        gateways=await tx.list(InternetGateway),
        endpoint_addresses=addresses,
        plugs=await tx.plugs(),
    )


# --- what the speaker and the BFD process shall run -----------------------------------------------


SettingsOf = Callable[[RouteServerPeer, Mapping[str, object]], PeerSettings]
"""A peer's settings in force, given what was set for it."""


def peer_settings(intent: Intent, settings_of: SettingsOf) -> dict[str, PeerSettings]:
    """The settings of every peer that shall run, by id."""
    return {
        peer.id: settings_of(peer, intent.peer_settings.get(peer.id, {}))
        for peer in intent.peers
        if peer.state in LIVE_PEER
    }


NetworkOf = Callable[[str], str]
"""The network in which the addresses of a VPC live, by its id."""


def speaker_specs(
    intent: Intent,
    resets: Mapping[str, int],
    settings: Mapping[str, PeerSettings],
    network_of: NetworkOf,
) -> dict[str, RouteServerSpec]:
    """The route servers to run, by id; `resets` counts the resets asked of each so far.

    They are bound in this order, so those with an endpoint that has failed come last: after a
    restart none of them takes an address that another endpoint has held.
    """
    peers: dict[str, list[PeerSpec]] = defaultdict(list)
    for peer in intent.peers:
        if peer.state in LIVE_PEER:
            bfd = peer.liveness is Liveness.BFD
            peers[peer.route_server_endpoint_id].append(
                PeerSpec(peer.id, peer.peer_address, peer.peer_asn, bfd, settings[peer.id])
            )
    endpoints: dict[str, list[EndpointSpec]] = defaultdict(list)
    for end in intent.endpoints:
        if end.state in LIVE_ENDPOINT and end.eni_address is not None:
            endpoints[end.route_server_id].append(
                EndpointSpec(end.id, end.eni_address, tuple(peers[end.id]), network_of(end.vpc_id))
            )
    failed = {
        end.route_server_id
        for end in intent.endpoints
        if end.state in (EndpointState.FAILING, EndpointState.FAILED)
    }
    vpc_of = {link.route_server_id: intent.vpcs.get(link.vpc_id) for link in intent.associations}
    return {
        server.id: RouteServerSpec(
            route_server_id=server.id,
            asn=server.amazon_side_asn,
            endpoints=tuple(endpoints[server.id]),
            persist=_persists(server),
            persist_duration_s=60 * (server.persist_routes_duration_min or 1),
            accept_loopback_next_hops=_is_loopback(vpc_of.get(server.id)),
            reset_serial=resets.get(server.id, 0),
        )
        for server in sorted(intent.servers, key=lambda server: server.id in failed)
        if server.state in LIVE_SERVER
    }


def bfd_specs(
    intent: Intent,
    config: BfdConfig,
    settings: Mapping[str, PeerSettings],
    network_of: NetworkOf,
) -> dict[str, BfdSpec]:
    """The BFD sessions to run, by peer id; `config` is the server's, where a peer has no own."""
    addresses = {end.id: end.eni_address for end in intent.endpoints if end.state in LIVE_ENDPOINT}
    return {
        peer.id: BfdSpec(
            peer.id,
            local,
            peer.peer_address,
            _bfd_config(config, settings[peer.id]),
            network_of(peer.vpc_id),
        )
        for peer in intent.peers
        if peer.liveness is Liveness.BFD
        and peer.state in LIVE_PEER
        and (local := addresses.get(peer.route_server_endpoint_id)) is not None
    }


def _bfd_config(config: BfdConfig, settings: PeerSettings) -> BfdConfig:
    if settings.bfd_interval_ms is not None:
        interval_us = 1000 * settings.bfd_interval_ms
        config = replace(config, desired_min_tx_us=interval_us, required_min_rx_us=interval_us)
    if settings.bfd_multiplier is not None:
        config = replace(config, detect_mult=settings.bfd_multiplier)
    if (auth := settings.bfd_authentication) is not None:
        config = replace(config, auth=BfdAuth(auth.key_id, auth.secret, auth.meticulous))
    return config


def _persists(server: RouteServer) -> bool:
    return (
        server.persist_routes_state in PERSISTING and server.persist_routes_duration_min is not None
    )


def _is_loopback(vpc: Vpc | None) -> bool:
    return vpc is not None and IPv4Network(vpc.cidr).subnet_of(LOOPBACK)


# --- what the route tables shall hold -------------------------------------------------------------


def table_intents(intent: Intent, policy: Policy) -> dict[str, TableIntent]:
    """For every propagated table: who propagates to it, and which destinations are taken."""
    servers: dict[str, list[str]] = defaultdict(list)
    associated = {
        link.route_server_id: link.vpc_id
        for link in intent.associations
        if link.state is AssociationState.ASSOCIATED
    }
    for link in intent.propagations:
        table = intent.tables.get(link.route_table_id)
        if (
            table is not None
            and link.state is not PropagationState.DELETING
            and associated.get(link.route_server_id) == table.vpc_id
        ):
            servers[table.id].append(link.route_server_id)
    static: dict[str, list[Route]] = defaultdict(list)
    for route in intent.static_routes:
        static[route.route_table_id].append(route)
    return {
        table_id: TableIntent(
            route_table_id=table_id,
            vpc_id=intent.tables[table_id].vpc_id,
            occupied=_occupied(intent.vpcs[intent.tables[table_id].vpc_id], static[table_id]),
            route_server_ids=tuple(sorted(server_ids)),
            max_propagated=policy.quotas.propagated_routes_per_table,
        )
        for table_id, server_ids in servers.items()
    }


def _occupied(vpc: Vpc, routes: Sequence[Route]) -> dict[Prefix, str]:
    taken = {
        parse_prefix(
            cidr
        ): "The local route of the VPC has the same destination and takes precedence."
        for cidr in local_destinations(vpc)
    }
    for route in routes:
        taken[parse_prefix(route.destination)] = (
            "A static route with the same destination exists and takes precedence."
        )
    return taken


def interface_addresses(
    intent: Intent,
) -> dict[str, dict[IPv4Address | IPv6Address, str]]:
    """By VPC: which interface owns an address. This is how a next hop becomes a target."""
    owners: dict[str, dict[IPv4Address | IPv6Address, str]] = defaultdict(dict)
    for interface in intent.interfaces:
        if interface.requester_managed:
            continue
        for text in (*interface.private_ips, *interface.ipv6_addresses):
            owners[interface.vpc_id][ip_address(text)] = interface.id
    return dict(owners)
