"""The tables of `domain.network`, written out as those in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from routeserver.domain.network import (
    DhcpOptions,
    Instance,
    ManagedPrefixList,
    NetworkAcl,
    NetworkAclAssociation,
    NetworkAclEntry,
    PrefixListVersion,
    ProfileAssociation,
    SecurityGroup,
    SecurityGroupRule,
)
from routeserver.domain.resources import Resource
from routeserver.store.columns import flag, moment, resource_table, text, whole

NETWORK_TABLES: Final[Mapping[type[Resource], Table]] = {
    SecurityGroup: resource_table(
        "security_group",
        text("vpc_id"),
        text("name"),
        text("description"),
        found_by=("vpc_id",),
    ),
    SecurityGroupRule: resource_table(
        "security_group_rule",
        text("group_id"),
        flag("is_egress"),
        text("protocol"),
        whole("from_port", null=True),
        whole("to_port", null=True),
        text("cidr", null=True),
        text("prefix_list_id", null=True),
        text("referenced_group_id", null=True),
        text("description", null=True),
        found_by=("group_id", "prefix_list_id", "referenced_group_id"),
    ),
    NetworkAcl: resource_table(
        "network_acl", text("vpc_id"), flag("is_default"), found_by=("vpc_id",)
    ),
    NetworkAclEntry: resource_table(
        "network_acl_entry",
        text("network_acl_id"),
        flag("is_egress"),
        whole("rule_number"),
        text("protocol"),
        text("action"),
        text("cidr"),
        whole("from_port", null=True),
        whole("to_port", null=True),
        whole("icmp_type", null=True),
        whole("icmp_code", null=True),
        found_by=("network_acl_id",),
    ),
    NetworkAclAssociation: resource_table(
        "network_acl_association",
        text("network_acl_id"),
        text("vpc_id"),
        text("subnet_id"),
        found_by=("network_acl_id", "vpc_id", "subnet_id"),
    ),
    DhcpOptions: resource_table("dhcp_options", text("configurations"), flag("is_default")),
    ManagedPrefixList: resource_table(
        "managed_prefix_list",
        text("name"),
        text("address_family"),
        whole("max_entries"),
        whole("version"),
    ),
    PrefixListVersion: resource_table(
        "prefix_list_version",
        text("prefix_list_id"),
        whole("version"),
        text("entries"),
        found_by=("prefix_list_id",),
    ),
    Instance: resource_table(
        "instance",
        text("reservation_id"),
        text("vpc_id"),
        text("subnet_id"),
        text("availability_zone"),
        text("image_id"),
        text("instance_type"),
        text("state"),
        whole("launch_index"),
        moment("launched_at"),
        text("key_name", null=True),
        text("user_data", null=True),
        flag("monitoring"),
        flag("ebs_optimized"),
        flag("disable_api_termination"),
        flag("disable_api_stop"),
        text("shutdown_behavior"),
        text("client_token", null=True),
        text("state_reason", null=True),
        moment("terminated_at", null=True),
        text("metadata_options", null=True),
        text("cpu_credits", null=True),
        found_by=("vpc_id", "subnet_id"),
    ),
    ProfileAssociation: resource_table(
        "profile_association",
        text("instance_id"),
        text("profile_arn"),
        text("profile_id"),
        found_by=("instance_id",),
    ),
}
