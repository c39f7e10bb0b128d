"""What was set for single peers, beyond what the API knows of them."""

from __future__ import annotations

from typing import Final

from alembic.operations import Operations
from sqlalchemy import Column, Text

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade(op: Operations) -> None:
    op.create_table(
        "peer_settings",
        Column("peer_id", Text, primary_key=True),
        Column("settings", Text, nullable=False),
    )
