"""Columns of numbers that grow where they are, for the tables of a RIB.

Compiled, a column is anonymous memory of its own: it doubles by moving pages and no octet, what was
never written takes no room, and from some megabytes on the kernel is asked for large pages, which a
million prefixes are found through with fewer misses. Interpreted, it is an `array`, which Python
reads and writes sooner, and which grows by an eighth.

A column does not grow while there is a view of it: the owner gives its views back before.
"""

from __future__ import annotations

import mmap
from array import array
from typing import Final, Literal, Protocol, TypeAlias

_PAGE: Final = mmap.PAGESIZE
_LARGE: Final = 4 << 20
"""Octets from which large pages are asked for: small tables must not take two megabytes each."""

Typecode = Literal["I", "Q"]
"""32 or 64 bits, none of them a sign."""

Numbers: TypeAlias = "array[int] | memoryview[int]"


class Column(Protocol):
    """All that was not written yet is 0."""

    def __len__(self) -> int:
        """How many numbers there is room for."""

    def resize(self, count: int) -> None:
        """Room for at least so many. Raises BufferError while there is a view."""

    def view(self) -> Numbers:
        """To read and write numbers by index."""


class ArrayColumn:
    def __init__(self, typecode: Typecode) -> None:
        self._numbers = array(typecode)

    def __len__(self) -> int:
        return len(self._numbers)

    def resize(self, count: int) -> None:
        numbers = self._numbers
        more = max(count - len(numbers), len(numbers) // 8) + 64
        numbers.frombytes(bytes(numbers.itemsize * more))

    def view(self) -> array[int]:
        return self._numbers


class MappedColumn:
    def __init__(self, typecode: Typecode) -> None:
        self._typecode: Typecode = typecode
        self._octets = array(typecode).itemsize
        self._memory = mmap.mmap(-1, _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

    def __len__(self) -> int:
        return len(self._memory) // self._octets

    def resize(self, count: int) -> None:
        size = len(self._memory)
        while size < count * self._octets:
            size *= 2
        self._memory.resize(size)
        if size >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
            try:
                self._memory.madvise(mmap.MADV_HUGEPAGE)
            except OSError:
                return  # a kernel without them

    def view(self) -> memoryview[int]:
        return memoryview(self._memory).cast(self._typecode)
