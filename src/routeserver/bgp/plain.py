"""The fast way in: whole runs of plain UPDATEs straight from the octets to a batch of routes.

A plain UPDATE is one with nothing to judge: well-formed, of a negotiated family, its routes unicast
and its attribute list known already or made of nothing but the usual attributes with the usual
flags. Whatever is not plain is left where it stands, for `update` to decode in full; the two must
agree wherever both can read, which tests hold them to. So nothing in here ever says what is wrong.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``plain.pxd``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

from routeserver.net.attribute_set import AttributeCodec, AttributeSet, plain_set
from routeserver.net.path import DEFAULT_PREFERENCE, MAX_PREFERENCE
from routeserver.net.prefix import IPV6_BIT, Family, Prefix
from routeserver.net.route_batch import RouteBatch, to_words

MARKER = b"\xff" * 16
MP_REACH_16 = b"\x80\x0e\x15"
MP_REACH_32 = b"\x80\x0e\x25"
"""The head of an MP_REACH_NLRI that ends behind its next hop (RFC 4760 §3)."""

IS_COMPILED = not __file__.endswith(".py")

UPDATE = 2
SMALLEST = 23
EXTENDED = 0x10

ORIGIN = 1
AS_PATH = 2
NEXT_HOP = 3
MED = 4
AGGREGATOR = 7
COMMUNITIES = 8
MP_REACH = 14
MP_UNREACH = 15
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
FIRST_MULTICAST = 0xE0000000
ONE = 1
"""In 64 bits, which it takes to be shifted by the code of LARGE_COMMUNITIES."""
PREFERENCE_BITS = (MAX_PREFERENCE - DEFAULT_PREFERENCE) << 18


def _column(values: dict[int, int], unknown: int = 0xFF) -> array[int]:
    """Indexed by attribute code; what stands for unknown ones matches no flags."""
    return array("B", [values.get(code, unknown) for code in range(LAST_CODE + 1)])


class SetTable(AttributeCodec, Protocol):
    """What a session knows about attribute lists; both dicts are read directly. Apart, because a
    list that is around the routes of MP_REACH_NLRI may have the octets of one that is around none.
    """

    plain: dict[bytes, AttributeSet]
    plain_mp: dict[bytes, AttributeSet]

    def make_room(self, octets: int) -> None:
        """Another list of so many octets is about to be added."""

    def accepts_next_hop(self, octets: bytes) -> bool: ...


class RouteReader:
    """Collects routes in the order in which they came. `local_asn` and `peer_asn` are those of an
    eBGP session with four-octet AS numbers; no other has plain UPDATEs, and `read` is not for it.
    """

    def __init__(
        self, table: SetTable, local_asn: int, peer_asn: int, families: Sequence[Family]
    ) -> None:
        self._table = table
        self.plain = table.plain
        self.plain_mp = table.plain_mp
        self.local_asn = local_asn
        self.peer_asn = peer_asn
        self.ipv4 = Family.IPV4 in families
        self.ipv6 = Family.IPV6 in families
        self.max_octets = 4096
        self.batches: list[RouteBatch] = []
        self.sets: list[AttributeSet | None] = []
        self.ends: list[int] = []
        self.is_ipv6 = False
        self.used = 0
        self.count = 0
        self.masks = _column({code: mask for code, (mask, _, _, _) in USUAL.items()}, 0)
        self.kinds = _column({code: kind for code, (_, kind, _, _) in USUAL.items()})
        self.lengths = _column({code: length for code, (_, _, length, _) in USUAL.items()})
        self.units = _column({code: unit for code, (_, _, _, unit) in USUAL.items()})
        self.accepted_hop = 0
        """The last next hop there was nothing to say against; 0.0.0.0 never is one."""
        self.reach = b"-"
        """The last MP_REACH_NLRI up to its routes, and what it is called in `plain_mp`."""
        self.reach_alone = b""
        self.accepted_octets = b""
        """The same of IPv6."""
        self.has_well_known = False
        """The list that was judged last."""
        self.has_any_well_known = False
        """Any of the batch."""
        self.origin = 0
        self.hops = 0
        self.rank_high = 0
        self.rank_low = 0
        self.octets: Sequence[int] = b""
        """What is being read."""
        self.judged: Sequence[int] = b""
        """What holds the attribute list that is being judged."""
        self._words = array("I", bytes(4 * 1024))
        self.words = self._words

    # --- what the session uses --------------------------------------------------------------------

    def read(self, data: bytes, position: int) -> int:
        """Take the plain UPDATEs that begin at `position`; answers where the first message that is
        none, or is not all there, begins.
        """
        self.octets = octets = data
        size = len(data)
        while size - position >= SMALLEST:
            length = octets[position + 16] << 8 | octets[position + 17]
            if (
                octets[position + 18] != UPDATE
                or length < SMALLEST
                or length > self.max_octets
                or position + length > size
                or not data.startswith(MARKER, position)
            ):
                break
            closed, runs, count, used = len(self.batches), len(self.sets), self.count, self.used
            if not self._take_update(data, position + 19, position + length):
                self._undo(closed, runs, count, used)
                break
            position += length
        return position

    def add(self, attribute_set: AttributeSet | None, prefixes: Sequence[Prefix]) -> None:
        """Routes that were decoded elsewhere; None withdraws them."""
        for prefix in prefixes:
            self._turn_to(prefix >= IPV6_BIT)
            self._reserve(5)
            for word in to_words(prefix):
                self.words[self.used] = word
                self.used += 1
            self.count += 1
            self._end_run(attribute_set)

    def take(self) -> list[RouteBatch]:
        """All that was collected, and a fresh start."""
        self._flush()
        batches = self.batches
        self.batches = []
        return batches

    # --- one UPDATE -------------------------------------------------------------------------------

    def _take_update(self, data: bytes, start: int, end: int) -> bool:
        withdrawn = self.octets[start] << 8 | self.octets[start + 1]
        middle = start + 2 + withdrawn
        if middle + 2 > end:
            return False
        first = middle + 2
        nlri = first + (self.octets[middle] << 8 | self.octets[middle + 1])
        if nlri > end or not (self.ipv4 or (withdrawn == 0 and nlri == end)):
            return False
        if nlri == first:
            # Without attributes it can only withdraw; with nothing at all it is an End-of-RIB.
            return withdrawn > 0 and nlri == end and self._withdraw4(start + 2, middle)
        if nlri == end:
            return withdrawn == 0 and self.ipv6 and self._take_mp(data, first, end)
        raw = data[first:nlri]
        attribute_set = self.plain.get(raw)
        if attribute_set is None:
            self.judged = self.octets
            attribute_set = self._judge(raw, first, False)
            if attribute_set is None:
                return False
        if withdrawn > 0 and not self._withdraw4(start + 2, middle):
            return False
        self._turn_to(False)
        if not self._take_ipv4(nlri, end):
            return False
        self._end_run(attribute_set)
        return True

    def _withdraw4(self, start: int, end: int) -> bool:
        self._turn_to(False)
        if not self._take_ipv4(start, end):
            return False
        self._end_run(None)
        return True

    def _take_mp(self, data: bytes, first: int, end: int) -> bool:
        """An UPDATE whose routes are in MP_REACH_NLRI or MP_UNREACH_NLRI: IPv6 unicast."""
        at = first
        code = 0
        while at + 3 <= end:
            flags = self.octets[at]
            code = self.octets[at + 1]
            value = at + (4 if flags & EXTENDED else 3)
            if value > end:
                return False
            length = self.octets[value - 1]
            if flags & EXTENDED:
                length |= self.octets[value - 2] << 8
            stop = value + length
            if stop > end:
                return False
            if code == MP_REACH or code == MP_UNREACH:
                break
            at = stop
        else:
            return False
        if flags & 0xE0 != 0x80 or length <= 3:
            return False
        if self.octets[value] != 0 or self.octets[value + 1] != 2 or self.octets[value + 2] != 1:
            return False
        if code == MP_REACH:
            return self._take_reach(data, first, at, value, stop, end)
        self._turn_to(True)
        if at != first or stop != end or not self._take_ipv6(value + 3, stop):
            return False
        self._end_run(None)
        return True

    def _take_reach(
        self,
        data: bytes,
        first: int,
        at: int,
        value: int,
        stop: int,
        end: int,
    ) -> bool:
        """Of the attributes from `first` to `end`, MP_REACH_NLRI stands from `at` to `stop`."""
        hops = self.octets[value + 3]
        nlri = value + 5 + hops
        if hops & ~0x30 or hops == 0x30 or hops == 0 or nlri >= stop:
            return False
        if not data.startswith(self.reach, value):
            self.reach = data[value:nlri]
            self.reach_alone = (MP_REACH_16 if hops == 16 else MP_REACH_32) + self.reach
        raw = self.reach_alone + data[stop:end]
        if at > first:
            raw = data[first:at] + raw
        attribute_set = self.plain_mp.get(raw)
        if attribute_set is None:
            self.judged = raw
            attribute_set = self._judge(raw, 0, True)
            if attribute_set is None:
                return False
        self._turn_to(True)
        if not self._take_ipv6(nlri, stop):
            return False
        self._end_run(attribute_set)
        return True

    # --- attributes -------------------------------------------------------------------------------

    def _judge(self, raw: bytes, start: int, mp: bool) -> AttributeSet | None:
        """A list that was not met before: its set if it is plain. `judged` holds it, at `start`."""
        if not self._is_plain(raw, start, mp):
            return None
        self._table.make_room(len(raw))
        made = plain_set(raw, self.rank_high, self.rank_low, self._table, self.has_well_known)
        if mp:
            self.plain_mp[raw] = made
        else:
            self.plain[raw] = made
        return made

    def _is_plain(self, raw: bytes, start: int, mp: bool) -> bool:
        """Judge a whole list; leaves its rank in `rank_high` and `rank_low`."""
        at = start
        end = start + len(raw)
        seen = 0
        self.origin = self.hops = self.rank_low = 0
        self.has_well_known = False
        while at + 3 <= end:
            flags = self.judged[at]
            code = self.judged[at + 1]
            value = at + (4 if flags & EXTENDED else 3)
            if value > end or code > LAST_CODE or seen >> code & 1:
                return False
            length = self.judged[value - 1]
            if flags & EXTENDED:
                length |= self.judged[value - 2] << 8
            stop = value + length
            unit = self.units[code]
            if (
                stop > end
                or flags & self.masks[code] != self.kinds[code]
                or (unit > 0 and (length == 0 or length % unit > 0))
                or (unit == 0 and length != self.lengths[code])
                or not self._is_usual(raw, start, code, value, stop)
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

    def _is_usual(self, raw: bytes, start: int, code: int, value: int, stop: int) -> bool:
        """Whether there is nothing to say against the value of a known attribute of the right kind
        and size.
        """
        if code == ORIGIN:
            self.origin = self.judged[value]
            return self.origin <= 2
        if code == AS_PATH:
            self.hops = self._path_length(value, stop)
            return self.hops > 0
        if code == NEXT_HOP:
            hop = self._word(value)
            if hop == self.accepted_hop and hop > 0:
                return True
            if not self._table.accepts_next_hop(raw[value - start : stop - start]):
                return False
            self.accepted_hop = hop
            return True
        if code == MP_REACH:
            # Beside an NLRI field it may be of any length; which of the two is wanted, comes later.
            octets = raw[value - start + 4 : value - start + 20]
            if octets != self.accepted_octets:
                if stop - value <= 20 or not self._table.accepts_next_hop(octets):
                    return False
                self.accepted_octets = octets
            return True
        if code == MED:
            self.rank_low = self._word(value)
            return True
        if code == COMMUNITIES:
            while value < stop:
                if self.judged[value] == 0xFF and self.judged[value + 1] == 0xFF:
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
            if at + 2 > end or self.judged[at] != 2 or self.judged[at + 1] == 0:
                return 0
            stop = at + 2 + 4 * self.judged[at + 1]
            if stop > end:
                return 0
            at += 2
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
        word = self.judged[at]
        word = word << 8 | self.judged[at + 1]
        word = word << 8 | self.judged[at + 2]
        return word << 8 | self.judged[at + 3]

    # --- prefixes ---------------------------------------------------------------------------------

    def _take_ipv4(self, at: int, end: int) -> bool:
        self._reserve(2 * (end - at))
        octets, words, used = self.octets, self.words, self.used
        while at < end:
            length = octets[at]
            size = (length + 7) >> 3
            if length > 32 or at + 1 + size > end:
                return False
            address = 0
            if size > 0:
                address = octets[at + 1]
            if size > 1:
                address = address << 8 | octets[at + 2]
            if size > 2:
                address = address << 8 | octets[at + 3]
            if size > 3:
                address = address << 8 | octets[at + 4]
            # Host bits have no meaning (RFC 4271 §4.3).
            if length > 0:
                address = address >> (8 * size - length) << (32 - length)
            if address >= FIRST_MULTICAST:
                return False
            words[used] = address
            words[used + 1] = length
            used += 2
            at += 1 + size
        self.count += (used - self.used) >> 1
        self.used = used
        return True

    def _take_ipv6(self, at: int, end: int) -> bool:
        self._reserve(5 * (end - at))
        octets, words, used = self.octets, self.words, self.used
        while at < end:
            length = octets[at]
            size = (length + 7) >> 3
            if length > 128 or at + 1 + size > end:
                return False
            if length >= 8 and octets[at + 1] == 0xFF:
                return False
            if length <= 64 and not IS_COMPILED:
                # The same in fewer steps, each of which costs when nothing is compiled.
                word = int.from_bytes(octets[at + 1 : at + 1 + size], "big") << (64 - 8 * size)
                word = word >> (64 - length) << (64 - length)
                words[used] = word >> 32
                words[used + 1] = word & 0xFFFFFFFF
                words[used + 2] = words[used + 3] = 0
            else:
                self._take_address(at + 1, length, used)
            words[used + 4] = length
            used += 5
            at += 1 + size
        self.count += (used - self.used) // 5
        self.used = used
        return True

    def _take_address(self, at: int, length: int, used: int) -> None:
        """The four words of an IPv6 address, its host bits cleared."""
        size = (length + 7) >> 3
        for number in range(4):
            left = size - 4 * number
            word = 0
            if left > 0:
                base = at + 4 * number
                word = self.octets[base]
                word = word << 8 | (self.octets[base + 1] if left > 1 else 0)
                word = word << 8 | (self.octets[base + 2] if left > 2 else 0)
                word = word << 8 | (self.octets[base + 3] if left > 3 else 0)
                spare = 32 * (number + 1) - length
                if spare > 0:
                    word = word >> spare << spare
            self.words[used + number] = word

    # --- the batch --------------------------------------------------------------------------------

    def _turn_to(self, is_ipv6: bool) -> None:
        if self.is_ipv6 != is_ipv6:
            self._flush()
            self.is_ipv6 = is_ipv6

    def _end_run(self, attribute_set: AttributeSet | None) -> None:
        runs = len(self.sets)
        if runs and self.sets[runs - 1] is attribute_set:
            self.ends[runs - 1] = self.count
        else:
            self.sets.append(attribute_set)
            self.ends.append(self.count)
            if attribute_set is not None and attribute_set.may_have_well_known:
                self.has_any_well_known = True

    def _undo(self, closed: int, runs: int, count: int, used: int) -> None:
        """Back to where an UPDATE began that turned out not to be plain. It may have begun a run,
        lengthened the last one or, with the other family, closed a batch.
        """
        if len(self.batches) != closed:
            runs = count = used = 0
        del self.sets[runs:]
        del self.ends[runs:]
        if runs:
            self.ends[runs - 1] = count
        self.count = count
        self.used = used

    def _flush(self) -> None:
        if self.ends:
            family = Family.IPV6 if self.is_ipv6 else Family.IPV4
            batch = RouteBatch(family, self._words[: self.used], self.sets, self.ends)
            batch.may_have_well_known = self.has_any_well_known
            self.batches.append(batch)
            self.has_any_well_known = False
            self.sets = []
            self.ends = []
        self.used = self.count = 0

    def _reserve(self, count: int) -> None:
        if self.used + count > len(self._words):
            self.words = array("I")
            self._words.frombytes(bytes(4 * (self.used + count - len(self._words) + 1024)))
            self.words = self._words
