"""The prefixes of one family: a record for each, and the hash table that finds it.

A record is some 32-bit words: the address, its length with two flags, and three words that belong
to whoever holds the routes (`prefix_table`). Records come one after the other, so that a table that
arrives in order lies in order.

The hash table is open: eight octets for each place, half of them the hash of the prefix, so that a
search reads no record but the one it finds. It is a quarter to three quarters full. When it gets
too full, another one of twice the size takes its place; what is in the old one moves a few hundred
places at a time, with the batches that come, so that no insertion ever stops to move a table.
The larger table's memory is written to, a few pages with each batch, before the table is needed:
a machine may take milliseconds to find two new megabytes. `prepare` has the places of the next
prefixes fetched while others are entered: the processor does not wait for memory.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``prefix_index.pxd``. Numbers of records start at 1; 0 is none.

Cost of a prefix: a record of 20 octets (IPv6: 32), and 11 to 21 of the hash table; 38 at most while
the larger one is made ready.
"""

from __future__ import annotations

from array import array
from heapq import heappush, heapreplace

from routeserver.net.prefix import IPV6_BIT
from routeserver.rib.columns import ArrayColumn, Column, MappedColumn, Numbers, Typecode
from routeserver.rib.record import CHANGED_AT, LAST_HASH, LENGTH, OTHER_WORDS, PREPARED, UNUSED

IS_COMPILED = not __file__.endswith(".py")
HAS_SLOTS = IS_COMPILED
"""Interpreted, a dict finds records sooner than loops over places do."""

MASK = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF

MOVES_A_PREFIX = 8
FEWEST_MOVES = 64

PAGE_OF_SLOTS = 512
"""Places in the smallest page of memory."""
WARMED_A_PREFIX = 32
"""Places of the next table that are written to ahead of time for each new prefix: twice as many as
are needed between the moment at which that begins and the one at which the table is."""

SAMPLE = 4096
FEWEST_SAMPLED = 16

_NO_WORDS = array("I")
_NO_SLOTS = array("Q")


def new_column(typecode: Typecode) -> Column:
    return MappedColumn(typecode) if IS_COMPILED else ArrayColumn(typecode)


class PrefixIndex:
    """`width` is the words of an address: 1 or 4. `seed` makes the hash unpredictable to those who
    choose the prefixes.
    """

    def __init__(self, width: int, seed: int) -> None:
        self.width = width
        self.stride = width + OTHER_WORDS
        self.multiplier = (seed ^ 0xD6E8FEB86659FD93) & MASK | 1
        self.prefixes = 0
        """How many have a record, with routes or only with a decision to come."""
        self.top = 1
        """The first record never used."""
        self.free_record = 0
        self.is_compiled = IS_COMPILED
        self.has_slots = HAS_SLOTS
        self.by_key: dict[object, int] = {}
        """Where there are no slots: records by prefix."""
        self.bits = 10
        self.shift = 32 - self.bits
        self.mask = (1 << self.bits) - 1
        self.gap = 0
        """Where the prefix belongs that was looked for last and is not there."""
        self.old_shift = 0
        self.old_mask = 0
        self.old_start = 0
        self.moved = 0
        """Places of the old table, from `old_start` on, that are done with."""
        self.is_moving = False
        self.hashes = array("I", bytes(4 * (LAST_HASH + 1)))
        self._records = new_column("I")
        self._slots = new_column("Q")
        self._slots.resize(self.mask + 1)
        self._old_slots = self._slots
        self.records: Numbers = _NO_WORDS
        self.slots = self._slots.view()
        self.old_slots: Numbers = _NO_SLOTS
        self._next_slots: Column | None = None
        self.next_slots: Numbers = _NO_SLOTS
        self.warmed = 0
        """Places of the next table that have memory."""
        self._records.resize(self.stride)
        self.records = self._records.view()

    # --- finding ----------------------------------------------------------------------------------

    def hash_of(self, a: int, b: int, c: int, d: int, length: int) -> int:
        """32 bits; their upper end says where in the table."""
        key = a
        if self.width == 1:
            key = key << 8 | length
        else:
            key = key << 32 | b
            if length > 64:
                key = (key ^ key >> 32) * self.multiplier & MASK
                key ^= key >> 32
                low = c
                key ^= low << 32 | d
            key = (key ^ key >> 29) * self.multiplier & MASK
            key ^= length
        key = key * self.multiplier & MASK
        key ^= key >> 32
        return (key * self.multiplier & MASK) >> 32

    def find(self, a: int, b: int, c: int, d: int, length: int) -> int:
        """The record of the prefix with this address (IPv4: in `a` alone) and length."""
        if not self.has_slots:
            return self.by_key.get(self.key_of(a, b, c, d, length), 0)
        return self.seek(self.hash_of(a, b, c, d, length), a, b, c, d, length)

    def key_of(self, a: int, b: int, c: int, d: int, length: int) -> object:
        """Of `by_key`."""
        if self.width == 1:
            return length << 32 | a
        return array("I", (a, b, c, d, length)).tobytes()

    def seek(self, hashed: int, a: int, b: int, c: int, d: int, length: int) -> int:
        """`find` for who has the hash; `insert` may follow where this found nothing."""
        at = hashed >> self.shift
        slot = self.slots[at]
        while slot:
            if slot >> 32 == hashed:
                record = slot & WORD
                if self.is_record_of(record, a, b, c, d, length):
                    return record
            at = (at + 1) & self.mask
            slot = self.slots[at]
        self.gap = at
        if self.is_moving:
            return self._seek_old(hashed, a, b, c, d, length)
        return 0

    def _seek_old(self, hashed: int, a: int, b: int, c: int, d: int, length: int) -> int:
        at = hashed >> self.old_shift
        if (at - self.old_start) & self.old_mask < self.moved:
            return 0
        slot = self.old_slots[at]
        while slot:
            if slot >> 32 == hashed:
                record = slot & WORD
                if self.is_record_of(record, a, b, c, d, length):
                    return record
            at = (at + 1) & self.old_mask
            slot = self.old_slots[at]
        return 0

    def is_record_of(self, record: int, a: int, b: int, c: int, d: int, length: int) -> bool:
        base = record * self.stride
        if self.width == 1:
            return self.records[base] == a and self.records[base + 1] & LENGTH == length
        return (
            self.records[base] == a
            and self.records[base + 1] == b
            and self.records[base + 2] == c
            and self.records[base + 3] == d
            and self.records[base + 4] & LENGTH == length
        )

    def prepare(self, words: array[int], at: int, end: int) -> int:
        """Hash the next prefixes of a batch, whose words are from `at` to `end`, and have their
        places fetched; answers how far that goes. The hashes of this call and of the one before
        are in `hashes`, by the number in the batch.
        """
        width = self.width
        stop = min(end, at + PREPARED * (width + 1))
        b = c = d = 0
        number = at // (width + 1)
        for i in range(at, stop, width + 1):
            if width == 4:
                b, c, d = words[i + 1], words[i + 2], words[i + 3]
            hashed = self.hash_of(words[i], b, c, d, words[i + width])
            self.hashes[number & LAST_HASH] = hashed
            number += 1
            if self.is_compiled:
                # A macro of the .pxd.
                prefetch_slot(self.slots, hashed >> self.shift)  # type: ignore[name-defined]  # noqa: F821
        return stop

    # --- changing ---------------------------------------------------------------------------------

    def insert(self, hashed: int, a: int, b: int, c: int, d: int, length: int) -> int:
        """A record for what `seek` has just not found, all its other words 0; `reserve` has made
        room for it. Interpreted, `hashed` means nothing.
        """
        width = self.width
        record = self.free_record
        base = record * self.stride
        if record:
            self.free_record = self.records[base + width + CHANGED_AT]
            self.records[base + width + CHANGED_AT] = 0
        else:
            record = self.top
            self.top = record + 1
            base = record * self.stride
        self.records[base] = a
        if width == 4:
            self.records[base + 1] = b
            self.records[base + 2] = c
            self.records[base + 3] = d
        self.records[base + width] = length
        self.prefixes += 1
        if self.has_slots:
            slot = hashed
            self.slots[self.gap] = slot << 32 | record
        else:
            self.by_key[self.key_of(a, b, c, d, length)] = record
        return record

    def remove(self, record: int) -> None:
        """Forget a prefix; its other words are 0 but for the time of its last change."""
        base = record * self.stride
        width = self.width
        b = c = d = 0
        a = self.records[base]
        if width == 4:
            b, c, d = self.records[base + 1], self.records[base + 2], self.records[base + 3]
        length = self.records[base + width] & LENGTH
        if self.has_slots:
            self._vacate(self.hash_of(a, b, c, d, length), record)
        else:
            del self.by_key[self.key_of(a, b, c, d, length)]
        self.records[base + width] = UNUSED
        self.records[base + width + CHANGED_AT] = self.free_record
        self.free_record = record
        self.prefixes -= 1

    def _vacate(self, hashed: int, record: int) -> None:
        wanted = hashed
        wanted = wanted << 32 | record
        at = hashed >> self.shift
        while self.slots[at] and self.slots[at] != wanted:
            at = (at + 1) & self.mask
        if self.slots[at]:
            _close_gap(self.slots, at, self.mask, self.shift)
            return
        at = hashed >> self.old_shift
        while self.old_slots[at] != wanted:
            at = (at + 1) & self.old_mask
        _close_gap(self.old_slots, at, self.old_mask, self.old_shift)

    # --- room -------------------------------------------------------------------------------------

    def reserve(self, count: int) -> None:
        """Room for so many more; views of `records` that somebody has are no longer good after."""
        if (self.top + count) * self.stride > len(self._records):
            self.records = _NO_WORDS
            try:
                self._records.resize((self.top + count) * self.stride)
            finally:
                # Without memory the session that asked for it ends, and the table stays as it is.
                self.records = self._records.view()
        if not self.has_slots:
            return
        if 4 * (self.prefixes + count) > 3 * (self.mask + 1):
            self._move(self.old_mask + 1)
            self._grow(count)
        elif 8 * self.prefixes > 5 * (self.mask + 1):
            self._warm(WARMED_A_PREFIX * count)
        if self.is_moving:
            self._move(MOVES_A_PREFIX * count + FEWEST_MOVES)

    def _warm(self, count: int) -> None:
        """Memory for so many places more of the table that will be needed next."""
        places = 2 * (self.mask + 1)
        if self._next_slots is None:
            self._next_slots = new_column("Q")
            self._next_slots.resize(places)
            self.next_slots = self._next_slots.view()
            self.warmed = 0
        stop = min(places, self.warmed + count)
        while self.warmed < stop:
            self.next_slots[self.warmed] = 0
            self.warmed += PAGE_OF_SLOTS

    def _grow(self, count: int) -> None:
        """A larger table; what is in the present one is to be moved."""
        bits, places = self.bits, self.mask + 1
        while 4 * (self.prefixes + count) > 3 * places:
            bits += 1
            places *= 2
        larger = self._next_slots
        if larger is None or places > len(larger):
            larger = new_column("Q")
            larger.resize(places)
        self._next_slots, self.next_slots = None, _NO_SLOTS
        self.old_slots, self._old_slots = self.slots, self._slots
        self.old_shift, self.old_mask = self.shift, self.mask
        self.slots, self._slots = larger.view(), larger
        self.bits, self.shift, self.mask = bits, 32 - bits, places - 1
        # Behind an empty place, so that what is done with never ends inside a cluster.
        start = 0
        while self.old_slots[start]:
            start += 1
        self.old_start = (start + 1) & self.old_mask
        self.moved = 0
        self.is_moving = True

    def _move(self, count: int) -> None:
        """So many places of the old table, and on to the end of a cluster."""
        if not self.is_moving:
            return
        at = (self.old_start + self.moved) & self.old_mask
        while self.moved <= self.old_mask:
            slot = self.old_slots[at]
            if slot:
                to = slot >> 32 >> self.shift
                while self.slots[to]:
                    to = (to + 1) & self.mask
                self.slots[to] = slot
            elif count <= 0:
                return
            at = (at + 1) & self.old_mask
            self.moved += 1
            count -= 1
        self.is_moving = False
        self.old_slots, self._old_slots = _NO_SLOTS, self._slots

    # --- looking ----------------------------------------------------------------------------------

    def prefix_of(self, record: int) -> int:
        base = record * self.stride
        number = self.records[base]
        for i in range(1, self.width):
            number = number << 32 | self.records[base + i]
        number = number << 8 | self.records[base + self.width] & LENGTH
        return number if self.width == 1 else IPV6_BIT | number

    def next_prefixes(self, last: int, count: int) -> list[int]:
        """The `count` lowest prefixes behind `last`, in order: one look at the whole table and
        memory for the answer alone, whatever order the prefixes came in.
        """
        ceiling = self._ceiling(last, count)
        lowest = self._lowest(last, count, ceiling)
        if len(lowest) < count and ceiling < MASK:
            lowest = self._lowest(last, count, MASK)
        return sorted([-number for number in lowest])

    def _ceiling(self, last: int, count: int) -> int:
        """Below it, going by a sample, are some more than `count` prefixes behind `last`: in a
        table that came in descending order each one would be the lowest so far.
        """
        step = max(1, self.top // SAMPLE)
        floor = self._upper(last)
        sample: list[int] = []
        for record in range(1, self.top, step):
            base = record * self.stride
            upper = self.records[base]
            if self.width == 4:
                upper = upper << 32 | self.records[base + 1]
            if upper >= floor and not self.records[base + self.width] & UNUSED:
                sample.append(upper)
        place = 2 * (count // step) + FEWEST_SAMPLED
        if place >= len(sample):
            return MASK
        sample.sort()
        return sample[place]

    def _lowest(self, last: int, count: int, ceiling: int) -> list[int]:
        """A heap of the negatives: the highest of those found so far is on top. None is sought
        whose upper half is above `ceiling`.
        """
        lowest: list[int] = []
        # The upper half of an address decides nearly always, and needs no long integer.
        floor = self._upper(last)
        for record in range(1, self.top):
            base = record * self.stride
            upper = self.records[base]
            if self.width == 4:
                upper = upper << 32 | self.records[base + 1]
            if upper < floor or upper > ceiling or self.records[base + self.width] & UNUSED:
                continue
            prefix = self.prefix_of(record)
            if prefix <= last:
                continue
            if len(lowest) < count:
                heappush(lowest, -prefix)
            elif prefix < -lowest[0]:
                heapreplace(lowest, -prefix)
            else:
                continue
            if len(lowest) == count:
                ceiling = self._upper(-lowest[0])
        return lowest

    def _upper(self, prefix: int) -> int:
        """The address of an IPv4 prefix, the upper 64 bits of that of an IPv6 one."""
        if self.width == 1:
            return prefix >> 8 if prefix > 0 else 0
        return (prefix ^ IPV6_BIT) >> 72 if prefix & IPV6_BIT else 0


def _close_gap(slots: Numbers, gap: int, mask: int, shift: int) -> None:
    """Empty one place; what stands behind it only because it was taken moves up."""
    at = (gap + 1) & mask
    slot = slots[at]
    while slot:
        home = slot >> 32 >> shift
        if (at - home) & mask >= (at - gap) & mask:
            slots[gap] = slot
            gap = at
        at = (at + 1) & mask
        slot = slots[at]
    slots[gap] = 0
