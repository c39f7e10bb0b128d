"""The columns that tables are made of, and what every resource's table has."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, Table, Text

METADATA: Final = MetaData()


def text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def moment(name: str, *, null: bool = False) -> Column[Any]:
    """UTC seconds since the epoch."""
    return Column(name, Double, nullable=null)


def whole(name: str, *, null: bool = False) -> Column[Any]:
    """A whole number of 64 bits: SQL has no unsigned 32."""
    return Column(name, BigInteger, nullable=null)


def resource_table(name: str, *columns: Column[Any], found_by: tuple[str, ...] = ()) -> Table:
    """A table with what every resource has; `found_by` names the columns that are listed by."""
    return Table(
        name,
        METADATA,
        Column("id", Text, primary_key=True),
        text("account_id"),
        text("region"),
        moment("created_at"),
        *columns,
        Index(f"ix_{name}_scope", "account_id", "region", "created_at", "id"),
        *(Index(f"ix_{name}_{column}", column) for column in found_by),
    )
