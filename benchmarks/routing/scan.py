"""What a peer receives, looked at as cheaply as Python can: messages and numbers of prefixes.

A listener shares two processors with the daemon it listens to, so nothing is decoded that need not
be: about 0.2 us per prefix of an Internet-like table, all told.
"""

from __future__ import annotations

from typing import Final

from benchmarks.routing.wire import HEADER_LENGTH

_OCTETS: Final = tuple(1 + (length + 7) // 8 for length in range(256))
_MP_REACH: Final = 14
_MP_UNREACH: Final = 15


class Framer:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, list[tuple[int, int, int]]]:
        """A buffer, and of each whole message in it: its kind, where its body starts and ends."""
        data = self._rest + data if self._rest else data
        found: list[tuple[int, int, int]] = []
        start, size = 0, len(data)
        while start + HEADER_LENGTH <= size:
            end = start + (data[start + 16] << 8 | data[start + 17])
            if end > size:
                break
            found.append((data[start + 18], start + HEADER_LENGTH, end))
            start = end
        self._rest = data[start:]
        return data, found


class RouteCounter:
    """Counts prefixes announced and withdrawn, and announced with `marker` in their attributes.

    The marker is an AS number that only one peer's paths contain, as four octets.
    """

    def __init__(self, marker: bytes = b"") -> None:
        self.announced = 0
        self.marked = 0
        self.withdrawn = 0
        self._marker = marker

    def take(self, data: bytes, start: int, end: int) -> None:
        """Count what one UPDATE says, its body at data[start:end]."""
        attributes = start + 4 + (data[start] << 8 | data[start + 1])
        nlri = attributes + (data[attributes - 2] << 8 | data[attributes - 1])
        if attributes - start > 4:
            self.withdrawn += count_prefixes(data, start + 2, attributes - 2)
        if nlri < end:
            count = count_prefixes(data, nlri, end)
            self.announced += count
            if data.find(self._marker, attributes, nlri) >= 0:
                self.marked += count
        elif nlri > attributes:
            self._multiprotocol(data, attributes, nlri)

    def _multiprotocol(self, data: bytes, start: int, end: int) -> None:
        is_marked = data.find(self._marker, start, end) >= 0
        while start < end:
            flags, code = data[start], data[start + 1]
            if flags & 0x10:
                value, size = start + 4, data[start + 2] << 8 | data[start + 3]
            else:
                value, size = start + 3, data[start + 2]
            start = value + size
            if code == _MP_REACH:
                count = count_prefixes(data, value + 5 + data[value + 3], start)
                self.announced += count
                self.marked += count if is_marked else 0
            elif code == _MP_UNREACH:
                self.withdrawn += count_prefixes(data, value + 3, start)


def count_prefixes(data: bytes, start: int, end: int) -> int:
    """How many are encoded in data[start:end]."""
    count = 0
    while start < end:
        start += _OCTETS[data[start]]
        count += 1
    return count
