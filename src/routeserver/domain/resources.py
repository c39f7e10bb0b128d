"""What the service keeps: one frozen value per resource, as asked for and as far as it has come.

These are the rows of intent. What the world looks like at this moment (a session's state, the RIB,
the entries of a route table) is never stored here; it is observed where it lives. Every resource
belongs to one account and one region. Addresses and CIDRs are text in their canonical form.
Timestamps are UTC seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class RouteServerState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    MODIFYING = "modifying"
    DELETING = "deleting"
    DELETED = "deleted"


class PersistState(StrEnum):
    ENABLING = "enabling"
    ENABLED = "enabled"
    RESETTING = "resetting"
    DISABLING = "disabling"
    DISABLED = "disabled"
    MODIFYING = "modifying"


class AssociationState(StrEnum):
    ASSOCIATING = "associating"
    ASSOCIATED = "associated"
    DISASSOCIATING = "disassociating"


class EndpointState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    FAILING = "failing"
    FAILED = "failed"
    DELETE_FAILED = "delete-failed"


class PropagationState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    DELETING = "deleting"


class PeerState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    FAILING = "failing"
    FAILED = "failed"


class Liveness(StrEnum):
    BFD = "bfd"
    BGP_KEEPALIVE = "bgp-keepalive"


@dataclass(frozen=True, slots=True)
class Resource:
    """What every row has; `id` is unique in the server. `kind` is the EC2 tag resource type."""

    kind: ClassVar[str] = ""

    id: str
    account_id: str
    region: str
    created_at: float


# --- the VPC around a route server ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vpc(Resource):
    kind: ClassVar[str] = "vpc"

    cidr: str
    state: str
    ipv6_cidr: str | None = None
    instance_tenancy: str = "default"
    dhcp_options_id: str = "default"
    is_default: bool = False
    enable_dns_support: bool = True
    enable_dns_hostnames: bool = False
    enable_network_address_usage_metrics: bool = False
    secondary_cidrs: tuple[str, ...] = ()
    """IPv4 blocks beside `cidr`, in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Subnet(Resource):
    kind: ClassVar[str] = "subnet"

    vpc_id: str
    cidr: str
    availability_zone: str
    state: str
    ipv6_cidr: str | None = None
    map_public_ip_on_launch: bool = False
    assign_ipv6_address_on_creation: bool = False
    enable_dns64: bool = False


@dataclass(frozen=True, slots=True)
class InternetGateway(Resource):
    kind: ClassVar[str] = "internet-gateway"

    vpc_id: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkInterface(Resource):
    kind: ClassVar[str] = "network-interface"

    vpc_id: str
    subnet_id: str
    mac_address: str
    private_ips: tuple[str, ...]
    """IPv4 addresses, the primary one first."""
    ipv6_addresses: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    requester_managed: bool = False
    group_ids: tuple[str, ...] = ()
    status: str = "available"
    attachment_id: str | None = None
    """Set together with the instance, the device index and the time."""
    instance_id: str | None = None
    device_index: int | None = None
    attached_at: float | None = None
    delete_on_termination: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable(Resource):
    kind: ClassVar[str] = "route-table"

    vpc_id: str
    main: bool = False


@dataclass(frozen=True, slots=True)
class RouteTableAssociation(Resource):
    """Id ``rtbassoc-…``; exactly one of subnet, gateway or `main` is set."""

    route_table_id: str
    vpc_id: str
    subnet_id: str | None = None
    gateway_id: str | None = None
    main: bool = False


@dataclass(frozen=True, slots=True)
class Route(Resource):
    """A static route, made by CreateRoute. Its id is ``<rtb id>|<destination>``; local routes
    follow from the VPC.

    Exactly one target is set. A destination is a block or the id of a prefix list.
    """

    route_table_id: str
    destination: str
    gateway_id: str | None = None
    network_interface_id: str | None = None


# --- the route server -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RouteServer(Resource):
    kind: ClassVar[str] = "route-server"

    amazon_side_asn: int
    state: RouteServerState
    persist_routes_state: PersistState = PersistState.DISABLED
    persist_routes_duration_min: int | None = None
    sns_notifications_enabled: bool = False
    sns_topic_arn: str | None = None
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class RouteServerAssociation(Resource):
    """Id ``<rs id>|<vpc id>``; the row is removed when it has been disassociated."""

    route_server_id: str
    vpc_id: str
    state: AssociationState


@dataclass(frozen=True, slots=True)
class RouteServerEndpoint(Resource):
    kind: ClassVar[str] = "route-server-endpoint"

    route_server_id: str
    vpc_id: str
    subnet_id: str
    state: EndpointState
    eni_id: str | None = None
    eni_address: str | None = None
    failure_reason: str | None = None
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class RouteServerPeer(Resource):
    kind: ClassVar[str] = "route-server-peer"

    route_server_id: str
    route_server_endpoint_id: str
    vpc_id: str
    subnet_id: str
    endpoint_eni_id: str
    endpoint_eni_address: str
    peer_address: str
    peer_asn: int
    liveness: Liveness
    state: PeerState
    failure_reason: str | None = None
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class RouteServerPropagation(Resource):
    """Id ``<rs id>|<rtb id>``; the row is removed when it has been disabled."""

    route_server_id: str
    route_table_id: str
    state: PropagationState
