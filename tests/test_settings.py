"""Settings: every source, what wins, what is refused and in which words."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from routeserver.control.policy import AMAZON, UNLIMITED, Quotas
from routeserver.settings.load import Effective, SettingsError, load
from routeserver.settings.model import Address, Fabric, LogFormat, Profile, Settings
from routeserver.settings.table import BY_NAME, QUOTA_PREFIX, SETTINGS


def loaded(
    flags: dict[str, str | None] | None = None,
    environ: dict[str, str] | None = None,
    *,
    home: str = "/home/someone",
    is_root: bool = False,
) -> Effective:
    return load(flags or {}, {"HOME": home, **(environ or {})}, is_root=is_root)


def refusal(
    flags: dict[str, str | None] | None = None, environ: dict[str, str] | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(flags, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(folder: Path, text: str, name: str = "routeserver.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_defaults_are_the_documented_ones() -> None:
    effective = loaded()
    settings = effective.settings
    assert settings.data_dir == Path("/home/someone/.local/state/routeserver")
    assert settings.listen == Address("127.0.0.1", 8179)
    assert settings.bgp_port is None
    assert settings.bfd_port == 3784
    assert settings.fabric is Fabric.LOOPBACK
    assert settings.profile is Profile.AWS
    assert settings.quotas == AMAZON
    assert settings.regions == ("us-east-1",)
    assert settings.database_url is None
    assert (settings.hold_time_s, settings.keepalive_s) == (30, None)
    assert (settings.restart_window_s, settings.selection_deferral_s) == (120, None)
    assert (settings.bfd_interval_ms, settings.bfd_multiplier) == (300, 3)
    assert settings.log_format is LogFormat.AUTO
    assert settings.run_as is None
    assert set(effective.origins.values()) == {"default", "profile aws"}


def test_the_table_and_the_value_have_the_same_names() -> None:
    names = {field.name for field in fields(Settings)} - {"quotas"}
    quotas = {QUOTA_PREFIX + field.name for field in fields(Quotas)}
    assert {setting.name for setting in SETTINGS} == names | quotas
    assert len(BY_NAME) == len(SETTINGS)
    assert all(setting.meaning for setting in SETTINGS)


def test_the_data_directory_follows_who_runs_the_server() -> None:
    assert loaded(is_root=True).settings.data_dir == Path("/var/lib/routeserver")
    xdg = loaded(environ={"XDG_STATE_HOME": "/state"})
    assert xdg.settings.data_dir == Path("/state/routeserver")


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    write(tmp_path, "bgp_port = 1001\nbfd_port = 1002\nhold_time_s = 40\n")
    effective = loaded(
        {"data_dir": str(tmp_path), "bgp_port": "3001"},
        {"ROUTESERVER_BGP_PORT": "2001", "ROUTESERVER_BFD_PORT": "2002"},
    )
    settings = effective.settings
    assert (settings.bgp_port, settings.bfd_port, settings.hold_time_s) == (3001, 2002, 40)
    assert effective.origins["bgp_port"] == "flag --bgp-port"
    assert effective.origins["bfd_port"] == "environment ROUTESERVER_BFD_PORT"
    assert effective.origins["hold_time_s"] == f"file {tmp_path / 'routeserver.toml'}"
    assert effective.origins["bfd_interval_ms"] == "default"


def test_the_file_is_named_by_flag_or_variable_and_may_set_the_data_directory(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path, 'data_dir = "/srv/rs"\nregions = ["eu-west-1", "us-gov-west-1"]', "x.toml"
    )
    for effective in (
        loaded({"config": str(path)}),
        loaded(environ={"ROUTESERVER_CONFIG": str(path)}),
    ):
        assert effective.settings.data_dir == Path("/srv/rs")
        assert effective.settings.regions == ("eu-west-1", "us-gov-west-1")


def test_a_file_in_the_data_directory_may_not_move_it(tmp_path: Path) -> None:
    write(tmp_path, 'data_dir = "/elsewhere"')
    assert "data_dir cannot be set in" in refusal({"data_dir": str(tmp_path)})


def test_the_open_profile_lifts_the_quotas_and_single_ones_can_be_set() -> None:
    effective = loaded({"profile": "open"}, {"ROUTESERVER_QUOTA_ROUTES_PER_PEER": "7"})
    assert effective.settings.quotas.routes_per_peer == 7
    assert effective.settings.quotas.routes_per_fib is UNLIMITED.routes_per_fib is None
    assert effective.origins["quota_routes_per_fib"] == "profile open"
    lifted = loaded(environ={"ROUTESERVER_QUOTA_ROUTES_PER_FIB": "unlimited"})
    assert lifted.settings.quotas.routes_per_fib is None
    assert lifted.settings.quotas.routes_per_peer == AMAZON.routes_per_peer


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("bgp_port", "0", "it must be a whole number from 1 to 65535 or auto"),
        ("bgp_port", "seventeen", "it must be a whole number from 1 to 65535 or auto"),
        ("bfd_port", "65536", "it must be a whole number from 1 to 65535"),
        ("hold_time_s", "2", "it must be a whole number from 3 to 65535"),
        ("listen", "8179", "it must be HOST:PORT, for example 127.0.0.1:8179 or [::1]:8179"),
        ("listen", "localhost:70000", "it must be HOST:PORT"),
        ("listen", "::1:80", "it must be HOST:PORT"),
        ("fabric", "cloud", "it must be loopback or netns or host"),
        ("fabric_mtu", "576", "it must be a whole number from 1280 to 65535"),
        ("eni_checks", "perhaps", "it must be true or false"),
        ("outside", "internet", "it must be own, host, or netns:PATH"),
        ("outside", "netns:internet", "it must be own, host, or netns:PATH"),
        ("host_interface", "a name with blanks", "it must be the name of a network interface"),
        ("host_table", "local", "it must be main, or a number from 1 to 2147483647"),
        ("host_table", "255", "but 253 and 255"),
        ("profile", "gcp", "it must be aws or open"),
        ("regions", "Mars", "it must be region names such as us-east-1"),
        ("regions", "us-east-1,us-east-1", "each once"),
        ("zones", "", "it must be zone letters such as a,b,c"),
        ("database_url", "mysql://x", "it must be embedded, or an address that begins"),
        ("access_log", "perhaps", "it must be true or false"),
        ("log_level", "loud", "it must be debug or info or warning or error"),
        ("data_dir", "", "it must be the path of a directory"),
        ("quota_peers_per_endpoint", "-1", "it must be a whole number from 0 to 1000000000 or"),
    ],
)
def test_a_bad_value_names_the_setting_its_source_and_the_remedy(
    name: str, written: str, sentence: str
) -> None:
    variable = BY_NAME[name].variable
    message = refusal(environ={variable: written})
    assert message.startswith(f"{name} is {written!r} (environment {variable}); ")
    assert sentence in message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bpg_port = 1790", "'bpg_port' in {path} is no setting; did you mean bgp_port?"),
        ("[zebra]", "'zebra' in {path} is no setting; routeserver config lists them all"),
        ("bgp_port = true", "bgp_port is True (file {path}); it must be a whole number"),
        ("zones = [1]", "zones is [1] (file {path}); it must be zone letters"),
        ("bgp_port = ", "{path} is not TOML: "),
        ("bgp_port = " + "1" * 9000, "{path} is not TOML: "),
        ("zones = " + "[" * 100_000, "{path} is not TOML: "),
        (
            "keepalive_s = 30",
            "keepalive_s is 30 (file {path}) with hold_time_s 30; make it shorter",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path, text)
    assert refusal({"config": str(path)}).startswith(sentence.format(path=path))


def test_a_file_that_is_not_there_or_is_no_text_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert f"cannot read the settings file {missing}" in refusal({"config": str(missing)})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not TOML" in refusal({"config": str(binary)})


def test_a_misspelt_variable_is_refused_and_a_strangers_is_left_alone() -> None:
    assert refusal(environ={"ROUTESERVER_BPG_PORT": "1"}) == (
        "ROUTESERVER_BPG_PORT names no setting; did you mean ROUTESERVER_BGP_PORT?"
    )
    kubernetes = {"ROUTESERVER_SERVICE_HOST": "10.0.0.1", "ROUTESERVER_PORT": "tcp://10.0.0.1:8179"}
    assert loaded(environ=kubernetes).settings.bgp_port is None


def test_a_database_password_is_never_shown() -> None:
    message = refusal(environ={"ROUTESERVER_DATABASE_URL": "postgres://me:secret@db/x"})
    assert "secret" not in message
    assert "postgres://me:***@db/x" in message


def test_an_ipv6_address_keeps_its_brackets_when_printed() -> None:
    listen = loaded({"listen": "[::1]:0"}).settings.listen
    assert listen == Address("::1", 0)
    assert str(listen) == "[::1]:0"


@pytest.mark.parametrize(
    ("written", "read"), [("auto", None), ("root", "root"), ("routeserver", "routeserver")]
)
def test_whom_root_becomes(written: str, read: str | None) -> None:
    assert loaded(environ={"ROUTESERVER_RUN_AS": written}).settings.run_as == read


@pytest.mark.parametrize("written", ["", "0", "no such", "../x", "x" * 40])
def test_who_is_no_user(written: str) -> None:
    said = refusal(environ={"ROUTESERVER_RUN_AS": written})
    assert "run_as is" in said
    assert "it must be auto, root, or the name of a user" in said
