"""What an instance was launched with and nothing here uses: profile, metadata options, credits."""

from __future__ import annotations

from typing import Final

from alembic.operations import Operations
from sqlalchemy import Column, Text

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade(op: Operations) -> None:
    for name in ("profile_arn", "metadata_options", "cpu_credits"):
        op.add_column("instance", Column(name, Text, nullable=True))
