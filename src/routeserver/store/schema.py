"""The tables, one for each type in `domain.resources` and three more, written out, not derived.

The columns of a resource table are its fields, by name. There are no foreign keys: a deleted route
server, endpoint or peer stays listed after the things it names are gone, and the rules that say
what may go first live in `control`, where a refusal has words. Times are UTC seconds, AS numbers
need 64 bits because SQL has no unsigned 32, lists of addresses are JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, Table, Text

from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    Resource,
    Route,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerPropagation,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)

METADATA: Final = MetaData()


def _text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _time(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Double, nullable=null)


def _resource_table(name: str, *columns: Column[Any], found_by: tuple[str, ...] = ()) -> Table:
    """A table with what every resource has; `found_by` names the columns that are listed by."""
    return Table(
        name,
        METADATA,
        Column("id", Text, primary_key=True),
        _text("account_id"),
        _text("region"),
        _time("created_at"),
        *columns,
        Index(f"ix_{name}_scope", "account_id", "region", "created_at", "id"),
        *(Index(f"ix_{name}_{column}", column) for column in found_by),
    )


TABLES: Final[Mapping[type[Resource], Table]] = {
    Vpc: _resource_table(
        "vpc",
        _text("cidr"),
        _text("state"),
        _text("ipv6_cidr", null=True),
        _text("instance_tenancy"),
        _text("dhcp_options_id"),
        _flag("is_default"),
        _flag("enable_dns_support"),
        _flag("enable_dns_hostnames"),
        _flag("enable_network_address_usage_metrics"),
    ),
    Subnet: _resource_table(
        "subnet",
        _text("vpc_id"),
        _text("cidr"),
        _text("availability_zone"),
        _text("state"),
        _text("ipv6_cidr", null=True),
        _flag("map_public_ip_on_launch"),
        _flag("assign_ipv6_address_on_creation"),
        _flag("enable_dns64"),
        found_by=("vpc_id",),
    ),
    InternetGateway: _resource_table(
        "internet_gateway", _text("vpc_id", null=True), found_by=("vpc_id",)
    ),
    NetworkInterface: _resource_table(
        "network_interface",
        _text("vpc_id"),
        _text("subnet_id"),
        _text("mac_address"),
        _text("private_ips"),
        _text("ipv6_addresses"),
        _text("description"),
        _flag("source_dest_check"),
        _flag("requester_managed"),
        _text("group_ids"),
        _text("status"),
        found_by=("vpc_id", "subnet_id"),
    ),
    RouteTable: _resource_table(
        "route_table", _text("vpc_id"), _flag("main"), found_by=("vpc_id",)
    ),
    RouteTableAssociation: _resource_table(
        "route_table_association",
        _text("route_table_id"),
        _text("vpc_id"),
        _text("subnet_id", null=True),
        _text("gateway_id", null=True),
        _flag("main"),
        found_by=("route_table_id", "vpc_id", "subnet_id"),
    ),
    Route: _resource_table(
        "route",
        _text("route_table_id"),
        _text("destination"),
        _text("gateway_id", null=True),
        _text("network_interface_id", null=True),
        found_by=("route_table_id", "network_interface_id"),
    ),
    RouteServer: _resource_table(
        "route_server",
        Column("amazon_side_asn", BigInteger, nullable=False),
        _text("state"),
        _text("persist_routes_state"),
        Column("persist_routes_duration_min", BigInteger, nullable=True),
        _flag("sns_notifications_enabled"),
        _text("sns_topic_arn", null=True),
        _time("deleted_at", null=True),
    ),
    RouteServerAssociation: _resource_table(
        "route_server_association",
        _text("route_server_id"),
        _text("vpc_id"),
        _text("state"),
        found_by=("route_server_id", "vpc_id"),
    ),
    RouteServerEndpoint: _resource_table(
        "route_server_endpoint",
        _text("route_server_id"),
        _text("vpc_id"),
        _text("subnet_id"),
        _text("state"),
        _text("eni_id", null=True),
        _text("eni_address", null=True),
        _text("failure_reason", null=True),
        _time("deleted_at", null=True),
        found_by=("route_server_id", "subnet_id"),
    ),
    RouteServerPeer: _resource_table(
        "route_server_peer",
        _text("route_server_id"),
        _text("route_server_endpoint_id"),
        _text("vpc_id"),
        _text("subnet_id"),
        _text("endpoint_eni_id"),
        _text("endpoint_eni_address"),
        _text("peer_address"),
        Column("peer_asn", BigInteger, nullable=False),
        _text("liveness"),
        _text("state"),
        _text("failure_reason", null=True),
        _time("deleted_at", null=True),
        found_by=("route_server_id", "route_server_endpoint_id"),
    ),
    RouteServerPropagation: _resource_table(
        "route_server_propagation",
        _text("route_server_id"),
        _text("route_table_id"),
        _text("state"),
        found_by=("route_server_id", "route_table_id"),
    ),
}

TAG: Final = Table(
    "tag",
    METADATA,
    Column("resource_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _text("account_id"),
    _text("region"),
    _text("resource_kind"),
    _text("value"),
    Index("ix_tag_scope", "account_id", "region", "key"),
)

CLIENT_TOKEN: Final = Table(
    "client_token",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    _text("params_hash"),
    _text("resource_id"),
    _time("created_at"),
    Index("ix_client_token_created_at", "created_at"),
)

ACCESS_KEY: Final = Table(
    "access_key",
    METADATA,
    Column("access_key_id", Text, primary_key=True),
    _text("secret"),
    _text("account_id"),
    _text("user_id"),
    _text("principal_arn"),
    Index("ix_access_key_account_id", "account_id"),
)
