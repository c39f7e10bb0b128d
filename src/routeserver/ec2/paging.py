"""Pages of an ordered listing, with tokens that survive a restart.

A token holds the sort key of the last item shown, so the next page starts behind that key whatever
came or went meanwhile: nothing is skipped and nothing repeated, and the server remembers nothing.
To a client the token is opaque; a checksum tells a damaged one from a good one, and nothing in it
is trusted beyond being a place in an order.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from routeserver.ec2 import faults

T = TypeVar("T")

PAGE_SIZE: Final = 1000
"""Items in a page when the caller names no MaxResults: the most that EC2's Describe calls allow."""

MAX_TOKEN_LENGTH: Final = 2048


def page(
    items: Sequence[T],
    *,
    key: Callable[[T], tuple[Any, ...]],
    max_results: int | None,
    next_token: str | None,
) -> tuple[Sequence[T], str | None]:
    """One page of `items` and the token for the next, None after the last.

    `items` are sorted by `key`, a unique tuple of strings and numbers. Raises Fault
    InvalidPaginationToken.
    """
    start = 0
    if next_token:
        sample = key(items[0]) if items else None
        after = decode_token(next_token, None if sample is None else tuple(map(type, sample)))
        start = bisect_right(items, after, key=key)
    size = max_results or PAGE_SIZE
    shown = items[start : start + size]
    if start + size >= len(items):
        return shown, None
    return shown, encode_token(key(shown[-1]))


def encode_token(key: tuple[Any, ...]) -> str:
    """A token for the place behind `key`, a tuple of strings and numbers."""
    payload = json.dumps(key, separators=(",", ":")).encode()
    checksum = zlib.crc32(payload).to_bytes(4, "big")
    return base64.urlsafe_b64encode(checksum + payload).decode("ascii").rstrip("=")


def decode_token(token: str, types: Sequence[type] | None) -> tuple[Any, ...]:
    """The key in a token; with `types`, exactly of these types.

    Raises Fault InvalidPaginationToken.
    """
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise faults.invalid_pagination_token()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
            raise faults.invalid_pagination_token()
        key = json.loads(raw[4:])
    except (binascii.Error, ValueError, RecursionError):
        raise faults.invalid_pagination_token() from None
    if not isinstance(key, list) or (types is not None and [*map(type, key)] != list(types)):
        raise faults.invalid_pagination_token()
    return tuple(key)
