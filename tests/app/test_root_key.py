"""The root access key: made once, known to the store after every start."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from routeserver.app.data_dir import ROOT_KEY, database_url, read_root_key, write_root_key
from routeserver.app.errors import StartError
from routeserver.app.root_key import ensure_root_key, new_root_key
from routeserver.store import Store
from routeserver.store.seal import Seal

SEAL = Seal(b"k" * 32, os.urandom)


def test_a_key_has_amazons_forms() -> None:
    key = new_root_key(os.urandom)
    assert re.fullmatch(r"[0-9]{12}", key.account_id)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key.secret_access_key)


def test_the_lowest_and_the_highest_chance_give_an_account() -> None:
    assert new_root_key(lambda size: b"\0" * size).account_id == "000000000001"
    assert re.fullmatch(r"[0-9]{12}", new_root_key(lambda size: b"\xff" * size).account_id)


async def test_every_start_finds_the_same_key(tmp_path: Path) -> None:
    store = await Store.open(database_url(tmp_path))
    try:
        first = await ensure_root_key(tmp_path, store, SEAL, os.urandom)
        assert await ensure_root_key(tmp_path, store, SEAL, os.urandom) == first
        async with store.read() as tx:
            known = await tx.access_key(first.access_key_id)
    finally:
        await store.close()
    assert known is not None
    assert first.secret_access_key not in known.secret
    assert SEAL.open(known.secret, first.access_key_id) == first.secret_access_key
    assert known.principal_arn == f"arn:aws:iam::{first.account_id}:root"
    assert read_root_key(tmp_path) == first


async def test_a_database_that_forgot_the_key_is_told_again(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    store = await Store.open(database_url(tmp_path))
    key = await ensure_root_key(tmp_path, store, SEAL, os.urandom)
    await store.close()
    store = await Store.open(database_url(other))
    try:
        assert await ensure_root_key(tmp_path, store, SEAL, os.urandom) == key
        async with store.read() as tx:
            assert await tx.access_key(key.access_key_id) is not None
    finally:
        await store.close()


async def test_a_lost_key_file_is_written_again_from_the_database(tmp_path: Path) -> None:
    store = await Store.open(database_url(tmp_path))
    try:
        first = await ensure_root_key(tmp_path, store, SEAL, os.urandom)
        (tmp_path / ROOT_KEY).unlink()
        assert await ensure_root_key(tmp_path, store, SEAL, os.urandom) == first
    finally:
        await store.close()
    assert read_root_key(tmp_path) == first


def test_a_key_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    write_root_key(tmp_path, new_root_key(os.urandom))
    (tmp_path / ROOT_KEY).chmod(0o640)
    with pytest.raises(StartError, match=r"mode 0640.*chmod 600"):
        read_root_key(tmp_path)
