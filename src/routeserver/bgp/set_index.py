"""The attribute sets of one session by the octets of their lists.

The hash table is open: eight octets for each place, half of them the hash, which is Python's own of
the octets and no peer can foresee. A search reads no set but the one it finds, and where it ends a
new one goes; `prepare` has a place fetched before it is needed, as in a large table each is far
from the last. A removed set leaves its hash behind, until the table is laid out anew.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``set_index.pxd``.

Cost of a set: 19 to 29 octets.
"""

from __future__ import annotations

from array import array

from routeserver.net.attribute_set import AttributeSet

IS_COMPILED = not __file__.endswith(".py")
HAS_SLOTS = IS_COMPILED
"""Interpreted, a dict finds sets sooner than loops over places do."""

WORD = 0xFFFFFFFF
FEWEST_BITS = 6


class SetIndex:
    def __init__(self) -> None:
        self.is_compiled = IS_COMPILED
        self.has_slots = HAS_SLOTS
        self.clear()

    def __len__(self) -> int:
        return self.count if self.has_slots else len(self.by_octets)

    def clear(self) -> None:
        self.by_octets: dict[bytes, AttributeSet] = {}
        """Where there are no slots."""
        self.sets: list[AttributeSet | None] = [None]
        self.freed = array("I")
        """Numbers of `sets` to use again."""
        self.count = 0
        self.filled = 0
        """Places that are not empty: those of sets, and of sets that were removed."""
        self.gap = 0
        """Where the list belongs that was looked for last and is not there."""
        self._lay_out(FEWEST_BITS)

    def find(self, raw: bytes) -> AttributeSet | None:
        if not self.has_slots:
            return self.by_octets.get(raw)
        return self.sets[self.slots[self._seek(raw)] & WORD]

    def add(self, made: AttributeSet) -> None:
        """A set whose octets `find` has just not found."""
        if not self.has_slots:
            self.by_octets[made.raw] = made
            return
        if len(self.freed):
            number = self.freed.pop()
            self.sets[number] = made
        else:
            number = len(self.sets)
            self.sets.append(made)
        slot = self._hash_of(made.raw)
        self.slots[self.gap] = slot << 32 | number
        self.count += 1
        self.filled += 1
        if 4 * self.filled > 3 * (self.mask + 1):
            self._rebuild()

    def remove(self, raw: bytes) -> bool:
        """Whether there was one."""
        if not self.has_slots:
            return self.by_octets.pop(raw, None) is not None
        at = self._seek(raw)
        number = self.slots[at] & WORD
        if number == 0:
            return False
        self.slots[at] ^= number
        self.sets[number] = None
        self.freed.append(number)
        self.count -= 1
        return True

    def prepare(self, raw: bytes) -> None:
        """`find` comes for this one soon."""
        if self.is_compiled:
            # A macro of the .pxd.
            prefetch_slot(self.slots, self._hash_of(raw) >> self.shift)  # type: ignore[name-defined]  # noqa: F821

    # --- inside -----------------------------------------------------------------------------------

    def _hash_of(self, raw: bytes) -> int:
        """32 bits; odd, so that no place with one is empty."""
        return hash(raw) & WORD | 1

    def _seek(self, raw: bytes) -> int:
        """The place of the list, or the empty one where it belongs."""
        hashed = self._hash_of(raw)
        at = hashed >> self.shift
        slot = self.slots[at]
        while slot:
            if slot >> 32 == hashed:
                found = self.sets[slot & WORD]
                if found is not None and found.raw == raw:
                    break
            at = (at + 1) & self.mask
            slot = self.slots[at]
        self.gap = at
        return at

    def _rebuild(self) -> None:
        """Room for as many again, without what was removed."""
        old = self.slots
        bits, places = FEWEST_BITS, 1 << FEWEST_BITS
        while 2 * self.count > places:
            bits += 1
            places *= 2
        self._lay_out(bits)
        self.filled = self.count
        for i in range(len(old)):
            slot = old[i]
            if slot & WORD:
                at = slot >> 32 >> self.shift
                while self.slots[at]:
                    at = (at + 1) & self.mask
                self.slots[at] = slot

    def _lay_out(self, bits: int) -> None:
        """Empty places."""
        self.shift = 32 - bits
        self.mask = (1 << bits) - 1
        self.slots = array("Q", bytes(8 << bits))
