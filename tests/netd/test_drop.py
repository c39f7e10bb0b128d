"""Giving privilege up, in processes of their own: nobody comes back from it."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from routeserver.netd.drop import DropError, Identity, barriers, identity_of
from tests.interop.daemons import require_root

NOBODY = 65534

LOOK = """
import json, os, pwd, subprocess, sys
from pathlib import Path
from routeserver.netd.drop import DropError, Need, give_up, identity_of

def status(text):
    said = dict(line.split(":\\t", 1) for line in text.splitlines() if ":\\t" in line)
    return {name: said[name].split()[0] for name in ("Uid", "Gid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs")}

data = Path(sys.argv[1])
needs = [Need(Path(path)) for path in {sys.base_prefix, sys.prefix, *sys.argv[2:]}]
give_up(identity_of("nobody"), [Need(data, is_written=True, is_given=True), *needs])
(data / "written").write_text("by nobody")
child = subprocess.run([sys.executable, "-c", "print(open('/proc/self/status').read())"], capture_output=True, text=True)
refused = {}
home = Path(pwd.getpwuid(0).pw_dir, ".profile")
for path in ("/etc/shadow", str(home), str(data.parent / "secret")):
    try:
        open(path).close()
    except OSError as error:
        refused[path] = type(error).__name__
print(json.dumps({
    "here": status(Path("/proc/self/status").read_text()),
    "child": status(child.stdout),
    "refused": refused,
    "groups": os.getgroups(),
    "owner": (data / "old").stat().st_uid,
}))
"""  # noqa: E501


def _dropped(data: Path) -> Any:
    package = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", dedent(LOOK), str(data), str(package)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of root below a directory that nobody else may pass."""
    require_root("to give something up")
    tmp_path.chmod(0o700)
    (tmp_path / "secret").write_text("nobody's business")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "old").write_text("from before")
    return data


def test_nothing_is_left_here_or_in_what_is_started_from_here(data: Path) -> None:
    found = _dropped(data)
    for process in (found["here"], found["child"]):
        assert process == {
            "Uid": str(NOBODY),
            "Gid": str(NOBODY),
            "CapEff": "0" * 16,
            "CapPrm": "0" * 16,
            "CapBnd": "0" * 16,
            "NoNewPrivs": "1",
        }
    assert found["groups"] == []


def test_what_is_needed_stays_in_reach_and_its_neighbours_do_not(data: Path) -> None:
    found = _dropped(data)
    assert (data / "written").read_text() == "by nobody"
    assert found["owner"] == (data / "old").stat().st_uid == NOBODY
    home = Path(pwd.getpwuid(0).pw_dir, ".profile")
    assert set(found["refused"]) == {"/etc/shadow", str(home), str(data.parent / "secret")}


def test_a_link_in_the_data_directory_gives_nothing_else_away(data: Path) -> None:
    elsewhere = data.parent / "elsewhere"
    elsewhere.write_text("root's")
    (data / "soft").symlink_to(elsewhere)
    os.link(elsewhere, data / "hard")
    _dropped(data)
    assert elsewhere.stat().st_uid == 0


def test_a_data_directory_may_be_a_link_itself(data: Path) -> None:
    link = data.parent / "link"
    link.symlink_to(data)
    assert _dropped(link)["owner"] == NOBODY


def test_the_settings_stay_roots(data: Path) -> None:
    (data / "routeserver.toml").write_text("")
    _dropped(data)
    assert (data / "routeserver.toml").stat().st_uid == 0


def test_a_barrier_is_the_outermost_directory_that_bars_the_way(tmp_path: Path) -> None:
    stranger = Identity("stranger", 4_000_001, 4_000_001)
    outer = tmp_path / "outer"
    (outer / "inner" / "data").mkdir(parents=True)
    (outer / "inner").chmod(0o700)
    outer.chmod(0o711)
    paths = [outer / "inner" / "data", outer / "inner" / "more", outer / "free"]
    bars = [above for above in reversed((outer / "inner" / "x").parents) if not _lets_pass(above)]
    assert barriers(stranger, paths) == bars[:1]


def _lets_pass(directory: Path) -> bool:
    return bool(directory.stat().st_mode & 1)


def test_root_by_another_name_is_no_identity() -> None:
    with pytest.raises(DropError, match="no user 'nosuchuser'"):
        identity_of("nosuchuser")
    with pytest.raises(DropError, match="root by another name"):
        identity_of("root")
