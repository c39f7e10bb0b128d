"""The data directory: held by one, its secrets kept, its errors readable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from routeserver.app import data_dir
from routeserver.app.data_dir import RootKey, ServerInfo
from routeserver.app.errors import StartError

KEY = RootKey("123456789012", "AKIAEXAMPLE", "secret")
INFO = ServerInfo(1, "http://127.0.0.1:8179", "us-east-1", 1790, 3784)


def test_it_is_made_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with data_dir.taken(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with (
        data_dir.taken(tmp_path),
        pytest.raises(StartError) as caught,
        data_dir.taken(tmp_path),
    ):
        pytest.fail("two servers on one data directory")
    assert str(caught.value) == (
        f"another server (process {os.getpid()}) already runs on {tmp_path}; "
        "stop that one, or choose another directory with --data-dir"
    )
    with data_dir.taken(tmp_path):
        pass


def test_what_is_written_is_read_back_and_private(tmp_path: Path) -> None:
    data_dir.write_root_key(tmp_path, KEY)
    data_dir.write_server_info(tmp_path, INFO)
    assert data_dir.read_root_key(tmp_path) == KEY
    assert data_dir.read_server_info(tmp_path) == INFO
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root-key.json", "server.json"]


def test_a_draft_left_by_a_crash_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "root-key.json.new").write_text("half")
    data_dir.write_root_key(tmp_path, KEY)
    assert data_dir.read_root_key(tmp_path) == KEY


def test_nothing_there_is_none(tmp_path: Path) -> None:
    assert data_dir.read_root_key(tmp_path / "missing") is None
    assert data_dir.read_server_info(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"pid": 1}', '{"surprise": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    with pytest.raises(StartError, match=r"server.json is damaged; restore it from a backup"):
        data_dir.read_server_info(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '{"account_id": 1, "access_key_id": 2, "secret_access_key": 3}',
        '{"account_id": null, "access_key_id": null, "secret_access_key": null}',
        '{"account_id": "", "access_key_id": "", "secret_access_key": ""}',
        r'{"account_id": "1", "access_key_id": "\ud800", "secret_access_key": "s"}',
        r'{"account_id": "1", "access_key_id": "a\nb", "secret_access_key": "s"}',
        "[" * 200_000,
    ],
    ids=["numbers", "nulls", "empty", "surrogate", "line break", "deep"],
)
def test_a_key_that_no_server_has_written_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "root-key.json").write_text(text)
    with pytest.raises(StartError, match=r"root-key.json is damaged; restore it from a backup"):
        data_dir.read_root_key(tmp_path)


def test_a_key_file_that_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "root-key.json"
    os.mkfifo(path)
    with pytest.raises(StartError, match=r"root-key.json is damaged"):
        data_dir.read_root_key(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StartError, match="a directory is where a file should be; move it away"):
        data_dir.read_root_key(tmp_path)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with (
        pytest.raises(StartError, match="it is not a directory; choose another with --data-dir"),
        data_dir.taken(path),
    ):
        pass
    with (
        pytest.raises(StartError, match="a part of the path is not a directory"),
        data_dir.taken(path / "below"),
    ):
        pass


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_lock_that_leads_elsewhere_is_not_written(tmp_path: Path, kind: str) -> None:
    """Who owns the directory is another user than root, who starts the server."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    path = tmp_path / "data"
    path.mkdir()
    if kind == "soft":
        (path / data_dir.LOCK).symlink_to(elsewhere)
    else:
        (path / data_dir.LOCK).hardlink_to(elsewhere)
    with pytest.raises(StartError, match=r"remove it$"), data_dir.taken(path):
        pass
    assert elsewhere.read_text() == "precious"
