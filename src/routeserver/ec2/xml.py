"""Text in XML 1.0: which characters it can carry, and how they are escaped."""

from __future__ import annotations

import re
from typing import Final

_NOT_A_CHARACTER: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"

UNCARRIABLE: Final = re.compile(f"[{_NOT_A_CHARACTER}]")
"""XML 1.0 §2.2: no escape exists for these, so a request that contains one is refused."""

_SPECIAL: Final = re.compile(f"[&<>\r{_NOT_A_CHARACTER}]")

is_special: Final = _SPECIAL.search
"""Finds what must not stand in an element as it is; None in nearly every text."""

# A bare carriage return would be read as a line feed (XML 1.0 §2.11).
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def escape(text: str) -> str:
    """`text` as the content of an element; what XML cannot carry becomes U+FFFD."""
    if is_special(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text)
