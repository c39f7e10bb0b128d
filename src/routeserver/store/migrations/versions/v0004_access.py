"""Users, roles, groups and policies; and of an access key whose it is and whether it is active."""

from __future__ import annotations

from typing import Final

from alembic.operations import Operations
from sqlalchemy import Column, Double, Text

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade(op: Operations) -> None:
    op.create_table(
        "iam_entity",
        Column("account_id", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("name_key", Text, primary_key=True),
        Column("document", Text, nullable=False),
    )
    op.add_column("access_key", Column("user_name", Text, nullable=True))
    op.add_column("access_key", Column("status", Text, nullable=False, server_default="Active"))
    op.add_column("access_key", Column("created_at", Double, nullable=False, server_default="0"))
