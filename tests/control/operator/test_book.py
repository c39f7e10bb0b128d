"""Which setting of a peer is in force, and where it comes from."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from routeserver.control.operator.book import (
    PeerSettingsBook,
    PeersFile,
    PeersFileError,
    layered,
)
from routeserver.control.operator.reference import MEANINGS, REFERENCE, markdown
from routeserver.domain.peer_settings import SettingRefused
from routeserver.net.peering import AWS_DEFAULTS, OPEN_DEFAULTS, PeerSettings
from routeserver.rib.decision import STEPS
from tests.store.samples import peer

PEER = peer()
DOCS = Path(__file__).parents[3] / "docs"


def file(**sections: dict[str, object]) -> PeersFile:
    return PeersFile("peers.toml", sections.pop("default", {}), sections)


def test_without_a_file_and_without_settings_the_profile_decides() -> None:
    assert PeerSettingsBook("aws").settings_of(PEER, {}) == AWS_DEFAULTS
    assert PeerSettingsBook("open").settings_of(PEER, {}) == OPEN_DEFAULTS


def test_what_is_more_special_wins() -> None:
    said: dict[str, dict[str, object]] = {
        "default": {"hold_time_s": 10, "idle_hold_s": 10, "stale_time_s": 10, "restart_time_s": 10},
        PEER.peer_address: {"hold_time_s": 20, "idle_hold_s": 20, "stale_time_s": 20},
        PEER.id: {"hold_time_s": 30, "idle_hold_s": 30},
        "rsp-00000000000000000": {"hold_time_s": 99},
    }
    book = PeerSettingsBook("open", lambda: file(**said))
    found = book.effective(PEER, {"hold_time_s": 40})
    settings = found.settings
    assert (settings.hold_time_s, settings.idle_hold_s) == (40, 30)
    assert (settings.stale_time_s, settings.restart_time_s) == (20, 10)
    assert found.origins["hold_time_s"] == "peer set"
    assert found.origins["idle_hold_s"] == f"file, [{PEER.id}]"
    assert found.origins["stale_time_s"] == f"file, [{PEER.peer_address}]"
    assert found.origins["restart_time_s"] == "file, [default]"
    assert found.origins["send_hold_s"] == "profile open"
    assert found.problem is None


def test_profile_aws_refuses_what_amazon_does_not_have_and_says_which_profile_has_it() -> None:
    with pytest.raises(SettingRefused, match=r"md5_password: .*profile open allows it"):
        layered(AWS_DEFAULTS, {"md5_password": "x"}, "aws")
    assert layered(AWS_DEFAULTS, {"hold_time_s": 9}, "aws").hold_time_s == 9
    assert layered(AWS_DEFAULTS, {"graceful_restart": False}, "aws") == AWS_DEFAULTS


def test_what_was_set_in_another_profile_is_left_out_and_said() -> None:
    found = PeerSettingsBook("aws").effective(PEER, {"md5_password": "x"})
    assert found.settings == AWS_DEFAULTS
    assert found.problem is not None
    assert found.problem.startswith("peer set: md5_password")
    assert found.origins["md5_password"] == "profile aws"


def test_what_is_left_out_is_logged_once_for_each_change() -> None:
    book = PeerSettingsBook("aws")
    with capture_logs() as logs:
        for _ in range(3):
            book.settings_of(PEER, {"md5_password": "x"})
        book.settings_of(PEER, {})
        book.settings_of(PEER, {"md5_password": "x"})
    assert [entry["event"] for entry in logs] == ["peer_settings_refused"] * 2
    assert "'x'" not in str(logs)


def test_a_file_that_is_wrong_on_reload_changes_nothing() -> None:
    answers = [file(default={"hold_time_s": 10})]

    def read() -> PeersFile:
        if not answers:
            raise PeersFileError("peers.toml:1: no")
        return answers.pop()

    book = PeerSettingsBook("open", read)
    with pytest.raises(PeersFileError):
        book.reload()
    assert book.settings_of(PEER, {}).hold_time_s == 10


def test_no_secret_shows_in_a_representation() -> None:
    said = file(default={"md5_password": "hunter2"})
    assert "hunter2" not in repr(said)
    assert "hunter2" not in repr(PeerSettingsBook("open", lambda: said).effective(PEER, {}))


def test_the_reference_has_every_setting_once() -> None:
    names = [field.name for field in fields(PeerSettings)]
    assert [row.key for row in REFERENCE] == names
    assert sorted(MEANINGS) == sorted(names)


def test_the_written_reference_is_current() -> None:
    written = (DOCS / "peer-settings.md").read_text()
    assert written == markdown(), (
        "run: routeserver peer settings --markdown > docs/peer-settings.md"
    )


def test_the_how_to_lists_the_steps_of_the_decision() -> None:
    written = (DOCS / "operating.md").read_text()
    for step in STEPS:
        assert f"| {step.number} | {step.name} | " in written
