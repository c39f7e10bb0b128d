"""The first tables: the VPC, the route server, tags, client tokens, access keys."""

from __future__ import annotations

from typing import Final

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Double, Text

revision: Final = "0001"
down_revision: Final = None


def upgrade(op: Operations) -> None:
    op.create_table(
        "vpc",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("cidr", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("ipv6_cidr", Text, nullable=True),
        Column("instance_tenancy", Text, nullable=False),
        Column("dhcp_options_id", Text, nullable=False),
        Column("is_default", Boolean, nullable=False),
        Column("enable_dns_support", Boolean, nullable=False),
        Column("enable_dns_hostnames", Boolean, nullable=False),
        Column("enable_network_address_usage_metrics", Boolean, nullable=False),
    )
    op.create_index("ix_vpc_scope", "vpc", ["account_id", "region", "created_at", "id"])
    op.create_table(
        "subnet",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("cidr", Text, nullable=False),
        Column("availability_zone", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("ipv6_cidr", Text, nullable=True),
        Column("map_public_ip_on_launch", Boolean, nullable=False),
        Column("assign_ipv6_address_on_creation", Boolean, nullable=False),
        Column("enable_dns64", Boolean, nullable=False),
    )
    op.create_index("ix_subnet_scope", "subnet", ["account_id", "region", "created_at", "id"])
    op.create_index("ix_subnet_vpc_id", "subnet", ["vpc_id"])
    op.create_table(
        "internet_gateway",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=True),
    )
    op.create_index(
        "ix_internet_gateway_scope",
        "internet_gateway",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index("ix_internet_gateway_vpc_id", "internet_gateway", ["vpc_id"])
    op.create_table(
        "network_interface",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=False),
        Column("mac_address", Text, nullable=False),
        Column("private_ips", Text, nullable=False),
        Column("ipv6_addresses", Text, nullable=False),
        Column("description", Text, nullable=False),
        Column("source_dest_check", Boolean, nullable=False),
        Column("requester_managed", Boolean, nullable=False),
        Column("group_ids", Text, nullable=False),
        Column("status", Text, nullable=False),
    )
    op.create_index(
        "ix_network_interface_scope",
        "network_interface",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index("ix_network_interface_subnet_id", "network_interface", ["subnet_id"])
    op.create_index("ix_network_interface_vpc_id", "network_interface", ["vpc_id"])
    op.create_table(
        "route_table",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("main", Boolean, nullable=False),
    )
    op.create_index(
        "ix_route_table_scope", "route_table", ["account_id", "region", "created_at", "id"]
    )
    op.create_index("ix_route_table_vpc_id", "route_table", ["vpc_id"])
    op.create_table(
        "route_table_association",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_table_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=True),
        Column("gateway_id", Text, nullable=True),
        Column("main", Boolean, nullable=False),
    )
    op.create_index(
        "ix_route_table_association_route_table_id", "route_table_association", ["route_table_id"]
    )
    op.create_index(
        "ix_route_table_association_scope",
        "route_table_association",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index(
        "ix_route_table_association_subnet_id", "route_table_association", ["subnet_id"]
    )
    op.create_index("ix_route_table_association_vpc_id", "route_table_association", ["vpc_id"])
    op.create_table(
        "route",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_table_id", Text, nullable=False),
        Column("destination", Text, nullable=False),
        Column("gateway_id", Text, nullable=True),
        Column("network_interface_id", Text, nullable=True),
    )
    op.create_index("ix_route_network_interface_id", "route", ["network_interface_id"])
    op.create_index("ix_route_route_table_id", "route", ["route_table_id"])
    op.create_index("ix_route_scope", "route", ["account_id", "region", "created_at", "id"])
    op.create_table(
        "route_server",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("amazon_side_asn", BigInteger, nullable=False),
        Column("state", Text, nullable=False),
        Column("persist_routes_state", Text, nullable=False),
        Column("persist_routes_duration_min", BigInteger, nullable=True),
        Column("sns_notifications_enabled", Boolean, nullable=False),
        Column("sns_topic_arn", Text, nullable=True),
        Column("deleted_at", Double, nullable=True),
    )
    op.create_index(
        "ix_route_server_scope", "route_server", ["account_id", "region", "created_at", "id"]
    )
    op.create_table(
        "route_server_association",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_server_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("state", Text, nullable=False),
    )
    op.create_index(
        "ix_route_server_association_route_server_id",
        "route_server_association",
        ["route_server_id"],
    )
    op.create_index(
        "ix_route_server_association_scope",
        "route_server_association",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index("ix_route_server_association_vpc_id", "route_server_association", ["vpc_id"])
    op.create_table(
        "route_server_endpoint",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_server_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("eni_id", Text, nullable=True),
        Column("eni_address", Text, nullable=True),
        Column("failure_reason", Text, nullable=True),
        Column("deleted_at", Double, nullable=True),
    )
    op.create_index(
        "ix_route_server_endpoint_route_server_id", "route_server_endpoint", ["route_server_id"]
    )
    op.create_index(
        "ix_route_server_endpoint_scope",
        "route_server_endpoint",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index("ix_route_server_endpoint_subnet_id", "route_server_endpoint", ["subnet_id"])
    op.create_table(
        "route_server_peer",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_server_id", Text, nullable=False),
        Column("route_server_endpoint_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=False),
        Column("endpoint_eni_id", Text, nullable=False),
        Column("endpoint_eni_address", Text, nullable=False),
        Column("peer_address", Text, nullable=False),
        Column("peer_asn", BigInteger, nullable=False),
        Column("liveness", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("failure_reason", Text, nullable=True),
        Column("deleted_at", Double, nullable=True),
    )
    op.create_index(
        "ix_route_server_peer_route_server_endpoint_id",
        "route_server_peer",
        ["route_server_endpoint_id"],
    )
    op.create_index(
        "ix_route_server_peer_route_server_id", "route_server_peer", ["route_server_id"]
    )
    op.create_index(
        "ix_route_server_peer_scope",
        "route_server_peer",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "route_server_propagation",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("route_server_id", Text, nullable=False),
        Column("route_table_id", Text, nullable=False),
        Column("state", Text, nullable=False),
    )
    op.create_index(
        "ix_route_server_propagation_route_server_id",
        "route_server_propagation",
        ["route_server_id"],
    )
    op.create_index(
        "ix_route_server_propagation_route_table_id", "route_server_propagation", ["route_table_id"]
    )
    op.create_index(
        "ix_route_server_propagation_scope",
        "route_server_propagation",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "tag",
        Column("resource_id", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("resource_kind", Text, nullable=False),
        Column("value", Text, nullable=False),
    )
    op.create_index("ix_tag_scope", "tag", ["account_id", "region", "key"])
    op.create_table(
        "client_token",
        Column("account_id", Text, primary_key=True),
        Column("region", Text, primary_key=True),
        Column("action", Text, primary_key=True),
        Column("token", Text, primary_key=True),
        Column("params_hash", Text, nullable=False),
        Column("resource_id", Text, nullable=False),
        Column("created_at", Double, nullable=False),
    )
    op.create_index("ix_client_token_created_at", "client_token", ["created_at"])
    op.create_table(
        "access_key",
        Column("access_key_id", Text, primary_key=True),
        Column("secret", Text, nullable=False),
        Column("account_id", Text, nullable=False),
        Column("user_id", Text, nullable=False),
        Column("principal_arn", Text, nullable=False),
    )
    op.create_index("ix_access_key_account_id", "access_key", ["account_id"])
