"""Whether an attribute list is a plain one, and its rank: made of nothing but the usual attributes
with the usual flags, each of them well-formed and nothing to say against its value.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``plain_list.pxd``.
"""

from __future__ import annotations

from array import array
from struct import unpack
from typing import Protocol

from routeserver.net.path import DEFAULT_PREFERENCE, MAX_PREFERENCE

IS_COMPILED = not __file__.endswith(".py")
"""Where it is not, octets are looked at together: each costs then."""

EXTENDED = 0x10
WELL_KNOWN = b"\xff\xff"

ORIGIN = 1
AS_PATH = 2
NEXT_HOP = 3
MED = 4
AGGREGATOR = 7
COMMUNITIES = 8
MP_REACH = 14
LAST_CODE = 32

# By code: which of the flags count, how they have to be, the length of the value, or the unit that
# it is a non-zero multiple of (1 for any). The length of MP_REACH_NLRI was looked at before.
USUAL = {
    ORIGIN: (0xE0, 0x40, 1, 0),
    AS_PATH: (0xE0, 0x40, 0, 1),
    NEXT_HOP: (0xE0, 0x40, 4, 0),
    MED: (0xE0, 0x80, 4, 0),
    6: (0xE0, 0x40, 0, 0),  # ATOMIC_AGGREGATE
    AGGREGATOR: (0xC0, 0xC0, 8, 0),
    COMMUNITIES: (0xC0, 0xC0, 0, 4),
    MP_REACH: (0xE0, 0x80, 0, 1),
    16: (0xC0, 0xC0, 0, 8),  # EXTENDED_COMMUNITIES
    32: (0xC0, 0xC0, 0, 12),  # LARGE_COMMUNITIES
}
ONE = 1
"""In 64 bits, which it takes to be shifted by the code of LARGE_COMMUNITIES."""
PREFERENCE_BITS = (MAX_PREFERENCE - DEFAULT_PREFERENCE) << 18


def _column(values: dict[int, int], unknown: int = 0xFF) -> array[int]:
    """Indexed by attribute code; what stands for unknown ones matches no flags."""
    return array("B", [values.get(code, unknown) for code in range(LAST_CODE + 1)])


class NextHops(Protocol):
    def accepts_next_hop(self, octets: bytes) -> bool:
        """Whether there is nothing to say against an IPv4 or IPv6 next hop."""


class PlainList:
    """Judges one list after the other; `rank_high`, `rank_low` and `has_well_known` are about the
    last one that was plain.
    """

    def __init__(self, next_hops: NextHops, local_asn: int, peer_asn: int) -> None:
        self._next_hops = next_hops
        self.local_asn = local_asn
        self.peer_asn = peer_asn
        self.masks = _column({code: mask for code, (mask, _, _, _) in USUAL.items()}, 0)
        self.kinds = _column({code: kind for code, (_, kind, _, _) in USUAL.items()})
        self.lengths = _column({code: length for code, (_, _, length, _) in USUAL.items()})
        self.units = _column({code: unit for code, (_, _, _, unit) in USUAL.items()})
        self.accepted_hop = 0
        """The last next hop there was nothing to say against; 0.0.0.0 never is one."""
        self.accepted_octets = b""
        """The same of IPv6."""
        self.has_well_known = False
        """It has one of the communities 0xFFFF0000 to 0xFFFFFFFF."""
        self.origin = 0
        self.hops = 0
        self.rank_high = 0
        self.rank_low = 0
        self.octets = b""
        """What is being judged."""

    def is_plain(self, raw: bytes, mp: bool) -> bool:
        """Judge a whole list; with `mp` its routes are in its MP_REACH_NLRI."""
        self.octets = raw
        at = 0
        end = len(raw)
        seen = 0
        self.origin = self.hops = self.rank_low = 0
        self.has_well_known = False
        while at + 3 <= end:
            flags = self.octets[at]
            code = self.octets[at + 1]
            value = at + (4 if flags & EXTENDED else 3)
            if value > end or code > LAST_CODE or seen >> code & 1:
                return False
            length = self.octets[value - 1]
            if flags & EXTENDED:
                length |= self.octets[value - 2] << 8
            stop = value + length
            unit = self.units[code]
            if (
                stop > end
                or flags & self.masks[code] != self.kinds[code]
                or (unit > 0 and (length == 0 or length % unit > 0))
                or (unit == 0 and length != self.lengths[code])
                or not self._is_usual(raw, code, value, stop)
            ):
                return False
            seen |= ONE << code
            at = stop
        # ORIGIN, AS_PATH and one next hop have to be there.
        required = 1 << ORIGIN | 1 << AS_PATH | 1 << (MP_REACH if mp else NEXT_HOP)
        if at != end or seen & (required | 1 << NEXT_HOP | 1 << MP_REACH) != required:
            return False
        self.rank_high = PREFERENCE_BITS | self.hops << 2 | self.origin
        return True

    def _is_usual(self, raw: bytes, code: int, value: int, stop: int) -> bool:
        """Whether there is nothing to say against the value of a known attribute of the right kind
        and size.
        """
        if code == ORIGIN:
            self.origin = self.octets[value]
            return self.origin <= 2
        if code == AS_PATH:
            self.hops = self._path_length(value, stop)
            return self.hops > 0
        if code == NEXT_HOP:
            hop = self._word(value)
            if hop == self.accepted_hop and hop > 0:
                return True
            if not self._next_hops.accepts_next_hop(raw[value:stop]):
                return False
            self.accepted_hop = hop
            return True
        if code == MP_REACH:
            # Beside an NLRI field it may be of any length; which of the two is wanted, comes later.
            octets = raw[value + 4 : value + 20]
            if octets != self.accepted_octets:
                if stop - value <= 20 or not self._next_hops.accepts_next_hop(octets):
                    return False
                self.accepted_octets = octets
            return True
        if code == MED:
            self.rank_low = self._word(value)
            return True
        if code == COMMUNITIES:
            if not IS_COMPILED and WELL_KNOWN not in raw[value:stop]:
                return True
            while value < stop:
                if self.octets[value] == 0xFF and self.octets[value + 1] == 0xFF:
                    self.has_well_known = True
                value += 4
            return True
        return code != AGGREGATOR or self._word(value) > 0  # RFC 7607

    def _path_length(self, at: int, end: int) -> int:
        """The AS numbers of an AS_PATH of sequences that starts with the peer and does not contain
        us; 0 for any other.
        """
        hops = 0
        while at < end:
            if at + 2 > end or self.octets[at] != 2 or self.octets[at + 1] == 0:
                return 0
            stop = at + 2 + 4 * self.octets[at + 1]
            if stop > end:
                return 0
            at += 2
            if not IS_COMPILED:
                asns = unpack(f">{(stop - at) // 4}I", bytes(self.octets[at:stop]))
                if 0 in asns or self.local_asn in asns or (hops == 0 and asns[0] != self.peer_asn):
                    return 0
                hops += len(asns)
                at = stop
            while at < stop:
                asn = self._word(at)
                if asn == 0 or asn == self.local_asn:
                    return 0
                if hops == 0 and asn != self.peer_asn:
                    return 0
                hops += 1
                at += 4
        return hops

    def _word(self, at: int) -> int:
        if not IS_COMPILED:
            return int.from_bytes(self.octets[at : at + 4], "big")
        word = self.octets[at]
        word = word << 8 | self.octets[at + 1]
        word = word << 8 | self.octets[at + 2]
        return word << 8 | self.octets[at + 3]
