"""Readers: a setting's value from TOML (typed) or from the environment or a flag (text).

A reader returns the value or raises ValueError with the end of a sentence that begins "it must be
…".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from routeserver.control.access.throttle import AMAZONS, Rate, Rates
from routeserver.settings.model import Address, Outside

Reader: TypeAlias = Callable[[object], object]
Choice = TypeVar("Choice", bound=StrEnum)

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[1-9][0-9]?")
_ZONE: Final = re.compile(r"[a-z]")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_RATE: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,9})?)")
_TRUTH: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_DEVICE: Final = re.compile(r"[^/:\s]{1,15}")
_MAIN_TABLE: Final = 254
_TABLES: Final = (1, (1 << 31) - 1)
_URL_SCHEMES: Final = ("sqlite:///", "postgresql://")


def text_of(value: object) -> str | None:
    return value.strip() if isinstance(value, str) else None


def _int_of(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = text_of(value)
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,18}", text) else None


def whole_number(least: int, most: int, *, or_else: str | None = None) -> Reader:
    """A whole number in a closed range, or the one word `or_else`, which reads as None."""

    def read(value: object) -> int | None:
        if or_else is not None and text_of(value) == or_else:
            return None
        number = _int_of(value)
        if number is None or not least <= number <= most:
            alternative = f" or {or_else}" if or_else else ""
            raise ValueError(f"a whole number from {least} to {most}{alternative}")
        return number

    return read


def choice(of: type[Choice]) -> Reader:
    def read(value: object) -> Choice:
        try:
            return of(text_of(value) or "")
        except ValueError as error:
            raise ValueError(" or ".join(of)) from error

    return read


def truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _TRUTH[(text_of(value) or "").lower()]
    except KeyError as error:
        raise ValueError("true or false") from error


def file_or_none(value: object) -> Path | None:
    text = text_of(value)
    if text == "none":
        return None
    if not text or "\0" in text:
        raise ValueError("the path of a file, or none")
    return Path(text).expanduser().absolute()


def request_rate(value: object) -> Rates | None:
    text = text_of(value) or ""
    if text == "off":
        return None
    if text == "amazon":
        return AMAZONS
    found = _RATE.fullmatch(text)
    if found is None or not int(found[1]) or not float(found[2]):
        raise ValueError("off, amazon, or BURST/PER_SECOND such as 100/20")
    rate = Rate(int(found[1]), float(found[2]))
    return Rates(rate, rate, rate)


def user(value: object) -> str | None:
    text = text_of(value) or ""
    if text == "auto":
        return None
    if not _USER.fullmatch(text):
        raise ValueError("auto, root, or the name of a user")
    return text


def outside(value: object) -> Outside:
    text = text_of(value) or ""
    kind, _, path = text.partition(":")
    if text in {"own", "host"} or (kind == "netns" and path.startswith("/") and "\0" not in path):
        return Outside(kind, path)
    raise ValueError("own, host, or netns:PATH such as netns:/run/netns/internet")


def device_or_none(value: object) -> str | None:
    text = text_of(value) or ""
    if text == "none":
        return None
    if not _DEVICE.fullmatch(text):
        raise ValueError("the name of a network interface, or none")
    return text


def kernel_table(value: object) -> int:
    if text_of(value) == "main":
        return _MAIN_TABLE
    number = _int_of(value)
    if number is None or not _TABLES[0] <= number <= _TABLES[1] or number in {253, 255}:
        raise ValueError(f"main, or a number from {_TABLES[0]} to {_TABLES[1]} but 253 and 255")
    return number


def directory(value: object) -> Path:
    text = text_of(value)
    if not text or "\0" in text:
        raise ValueError("the path of a directory")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("a path whose home directory is known") from error


def address(value: object) -> Address:
    host, colon, port = (text_of(value) or "").rpartition(":")
    number = _int_of(port)
    if not colon or not _HOST.fullmatch(host) or number is None or not 0 <= number <= 65535:
        raise ValueError("HOST:PORT, for example 127.0.0.1:8179 or [::1]:8179")
    return Address(host.strip("[]"), number)


def database_url(value: object) -> str | None:
    text = text_of(value)
    if text == "embedded":
        return None
    if text is None or not text.startswith(_URL_SCHEMES):
        raise ValueError("embedded, or an address that begins " + " or ".join(_URL_SCHEMES))
    return text


def regions(value: object) -> tuple[str, ...]:
    return _names(value, _REGION, "region names such as us-east-1, separated by commas")


def zones(value: object) -> tuple[str, ...]:
    return _names(value, _ZONE, "zone letters such as a,b,c")


def _names(value: object, form: re.Pattern[str], wanted: str) -> tuple[str, ...]:
    text = text_of(value)
    parts: Sequence[object] = (
        text.split(",") if text is not None else value if isinstance(value, list) else []
    )
    names = tuple(text_of(part) or "" for part in parts)
    if not names or not all(map(form.fullmatch, names)) or len(set(names)) < len(names):
        raise ValueError(f"{wanted}, each once")
    return names
