"""What the first start and every later one mean for the sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from routeserver.app import data_dir
from routeserver.app.session_timers import DEFERRAL_S, session_timers
from routeserver.settings.load import load
from routeserver.settings.model import Settings


def settings(**flags: str) -> Settings:
    return load(dict(flags), {"HOME": "/home/someone"}, is_root=False).settings


@pytest.mark.parametrize(
    ("flags", "is_restart", "kept", "window_s", "deferral_s"),
    [
        ({}, False, True, 0, 0),
        ({}, True, False, 120, 0),
        ({}, True, True, 120, DEFERRAL_S),
        ({"restart_window_s": "0"}, True, True, 0, DEFERRAL_S),
        ({"selection_deferral_s": "20"}, True, False, 120, 20),
        ({"selection_deferral_s": "0"}, True, True, 120, 0),
        ({"restart_window_s": "9", "selection_deferral_s": "9"}, False, True, 0, 0),
    ],
)
def test_only_a_restart_is_told_and_waited_for(
    flags: dict[str, str], is_restart: bool, kept: bool, window_s: float, deferral_s: float
) -> None:
    timers = session_timers(settings(**flags), is_restart=is_restart, forwarding_kept=kept)
    assert (timers.restart_window_s, timers.selection_deferral_s) == (window_s, deferral_s)
    assert timers.forwarding_kept == kept


def test_the_data_directory_knows_whether_there_was_a_run_before(tmp_path: Path) -> None:
    assert not data_dir.has_been_used(tmp_path)
    data_dir.write_server_info(
        tmp_path, data_dir.ServerInfo(1, "http://127.0.0.1:1", "us-east-1", 179, 3784)
    )
    assert data_dir.has_been_used(tmp_path)
