"""Where network interfaces shall be plugged."""

from __future__ import annotations

from typing import Final

from alembic.operations import Operations
from sqlalchemy import Boolean, Column, Text

revision: Final = "0006"
down_revision: Final = "0005"


def upgrade(op: Operations) -> None:
    op.create_table(
        "plug",
        Column("interface_id", Text, primary_key=True),
        Column("netns", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("wants_default_route", Boolean, nullable=False),
    )
