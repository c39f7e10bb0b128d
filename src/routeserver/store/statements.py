"""Every statement the store executes, built once as SQLAlchemy Core and then only bound.

A statement object that is kept keeps its cache key, so that an execution costs one dictionary look-
up instead of a walk over the expression. Statements whose shape depends on the caller (which
columns are compared or set) are kept by that shape; there are as many as the code has ways of
asking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from routeserver.store.schema import ACCESS_KEY, CLIENT_TOKEN, PEER_SETTINGS, PLUG, TABLES, TAG

EQUAL: Final = "equal"
AMONG: Final = "among"
NULL: Final = "null"

ConditionShape = tuple[str, str]
"""A column and how it is compared: EQUAL and AMONG bind ``w_<column>``, NULL binds nothing."""


def _within(table: Table, scoped: bool) -> list[ColumnElement[bool]]:
    if not scoped:
        return []
    return [
        table.c.account_id == bindparam("scope_account_id"),
        table.c.region == bindparam("scope_region"),
    ]


def _condition(table: Table, shape: ConditionShape) -> ColumnElement[bool]:
    name, comparison = shape
    column = table.c[name]
    if comparison == NULL:
        return column.is_(None)
    if comparison == AMONG:
        return column.in_(bindparam(f"w_{name}", expanding=True))
    return column == bindparam(f"w_{name}")


def _upsert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The same clause in both engines, but not part of the common dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


# --- resources ------------------------------------------------------------------------------------


@cache
def select_one(table: Table, scoped: bool) -> Select[Any]:
    return select(*table.c).where(table.c.id == bindparam("w_id"), *_within(table, scoped))


@cache
def select_many(table: Table, scoped: bool, shape: tuple[ConditionShape, ...]) -> Select[Any]:
    return (
        select(*table.c)
        .where(*_within(table, scoped), *(_condition(table, each) for each in shape))
        .order_by(table.c.created_at, table.c.id)
    )


@cache
def insert_one(table: Table) -> Insert:
    return insert(table)


@cache
def insert_text(table: Table, rows: int = 1) -> str:
    """The insertion of all columns, in their order, as SQLite's driver takes it."""
    names = ", ".join(column.name for column in table.c)
    values = ", ".join([f"({', '.join('?' for _ in table.c)})"] * rows)
    return f"INSERT INTO {table.name} ({names}) VALUES {values}"  # noqa: S608 - our own names


@cache
def update_where(
    table: Table, scoped: bool, changed: tuple[str, ...], shape: tuple[ConditionShape, ...]
) -> Update:
    """SET each changed column to ``v_<column>``."""
    return (
        update(table)
        .where(*(_condition(table, each) for each in shape), *_within(table, scoped))
        .values({name: bindparam(f"v_{name}") for name in changed})
    )


_LIST: Final = re.compile(r"\(__\[POSTCOMPILE_(\w+)\]\)")


@cache
def driver_text(statement: Update | Insert | Select[Any]) -> str:
    """The statement as SQLite's driver takes it, its parameters by name; one that is a list goes
    in as JSON."""
    written = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
    return _LIST.sub(r"(SELECT value FROM json_each(:\1))", written)


def driver_bound(bound: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters for `driver_text`."""
    return {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in bound.items()
    }


@cache
def delete_one(table: Table, scoped: bool) -> Delete:
    return delete(table).where(table.c.id == bindparam("w_id"), *_within(table, scoped))


@cache
def select_kind(scoped: bool) -> CompoundSelect[Any]:
    """Which kind of taggable resource has this id: one row or none."""
    return union_all(
        *(
            select(literal(type_.kind, literal_execute=True)).where(
                table.c.id == bindparam("w_id"), *_within(table, scoped)
            )
            for type_, table in TABLES.items()
            if type_.kind
        )
    )


# --- tags -----------------------------------------------------------------------------------------


@cache
def select_tags_of(scoped: bool) -> Select[Any]:
    return (
        select(TAG.c.resource_id, TAG.c.key, TAG.c.value)
        .where(
            TAG.c.resource_id.in_(bindparam("w_resource_id", expanding=True)), *_within(TAG, scoped)
        )
        .order_by(TAG.c.resource_id, TAG.c.key)
    )


@cache
def select_tags(scoped: bool) -> Select[Any]:
    return (
        select(TAG.c.resource_id, TAG.c.resource_kind, TAG.c.key, TAG.c.value)
        .where(*_within(TAG, scoped))
        .order_by(TAG.c.resource_id, TAG.c.key)
    )


@cache
def upsert_tag(dialect: str) -> Insert:
    """Overwrites a tag's value, but never a tag that another account or region owns."""
    upsert = _upsert(dialect, TAG)
    return upsert.on_conflict_do_update(
        index_elements=[TAG.c.resource_id, TAG.c.key],
        set_={"value": upsert.excluded.value},
        where=(TAG.c.account_id == upsert.excluded.account_id)
        & (TAG.c.region == upsert.excluded.region),
    )


@cache
def delete_tag(scoped: bool) -> Delete:
    """One key of some resources, with value ``w_value`` or, when ``any_value``, with any."""
    return delete(TAG).where(
        TAG.c.resource_id.in_(bindparam("w_resource_id", expanding=True)),
        TAG.c.key == bindparam("w_key"),
        or_(bindparam("any_value", type_=Boolean), TAG.c.value == bindparam("w_value")),
        *_within(TAG, scoped),
    )


@cache
def delete_tags_of_one(scoped: bool) -> Delete:
    return delete(TAG).where(TAG.c.resource_id == bindparam("w_resource_id"), *_within(TAG, scoped))


# --- client tokens and access keys ----------------------------------------------------------------

SELECT_TOKEN: Final = select(
    CLIENT_TOKEN.c.action,
    CLIENT_TOKEN.c.token,
    CLIENT_TOKEN.c.params_hash,
    CLIENT_TOKEN.c.resource_id,
    CLIENT_TOKEN.c.created_at,
).where(
    *_within(CLIENT_TOKEN, scoped=True),
    CLIENT_TOKEN.c.action == bindparam("w_action"),
    CLIENT_TOKEN.c.token == bindparam("w_token"),
)
INSERT_TOKEN: Final = insert(CLIENT_TOKEN)


@cache
def delete_old_tokens(scoped: bool) -> Delete:
    return delete(CLIENT_TOKEN).where(
        CLIENT_TOKEN.c.created_at < bindparam("w_created_at"), *_within(CLIENT_TOKEN, scoped)
    )


SELECT_ACCESS_KEY: Final = select(*ACCESS_KEY.c).where(
    ACCESS_KEY.c.access_key_id == bindparam("w_access_key_id")
)
SELECT_ACCESS_KEYS: Final = (
    select(*ACCESS_KEY.c)
    .where(ACCESS_KEY.c.principal_arn.endswith(bindparam("w_suffix"), autoescape=False))
    .order_by(ACCESS_KEY.c.access_key_id)
)


@cache
def upsert_access_key(dialect: str) -> Insert:
    upsert = _upsert(dialect, ACCESS_KEY)
    return upsert.on_conflict_do_update(
        index_elements=[ACCESS_KEY.c.access_key_id],
        set_={
            name: upsert.excluded[name]
            for name in (
                "secret",
                "account_id",
                "user_id",
                "principal_arn",
                "user_name",
                "status",
                "created_at",
            )
        },
    )


# --- peer settings --------------------------------------------------------------------------------

SELECT_PEER_SETTINGS: Final = select(PEER_SETTINGS.c.peer_id, PEER_SETTINGS.c.settings).order_by(
    PEER_SETTINGS.c.peer_id
)
SELECT_SETTINGS_OF_PEER: Final = select(PEER_SETTINGS.c.settings).where(
    PEER_SETTINGS.c.peer_id == bindparam("w_peer_id")
)
DELETE_PEER_SETTINGS: Final = delete(PEER_SETTINGS).where(
    PEER_SETTINGS.c.peer_id == bindparam("w_peer_id")
)


@cache
def upsert_peer_settings(dialect: str) -> Insert:
    upsert = _upsert(dialect, PEER_SETTINGS)
    return upsert.on_conflict_do_update(
        index_elements=[PEER_SETTINGS.c.peer_id], set_={"settings": upsert.excluded.settings}
    )


# --- plugs ----------------------------------------------------------------------------------------

SELECT_PLUGS: Final = select(
    PLUG.c.interface_id, PLUG.c.netns, PLUG.c.device, PLUG.c.wants_default_route
).order_by(PLUG.c.interface_id)
DELETE_PLUG: Final = delete(PLUG).where(PLUG.c.interface_id == bindparam("w_interface_id"))


@cache
def upsert_plug(dialect: str) -> Insert:
    upsert = _upsert(dialect, PLUG)
    return upsert.on_conflict_do_update(
        index_elements=[PLUG.c.interface_id],
        set_={name: upsert.excluded[name] for name in ("netns", "device", "wants_default_route")},
    )
