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


def is_well_formed(text: str, type_prefix: str) -> bool:
    """Whether `text` has the form of an id of this type: 17 hex digits, or the 8 of EC2's older
    ids."""
    match = _FORM.fullmatch(text)
    return match is not None and match[1] == type_prefix
