"""The BFD control packet (RFC 5880 §4.1): bytes to one typed value and back.

`decode` refuses what §6.8.6 says no session may ever accept, whatever its state; checks that need a
session are made there. Authentication sections are carried as bytes; `authentication` understands
them. Intervals are microseconds, as on the wire.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from routeserver.bfd.discard import Discard

VERSION: Final = 1
HEADER_LENGTH: Final = 24
_HEADER: Final = struct.Struct("!BBBBIIIII")
_YOUR_DISCRIMINATOR: Final = slice(8, 12)

_POLL: Final = 0x20
_FINAL: Final = 0x10
_CONTROL_PLANE_INDEPENDENT: Final = 0x08
_AUTHENTICATION: Final = 0x04
_DEMAND: Final = 0x02
_MULTIPOINT: Final = 0x01


class State(IntEnum):
    """RFC 5880 §4.1, Sta."""

    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3


class Diagnostic(IntEnum):
    """RFC 5880 §4.1, Diag: why the sender's session last changed state; 9 to 31 are reserved."""

    NONE = 0
    DETECTION_TIME_EXPIRED = 1
    ECHO_FAILED = 2
    NEIGHBOR_SIGNALED_DOWN = 3
    FORWARDING_PLANE_RESET = 4
    PATH_DOWN = 5
    CONCATENATED_PATH_DOWN = 6
    ADMINISTRATIVELY_DOWN = 7
    REVERSE_CONCATENATED_PATH_DOWN = 8


class PacketError(Exception):
    """These bytes are no control packet that may be accepted, for this reason."""

    def __init__(self, reason: Discard) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ControlPacket:
    state: State
    my_discriminator: int
    your_discriminator: int
    detect_mult: int
    desired_min_tx_us: int
    required_min_rx_us: int
    required_min_echo_rx_us: int = 0
    diagnostic: int = Diagnostic.NONE
    poll: bool = False
    final: bool = False
    control_plane_independent: bool = False
    demand: bool = False
    authentication: bytes | None = field(default=None, repr=False)
    """The authentication section as it came, its type and length bytes included."""


def decode(data: bytes) -> ControlPacket:
    """Read one packet; bytes after the packet's own length are ignored, as §6.8.6 allows.

    Raises PacketError with the reason, and nothing else, for any other bytes.
    """
    if len(data) < HEADER_LENGTH:
        raise PacketError(Discard.TOO_SHORT)
    (
        version_diagnostic,
        flags,
        detect_mult,
        length,
        my_discriminator,
        your_discriminator,
        desired_min_tx_us,
        required_min_rx_us,
        required_min_echo_rx_us,
    ) = _HEADER.unpack_from(data)
    state = State(flags >> 6)
    if version_diagnostic >> 5 != VERSION:
        raise PacketError(Discard.VERSION)
    if length < (HEADER_LENGTH + 2 if flags & _AUTHENTICATION else HEADER_LENGTH):
        raise PacketError(Discard.LENGTH_TOO_SMALL)
    if length > len(data):
        raise PacketError(Discard.LENGTH_TOO_LARGE)
    if detect_mult == 0:
        raise PacketError(Discard.DETECT_MULT_ZERO)
    if flags & _MULTIPOINT:
        raise PacketError(Discard.MULTIPOINT)
    if my_discriminator == 0:
        raise PacketError(Discard.MY_DISCRIMINATOR_ZERO)
    if your_discriminator == 0 and state > State.DOWN:
        raise PacketError(Discard.YOUR_DISCRIMINATOR_ZERO)
    return ControlPacket(
        state=state,
        my_discriminator=my_discriminator,
        your_discriminator=your_discriminator,
        detect_mult=detect_mult,
        desired_min_tx_us=desired_min_tx_us,
        required_min_rx_us=required_min_rx_us,
        required_min_echo_rx_us=required_min_echo_rx_us,
        diagnostic=version_diagnostic & 0x1F,
        poll=bool(flags & _POLL),
        final=bool(flags & _FINAL),
        control_plane_independent=bool(flags & _CONTROL_PLANE_INDEPENDENT),
        demand=bool(flags & _DEMAND),
        authentication=data[HEADER_LENGTH:length] if flags & _AUTHENTICATION else None,
    )


def encode(packet: ControlPacket) -> bytes:
    flags = (
        packet.state << 6
        | (_POLL if packet.poll else 0)
        | (_FINAL if packet.final else 0)
        | (_CONTROL_PLANE_INDEPENDENT if packet.control_plane_independent else 0)
        | (_AUTHENTICATION if packet.authentication is not None else 0)
        | (_DEMAND if packet.demand else 0)
    )
    section = packet.authentication or b""
    header = _HEADER.pack(
        VERSION << 5 | packet.diagnostic,
        flags,
        packet.detect_mult,
        HEADER_LENGTH + len(section),
        packet.my_discriminator,
        packet.your_discriminator,
        packet.desired_min_tx_us,
        packet.required_min_rx_us,
        packet.required_min_echo_rx_us,
    )
    return header + section


def peek_your_discriminator(data: bytes) -> int:
    """The field a receiver chooses the session by; 0 when the bytes end before it."""
    return int.from_bytes(data[_YOUR_DISCRIMINATOR])
