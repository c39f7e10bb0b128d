"""Accounts are made and listed; a secret is in one answer and sealed everywhere else."""

from __future__ import annotations

import pytest

from routeserver.domain.refusal import Refusal
from tests.control.operator.conftest import Office


async def test_a_new_accounts_key_is_known_and_its_secret_is_shown_once(office: Office) -> None:
    made = await office.ask("account-create")
    credential = await office.desk.access.directory.credential(made["key"], None)
    assert credential is not None
    assert credential.secret == made["secret"]
    assert credential.principal.arn == f"arn:aws:iam::{made['account']}:root"
    listed = await office.ask("account-list")
    assert [each["account"] for each in listed["accounts"]] == [made["account"]]
    assert made["secret"] not in repr(listed)
    async with office.store.read() as tx:
        kept = await tx.access_key(made["key"])
    assert kept is not None
    assert made["secret"] not in kept.secret


async def test_accounts_are_all_different(office: Office) -> None:
    made = [await office.ask("account-create") for _ in range(5)]
    for name in ("account", "key", "secret"):
        assert len({each[name] for each in made}) == 5


async def test_a_key_is_replaced_without_a_moment_that_has_none(office: Office) -> None:
    first = await office.ask("account-create")
    with pytest.raises(Refusal, match="the only key"):
        await office.ask("account-delete-key", key=first["key"])
    second = await office.ask("account-new-key", account=first["account"])
    assert await office.desk.access.directory.credential(first["key"], None) is not None
    await office.ask("account-delete-key", key=first["key"])
    assert await office.desk.access.directory.credential(first["key"], None) is None
    assert await office.desk.access.directory.credential(second["key"], None) is not None


async def test_what_is_not_there_is_said_so(office: Office) -> None:
    with pytest.raises(Refusal, match="There is no account 000000000001"):
        await office.ask("account-new-key", account="000000000001")
    with pytest.raises(Refusal, match="has a key AKIA"):
        await office.ask("account-delete-key", key="AKIANONE")
