"""A peer's settings: what is read, what is refused and in which words, and that secrets stay."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain.import_rules import format_prefix_range, parse_prefix_range
from routeserver.domain.peer_settings import (
    MASK,
    READERS,
    SettingRefused,
    parse_settings,
    settings_mapping,
)
from routeserver.net.peering import (
    AWS_DEFAULTS,
    OPEN_DEFAULTS,
    BfdAuthentication,
    ImportAction,
    LimitAction,
    PeerSettings,
)

EVERYTHING: dict[str, Any] = {
    "hold_time_s": 9,
    "keepalive_s": 3,
    "idle_hold_s": 2,
    "idle_hold_max_s": 60,
    "send_hold_s": 30,
    "md5_password": "s3cret",
    "ttl_security_hops": 1,
    "max_prefixes": 1000,
    "max_prefixes_warn_percent": 90,
    "max_prefixes_action": "restart",
    "max_prefixes_restart_s": 30,
    "max_attribute_octets": 1 << 20,
    "import_rules": [
        {
            "name": "branches",
            "prefixes": ["10.0.0.0/8 ge 16 le 24", "2001:db8::/32"],
            "as_paths": ["^65001 .* [64512-65534]$"],
            "communities": ["65001:100", "65001:1:2", "rt:65001:7"],
            "action": "reject",
            "reason": "Branches may not announce this.",
        },
        {"name": "prefer", "action": "continue", "set_med": 5, "set_preference": 200},
    ],
    "import_default": "reject",
    "graceful_shutdown": True,
    "graceful_restart": True,
    "restart_time_s": 60,
    "stale_time_s": 90,
    "long_lived_stale_time_s": 3600,
    "extended_messages": True,
    "extended_next_hop": True,
    "enhanced_refresh": True,
    "accept_as_sets": True,
    "bgp_waits_for_bfd": True,
    "bfd_interval_ms": 50,
    "bfd_multiplier": 5,
    "bfd_authentication": {"key_id": 7, "secret": "bfd-s3cret", "meticulous": False},
}


def test_every_field_has_a_reader_and_nothing_else_has() -> None:
    assert list(READERS) == [field.name for field in fields(PeerSettings)]


@pytest.mark.parametrize("settings", [AWS_DEFAULTS, OPEN_DEFAULTS])
def test_the_profiles_read_as_themselves(settings: PeerSettings) -> None:
    mapping = settings_mapping(settings)
    assert parse_settings(json.loads(json.dumps(mapping)), PeerSettings()) == settings


def test_amazons_behaviour_has_nothing_extra() -> None:
    assert PeerSettings() == AWS_DEFAULTS
    values = [getattr(AWS_DEFAULTS, field.name) for field in fields(PeerSettings)]
    assert not any(value is True for value in values)


def test_everything_is_read_and_written_back() -> None:
    settings = parse_settings(EVERYTHING, AWS_DEFAULTS)
    assert settings.max_prefixes_action is LimitAction.RESTART
    assert settings.import_default is ImportAction.REJECT
    assert settings.bfd_authentication == BfdAuthentication(7, b"bfd-s3cret", meticulous=False)
    assert [rule.name for rule in settings.import_rules] == ["branches", "prefer"]
    written = settings_mapping(settings, secrets=True)
    assert parse_settings(json.loads(json.dumps(written)), AWS_DEFAULTS) == settings
    assert parse_settings({}, settings) == settings


def test_secrets_are_masked_and_a_mask_means_the_secret_that_is_there() -> None:
    settings = parse_settings(EVERYTHING, AWS_DEFAULTS)
    shown = settings_mapping(settings)
    assert "s3cret" not in json.dumps(shown)
    assert "s3cret" not in repr(settings)
    assert parse_settings(shown, settings) == settings
    with pytest.raises(SettingRefused, match="there is none yet"):
        parse_settings({"bfd_authentication": {"key_id": 1, "secret": MASK}}, AWS_DEFAULTS)


def test_numbers_and_words_may_be_text() -> None:
    mapping = {"hold_time_s": "9", "graceful_restart": "on", "max_prefixes": "none"}
    settings = parse_settings(mapping, replace(AWS_DEFAULTS, max_prefixes=3))
    assert (settings.hold_time_s, settings.graceful_restart) == (9, True)
    assert settings.max_prefixes is None


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"hold_time": 9}, "hold_time: it must be a known setting; did you mean hold_time_s?"),
        ({"x": 9}, "x: it must be one of hold_time_s, "),
        ({"hold_time_s": 2}, "a whole number from 3 to 65535, or 0, or none"),
        ({"hold_time_s": True}, "a whole number from 3"),
        ({"hold_time_s": 9.5}, "a whole number from 3"),
        ({"hold_time_s": 9, "keepalive_s": 4}, "keepalive_s: it must be at most a third of"),
        ({"hold_time_s": 90, "send_hold_s": 60}, "send_hold_s: it must be longer than hold_time_s"),
        ({"idle_hold_s": 200}, "idle_hold_s: it must be at most idle_hold_max_s, 120"),
        ({"long_lived_stale_time_s": 5}, "0 where graceful_restart is false"),
        ({"graceful_restart": "maybe"}, "graceful_restart: it must be true or false"),
        ({"md5_password": "x" * 81}, "text of 1 to 80 octets without NUL, or none"),
        ({"md5_password": "é" * 41}, "text of 1 to 80 octets"),
        ({"md5_password": "\ud800"}, "md5_password: it must be text that UTF-8 can encode"),
        ({"md5_password": 5}, "text of 1 to 80 octets"),
        ({"ttl_security_hops": 255}, "a whole number from 1 to 254, or none"),
        ({"max_prefixes_action": "drop"}, "it must be warn or discard or restart"),
        ({"import_default": "continue"}, "it must be accept or reject"),
        ({"bfd_authentication": {"key_id": 1}}, "a table of key_id"),
        ({"bfd_authentication": {"key_id": 1, "secret": "x" * 21}}, "1 to 20 octets"),
        ({"bfd_authentication": {"key_id": 256, "secret": "x"}}, "a table of key_id"),
        ({"bfd_authentication": {"key_id": 1, "secret": "x", "y": 1}}, "a table of key_id"),
        ({"bfd_authentication": {"key_id": 1, "secret": "x", "meticulous": 3}}, "a table of"),
        ({"import_rules": "x"}, "import_rules: it must be a list of at most 256 rules"),
        ({"import_rules": [5]}, "import_rules[0]: it must be a table"),
        ({"import_rules": [{}]}, "import_rules[0].name: it must be given"),
        (
            {"import_rules": [{"name": "a"}, {"name": "a"}]},
            "import_rules[1].name: it must be a name of its own; 'a' is another rule",
        ),
        (
            {"import_rules": [{"name": "a", "prefixes": ["10.0.0.1/8"]}]},
            "import_rules[0].prefixes: it must be like 10.0.0.0/8 ge 16 le 24; ",
        ),
        (
            {"import_rules": [{"name": "a", "prefixes": ["10.0.0.0/8 ge 4"]}]},
            "needs 8 <= ge <= le <= 32",
        ),
        (
            {"import_rules": [{"name": "a", "as_paths": ["(1|2)"]}]},
            "import_rules[0].as_paths: it must be like ^65001",
        ),
        (
            {"import_rules": [{"name": "a", "communities": ["x"]}]},
            "import_rules[0].communities: it must be like 65001:100; 'x' is no community",
        ),
        (
            {"import_rules": [{"name": "a", "action": "drop"}]},
            "import_rules[0].action: it must be accept or reject or continue",
        ),
        ({"import_rules": [{"name": "a", "set_med": -1}]}, "from 0 to 4294967295"),
        ({"import_rules": [{"name": "a", "colour": 1}]}, "import_rules[0].colour: it must be one"),
        ({"import_rules": [{"name": "a\n"}]}, "printable text"),
    ],
)
def test_what_is_refused_names_the_key_and_what_it_may_be(
    mapping: dict[str, object], reason: str
) -> None:
    with pytest.raises(SettingRefused, match=re.escape(reason)):
        parse_settings(mapping, AWS_DEFAULTS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(READERS)), JSON, max_size=4))
def test_any_json_is_settings_or_refused(mapping: dict[str, object]) -> None:
    try:
        settings = parse_settings(mapping, AWS_DEFAULTS)
    except SettingRefused:
        return
    written = settings_mapping(settings, secrets=True)
    assert parse_settings(written, AWS_DEFAULTS) == settings


@pytest.mark.parametrize(
    ("text", "ge", "le", "written"),
    [
        ("10.0.0.0/8", 8, 8, "10.0.0.0/8"),
        ("10.0.0.0/8 ge 16", 16, 32, "10.0.0.0/8 ge 16 le 32"),
        ("10.0.0.0/8 le 24", 8, 24, "10.0.0.0/8 ge 8 le 24"),
        ("::/0 le 48", 0, 48, "::/0 ge 0 le 48"),
        ("0.0.0.0/0 ge 0", 0, 32, "0.0.0.0/0 ge 0 le 32"),
    ],
)
def test_a_range_of_prefixes(text: str, ge: int, le: int, written: str) -> None:
    within = parse_prefix_range(text)
    assert (within.ge, within.le) == (ge, le)
    assert format_prefix_range(within) == written
    assert parse_prefix_range(written) == within
