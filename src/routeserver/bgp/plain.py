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

from routeserver.bgp import nlri_patterns
from routeserver.bgp.plain_list import PlainList
from routeserver.net.attribute_set import AttributeCodec, AttributeSet, plain_set
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

MP_REACH = 14
MP_UNREACH = 15
FIRST_MULTICAST = 0xE0000000


class SetTable(AttributeCodec, Protocol):
    """What a session knows about attribute lists; both dicts are read directly. Apart, because a
    list that is around the routes of MP_REACH_NLRI may have the octets of one that is around none.
    """

    plain: dict[bytes, AttributeSet]
    plain_mp: dict[bytes, AttributeSet]

    def note_plain(self, lists: int, octets: int) -> None:
        """So many lists, of so many octets together, were added."""

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
        self.judge = PlainList(table, local_asn, peer_asn)
        self.ipv4 = Family.IPV4 in families
        self.ipv6 = Family.IPV6 in families
        self.max_octets = 4096
        self.batches: list[RouteBatch] = []
        self.sets: list[AttributeSet | None] = []
        self.ends: list[int] = []
        self.is_ipv6 = False
        self.is_compiled = IS_COMPILED
        self.used = 0
        self.count = 0
        self.found: list[bytes] = []
        """Encoded prefixes behind the words."""
        self.reach = b"-"
        """The last MP_REACH_NLRI up to its routes, and what it is called in `plain_mp`."""
        self.reach_alone = b""
        self.has_any_well_known = False
        """Any list of the batch."""
        self.added_lists = 0
        self.added_octets = 0
        """Of lists that `table` has not been told of."""
        self.octets = b""
        """What is being read; good while `read` runs."""
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
            closed, runs, count = len(self.batches), len(self.sets), self.count
            if not self._take_update(data, position + 19, position + length):
                self._undo(closed, runs, count)
                break
            position += length
        if self.added_lists:
            self._table.note_plain(self.added_lists, self.added_octets)
            self.added_lists = self.added_octets = 0
        return position

    def add(self, attribute_set: AttributeSet | None, prefixes: Sequence[Prefix]) -> None:
        """Routes that were decoded elsewhere; None withdraws them."""
        for prefix in prefixes:
            self._turn_to(prefix >= IPV6_BIT)
            self._spell_out()
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
        raw = self.octets[first:nlri]
        attribute_set = self.plain.get(raw)
        if attribute_set is None:
            attribute_set = self._make(raw, False)
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
            self.reach = self.octets[value:nlri]
            self.reach_alone = (MP_REACH_16 if hops == 16 else MP_REACH_32) + self.reach
        raw = self.reach_alone + self.octets[stop:end]
        if at > first:
            raw = self.octets[first:at] + raw
        attribute_set = self.plain_mp.get(raw)
        if attribute_set is None:
            attribute_set = self._make(raw, True)
            if attribute_set is None:
                return False
        self._turn_to(True)
        if not self._take_ipv6(nlri, stop):
            return False
        self._end_run(attribute_set)
        return True

    def _make(self, raw: bytes, mp: bool) -> AttributeSet | None:
        """A list that was not met before: its set if it is plain."""
        judge = self.judge
        if not judge.is_plain(raw, mp):
            return None
        made = plain_set(raw, judge.rank_high, judge.rank_low, self._table, judge.has_well_known)
        self.added_lists += 1
        self.added_octets += len(raw)
        if mp:
            self.plain_mp[raw] = made
        else:
            self.plain[raw] = made
        return made

    # --- prefixes ---------------------------------------------------------------------------------

    def _take_ipv4(self, at: int, end: int) -> bool:
        if not self.is_compiled and self._find(at, end):
            return True
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
        if not self.is_compiled and self._find(at, end):
            return True
        self._reserve(5 * (end - at))
        octets, words, used = self.octets, self.words, self.used
        while at < end:
            length = octets[at]
            size = (length + 7) >> 3
            if length > 128 or at + 1 + size > end:
                return False
            if length >= 8 and octets[at + 1] == 0xFF:
                return False
            if length <= 64:
                # Nearly all: in one number.
                upper = 0
                for i in range(at + 1, at + 1 + size):
                    upper = upper << 8 | octets[i]
                if length > 0:
                    upper = upper >> (8 * size - length) << (64 - length)
                words[used] = upper >> 32
                words[used + 1] = upper & 0xFFFFFFFF
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

    def _find(self, at: int, end: int) -> bool:
        """Interpreted, a pattern does it if they are as usual."""
        found = nlri_patterns.entries(self.octets, at, end, is_ipv6=self.is_ipv6)
        if found is None:
            self._spell_out()
            return False
        self.found += found
        self.count += len(found)
        return True

    def _spell_out(self) -> None:
        """The words of what a pattern found."""
        if self.found:
            words = nlri_patterns.words_of(self.found, is_ipv6=self.is_ipv6)
            self.found = []
            self._reserve(len(words))
            self._words[self.used : self.used + len(words)] = words
            self.used += len(words)

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

    def _undo(self, closed: int, runs: int, count: int) -> None:
        """Back to where an UPDATE began that turned out not to be plain. It may have begun a run,
        lengthened the last one or, with the other family, closed a batch.
        """
        if len(self.batches) != closed:
            runs = count = 0
        del self.sets[runs:]
        del self.ends[runs:]
        if runs:
            self.ends[runs - 1] = count
        self.count = count
        width = 5 if self.is_ipv6 else 2
        self.used = min(self.used, width * count)
        del self.found[count - self.used // width :]

    def _flush(self) -> None:
        if self.ends:
            self._spell_out()
            family = Family.IPV6 if self.is_ipv6 else Family.IPV4
            batch = RouteBatch(family, self._words[: self.used], self.sets, self.ends)
            batch.may_have_well_known = self.has_any_well_known
            self.batches.append(batch)
            self.has_any_well_known = False
            self.sets = []
            self.ends = []
        self.used = self.count = 0
        self.found = []

    def _reserve(self, count: int) -> None:
        if self.used + count > len(self._words):
            self.words = array("I")
            self._words.frombytes(bytes(4 * (self.used + count - len(self._words) + 1024)))
            self.words = self._words
