"""The byte stream of one connection cut into messages: RFC 4271 §4.1, with the checks of §6.1.

A frame is a message type and a body without the header. A header is judged as soon as its nineteen
octets are there, so a bad length never makes us wait for a body that will not come. Nothing here
reads a body, so what may follow an OPEN is for others to say: extended messages (RFC 8654) and
ROUTE-REFRESH of any length (RFC 7313 §5 has an answer of its own to a bad one).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from routeserver.bgp.errors import HeaderError, ProtocolError, header_error

MARKER: Final = b"\xff" * 16
HEADER_OCTETS: Final = 19
MAX_MESSAGE_OCTETS: Final = 4096
EXTENDED_MESSAGE_OCTETS: Final = 0xFFFF  # RFC 8654; never of an OPEN or KEEPALIVE


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


def lengths(
    max_octets: int = MAX_MESSAGE_OCTETS, *, any_refresh: bool = False
) -> Mapping[int, tuple[int, int]]:
    """`LENGTHS` for a session that agreed on more."""
    changed = dict(LENGTHS)
    for message_type in (MessageType.UPDATE, MessageType.NOTIFICATION):
        changed[message_type] = LENGTHS[message_type][0], max_octets
    if any_refresh:
        changed[MessageType.ROUTE_REFRESH] = HEADER_OCTETS, max_octets
    return changed


def encode_frame(
    message_type: MessageType, body: bytes, max_octets: int = MAX_MESSAGE_OCTETS
) -> bytes:
    """A whole message. Raises ValueError when the body is too long for one."""
    length = HEADER_OCTETS + len(body)
    if length > max_octets:
        raise ValueError(f"a {message_type.name} of {length} octets does not fit a BGP message")
    return MARKER + length.to_bytes(2, "big") + bytes([message_type]) + body


class Framer:
    """Collects octets until they are messages; after an error it must not be fed again.

    `octets` from `position` on is what has not been taken yet: who can read several messages at
    once may do so and move `position` behind them. `lengths` may be replaced between two messages.
    """

    __slots__ = ("lengths", "octets", "position")

    def __init__(self) -> None:
        self.octets = b""
        self.position = 0
        self.lengths = LENGTHS

    @property
    def tail(self) -> bytes:
        """The octets of a message that has begun."""
        return self.octets[self.position :]

    def feed(self, data: bytes) -> None:
        rest = self.tail
        self.octets = rest + data if rest else data
        self.position = 0

    def take_back(self) -> bytes:
        """All that was fed and not taken; nothing of it stays here."""
        tail = self.tail
        self.octets, self.position = b"", 0
        return tail

    def next(self) -> Frame | None:
        """The next whole message, or None when there is none yet. Raises ProtocolError for a header
        that no message has.
        """
        octets, position = self.octets, self.position
        if len(octets) - position < HEADER_OCTETS:
            return None
        length = octets[position + 16] << 8 | octets[position + 17]
        message_type = octets[position + 18]
        bounds = self.lengths.get(message_type)
        if (
            bounds is None
            or not bounds[0] <= length <= bounds[1]
            or not octets.startswith(MARKER, position)
        ):
            raise _header_fault(octets[position : position + HEADER_OCTETS], self.lengths)
        if position + length > len(octets):
            return None
        self.position = position + length
        return message_type, octets[position + HEADER_OCTETS : position + length]

    def receive(self, data: bytes) -> tuple[list[Frame], ProtocolError | None]:
        """The whole messages now there, in order, and the header error behind them if there is
        one.
        """
        self.feed(data)
        frames: list[Frame] = []
        try:
            while (frame := self.next()) is not None:
                frames.append(frame)
        except ProtocolError as error:
            return frames, error
        return frames, None


def _header_fault(header: bytes, lengths: Mapping[int, tuple[int, int]]) -> ProtocolError:
    """Which of the checks of RFC 4271 §6.1 a header fails, in the order of that section."""
    length = header[16] << 8 | header[17]
    if header[:16] != MARKER:
        return header_error(
            HeaderError.CONNECTION_NOT_SYNCHRONIZED, b"", "the marker is not all ones"
        )
    if not HEADER_OCTETS <= length <= lengths[MessageType.UPDATE][1]:
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
