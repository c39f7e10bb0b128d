"""The tables, the resources and the migrations say the same."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from routeserver.domain import resources
from routeserver.domain.resources import Resource
from routeserver.store import Store, StoreError
from routeserver.store.migrate import head
from routeserver.store.schema import METADATA, TABLES


def test_every_resource_has_a_table() -> None:
    declared = {
        each
        for each in vars(resources).values()
        if isinstance(each, type) and issubclass(each, Resource) and each is not Resource
    }
    assert set(TABLES) == declared


@pytest.mark.parametrize("type_", TABLES, ids=lambda type_: type_.__name__)
def test_the_columns_are_the_fields(type_: type[Resource]) -> None:
    assert [column.name for column in TABLES[type_].columns] == [f.name for f in fields(type_)]


@pytest.mark.parametrize("type_", TABLES, ids=lambda type_: type_.__name__)
def test_a_column_may_be_null_where_the_field_may_be_none(type_: type[Resource]) -> None:
    hints = get_type_hints(type_)
    optional = {name for name, hint in hints.items() if type(None) in get_args(hint)}
    assert {column.name for column in TABLES[type_].columns if column.nullable} == optional


async def test_the_migrations_make_exactly_these_tables(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    async with store._engine.writer() as lease:
        assert await lease.run(differences) == []


async def test_opening_again_changes_nothing(url: str) -> None:
    for _ in range(2):
        store = await Store.open(url, synchronous="OFF")
        async with store._engine.reader() as lease:
            versions = await lease.run(
                lambda connection: connection.execute(
                    text("SELECT version_num FROM alembic_version")
                ).all()
            )
        assert [tuple(row) for row in versions] == [(head(),)]
        await store.close()


async def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    async def set_version(version: str) -> None:
        async with store._engine.writer() as lease:
            await lease.run(
                lambda connection: connection.execute(
                    text("UPDATE alembic_version SET version_num = :version"), {"version": version}
                )
            )
            await lease.commit()

    store = await Store.open(url, synchronous="OFF")
    await set_version("9999")
    try:
        with pytest.raises(StoreError, match=r"newer version.*upgrade routeserver"):
            await Store.open(url)
    finally:
        await set_version(head())
        await store.close()
