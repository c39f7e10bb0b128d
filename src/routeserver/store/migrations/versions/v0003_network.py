"""Security groups, network ACLs, DHCP options, prefix lists, instances; and for every VPC that is
there already the default group and ACL that it would be born with now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from secrets import token_hex
from typing import Any, Final

from alembic.operations import Operations
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Text,
    column,
    false,
    insert,
    select,
    table,
)

revision: Final = "0003"
down_revision: Final = "0002"

_SCOPE: Final = ("id", "account_id", "region", "created_at")


def upgrade(op: Operations) -> None:
    _create_tables(op)
    op.add_column("vpc", Column("secondary_cidrs", Text, nullable=False, server_default="[]"))
    op.add_column("network_interface", Column("attachment_id", Text, nullable=True))
    op.add_column("network_interface", Column("instance_id", Text, nullable=True))
    op.add_column("network_interface", Column("device_index", BigInteger, nullable=True))
    op.add_column("network_interface", Column("attached_at", Double, nullable=True))
    op.add_column(
        "network_interface",
        Column("delete_on_termination", Boolean, nullable=False, server_default=false()),
    )
    op.create_index("ix_network_interface_instance_id", "network_interface", ["instance_id"])
    _give_defaults(op)


def _give_defaults(op: Operations) -> None:
    connection = op.get_bind()
    vpcs = table("vpc", *map(column, (*_SCOPE, "ipv6_cidr")))
    subnets = table("subnet", *map(column, (*_SCOPE, "vpc_id")))
    for vpc in connection.execute(select(vpcs)).mappings().all():
        inside = connection.execute(select(subnets).where(subnets.c.vpc_id == vpc["id"]))
        for name, row in _defaults(dict(vpc), [dict(subnet) for subnet in inside.mappings()]):
            connection.execute(insert(table(name, *map(column, row))), row)


def _defaults(
    vpc: Mapping[str, Any], subnets: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row of everything that belongs to a VPC from its birth."""

    def owned(row_id: str, **values: Any) -> dict[str, Any]:
        scope = {name: vpc[name] for name in ("account_id", "region", "created_at")}
        return {"id": row_id, **scope, **values}

    def new_id(prefix: str) -> str:
        return f"{prefix}-{token_hex(9)[:17]}"

    group_id, acl_id = new_id("sg"), new_id("acl")
    text = "default VPC security group"
    yield (
        "security_group",
        owned(group_id, vpc_id=vpc["id"], name="default", description=text),
    )
    blocks = ["0.0.0.0/0"] + (["::/0"] if vpc["ipv6_cidr"] else [])
    peers: list[dict[str, Any]] = [{"is_egress": False, "referenced_group_id": group_id}]
    peers += [{"is_egress": True, "cidr": block} for block in blocks]
    for peer in peers:
        rule = {"group_id": group_id, "protocol": "-1", **peer}
        yield "security_group_rule", owned(new_id("sgr"), **rule)
    yield "network_acl", owned(acl_id, vpc_id=vpc["id"], is_default=True)
    for offset, block in enumerate(blocks):
        for number, action in ((100 + offset, "allow"), (32767 + offset, "deny")):
            for direction in ("egress", "ingress"):
                entry = {
                    "network_acl_id": acl_id,
                    "is_egress": direction == "egress",
                    "rule_number": number,
                    "protocol": "-1",
                    "action": action,
                    "cidr": block,
                }
                yield "network_acl_entry", owned(f"{acl_id}|{direction}|{number}", **entry)
    for subnet in subnets:
        link = {"network_acl_id": acl_id, "vpc_id": vpc["id"], "subnet_id": subnet["id"]}
        yield "network_acl_association", owned(new_id("aclassoc"), **link)


def _create_tables(op: Operations) -> None:
    op.create_table(
        "security_group",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("description", Text, nullable=False),
    )
    op.create_index(
        "ix_security_group_scope", "security_group", ["account_id", "region", "created_at", "id"]
    )
    op.create_index("ix_security_group_vpc_id", "security_group", ["vpc_id"])
    op.create_table(
        "security_group_rule",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("group_id", Text, nullable=False),
        Column("is_egress", Boolean, nullable=False),
        Column("protocol", Text, nullable=False),
        Column("from_port", BigInteger, nullable=True),
        Column("to_port", BigInteger, nullable=True),
        Column("cidr", Text, nullable=True),
        Column("prefix_list_id", Text, nullable=True),
        Column("referenced_group_id", Text, nullable=True),
        Column("description", Text, nullable=True),
    )
    op.create_index("ix_security_group_rule_group_id", "security_group_rule", ["group_id"])
    op.create_index(
        "ix_security_group_rule_prefix_list_id", "security_group_rule", ["prefix_list_id"]
    )
    op.create_index(
        "ix_security_group_rule_referenced_group_id", "security_group_rule", ["referenced_group_id"]
    )
    op.create_index(
        "ix_security_group_rule_scope",
        "security_group_rule",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "network_acl",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("is_default", Boolean, nullable=False),
    )
    op.create_index(
        "ix_network_acl_scope", "network_acl", ["account_id", "region", "created_at", "id"]
    )
    op.create_index("ix_network_acl_vpc_id", "network_acl", ["vpc_id"])
    op.create_table(
        "network_acl_entry",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("network_acl_id", Text, nullable=False),
        Column("is_egress", Boolean, nullable=False),
        Column("rule_number", BigInteger, nullable=False),
        Column("protocol", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("cidr", Text, nullable=False),
        Column("from_port", BigInteger, nullable=True),
        Column("to_port", BigInteger, nullable=True),
        Column("icmp_type", BigInteger, nullable=True),
        Column("icmp_code", BigInteger, nullable=True),
    )
    op.create_index("ix_network_acl_entry_network_acl_id", "network_acl_entry", ["network_acl_id"])
    op.create_index(
        "ix_network_acl_entry_scope",
        "network_acl_entry",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "network_acl_association",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("network_acl_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=False),
    )
    op.create_index(
        "ix_network_acl_association_network_acl_id", "network_acl_association", ["network_acl_id"]
    )
    op.create_index(
        "ix_network_acl_association_scope",
        "network_acl_association",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index(
        "ix_network_acl_association_subnet_id", "network_acl_association", ["subnet_id"]
    )
    op.create_index("ix_network_acl_association_vpc_id", "network_acl_association", ["vpc_id"])
    op.create_table(
        "dhcp_options",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("configurations", Text, nullable=False),
        Column("is_default", Boolean, nullable=False),
    )
    op.create_index(
        "ix_dhcp_options_scope", "dhcp_options", ["account_id", "region", "created_at", "id"]
    )
    op.create_table(
        "managed_prefix_list",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("name", Text, nullable=False),
        Column("address_family", Text, nullable=False),
        Column("max_entries", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index(
        "ix_managed_prefix_list_scope",
        "managed_prefix_list",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "prefix_list_version",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("prefix_list_id", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("entries", Text, nullable=False),
    )
    op.create_index(
        "ix_prefix_list_version_prefix_list_id", "prefix_list_version", ["prefix_list_id"]
    )
    op.create_index(
        "ix_prefix_list_version_scope",
        "prefix_list_version",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_table(
        "instance",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("reservation_id", Text, nullable=False),
        Column("vpc_id", Text, nullable=False),
        Column("subnet_id", Text, nullable=False),
        Column("availability_zone", Text, nullable=False),
        Column("image_id", Text, nullable=False),
        Column("instance_type", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("launch_index", BigInteger, nullable=False),
        Column("launched_at", Double, nullable=False),
        Column("key_name", Text, nullable=True),
        Column("user_data", Text, nullable=True),
        Column("monitoring", Boolean, nullable=False),
        Column("ebs_optimized", Boolean, nullable=False),
        Column("disable_api_termination", Boolean, nullable=False),
        Column("disable_api_stop", Boolean, nullable=False),
        Column("shutdown_behavior", Text, nullable=False),
        Column("client_token", Text, nullable=True),
        Column("state_reason", Text, nullable=True),
        Column("terminated_at", Double, nullable=True),
    )
    op.create_index("ix_instance_scope", "instance", ["account_id", "region", "created_at", "id"])
    op.create_index("ix_instance_subnet_id", "instance", ["subnet_id"])
    op.create_index("ix_instance_vpc_id", "instance", ["vpc_id"])
