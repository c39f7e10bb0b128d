"""The peers' file: TOML with a section for each peer, by its id or its address in quotes, and
``[default]`` for all.

Whatever is wrong in it is one PeersFileError that names the line, found again in the text because
the TOML reader does not keep places.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from routeserver.control.operator.book import PeersFile, PeersFileError, base_of, layered
from routeserver.domain.peer_settings import SettingRefused
from routeserver.net.ids import is_well_formed

DEFAULT: Final = "default"
LONGEST_FILE_BYTES: Final = 4 << 20

_HEADER: Final = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")


def read_peers_file(path: Path | None, profile: str) -> PeersFile:
    """What the file says, checked for `profile`; without a file, nothing. Raises PeersFileError."""
    if path is None:
        return PeersFile()
    text = _text(path)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PeersFileError(f"{path} is not TOML: {error}; correct it there") from error
    default = table.pop(DEFAULT, {})
    base = base_of(profile)
    for name, section in [(DEFAULT, default), *table.items()]:
        _check_name(path, text, name, section)
        try:
            checked = layered(base, section, profile)
        except SettingRefused as refused:
            line = _line_of(text, name, refused.key)
            raise PeersFileError(
                f"{path}:{line}: [{_quoted(name)}] {refused.key} must be {refused.allowed}"
            ) from refused
        if name == DEFAULT:
            base = checked
    return PeersFile(str(path), default, table)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            written = file.read(LONGEST_FILE_BYTES + 1)
        if len(written) > LONGEST_FILE_BYTES:
            raise PeersFileError(f"{path} is no peers file, it is too long; correct peers_file")
        return written.decode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PeersFileError(
            f"cannot read the peers file {path}: {reason}; correct peers_file"
        ) from error
    except UnicodeDecodeError as error:
        raise PeersFileError(f"{path} is not UTF-8: {error}; correct it there") from error


def _check_name(path: Path, text: str, name: str, section: Any) -> None:
    line = _line_of(text, name, "")
    if not isinstance(section, Mapping):
        raise PeersFileError(
            f"{path}:{line}: {name} stands outside of any section; "
            f"put it under [{DEFAULT}], or under a peer's id or address"
        )
    if name == DEFAULT or is_well_formed(name, "rsp") or _is_address(name):
        return
    remedy = (
        'write an address in quotes, such as ["10.0.1.10"]'
        if name.isdecimal()
        else f"sections are [{DEFAULT}], a peer's id such as [rsp-0123456789abcdef0], or its "
        'address in quotes such as ["10.0.1.10"]'
    )
    raise PeersFileError(f"{path}:{line}: [{name}] names no peer; {remedy}")


def _is_address(name: str) -> bool:
    try:
        IPv4Address(name)
    except ValueError:
        return False
    return True


def _quoted(name: str) -> str:
    return f'"{name}"' if _is_address(name) else name


def _line_of(text: str, section: str, key: str) -> int:
    """The line of a key in a section, of the section where the key is not found, of the key alone
    where there is no such section; else the first. Good enough to send an editor to."""
    key = key.partition("[")[0]
    own = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    bare = re.compile(rf"\s*[\"']?{re.escape(section)}[\"']?\s*=")
    header = 0
    for number, name, line in _lines(text):
        if name == section:
            header = header or number
            if key and own.match(line):
                return number
        elif (key and name == f"{section}.{key}") or (name is None and bare.match(line)):
            return number
        elif not header and name is not None and name.split(".")[0] == section:
            header = number
    return header or 1


def _lines(text: str) -> Iterator[tuple[int, str | None, str]]:
    """Every line with its number and the section it stands in."""
    name: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        if header is not None:
            name = header[1].replace('"', "").replace("'", "")
        yield number, name, line
