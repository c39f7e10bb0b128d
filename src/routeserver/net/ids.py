"""Resource ids in EC2's form: a type prefix and 17 hex digits, such as ``rs-054f70d70eff70cc6``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_FORM: Final = re.compile(r"([a-z]+(?:-[a-z]+)*)-([0-9a-f]{8}|[0-9a-f]{17})")

RandomBytes = Callable[[int], bytes]


def new_id(type_prefix: str, random_bytes: RandomBytes) -> str:
    """A fresh id, for example ``new_id("rs", os.urandom)``; randomness is the caller's."""
    return f"{type_prefix}-{random_bytes(9).hex()[:17]}"


class Draws:
    """Random bytes out of a few large draws, for ids: one of `random_bytes` for each id costs more
    than making it, and where that is the system's source every draw lets other threads in between.

    No byte is given twice. Not for secrets, whose bytes have no business waiting in memory; not for
    several threads.
    """

    __slots__ = ("_at", "_drawn", "_random_bytes")

    SIZE: Final = 1024
    """Bytes of a draw."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self._drawn = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._drawn):
            self._drawn = self._random_bytes(max(self.SIZE, count))
            self._at, end = 0, count
        given = self._drawn[self._at : end]
        self._at = end
        return given


def new_uuid(random_bytes: RandomBytes) -> str:
    """A version 4 UUID (RFC 9562 §5.4) as text; made of bytes, it costs a third of `uuid.uuid4`."""
    digits = random_bytes(16).hex()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The two upper bits of the ninth byte are 10."""


def is_well_formed(text: str, type_prefix: str) -> bool:
    """Whether `text` has the form of an id of this type: 17 hex digits, or the 8 of EC2's older
    ids."""
    match = _FORM.fullmatch(text)
    return match is not None and match[1] == type_prefix
