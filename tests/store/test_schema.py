"""The tables, the resources and the migrations say the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Final, get_args, get_type_hints

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from tests.store.samples import HERE, route_server

from routeserver.domain import network, resources
from routeserver.domain.network import (
    Instance,
    NetworkAcl,
    NetworkAclAssociation,
    NetworkAclEntry,
    ProfileAssociation,
    SecurityGroup,
    SecurityGroupRule,
)
from routeserver.domain.resources import NetworkInterface, Resource, RouteServer, Vpc
from routeserver.store import Store, StoreError
from routeserver.store.columns import METADATA
from routeserver.store.migrate import _SCRIPTS, head
from routeserver.store.schema import TABLES


def test_every_resource_has_a_table() -> None:
    declared = {
        each
        for each in (*vars(resources).values(), *vars(network).values())
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


ROWS_OF_THE_FIRST: Final = """
INSERT INTO vpc VALUES ('vpc-1', :account, :region, 1.0, '10.0.0.0/16', 'available', 'fd00\\::/56', 'default', 'default', false, true, false, false)
INSERT INTO subnet VALUES ('subnet-1', :account, :region, 1.0, 'vpc-1', '10.0.1.0/24', 'us-east-1a', 'available', NULL, false, false, false)
INSERT INTO network_interface VALUES ('eni-1', :account, :region, 1.0, 'vpc-1', 'subnet-1', '02', '["10.0.1.4"]', '[]', '', true, false, '[]', 'available')
INSERT INTO route_server VALUES ('rs-1', :account, :region, 1.0, 4294967294, 'pending', 'disabled', NULL, false, NULL, NULL)
"""  # noqa: E501


INSTANCES_OF_THE_SIXTH: Final = r"""
INSERT INTO instance VALUES ('i-1', :account, :region, 1.0, 'r-1', 'vpc-1', 'subnet-1', 'us-east-1a', 'ami-1', 't3.micro', 'running', 0, 2.0, NULL, NULL, false, false, false, false, 'stop', NULL, NULL, NULL, 'arn\:aws\:iam\:\:1\:instance-profile/web', NULL, 'standard')
INSERT INTO instance VALUES ('i-2', :account, :region, 1.0, 'r-1', 'vpc-1', 'subnet-1', 'us-east-1a', 'ami-1', 't3.micro', 'running', 1, 2.0, NULL, NULL, false, false, false, false, 'stop', NULL, NULL, NULL, NULL, NULL, NULL)
INSERT INTO instance VALUES ('i-3', :account, :region, 1.0, 'r-1', 'vpc-1', 'subnet-1', 'us-east-1a', 'ami-1', 't3.micro', 'terminated', 2, 2.0, NULL, NULL, false, false, false, false, 'stop', NULL, NULL, 3.0, 'arn\:aws\:iam\:\:1\:instance-profile/web', NULL, NULL)
"""  # noqa: E501


def _old_version(path: Path, revision: str, rows: str) -> None:
    """A database as this version left it: its tables, and these rows."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"fn": lambda start, _: _SCRIPTS._upgrade_revs(revision, start)}
        )
        context.run_migrations(op=Operations(context))
        for statement in rows.strip().splitlines():
            connection.execute(text(statement), {"account": HERE.account_id, "region": HERE.region})
    engine.dispose()


async def test_a_database_of_the_first_version_keeps_what_it_has(tmp_path: Path) -> None:
    """And its VPCs get what they would be born with now."""
    _old_version(tmp_path / "state.db", "0001", ROWS_OF_THE_FIRST)
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}", synchronous="OFF")
    async with store.read(HERE) as tx:
        assert await tx.list(RouteServer) == [route_server()]
        assert await tx.peer_settings() == []
        (vpc,) = await tx.list(Vpc)
        assert vpc.secondary_cidrs == ()
        (interface,) = await tx.list(NetworkInterface)
        assert interface.attachment_id is None
        assert not interface.delete_on_termination
        (group,) = await tx.list(SecurityGroup, vpc_id="vpc-1")
        assert group.name == "default"
        rules = await tx.list(SecurityGroupRule, group_id=group.id)
        assert {(rule.is_egress, rule.cidr, rule.referenced_group_id) for rule in rules} == {
            (False, None, group.id),
            (True, "0.0.0.0/0", None),
            (True, "::/0", None),
        }
        (acl,) = await tx.list(NetworkAcl, vpc_id="vpc-1")
        assert acl.is_default
        assert len(await tx.list(NetworkAclEntry, network_acl_id=acl.id)) == 8
        (link,) = await tx.list(NetworkAclAssociation, network_acl_id=acl.id)
        assert link.subnet_id == "subnet-1"
    await store.close()


async def test_instances_of_the_sixth_version_keep_the_profile_they_were_launched_with(
    tmp_path: Path,
) -> None:
    _old_version(tmp_path / "state.db", "0006", INSTANCES_OF_THE_SIXTH)
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}", synchronous="OFF")
    async with store.read(HERE) as tx:
        rows = await tx.list(Instance)
        assert [(row.id, row.cpu_credits) for row in rows] == [
            ("i-1", "standard"),
            ("i-2", None),
            ("i-3", None),
        ]
        assert await tx.list(ProfileAssociation) == [
            ProfileAssociation(
                id="iip-assoc-1",
                account_id=HERE.account_id,
                region=HERE.region,
                created_at=2.0,
                instance_id="i-1",
                profile_arn="arn:aws:iam::1:instance-profile/web",
                profile_id="AIPAPIUKHKGYQPH2VALPD",
            )
        ]
    await store.close()
