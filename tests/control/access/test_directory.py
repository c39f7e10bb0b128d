"""Credentials are kept and forgotten when they must be."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from routeserver.control.access import directory as directory_module
from routeserver.control.access.directory import Directory
from routeserver.control.access.entities import Entity, EntityKind, to_document
from routeserver.control.access.tokens import Session, session_of, token_of
from routeserver.store import AccessKey, Store
from routeserver.store.seal import Seal, SealError
from tests.control.cloud import ACCOUNT, Cloud

SEAL = Seal(b"k" * 32, os.urandom)
ANNA = Entity(EntityKind.USER, ACCOUNT, "anna", "/", "AIDA1", 0.0)
KEY = AccessKey("AKIA1", SEAL.seal("secret", "AKIA1"), ACCOUNT, "AIDA1", ANNA.arn, "anna")


@pytest.fixture
async def store(cloud: Cloud) -> Store:
    async with cloud.store.write() as tx:
        await tx.iam(ACCOUNT).put(EntityKind.USER, "anna", to_document(ANNA))
        await tx.put_access_key(KEY)
    return cloud.store


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_looked_up_once_until_something_is_written(store: Store) -> None:
    directory = Directory(store, SEAL, Clock())
    found = await directory.credential("AKIA1", None)
    assert found is not None
    assert (found.secret, found.principal.arn) == ("secret", ANNA.arn)
    async with store.write() as tx:
        await tx.put_access_key(replace(KEY, status="Inactive"))
    assert await directory.credential("AKIA1", None) is found
    directory.forget()
    assert await directory.credential("AKIA1", None) is None


async def test_what_others_may_write_is_asked_for_again_after_a_while(store: Store) -> None:
    clock = Clock()
    directory = Directory(store, SEAL, clock, keep_s=5.0)
    assert await directory.credential("AKIA2", None) is None
    async with store.write() as tx:
        sealed = SEAL.seal("other", "AKIA2")
        await tx.put_access_key(replace(KEY, access_key_id="AKIA2", secret=sealed))
    assert await directory.credential("AKIA2", None) is None
    clock.now = 5.0
    assert await directory.credential("AKIA2", None) is not None


async def test_keys_that_do_not_exist_do_not_fill_the_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "MAX_KEPT", 3)
    directory = Directory(store, SEAL, Clock())
    for number in range(10):
        assert await directory.credential(f"AKIANOBODY{number}", None) is None
    assert len(directory._kept) == 3


async def test_a_secret_sealed_with_another_key_is_no_secret(store: Store) -> None:
    other = Seal(b"x" * 32, os.urandom)
    assert await Directory(store, other, Clock()).credential("AKIA1", None) is None


async def test_a_token_is_of_its_own_key_and_server(store: Store) -> None:
    session = Session("ASIA1", "s", ACCOUNT, 0.0, 60.0, user_name="anna", policies=("{}",))
    token = token_of(session, SEAL)
    assert session_of("ASIA1", token, SEAL) == session
    assert session_of("ASIA2", token, SEAL) is None
    assert session_of("ASIA1", token[:-1] + "!", SEAL) is None
    assert session_of("ASIA1", token, Seal(b"x" * 32, os.urandom)) is None
    directory = Directory(store, SEAL, Clock())
    found = await directory.credential("ASIA1", token)
    assert found is not None
    assert (found.secret, found.expires_at) == ("s", 60.0)
    assert await directory.credential("AKIA1", token) is None
    assert await directory.credential("ASIA1", None) is None


def test_a_seal_opens_only_what_it_closed_for_the_same_thing() -> None:
    sealed = SEAL.seal("text", "a")
    assert SEAL.open(sealed, "a") == "text"
    for wrong in (sealed[:-4], sealed + "A", "v1.", "text", "v1.%%%"):
        with pytest.raises(SealError):
            SEAL.open(wrong, "a")
    with pytest.raises(SealError):
        SEAL.open(sealed, "b")
