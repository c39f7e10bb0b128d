"""Route-server resources as the EC2 answer shows them.

What is not known yet is left out rather than shown empty, as Amazon's answers do: an endpoint has
no interface until it is available, and there is no persistence duration while routes are not
persisted.
"""

from __future__ import annotations

from collections.abc import Mapping

from routeserver.control.call import Answer
from routeserver.control.observed import PeerStatus, RouteView
from routeserver.control.tagging import tag_list
from routeserver.domain.resources import (
    Liveness,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerPropagation,
)
from routeserver.net.address import format_address
from routeserver.net.path import as_path_strings
from routeserver.net.prefix import format_prefix

MAX_SIGNED_MED = 2**31 - 1


def _present(**members: object) -> Answer:
    return {name: value for name, value in members.items() if value is not None}


def route_server(server: RouteServer, tags: Mapping[str, str] | None = None) -> Answer:
    """`tags` is None in answers that change the route server: those do not show tags."""
    return _present(
        RouteServerId=server.id,
        AmazonSideAsn=server.amazon_side_asn,
        State=server.state.value,
        Tags=None if tags is None else tag_list(tags),
        PersistRoutesState=server.persist_routes_state.value,
        PersistRoutesDuration=server.persist_routes_duration_min,
        SnsNotificationsEnabled=server.sns_notifications_enabled,
        SnsTopicArn=server.sns_topic_arn,
    )


def association(link: RouteServerAssociation) -> Answer:
    return {"RouteServerId": link.route_server_id, "VpcId": link.vpc_id, "State": link.state.value}


def propagation(link: RouteServerPropagation) -> Answer:
    return {
        "RouteServerId": link.route_server_id,
        "RouteTableId": link.route_table_id,
        "State": link.state.value,
    }


def endpoint(end: RouteServerEndpoint, tags: Mapping[str, str] | None = None) -> Answer:
    return _present(
        RouteServerId=end.route_server_id,
        RouteServerEndpointId=end.id,
        VpcId=end.vpc_id,
        SubnetId=end.subnet_id,
        EniId=end.eni_id,
        EniAddress=end.eni_address,
        State=end.state.value,
        FailureReason=end.failure_reason,
        Tags=None if tags is None else tag_list(tags),
    )


def peer(row: RouteServerPeer, status: PeerStatus, tags: Mapping[str, str] | None = None) -> Answer:
    bfd = {"Status": "up" if status.bfd_up else "down"} if row.liveness is Liveness.BFD else None
    return _present(
        RouteServerPeerId=row.id,
        RouteServerEndpointId=row.route_server_endpoint_id,
        RouteServerId=row.route_server_id,
        VpcId=row.vpc_id,
        SubnetId=row.subnet_id,
        State=row.state.value,
        FailureReason=row.failure_reason,
        EndpointEniId=row.endpoint_eni_id,
        EndpointEniAddress=row.endpoint_eni_address,
        PeerAddress=row.peer_address,
        BgpOptions={"PeerAsn": row.peer_asn, "PeerLivenessDetection": row.liveness.value},
        BgpStatus={"Status": "up" if status.bgp_up else "down"},
        BfdStatus=bfd,
        Tags=None if tags is None else tag_list(tags),
    )


def route(view: RouteView) -> Answer:
    """One route of the routing database; the model's Med is signed, so a larger MED is shown as its
    maximum."""
    attributes = view.attributes
    return _present(
        RouteServerEndpointId=view.endpoint_id,
        RouteServerPeerId=view.peer_id,
        RouteInstallationDetails=[
            _present(
                RouteTableId=place.route_table_id,
                RouteInstallationStatus="installed" if place.installed else "rejected",
                RouteInstallationStatusReason=place.reason,
            )
            for place in view.installations
        ],
        RouteStatus="in-fib" if view.in_fib else "in-rib",
        Prefix=format_prefix(view.prefix),
        AsPaths=as_path_strings(attributes.as_path),
        Med=min(attributes.med or 0, MAX_SIGNED_MED),
        NextHopIp=format_address(attributes.next_hop),
    )
