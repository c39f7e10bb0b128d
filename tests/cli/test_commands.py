"""The commands: what they print, and the one line in which they fail."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path

import pytest

import routeserver
from routeserver.app import data_dir
from routeserver.app.data_dir import RootKey, ServerInfo
from routeserver.cli.main import status_of
from routeserver.settings.table import SETTINGS


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)


def started(path: Path, secret: str) -> None:
    path.mkdir(exist_ok=True)
    data_dir.write_root_key(path, RootKey("123456789012", "AKIAEXAMPLE", secret))
    data_dir.write_server_info(
        path, ServerInfo(1, "http://127.0.0.1:8179", "eu-west-1", 1790, 3784)
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bogus"], "routeserver: no such command 'bogus'; try routeserver --help"),
        (
            ["serve", "--bogus"],
            "routeserver: no such option: --bogus; try routeserver serve",
        ),
        (["serve", "extra"], "routeserver: got unexpected extra argument"),
        (["serve", "--bgp-port=x"], "routeserver: bgp_port is 'x' (flag --bgp-port); it must be a"),
        (["serve", "--fabric=cloud"], "routeserver: fabric is 'cloud' (flag --fabric); it must be"),
        (["serve", "--config=/none"], "routeserver: cannot read the settings file /none: no such"),
        (["config", "--profile=x"], "routeserver: profile is 'x' (flag --profile); it must be aws"),
        (
            ["env", "--data-dir=/none"],
            "routeserver: no server has been started on /none; start",
        ),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(sentence)
    assert printed.err.count("\n") == 1
    assert "; " in printed.err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["serve", "--help"], ["env", "-h"]])
def test_help_is_no_mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(arguments) == 0
    assert "Usage: routeserver" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["--version"]) == 0
    assert capsys.readouterr().out == f"routeserver {routeserver.__version__}\n"


def test_config_prints_every_setting_and_where_it_came_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "routeserver.toml").write_text('hold_time_s = 9\nregions = ["eu-west-1"]')
    monkeypatch.setenv("ROUTESERVER_BFD_PORT", "3785")
    monkeypatch.setenv("ROUTESERVER_DATABASE_URL", "postgresql://me:secret@db/rs")
    assert status_of(["config", "--json", f"--data-dir={tmp_path}", "--profile=open"]) == 0
    printed = capsys.readouterr().out
    assert "secret" not in printed
    found = json.loads(printed)
    assert list(found) == [setting.name for setting in SETTINGS]
    assert found["profile"] == {"value": "open", "origin": "flag --profile"}
    assert found["bfd_port"] == {"value": 3785, "origin": "environment ROUTESERVER_BFD_PORT"}
    assert found["hold_time_s"]["value"] == 9
    assert found["hold_time_s"]["origin"] == f"file {tmp_path / 'routeserver.toml'}"
    assert found["regions"]["value"] == ["eu-west-1"]
    assert found["listen"] == {"value": "127.0.0.1:8179", "origin": "default"}
    assert found["bgp_port"] == {"value": "auto", "origin": "default"}
    assert found["quota_routes_per_fib"] == {"value": "unlimited", "origin": "profile open"}


def test_config_is_a_table_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert status_of(["config", f"--data-dir={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["setting", "value", "from", "meaning"]
    assert len(lines) == 1 + len(SETTINGS)
    (row,) = [line for line in lines if line.startswith("access_log")]
    assert row.split()[:3] == ["access_log", "false", "default"]


def test_env_prints_lines_that_a_shell_understands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    started(tmp_path, secret="it's $HOME; `x`")
    assert status_of(["env", f"--data-dir={tmp_path}"]) == 0
    words = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert [word[1] for word in words if word[0] == "export"] == [
        "AWS_ENDPOINT_URL=http://127.0.0.1:8179",
        "AWS_ACCESS_KEY_ID=AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY=it's $HOME; `x`",
        "AWS_DEFAULT_REGION=eu-west-1",
        "AWS_REGION=eu-west-1",
    ]


def test_env_says_when_a_file_is_damaged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    started(tmp_path, secret="a/b+c")
    (tmp_path / "root-key.json").write_text("{")
    assert status_of(["env", f"--data-dir={tmp_path}"]) == 2
    assert "root-key.json is damaged; " in capsys.readouterr().err


def test_output_that_cannot_be_written_is_a_mistake_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert status_of(["config", "--json"]) == 2
    message = "routeserver: cannot write the output: the disk is full; free some space\n"
    assert capsys.readouterr().err == message


def test_a_closed_output_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert status_of(["config", "--json"]) == 0
