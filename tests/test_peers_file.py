"""The peers' file: what it may say, and the line that a mistake is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from routeserver.control.operator.book import PeersFile, PeersFileError
from routeserver.settings.peers_file import read_peers_file


def read(path: Path, text: str, profile: str = "open") -> PeersFile:
    file = path / "peers.toml"
    file.write_text(text)
    return read_peers_file(file, profile)


def test_no_file_says_nothing() -> None:
    assert read_peers_file(None, "aws") == PeersFile()


def test_sections_by_address_by_id_and_default(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[default]\nhold_time_s = 9\n["10.0.0.5"]\nmax_prefixes = 5\n'
        "[rsp-0123456789abcdef0]\nmd5_password = 'x'\n"
        '[["10.0.0.5".import_rules]]\nname = "a"\n',
    )
    assert found.default == {"hold_time_s": 9}
    assert set(found.sections) == {"10.0.0.5", "rsp-0123456789abcdef0"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default\n", "is not TOML: .*line 1"),
        ("\nhold_time_s = 9\n", "peers.toml:2: hold_time_s stands outside of any section; put"),
        ("[10.0.0.5]\nhold_time_s = 9\n", r"peers.toml:1: \[10\] names no peer; write .*quotes"),
        ("\n\n[router]\n", r"peers.toml:3: \[router\] names no peer; sections are"),
        (
            "[default]\n# why\nhold_time_s = 9\nstale_time_s = 0\n",
            r"peers.toml:4: \[default\] stale_time_s must be a whole number from 1",
        ),
        (
            '[default]\nhold_time_s = 9\n\n["10.0.0.5"]\nhold_time_s = 2\n',
            r'peers.toml:5: \["10.0.0.5"\] hold_time_s must be',
        ),
        (
            '["10.0.0.5"]\n\n[["10.0.0.5".import_rules]]\nname = "a"\naction = "x"\n',
            r"peers.toml:3: .*import_rules\[0\].action must be accept or",
        ),
        ("[default]\ncolour = 1\n", r"peers.toml:2: \[default\] colour must be one of"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PeersFileError, match=said):
        read(tmp_path, text)


def test_the_profile_aws_refuses_more_than_amazon_has(tmp_path: Path) -> None:
    with pytest.raises(PeersFileError, match=r"peers.toml:2: .*md5_password must be left .*open"):
        read(tmp_path, "[default]\nmd5_password = 'x'\n", "aws")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeersFileError, match=r"cannot read the peers file .*; correct peers_file"):
        read_peers_file(tmp_path / "none.toml", "aws")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(PeersFileError, match="not UTF-8"):
        read_peers_file(tmp_path / "binary", "aws")
