"""Read the settings: defaults, then the TOML file, then ``ROUTESERVER_*`` variables, then flags;
the last one wins.

The file is ``--config``, or ``ROUTESERVER_CONFIG``, or ``routeserver.toml`` in the data directory
if there is one. Where each value came from is kept, and whatever is wrong is one SettingsError
that says what to write instead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

from routeserver.control.policy import Quotas
from routeserver.settings.model import QUOTAS_OF, Settings
from routeserver.settings.table import (
    BY_NAME,
    ENVIRONMENT_PREFIX,
    QUOTA_PREFIX,
    SETTINGS,
    Setting,
)

CONFIG_VARIABLE: Final = ENVIRONMENT_PREFIX + "CONFIG"
CONFIG_FILE: Final = "routeserver.toml"
DEFAULT: Final = "default"
LONGEST_FILE_BYTES: Final = 1_000_000

_PASSWORD: Final = re.compile(r"(://[^:/@]*):[^@]*@")


class SettingsError(Exception):
    """What is wrong with a setting and what to write instead, in one line."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force; `origins` says for each setting's name where its value came from."""

    settings: Settings
    origins: Mapping[str, str]


Given: TypeAlias = Mapping[str, tuple[object, str]]
"""Setting name to (value as written, where it was written)."""


def load(
    flags: Mapping[str, str | None], environ: Mapping[str, str], *, is_root: bool
) -> Effective:
    """The effective settings. `flags` are by setting name, with `config` for the file; None is a
    flag not given.

    Raises SettingsError.
    """
    flagged = {
        name: (value, f"flag {BY_NAME[name].flag}")
        for name, value in flags.items()
        if name != "config" and value is not None
    }
    exported = _from_environment(environ)
    named = flags.get("config") or environ.get(CONFIG_VARIABLE)
    filed = _from_file(Path(named)) if named else {}
    default_dir = {"data_dir": (_default_data_dir(environ, is_root=is_root), DEFAULT)}
    found: Given = {**default_dir, **filed, **exported, **flagged}
    if not named:
        inside = _value(BY_NAME["data_dir"], *found["data_dir"]) / CONFIG_FILE
        if _exists(inside):
            filed = _from_file(inside)
            if "data_dir" in filed:
                raise SettingsError(
                    f"data_dir cannot be set in {inside}, which lies in the data directory; "
                    f"remove it there and use --data-dir or {BY_NAME['data_dir'].variable}"
                )
            found = {**default_dir, **filed, **exported, **flagged}
    return _effective(found)


def _effective(found: Given) -> Effective:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        if setting.name in found:
            values[setting.name] = _value(setting, *found[setting.name])
            origins[setting.name] = found[setting.name][1]
        elif not setting.name.startswith(QUOTA_PREFIX):
            values[setting.name] = _value(setting, setting.default, DEFAULT)
            origins[setting.name] = DEFAULT
    quotas = {}
    for field in fields(Quotas):
        name = QUOTA_PREFIX + field.name
        of_profile = getattr(QUOTAS_OF[values["profile"]], field.name)
        quotas[field.name] = values.pop(name, of_profile)
        origins.setdefault(name, f"profile {values['profile']}")
    if values["keepalive_s"] is not None and values["keepalive_s"] >= values["hold_time_s"]:
        raise SettingsError(
            f"keepalive_s is {values['keepalive_s']} ({origins['keepalive_s']}) with hold_time_s "
            f"{values['hold_time_s']}; make it shorter than the hold time, or auto"
        )
    return Effective(Settings(**values, quotas=Quotas(**quotas)), origins)


def _value(setting: Setting, written: object, origin: str) -> Any:
    try:
        return setting.read(written)
    except ValueError as error:
        raise SettingsError(
            f"{setting.name} is {without_password(written)!r} ({origin}); it must be {error}"
        ) from error


def without_password(value: object) -> object:
    """The value as it may be shown: a database address without its password."""
    return _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    """The variables that name a setting.

    Others with our prefix are left alone (Kubernetes makes some for a service called routeserver),
    unless they look like a slip of the pen.
    """
    found: dict[str, tuple[object, str]] = {}
    for variable, value in environ.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if name in BY_NAME:
            found[name] = (value, f"environment {variable}")
        elif near := get_close_matches(name, BY_NAME, n=1, cutoff=0.85):
            raise SettingsError(
                f"{variable} names no setting; did you mean {BY_NAME[near[0]].variable}?"
            )
    return found


def _from_file(path: Path) -> dict[str, tuple[object, str]]:
    try:
        with path.open("rb") as file:
            written = file.read(LONGEST_FILE_BYTES + 1)
        if len(written) > LONGEST_FILE_BYTES:
            raise SettingsError(f"{path} is no settings file, it is too long; name another")
        table = tomllib.loads(written.decode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"cannot read the settings file {path}: {reason}; correct --config or {CONFIG_VARIABLE}"
        ) from error
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, numbers and nesting beyond bounds
        raise SettingsError(f"{path} is not TOML: {error}; correct it there") from error
    for name in table:
        if name not in BY_NAME:
            near = get_close_matches(name, BY_NAME, n=1)
            remedy = f"did you mean {near[0]}?" if near else "routeserver config lists them all"
            raise SettingsError(f"{name!r} in {path} is no setting; {remedy}")
    return {name: (value, f"file {path}") for name, value in table.items()}


def _exists(path: Path) -> bool:
    """False also where nobody may look: the server itself will say so better."""
    try:
        return path.is_file()
    except OSError:
        return False


def _default_data_dir(environ: Mapping[str, str], *, is_root: bool) -> str:
    if is_root:
        return "/var/lib/routeserver"
    state = environ.get("XDG_STATE_HOME")
    home = environ.get("HOME")
    return f"{state}/routeserver" if state else f"{home or '~'}/.local/state/routeserver"
