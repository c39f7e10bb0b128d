"""The root access key file: whole, private, or refused."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from routeserver.store import StoreError
from routeserver.store.keyfile import RootKey, read_root_key, write_root_key

KEY = RootKey(
    account_id="111111111111",
    access_key_id="AKIAEXAMPLE",
    secret_access_key="very/secret+key",
    user_arn="arn:aws:iam::111111111111:root",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root-key.json"


def test_a_key_is_read_as_it_was_written(path: Path) -> None:
    write_root_key(path, KEY)
    assert read_root_key(path) == KEY
    assert json.loads(path.read_text()) == {
        "account_id": "111111111111",
        "access_key_id": "AKIAEXAMPLE",
        "secret_access_key": "very/secret+key",
        "user_arn": "arn:aws:iam::111111111111:root",
    }


def test_no_file_is_no_key(path: Path) -> None:
    assert read_root_key(path) is None


def test_the_file_is_for_its_owner_only_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        write_root_key(path, KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused_with_the_command_that_helps(
    path: Path, mode: int
) -> None:
    write_root_key(path, KEY)
    path.chmod(mode)
    with pytest.raises(StoreError) as caught:
        read_root_key(path)
    assert str(caught.value) == (
        f"{path}: others may read this secret key (mode {mode:04o}); run: chmod 600 {path}"
    )


def test_replacing_a_key_leaves_no_other_file(path: Path) -> None:
    write_root_key(path, KEY)
    other = RootKey("2", "AKIAOTHER", "other", "arn")
    write_root_key(path, other)
    assert read_root_key(path) == other
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_key_and_leaves_no_other_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_root_key(path, KEY)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full; free some space"):
        write_root_key(path, RootKey("2", "AKIAOTHER", "other", "arn"))
    assert read_root_key(path) == KEY
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"account_id": 1}', "\udcff".encode("utf-8", "surrogateescape")],
)
def test_a_file_that_holds_no_key_is_refused(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    with pytest.raises(StoreError, match="this is no root key file") as caught:
        read_root_key(path)
    assert "\n" not in str(caught.value)


def test_a_missing_directory_is_one_line(path: Path) -> None:
    with pytest.raises(StoreError, match="it does not exist"):
        write_root_key(path.parent / "missing" / path.name, KEY)


def test_the_secret_is_not_shown() -> None:
    assert KEY.secret_access_key not in repr(KEY)
