"""Netlink messages and attributes as octets (linux/netlink.h): made, taken apart, nothing more.

Integers are in the machine's byte order, except where a protocol says otherwise. Whatever the
octets are, taking them apart yields messages or raises NetlinkError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

HEADER: Final = struct.Struct("=IHHII")
"""Length with the header, type, flags, sequence number, port."""

_ATTRIBUTE: Final = struct.Struct("=HH")
_U8: Final = struct.Struct("=B")
_U16: Final = struct.Struct("=H")
_U32: Final = struct.Struct("=I")
_S32: Final = struct.Struct("=i")

NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLMSG_OVERRUN: Final = 4
FIRST_TYPE: Final = 16
"""Types below are control messages."""

NLA_NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF
_EXT_ACK_TEXT: Final = 1
_ALIGN: Final = 3


class Flag(IntFlag):
    """nlmsg_flags. Some bits mean one thing in a request to look and another in one to write."""

    REQUEST = 0x01
    MULTI = 0x02
    ACK = 0x04
    ECHO = 0x08
    DUMP_INTERRUPTED = 0x10
    DUMP_FILTERED = 0x20
    REPLACE = 0x100
    EXCLUDE = 0x200
    CREATE = 0x400
    APPEND = 0x800
    NONRECURSIVE = 0x100
    BULK = 0x200
    DUMP = 0x300
    CAPPED = 0x100
    ACK_TEXT = 0x200


PUT: Final = Flag.CREATE | Flag.REPLACE
"""Make it, or make it this."""

MAKE: Final = Flag.CREATE | Flag.EXCLUDE
"""Make it; one that is there already is EEXIST."""


class NetlinkError(ValueError):
    """Octets that are no netlink message, or not one of the type that they claim."""


class UnknownKindError(NetlinkError):
    """A message that may be sound, about a thing that has no value here."""


@dataclass(frozen=True, slots=True)
class Message:
    type: int
    flags: int
    sequence: int
    port: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What NLMSG_ERROR or NLMSG_DONE says of a request: `errno` is 0 when it was carried out."""

    sequence: int
    errno: int
    text: str = ""
    """What the kernel adds in words, where it does (NLMSGERR_ATTR_MSG)."""


# --- making ---------------------------------------------------------------------------------------


def request(kind: int, body: bytes, flags: int = 0, sequence: int = 0) -> bytes:
    """One request, padded to where the next may begin."""
    header = HEADER.pack(HEADER.size + len(body), kind, flags | Flag.REQUEST, sequence, 0)
    return header + body + bytes(-len(body) & _ALIGN)


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-len(value) & _ALIGN)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NLA_NESTED, b"".join(attributes))


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, _U8.pack(value))


def u16(kind: int, value: int) -> bytes:
    return attribute(kind, _U16.pack(value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, _U32.pack(value))


def text(kind: int, value: str) -> bytes:
    """A string with the zero behind it."""
    return attribute(kind, value.encode() + b"\0")


# --- taking apart ---------------------------------------------------------------------------------


def messages(octets: bytes) -> Iterator[Message]:
    """Each message of a datagram. Raises NetlinkError where one does not fit."""
    at, end = 0, len(octets)
    while at < end:
        if end - at < HEADER.size:
            raise NetlinkError(f"{end - at} octets at the end are no netlink header")
        length, kind, flags, sequence, port = HEADER.unpack_from(octets, at)
        if length < HEADER.size or length > end - at:
            raise NetlinkError(f"a netlink message says {length} octets of {end - at}")
        yield Message(kind, flags, sequence, port, octets[at + HEADER.size : at + length])
        at += length + (-length & _ALIGN)


def attributes(octets: bytes, at: int = 0) -> dict[int, bytes]:
    """The attributes from `at` on, by type without the flag bits; the last of a type counts.

    Raises NetlinkError.
    """
    return dict(attribute_list(octets, at))


def attribute_list(octets: bytes, at: int = 0) -> list[tuple[int, bytes]]:
    """As `attributes`, in order, each one. Raises NetlinkError."""
    found = []
    end = len(octets)
    while end - at >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        if length < _ATTRIBUTE.size or length > end - at:
            raise NetlinkError(f"a netlink attribute says {length} octets of {end - at}")
        found.append((kind & _TYPE_MASK, octets[at + _ATTRIBUTE.size : at + length]))
        at += length + (-length & _ALIGN)
    return found


def acknowledgement(message: Message) -> Acknowledgement:
    """Of a message of type NLMSG_ERROR or NLMSG_DONE. Raises NetlinkError."""
    body = message.body
    if message.type == NLMSG_DONE and len(body) < _S32.size:
        return Acknowledgement(message.sequence, 0)
    if len(body) < _S32.size:
        raise NetlinkError("an acknowledgement without an error number")
    error = as_s32(body[: _S32.size])
    said = ""
    if message.flags & Flag.ACK_TEXT:
        found = attributes(body, _behind_request(message))
        said = as_text(found.get(_EXT_ACK_TEXT, b""))
    return Acknowledgement(message.sequence, abs(error), said)


def _behind_request(message: Message) -> int:
    """Where the attributes of an acknowledgement begin: the request, or its header, is first."""
    if message.type == NLMSG_DONE:
        return _S32.size
    if message.flags & Flag.CAPPED or len(message.body) < _S32.size + HEADER.size:
        return _S32.size + HEADER.size
    length = as_u32(message.body[_S32.size : 2 * _S32.size])
    return _S32.size + length + (-length & _ALIGN)


def fixed(layout: struct.Struct, body: bytes, what: str) -> tuple[int, ...]:
    """The part in front of the attributes. Raises NetlinkError."""
    if len(body) < layout.size:
        raise NetlinkError(f"{what} of {len(body)} octets; it has at least {layout.size}")
    found: tuple[int, ...] = layout.unpack_from(body)
    return found


def as_u8(octets: bytes) -> int:
    return _number(_U8, octets)


def as_u16(octets: bytes) -> int:
    return _number(_U16, octets)


def as_u32(octets: bytes) -> int:
    return _number(_U32, octets)


def as_s32(octets: bytes) -> int:
    return _number(_S32, octets)


def _number(layout: struct.Struct, octets: bytes) -> int:
    if len(octets) != layout.size:
        raise NetlinkError(f"a number of {len(octets)} octets; it has {layout.size}")
    return int(layout.unpack(octets)[0])


def as_text(octets: bytes) -> str:
    """Up to the first zero; what is no UTF-8 is kept as it would be in a file name."""
    return octets.partition(b"\0")[0].decode(errors="surrogateescape")
