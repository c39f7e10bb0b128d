"""The tables, one for each type in `domain.resources` and `domain.network` and five more,
written out, not derived.

The columns of a resource table are its fields, by name. There are no foreign keys: a deleted route
server, endpoint or peer stays listed after the things it names are gone, and the rules that say
what may go first live in `control`, where a refusal has words. Times are UTC seconds, AS numbers
need 64 bits because SQL has no unsigned 32, lists of addresses and peer settings are JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Column, Index, Table, Text

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
from routeserver.store.columns import METADATA, flag, moment, resource_table, text, whole
from routeserver.store.network_tables import NETWORK_TABLES

TABLES: Final[Mapping[type[Resource], Table]] = {
    Vpc: resource_table(
        "vpc",
        text("cidr"),
        text("state"),
        text("ipv6_cidr", null=True),
        text("instance_tenancy"),
        text("dhcp_options_id"),
        flag("is_default"),
        flag("enable_dns_support"),
        flag("enable_dns_hostnames"),
        flag("enable_network_address_usage_metrics"),
        text("secondary_cidrs"),
    ),
    Subnet: resource_table(
        "subnet",
        text("vpc_id"),
        text("cidr"),
        text("availability_zone"),
        text("state"),
        text("ipv6_cidr", null=True),
        flag("map_public_ip_on_launch"),
        flag("assign_ipv6_address_on_creation"),
        flag("enable_dns64"),
        found_by=("vpc_id",),
    ),
    InternetGateway: resource_table(
        "internet_gateway", text("vpc_id", null=True), found_by=("vpc_id",)
    ),
    NetworkInterface: resource_table(
        "network_interface",
        text("vpc_id"),
        text("subnet_id"),
        text("mac_address"),
        text("private_ips"),
        text("ipv6_addresses"),
        text("description"),
        flag("source_dest_check"),
        flag("requester_managed"),
        text("group_ids"),
        text("status"),
        text("attachment_id", null=True),
        text("instance_id", null=True),
        whole("device_index", null=True),
        moment("attached_at", null=True),
        flag("delete_on_termination"),
        found_by=("vpc_id", "subnet_id", "instance_id"),
    ),
    RouteTable: resource_table("route_table", text("vpc_id"), flag("main"), found_by=("vpc_id",)),
    RouteTableAssociation: resource_table(
        "route_table_association",
        text("route_table_id"),
        text("vpc_id"),
        text("subnet_id", null=True),
        text("gateway_id", null=True),
        flag("main"),
        found_by=("route_table_id", "vpc_id", "subnet_id"),
    ),
    Route: resource_table(
        "route",
        text("route_table_id"),
        text("destination"),
        text("gateway_id", null=True),
        text("network_interface_id", null=True),
        found_by=("route_table_id", "network_interface_id"),
    ),
    RouteServer: resource_table(
        "route_server",
        whole("amazon_side_asn"),
        text("state"),
        text("persist_routes_state"),
        whole("persist_routes_duration_min", null=True),
        flag("sns_notifications_enabled"),
        text("sns_topic_arn", null=True),
        moment("deleted_at", null=True),
    ),
    RouteServerAssociation: resource_table(
        "route_server_association",
        text("route_server_id"),
        text("vpc_id"),
        text("state"),
        found_by=("route_server_id", "vpc_id"),
    ),
    RouteServerEndpoint: resource_table(
        "route_server_endpoint",
        text("route_server_id"),
        text("vpc_id"),
        text("subnet_id"),
        text("state"),
        text("eni_id", null=True),
        text("eni_address", null=True),
        text("failure_reason", null=True),
        moment("deleted_at", null=True),
        found_by=("route_server_id", "subnet_id"),
    ),
    RouteServerPeer: resource_table(
        "route_server_peer",
        text("route_server_id"),
        text("route_server_endpoint_id"),
        text("vpc_id"),
        text("subnet_id"),
        text("endpoint_eni_id"),
        text("endpoint_eni_address"),
        text("peer_address"),
        whole("peer_asn"),
        text("liveness"),
        text("state"),
        text("failure_reason", null=True),
        moment("deleted_at", null=True),
        found_by=("route_server_id", "route_server_endpoint_id"),
    ),
    RouteServerPropagation: resource_table(
        "route_server_propagation",
        text("route_server_id"),
        text("route_table_id"),
        text("state"),
        found_by=("route_server_id", "route_table_id"),
    ),
    **NETWORK_TABLES,
}

TAG: Final = Table(
    "tag",
    METADATA,
    Column("resource_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    text("account_id"),
    text("region"),
    text("resource_kind"),
    text("value"),
    Index("ix_tag_scope", "account_id", "region", "key"),
)

CLIENT_TOKEN: Final = Table(
    "client_token",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    text("params_hash"),
    text("resource_id"),
    moment("created_at"),
    Index("ix_client_token_created_at", "created_at"),
)

ACCESS_KEY: Final = Table(
    "access_key",
    METADATA,
    Column("access_key_id", Text, primary_key=True),
    text("secret"),
    text("account_id"),
    text("user_id"),
    text("principal_arn"),
    text("user_name", null=True),
    text("status"),
    moment("created_at"),
    Index("ix_access_key_account_id", "account_id"),
)

IAM_ENTITY: Final = Table(
    "iam_entity",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name_key", Text, primary_key=True),
    text("document"),
)

PEER_SETTINGS: Final = Table(
    "peer_settings",
    METADATA,
    Column("peer_id", Text, primary_key=True),
    text("settings"),
)

PLUG: Final = Table(
    "plug",
    METADATA,
    Column("interface_id", Text, primary_key=True),
    text("netns"),
    text("device"),
    flag("wants_default_route"),
)
