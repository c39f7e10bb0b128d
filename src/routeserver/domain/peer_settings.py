"""A peer's settings, read from what a file, an API call or a command line says and written back.

The mapping is JSON's or TOML's: one key for each field of `PeerSettings`, numbers as numbers or as
text. Every refusal names the key and what it may be. Written back, secrets are masked; a mask that
is read means the secret that is there already, so that what was shown can be edited and sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from routeserver.domain import import_rules
from routeserver.net.peering import BfdAuthentication, ImportAction, LimitAction, PeerSettings

MASK: Final = "********"

MAX_MD5_OCTETS: Final = 80
"""TCP_MD5SIG_MAXKEYLEN of Linux."""
MAX_SHA1_OCTETS: Final = 20
"""RFC 5880 §4.4."""

Reader: TypeAlias = Callable[[object], object]
_Choice = TypeVar("_Choice", bound=StrEnum)
_TRUTH: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_AUTHENTICATION_KEYS: Final = ("key_id", "secret", "meticulous")


class SettingRefused(ValueError):  # noqa: N818 - like `Refusal`, an answer
    """A setting cannot be what was given. `allowed` ends a sentence that begins "it must be"."""

    def __init__(self, key: str, allowed: str) -> None:
        super().__init__(f"{key}: it must be {allowed}")
        self.key = key
        self.allowed = allowed


# --- readers: the value, or ValueError with the end of "it must be …" -----------------------------


def _whole(least: int, most: int, *, also: int | None = None, optional: bool = False) -> Reader:
    """From `least` to `most`, or `also`; where `optional`, null or ``none`` too."""
    allowed = f"a whole number from {least} to {most}"
    if also is not None:
        allowed += f", or {also}"
    if optional:
        allowed += ", or none"

    def read(value: object) -> int | None:
        if optional and _is_none(value):
            return None
        number = _number(value)
        if number is None or (number != also and not least <= number <= most):
            raise ValueError(allowed)
        return number

    return read


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    is_number = isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip(), re.ASCII)
    return int(value) if isinstance(value, str) and is_number else None


def _is_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == "none")


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _TRUTH[str(value).strip().lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _choice(*choices: _Choice) -> Reader:
    def read(value: object) -> _Choice:
        for choice in choices:
            if str(value).strip().lower() == choice.value:
                return choice
        raise ValueError(" or ".join(choices))

    return read


def _password(value: object) -> str | None:
    if _is_none(value) or value == "":
        return None
    if not isinstance(value, str) or "\0" in value or len(_octets(value)) > MAX_MD5_OCTETS:
        raise ValueError(f"text of 1 to {MAX_MD5_OCTETS} octets without NUL, or none")
    return value


def _authentication(value: object) -> BfdAuthentication | None:
    if _is_none(value):
        return None
    allowed = (
        "none, or a table of key_id (0 to 255), secret (text of 1 to "
        f"{MAX_SHA1_OCTETS} octets) and meticulous (true or false)"
    )
    if not isinstance(value, Mapping) or not set(value) <= set(_AUTHENTICATION_KEYS):
        raise ValueError(allowed)
    key_id, secret = _number(value.get("key_id")), value.get("secret")
    if key_id is None or key_id > 0xFF or not isinstance(secret, str):
        raise ValueError(allowed)
    if not 0 < len(_octets(secret)) <= MAX_SHA1_OCTETS:
        raise ValueError(allowed)
    try:
        meticulous = _truth(value.get("meticulous", True))
    except ValueError:
        raise ValueError(allowed) from None
    return BfdAuthentication(key_id, _octets(secret), meticulous)


def _octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("text that UTF-8 can encode") from None


_SECONDS_OF_A_DAY: Final = 86_400

READERS: Final[Mapping[str, Reader]] = {
    "hold_time_s": _whole(3, 65_535, also=0, optional=True),
    "keepalive_s": _whole(1, 21_845, optional=True),
    "idle_hold_s": _whole(0, 3600),
    "idle_hold_max_s": _whole(1, _SECONDS_OF_A_DAY),
    "send_hold_s": _whole(10, _SECONDS_OF_A_DAY, optional=True),
    "md5_password": _password,
    "ttl_security_hops": _whole(1, 254, optional=True),
    "max_prefixes": _whole(0, 10**9, optional=True),
    "max_prefixes_warn_percent": _whole(1, 100),
    "max_prefixes_action": _choice(*LimitAction),
    "max_prefixes_restart_s": _whole(1, 3600),
    "max_attribute_octets": _whole(65_536, 1 << 40, optional=True),
    "refresh_wait_s": _whole(1, _SECONDS_OF_A_DAY, optional=True),
    "import_rules": import_rules.read_rules,
    "import_default": _choice(ImportAction.ACCEPT, ImportAction.REJECT),
    "graceful_shutdown": _truth,
    "graceful_restart": _truth,
    "restart_time_s": _whole(0, 4095),  # twelve bits, RFC 4724 §3
    "stale_time_s": _whole(1, _SECONDS_OF_A_DAY),
    "long_lived_stale_time_s": _whole(0, 0xFF_FFFF),  # 24 bits, RFC 9494 §3
    "extended_messages": _truth,
    "extended_next_hop": _truth,
    "enhanced_refresh": _truth,
    "accept_as_sets": _truth,
    "bgp_waits_for_bfd": _truth,
    "bfd_interval_ms": _whole(10, 60_000, optional=True),
    "bfd_multiplier": _whole(1, 255, optional=True),
    "bfd_authentication": _authentication,
}
"""One for each field of `PeerSettings`."""


# --- the whole mapping ----------------------------------------------------------------------------


def parse_settings(mapping: Mapping[str, object], base: PeerSettings) -> PeerSettings:
    """`base` with what `mapping` says. Raises SettingRefused; nothing is half done."""
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        reader = READERS.get(key)
        if reader is None:
            raise SettingRefused(key, _known(key))
        try:
            values[key] = reader(_unmasked(key, value, base))
        except import_rules.RuleRefused as error:
            raise SettingRefused(f"{key}[{error.index}]{error.key}", error.allowed) from error
        except ValueError as error:
            raise SettingRefused(key, str(error)) from error
    settings = replace(base, **values)
    _check_together(settings)
    return settings


def settings_mapping(settings: PeerSettings, *, secrets: bool = False) -> dict[str, object]:
    """The mapping that reads as `settings`, every key of it; with masks unless `secrets`."""
    out: dict[str, object] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        match value:
            case BfdAuthentication(key_id, secret, meticulous):
                text = secret.decode() if secrets else MASK
                value = {"key_id": key_id, "secret": text, "meticulous": meticulous}
            case tuple():
                value = import_rules.rules_mapping(value)
            case StrEnum():
                value = value.value
            case str() if not secrets:  # the password: no other field is text
                value = MASK
        out[field.name] = value
    return out


def _known(key: str) -> str:
    close = get_close_matches(key, READERS, n=1)
    return f"a known setting; did you mean {close[0]}?" if close else "one of " + ", ".join(READERS)


def _unmasked(key: str, value: object, base: PeerSettings) -> object:
    if key == "md5_password" and value == MASK:
        return base.md5_password
    if key == "bfd_authentication" and isinstance(value, Mapping) and value.get("secret") == MASK:
        if base.bfd_authentication is None:
            raise SettingRefused(key, "given with its secret: there is none yet")
        return {**value, "secret": base.bfd_authentication.secret.decode()}
    return value


def _check_together(settings: PeerSettings) -> None:
    """What only makes sense with another setting."""
    hold, keepalive, send_hold = settings.hold_time_s, settings.keepalive_s, settings.send_hold_s
    if hold and keepalive is not None and keepalive * 3 > hold:
        raise SettingRefused("keepalive_s", f"at most a third of hold_time_s, {hold // 3}")
    if hold is not None and send_hold is not None and send_hold <= hold:
        # RFC 9687 §3.
        raise SettingRefused("send_hold_s", f"longer than hold_time_s, {hold}")
    if settings.idle_hold_s > settings.idle_hold_max_s:
        raise SettingRefused("idle_hold_s", f"at most idle_hold_max_s, {settings.idle_hold_max_s}")
    if settings.long_lived_stale_time_s and not settings.graceful_restart:
        # RFC 9494 §4.1: the capability is ignored without that of graceful restart.
        raise SettingRefused("long_lived_stale_time_s", "0 where graceful_restart is false")
