"""The byte stream of one connection cut into messages: RFC 4271 §4.1, with the checks of §6.1.

A frame is a message type and a body without the header. A header is judged as soon as its nineteen
octets are there, so a bad length never makes us wait for a body that will not come. Nothing here
reads a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from routeserver.bgp.errors import HeaderError, ProtocolError, header_error

MARKER: Final = b"\xff" * 16
HEADER_OCTETS: Final = 19
MAX_MESSAGE_OCTETS: Final = 4096  # RFC 8654 extended messages are not offered


class MessageType(IntEnum):
    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


# Smallest and largest length of each type, header included.
LENGTHS: Final[Mapping[int, tuple[int, int]]] = {
    MessageType.OPEN: (29, MAX_MESSAGE_OCTETS),
    MessageType.UPDATE: (23, MAX_MESSAGE_OCTETS),
    MessageType.NOTIFICATION: (21, MAX_MESSAGE_OCTETS),
    MessageType.KEEPALIVE: (19, 19),
    MessageType.ROUTE_REFRESH: (23, 23),
}

Frame = tuple[int, bytes]  # message type, body; a tuple because there is one per UPDATE


def encode_frame(message_type: MessageType, body: bytes) -> bytes:
    """A whole message. Raises ValueError when the body is too long for one."""
    length = HEADER_OCTETS + len(body)
    if length > MAX_MESSAGE_OCTETS:
        raise ValueError(f"a {message_type.name} of {length} octets does not fit a BGP message")
    return MARKER + length.to_bytes(2, "big") + bytes([message_type]) + body


class Framer:
    """Collects bytes until they are messages; after an error it must not be fed again."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    def receive(self, data: bytes) -> tuple[list[Frame], ProtocolError | None]:
        """The whole messages now there, in order, and the header error behind them if there is
        one.
        """
        buffer = self._tail + data if self._tail else data
        frames: list[Frame] = []
        position = 0
        size = len(buffer)
        marker = MARKER
        lengths = LENGTHS
        while size - position >= HEADER_OCTETS:
            length = buffer[position + 16] << 8 | buffer[position + 17]
            message_type = buffer[position + 18]
            bounds = lengths.get(message_type)
            if (
                bounds is None
                or not bounds[0] <= length <= bounds[1]
                or buffer[position : position + 16] != marker
            ):
                self._tail = b""
                return frames, _header_fault(buffer[position : position + HEADER_OCTETS])
            end = position + length
            if end > size:
                break
            frames.append((message_type, buffer[position + HEADER_OCTETS : end]))
            position = end
        self._tail = buffer[position:]
        return frames, None


def _header_fault(header: bytes) -> ProtocolError:
    """Which of the checks of RFC 4271 §6.1 a header fails, in the order of that section."""
    length = header[16] << 8 | header[17]
    if header[:16] != MARKER:
        return header_error(
            HeaderError.CONNECTION_NOT_SYNCHRONIZED, b"", "the marker is not all ones"
        )
    if not HEADER_OCTETS <= length <= MAX_MESSAGE_OCTETS:
        return header_error(
            HeaderError.BAD_MESSAGE_LENGTH, header[16:18], f"no message is {length} octets long"
        )
    if header[18] not in LENGTHS:
        return header_error(
            HeaderError.BAD_MESSAGE_TYPE, header[18:19], f"unknown message type {header[18]}"
        )
    return header_error(
        HeaderError.BAD_MESSAGE_LENGTH,
        header[16:18],
        f"a {MessageType(header[18]).name} of {length} octets",
    )
