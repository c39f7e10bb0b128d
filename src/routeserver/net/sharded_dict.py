"""A dict that grows in small steps: for a million routes in a process that must not pause.

A plain dict of a million entries moves all of them when it is full, and frees all of them when it
is cleared: 50 to 100 ms in which nothing else happens. This one is 256 dicts. Their shares of the
keys differ evenly by up to a factor of two, because a dict doubles when it is full: so they grow
one after the other and never together, whatever the order of the keys.

Cost per entry: that of a dict, 40 to 80 bytes; per look-up, some 0.2 µs more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from itertools import chain
from typing import Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")

SHARDS: Final = 256
_SLOTS_LOG: Final = 14
_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # Fibonacci hashing: the hash of a prefix is the prefix
_WORD: Final = (1 << 64) - 1


def _owners() -> bytes:
    """The shard of each slot of the hash; shard i owns a share of 2 ** (i / 256)."""
    shares = [2.0 ** (shard / SHARDS) for shard in range(SHARDS)]
    slots = 1 << _SLOTS_LOG
    out = bytearray()
    reached = 0.0
    for shard, share in enumerate(shares):
        reached += share * slots / sum(shares)
        out += bytes([shard]) * (round(reached) - len(out))
    return bytes(out)


_OWNER: Final = _owners()


class ShardedDict(MutableMapping[K, V]):
    """Keeps no order. As with a dict, do not change it while you iterate."""

    __slots__ = ("_count", "_shards")

    def __init__(self) -> None:
        self._shards: list[dict[K, V]] = [{} for _ in range(SHARDS)]
        self._count = 0

    def _of(self, key: object) -> dict[K, V]:
        return self._shards[_OWNER[(hash(key) * _MULTIPLIER & _WORD) >> 64 - _SLOTS_LOG]]

    def __getitem__(self, key: K) -> V:
        return self._of(key)[key]

    def get(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override]
        return self._of(key).get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._of(key)

    def __setitem__(self, key: K, value: V) -> None:
        shard = self._of(key)
        before = len(shard)
        shard[key] = value
        self._count += len(shard) - before

    def __delitem__(self, key: K) -> None:
        del self._of(key)[key]
        self._count -= 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._shards)

    def lasting_keys(self) -> Iterator[K]:
        """The keys, for who lets the table change on the way: one that stays is met once."""
        return chain.from_iterable(map(list, self._shards))

    def clear(self) -> None:
        for _ in self.clearing():
            pass

    def clearing(self) -> Iterator[None]:
        """Clear it piece by piece, with others between two steps; what comes meanwhile may stay."""
        for shard in self._shards:
            self._count -= len(shard)
            shard.clear()
            yield


class ShardedView(Mapping[K, V]):
    """One that nobody changes through it."""

    __slots__ = ("_table",)

    def __init__(self, table: ShardedDict[K, V]) -> None:
        self._table = table

    def get(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override]
        return self._table.get(key, default)

    def __getitem__(self, key: K) -> V:
        return self._table[key]

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def __iter__(self) -> Iterator[K]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def lasting_keys(self) -> Iterator[K]:
        return self._table.lasting_keys()


def lasting_keys(table: Mapping[K, V]) -> Iterator[K]:
    """The keys of a table that may change on the way; those of a plain dict are copied at once."""
    if isinstance(table, ShardedDict | ShardedView):
        return table.lasting_keys()
    return iter(list(table))
