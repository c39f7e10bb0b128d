"""What may happen when, for route servers and what hangs on them.

Each function raises Refusal or returns; none looks anything up. The codes and their cases follow
what Amazon's service
answers: a call at the wrong time is `IncorrectState`, never `DependencyViolation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address

from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PeerState,
    PersistState,
    PropagationState,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerPropagation,
    RouteServerState,
    RouteTable,
    Subnet,
)

MAX_ASN = 2**32 - 1


def incorrect_state(text: str) -> Refusal:
    return Refusal("IncorrectState", text)


# --- parameters -----------------------------------------------------------------------------------


def check_asn(name: str, asn: int) -> None:
    if not 1 <= asn <= MAX_ASN:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({asn}) for parameter {name} is invalid. An ASN is between 1 and {MAX_ASN}.",
        )


def check_peer_address(text: str) -> str:
    """The canonical form of a peer's IPv4 address; it need not exist yet, nor lie in the VPC."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({text}) for parameter PeerAddress is invalid. An IPv4 address is expected.",
        ) from None
    if address.is_multicast or address.is_unspecified or int(address) >= 0xF000_0000:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({text}) for parameter PeerAddress is invalid. A unicast address is expected.",
        )
    return str(address)


def check_persistence(persist: str | None, duration_min: int | None, *, enabled: bool) -> None:
    """`enabled` says whether routes are persisted already, before this request."""
    if duration_min is None:
        return
    if not 1 <= duration_min <= 5:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({duration_min}) for parameter PersistRoutesDuration is invalid. "
            "It is between 1 and 5 minutes.",
        )
    if persist != "enable" and not (persist is None and enabled):
        raise Refusal(
            "InvalidParameterCombination",
            "PersistRoutesDuration can only be given when PersistRoutes is 'enable'.",
        )


# --- route server ---------------------------------------------------------------------------------


def require_available(server: RouteServer) -> None:
    if server.state is not RouteServerState.AVAILABLE:
        raise incorrect_state(f"Route Server {server.id} is in an invalid state: {server.state}.")


def require_not_deleted(server: RouteServer) -> None:
    """A deleted route server is still known by its id, and every call but a description refuses
    it."""
    if server.state is RouteServerState.DELETED:
        raise incorrect_state(f"Route Server {server.id} is in an invalid state: {server.state}.")


def may_delete_route_server(
    server: RouteServer,
    association: RouteServerAssociation | None,
    endpoints: Iterable[RouteServerEndpoint],
    propagations: Sequence[RouteServerPropagation],
) -> None:
    require_available(server)
    for endpoint in endpoints:
        if endpoint.state is not EndpointState.DELETED:
            raise incorrect_state(
                f"Route Server {server.id} has non-deleted Route Server Endpoint: {endpoint.id}."
            )
    if propagations:
        raise incorrect_state(
            f"Route Server {server.id} is still propagated to route table "
            f"{propagations[0].route_table_id}."
        )
    if association is not None:
        raise incorrect_state(
            f"Route Server {server.id} is still associated with VPC {association.vpc_id}."
        )


def may_modify_persistence(server: RouteServer) -> None:
    require_available(server)
    if server.persist_routes_state not in (PersistState.ENABLED, PersistState.DISABLED):
        raise incorrect_state(
            f"Route Server {server.id} is changing its persistence: {server.persist_routes_state}."
        )


# --- association ----------------------------------------------------------------------------------


def not_associated(server_id: str) -> Refusal:
    return Refusal(
        "InvalidRouteServerId.NotAssociated",
        f"Route Server {server_id} is not associated with a VPC.",
    )


def may_associate(server: RouteServer, existing: RouteServerAssociation | None) -> None:
    require_available(server)
    if existing is not None:
        raise incorrect_state(
            f"Route Server {server.id} is already associated with VPC {existing.vpc_id}; "
            "a route server serves one VPC."
        )


def may_disassociate(
    server: RouteServer,
    association: RouteServerAssociation,
    endpoints: Iterable[RouteServerEndpoint],
    propagations: Sequence[RouteServerPropagation],
) -> None:
    if association.state is not AssociationState.ASSOCIATED:
        raise incorrect_state(
            f"The association of Route Server {server.id} with VPC {association.vpc_id} is in an "
            f"invalid state: {association.state}."
        )
    if propagations:
        raise incorrect_state(
            f"Route Server {server.id} is still propagated to route table "
            f"{propagations[0].route_table_id}; disable the propagation first."
        )
    for endpoint in endpoints:
        if endpoint.state is not EndpointState.DELETED:
            raise incorrect_state(
                f"Route Server {server.id} has non-deleted Route Server Endpoint: {endpoint.id}; "
                "delete it first."
            )


def require_associated(server: RouteServer, association: RouteServerAssociation | None) -> str:
    """The id of the VPC the route server serves."""
    require_available(server)
    if association is None:
        raise incorrect_state(f"Route Server {server.id} is not associated with a VPC.")
    if association.state is not AssociationState.ASSOCIATED:
        raise incorrect_state(
            f"The association of Route Server {server.id} with VPC {association.vpc_id} is in an "
            f"invalid state: {association.state}."
        )
    return association.vpc_id


# --- endpoint and peer ----------------------------------------------------------------------------


def may_delete_endpoint(endpoint: RouteServerEndpoint, peers: Iterable[RouteServerPeer]) -> None:
    if endpoint.state not in (
        EndpointState.AVAILABLE,
        EndpointState.FAILED,
        EndpointState.DELETE_FAILED,
    ):
        raise incorrect_state(
            f"Route Server Endpoint {endpoint.id} is in an invalid state: {endpoint.state}."
        )
    for peer in peers:
        if peer.state is not PeerState.DELETED:
            raise incorrect_state(
                f"Route Server Endpoint has non-deleted Route Server Peer: {peer.id}"
            )


def may_create_peer(
    endpoint: RouteServerEndpoint, address: str, peers: Iterable[RouteServerPeer]
) -> None:
    if endpoint.state is not EndpointState.AVAILABLE:
        raise incorrect_state(
            f"Route Server Endpoint {endpoint.id} is in an invalid state: {endpoint.state}."
        )
    if address == endpoint.eni_address:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({address}) for parameter PeerAddress is invalid. "
            f"It is the address of Route Server Endpoint {endpoint.id} itself.",
        )
    for peer in peers:
        if peer.peer_address == address and peer.state is not PeerState.DELETED:
            raise Refusal(
                "InvalidParameterValue",
                f"Value ({address}) for parameter PeerAddress is invalid. "
                f"Route Server Peer {peer.id} on {endpoint.id} has this address already.",
            )


def may_delete_peer(peer: RouteServerPeer) -> None:
    if peer.state not in (PeerState.AVAILABLE, PeerState.FAILED):
        raise incorrect_state(f"Route Server Peer {peer.id} is in an invalid state: {peer.state}.")


# --- propagation ----------------------------------------------------------------------------------


def not_propagated(server_id: str, table_id: str | None = None) -> Refusal:
    where = f"route table {table_id}" if table_id else "any route table"
    return Refusal(
        "InvalidRouteServerId.NotPropagated",
        f"Route Server {server_id} is not propagated to {where}.",
    )


def may_enable_again(existing: RouteServerPropagation) -> None:
    """Enabling twice is harmless; enabling what is being disabled has to wait."""
    if existing.state is PropagationState.DELETING:
        raise incorrect_state(
            f"The propagation of Route Server {existing.route_server_id} to route table "
            f"{existing.route_table_id} is in an invalid state: {existing.state}."
        )


def may_disable_propagation(link: RouteServerPropagation) -> None:
    if link.state is not PropagationState.AVAILABLE:
        raise incorrect_state(
            f"The propagation of Route Server {link.route_server_id} to route table "
            f"{link.route_table_id} is in an invalid state: {link.state}."
        )


def require_subnet_in_vpc(server: RouteServer, vpc_id: str, subnet: Subnet) -> None:
    if subnet.vpc_id != vpc_id:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({subnet.id}) for parameter SubnetId is invalid. The subnet is in VPC "
            f"{subnet.vpc_id}, and Route Server {server.id} is associated with VPC {vpc_id}.",
        )


def require_table_in_vpc(server: RouteServer, vpc_id: str, table: RouteTable) -> None:
    if table.vpc_id != vpc_id:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({table.id}) for parameter RouteTableId is invalid. The route table is in VPC "
            f"{table.vpc_id}, and Route Server {server.id} is associated with VPC {vpc_id}.",
        )


def within(quota: int | None, used: int, code: str, what: str) -> None:
    """Refuse one more of `what` once `used` has reached the quota; None lifts it."""
    if quota is not None and used >= quota:
        raise Refusal(code, f"You have reached the limit of {quota} {what}.")
