"""Every statement can be said in both engines' SQL."""

from __future__ import annotations

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Dialect

from routeserver.store import statements
from routeserver.store.schema import TABLES
from routeserver.store.statements import AMONG, EQUAL, NULL

_POSTGRESQL: type[Dialect] = PGDialect  # its own constructor has no types
DIALECTS = [
    pytest.param(_POSTGRESQL(), id="postgresql"),
    pytest.param(SQLiteDialect(), id="sqlite"),
]


@pytest.mark.parametrize("scoped", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_statements_of_a_resource(table: Table, dialect: Dialect, scoped: bool) -> None:
    shape = (("id", EQUAL), ("account_id", AMONG), ("region", NULL))
    for statement in (
        statements.select_one(table, scoped),
        statements.select_many(table, scoped, shape),
        statements.insert_one(table),
        statements.update_where(table, scoped, ("created_at",), shape),
        statements.delete_one(table, scoped),
    ):
        assert table.name in str(statement.compile(dialect=dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_statements_of_tags_tokens_and_keys(dialect: Dialect) -> None:
    for statement in (
        *(
            make(scoped)
            for scoped in (True, False)
            for make in (
                statements.select_kind,
                statements.select_tags_of,
                statements.select_tags,
                statements.delete_tag,
                statements.delete_tags_of_one,
                statements.delete_old_tokens,
            )
        ),
        statements.upsert_tag(dialect.name),
        statements.upsert_access_key(dialect.name),
        statements.SELECT_TOKEN,
        statements.INSERT_TOKEN,
        statements.SELECT_ACCESS_KEY,
    ):
        assert str(statement.compile(dialect=dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_scoped_statement_names_account_and_region(dialect: Dialect) -> None:
    for table in TABLES.values():
        sql = str(statements.select_one(table, True).compile(dialect=dialect))
        assert f"{table.name}.account_id =" in sql
        assert f"{table.name}.region =" in sql
