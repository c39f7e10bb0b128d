"""Which instance profile an instance has is a row of its own, with the profile's id.

Until now any name was a profile, and its id followed from its ARN. The instances keep showing both;
the profile itself they name was never made.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256
from typing import Final

from alembic.operations import Operations
from sqlalchemy import Column, Double, Text, column, insert, select, table

revision: Final = "0007"
down_revision: Final = "0006"

_INSTANCE: Final = table(
    "instance",
    *map(column, ("id", "account_id", "region", "launched_at", "state", "profile_arn")),
)
_ASSOCIATION: Final = table(
    "profile_association",
    *map(
        column,
        ("id", "account_id", "region", "created_at", "instance_id", "profile_arn", "profile_id"),
    ),
)


def upgrade(op: Operations) -> None:
    op.create_table(
        "profile_association",
        Column("id", Text, primary_key=True),
        Column("account_id", Text, nullable=False),
        Column("region", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("instance_id", Text, nullable=False),
        Column("profile_arn", Text, nullable=False),
        Column("profile_id", Text, nullable=False),
    )
    op.create_index(
        "ix_profile_association_scope",
        "profile_association",
        ["account_id", "region", "created_at", "id"],
    )
    op.create_index("ix_profile_association_instance_id", "profile_association", ["instance_id"])
    connection = op.get_bind()
    with_profile = select(_INSTANCE).where(
        _INSTANCE.c.profile_arn.is_not(None), _INSTANCE.c.state != "terminated"
    )
    for row in connection.execute(with_profile).mappings().all():
        association = {
            "id": "iip-assoc-" + row["id"].removeprefix("i-"),
            "account_id": row["account_id"],
            "region": row["region"],
            "created_at": row["launched_at"],
            "instance_id": row["id"],
            "profile_arn": row["profile_arn"],
            "profile_id": _id_of(row["profile_arn"]),
        }
        connection.execute(insert(_ASSOCIATION), association)
    op.drop_column("instance", "profile_arn")


def _id_of(arn: str) -> str:
    """As it was shown."""
    return f"AIPA{b32encode(sha256(arn.encode()).digest()).decode()[:17]}"
