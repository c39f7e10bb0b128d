"""Keyed and Meticulous Keyed SHA-1 (RFC 5880 §4.4, §6.7.4), the two that §6.7 asks for.

One `Authenticator` per session signs what it sends and judges what it receives. Simple passwords
and MD5 are not offered: neither keeps anybody out.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field, replace
from hashlib import sha1
from math import inf
from typing import Final

from routeserver.bfd.discard import Discard
from routeserver.bfd.packet import HEADER_LENGTH, ControlPacket, encode

KEYED_SHA1: Final = 4
METICULOUS_KEYED_SHA1: Final = 5

_DIGEST_LENGTH: Final = 20
_SECTION: Final = struct.Struct("!BBBBI20s")
_SEQUENCE_MASK: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class BfdAuth:
    """The one key of a session; both ends have the same. Raises ValueError."""

    key_id: int
    secret: bytes = field(repr=False)
    """1 to 20 octets, as §6.7.4 has it; never shown."""
    meticulous: bool = False
    """Each packet has its own sequence number, so that none can be replayed."""

    def __post_init__(self) -> None:
        if not 0 <= self.key_id <= 255:
            raise ValueError(f"a BFD key number of {self.key_id} is outside 0 to 255")
        if not 1 <= len(self.secret) <= _DIGEST_LENGTH:
            raise ValueError("a BFD secret has 1 to 20 octets")


class Authenticator:
    """`sequence` is bfd.XmitAuthSeq, any number to begin with."""

    def __init__(self, auth: BfdAuth, sequence: int) -> None:
        self.sequence = sequence & _SEQUENCE_MASK
        self._auth = auth
        self._type = METICULOUS_KEYED_SHA1 if auth.meticulous else KEYED_SHA1
        self._key = auth.secret.ljust(_DIGEST_LENGTH, b"\0")
        self._received = 0
        self._known_until = -inf
        self._said: ControlPacket | None = None

    def sign(self, packet: ControlPacket) -> bytes:
        """§6.7.4: meticulous numbers count packets; others count changes of what is said, for which
        poll and final do not count."""
        said = replace(packet, poll=False, final=False)
        if self._auth.meticulous or said != self._said:
            self.sequence = (self.sequence + 1) & _SEQUENCE_MASK
            self._said = said
        section = _SECTION.pack(
            self._type, _SECTION.size, self._auth.key_id, 0, self.sequence, self._key
        )
        unsigned = encode(replace(packet, authentication=section))
        return unsigned[:-_DIGEST_LENGTH] + _digest(unsigned)

    def refuses(self, data: bytes, packet: ControlPacket, now: float) -> Discard | None:
        """Why the packet, which `data` begins with, is not authentic; None when it is.

        The window of §6.7.4 is three times the Detect Mult of the packet: what may get lost before
        the detection time has gone is for the sender to say.
        """
        section = packet.authentication
        if section is None:
            return Discard.AUTHENTICATION_MISSING
        if section[0] != self._type:
            return Discard.AUTHENTICATION_TYPE
        if len(section) != _SECTION.size or section[1] != _SECTION.size:
            return Discard.AUTHENTICATION_LENGTH
        _, _, key_id, _, sequence, digest = _SECTION.unpack(section)
        if key_id != self._auth.key_id:
            return Discard.KEY_ID
        if now < self._known_until:
            ahead = (sequence - self._received) & _SEQUENCE_MASK
            if not (1 if self._auth.meticulous else 0) <= ahead <= 3 * packet.detect_mult:
                return Discard.SEQUENCE
        signed = data[: HEADER_LENGTH + _SECTION.size - _DIGEST_LENGTH] + self._key
        if not hmac.compare_digest(_digest(signed), digest):
            return Discard.DIGEST
        # Only what is authentic says where the remote system counts.
        self._received = sequence
        return None

    def heard(self, now: float, detection_s: float) -> None:
        """bfd.AuthSeqKnown falls back to 0 after twice the detection time (§6.8.1)."""
        self._known_until = now + 2 * detection_s


def _digest(data: bytes) -> bytes:
    return sha1(data).digest()  # noqa: S324 - the algorithm is the RFC's, the key is inside
