"""What one kernel table holds of propagated routes, and what an order to change it comes to.

`assign` answers which routes are to be written with which hop and which are to go; the caller
writes them and says which ones the kernel refused (`refuse`).

Cost per route: a dict slot of 40 to 80 bytes and the prefix; a `Lead` is shared by all routes of
one entry.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from routeserver.dataplane.kernel.hops import Hop
from routeserver.domain.plan import Tally
from routeserver.domain.routing import Entry
from routeserver.net.prefix import IPV6_BIT, Prefix
from routeserver.netlink.values import AF_INET, AF_INET6


@dataclass(slots=True, eq=False)
class Lead:
    """An entry and the hop that routes with it have in the kernel."""

    entry: Entry
    hop: Hop


LeadOf: TypeAlias = Callable[[Entry, int, "Hop | None"], Lead]
"""Given an entry, an address family and the hop that a route stands with already: one object for
as long as new routes may have it."""


@dataclass(slots=True)
class Writing:
    """What is to be written: the routes of each hop, then those that go."""

    put: dict[Hop, list[Prefix]] = field(default_factory=dict)
    gone: list[Prefix] = field(default_factory=list)
    installed: int = 0
    removed: int = 0
    replaced: int = 0

    @property
    def tally(self) -> Tally:
        return Tally(installed=self.installed, removed=self.removed, replaced=self.replaced)


@dataclass(frozen=True, slots=True)
class _Part:
    """Prefixes of one address family and the numbers of their entries."""

    family: int
    prefixes: Sequence[Prefix]
    numbers: Sequence[int]


def _parts(prefixes: Sequence[Prefix], numbers: Sequence[int]) -> Iterator[_Part]:
    if not prefixes:
        return
    if max(prefixes) < IPV6_BIT:
        yield _Part(AF_INET, prefixes, numbers)
    elif min(prefixes) >= IPV6_BIT:
        yield _Part(AF_INET6, prefixes, numbers)
    else:
        for family, bit in ((AF_INET, 0), (AF_INET6, IPV6_BIT)):
            places = [at for at, prefix in enumerate(prefixes) if prefix & IPV6_BIT == bit]
            own = [prefixes[at] for at in places]
            yield _Part(family, own, [numbers[at] for at in places])


class Written:
    """`found` are routes of an earlier life that nobody has asked for yet, with their hops."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.leads: dict[Prefix, Lead] = {}
        self.found: dict[Prefix, Hop] = {}
        self.refused: dict[Prefix, str] = {}
        self.wanted: dict[Prefix, Entry] = {}
        """The entries of those refused, to be tried again."""
        self.order = asyncio.Lock()
        """Held by whoever writes routes of the table."""
        self.touched: set[Prefix] | None = None
        """Where somebody compares the table with the kernel: what has changed meanwhile."""

    def assign(
        self,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
        lead_of: LeadOf,
    ) -> Writing:
        """Each prefix, given once, shall have the entry with its number."""
        if self.refused:
            for prefix in prefixes:
                if self.refused.pop(prefix, None) is not None:
                    del self.wanted[prefix]
        if self.touched is not None:
            self.touched.update(prefixes)
        writing = Writing()
        for part in _parts(prefixes, numbers):
            leads = self._leads_of(part, entries, lead_of)
            wanted = [leads[number] for number in part.numbers]
            only = wanted[0] if wanted.count(wanted[0]) == len(wanted) else None
            before = list(map(self.leads.get, part.prefixes))
            if only is not None and not self.found and not any(before):
                # All of them new and alike, as when a full table comes in: nothing to compare.
                self._put(writing, only, part.prefixes)
            elif before != wanted or self.found:
                self._compared(writing, part.prefixes, before, wanted)
        return writing

    def _leads_of(
        self, part: _Part, entries: Sequence[Entry | None], lead_of: LeadOf
    ) -> list[Lead | None]:
        standing = self._standing(part.prefixes, part.numbers) if self.found else {}
        leads: list[Lead | None] = [None] * len(entries)
        for number in set(part.numbers):
            entry = entries[number]
            if entry is not None:
                leads[number] = lead_of(entry, part.family, standing.get(number))
        return leads

    def _put(self, writing: Writing, lead: Lead, prefixes: Sequence[Prefix]) -> None:
        writing.put.setdefault(lead.hop, []).extend(prefixes)
        lead.hop.routes += len(prefixes)
        self.leads.update(dict.fromkeys(prefixes, lead))
        writing.installed += len(prefixes)

    def _compared(
        self,
        writing: Writing,
        prefixes: Sequence[Prefix],
        before: Sequence[Lead | None],
        wanted: Sequence[Lead | None],
    ) -> None:
        moves: dict[tuple[Lead, Lead], bool] = {}
        for prefix, old, lead in zip(prefixes, before, wanted, strict=True):
            found = self.found.pop(prefix, None) if self.found else None
            if old is lead and found is None:
                continue
            hop = found if old is None else old.hop
            if hop is not None:
                hop.routes -= 1
            if lead is None:
                if hop is not None:
                    writing.gone.append(prefix)
                writing.removed += self.leads.pop(prefix, None) is not None
                continue
            self.leads[prefix] = lead
            lead.hop.routes += 1
            if hop is not lead.hop:
                writing.put.setdefault(lead.hop, []).append(prefix)
            if old is None:
                writing.installed += 1
                continue
            pair = old, lead
            if pair not in moves:
                moves[pair] = not old.entry.leads_like(lead.entry)
            writing.replaced += moves[pair]

    def _standing(self, prefixes: Sequence[Prefix], numbers: Sequence[int]) -> dict[int, Hop]:
        """The hop that most routes of each number stand with."""
        votes: defaultdict[int, Counter[Hop]] = defaultdict(Counter)
        for prefix, number in zip(prefixes, numbers, strict=True):
            hop = self.found.get(prefix)
            if hop is not None:
                votes[number][hop] += 1
        return {number: counted.most_common(1)[0][0] for number, counted in votes.items()}

    def refuse(self, prefix: Prefix, hop: Hop, reason: str) -> bool:
        """The kernel did not take a route; answers whether that still matters."""
        lead = self.leads.get(prefix)
        if lead is None or lead.hop is not hop:
            return False
        del self.leads[prefix]
        hop.routes -= 1
        self.refused[prefix] = reason
        self.wanted[prefix] = lead.entry
        return True

    def led_by(self, hop: Hop, size: int) -> Iterator[list[Prefix]]:
        """The routes that have a hop, as of now, in slices."""
        own = [prefix for prefix, lead in self.leads.items() if lead.hop is hop]
        for start in range(0, len(own), size):
            yield own[start : start + size]


def told_apart(entries: Sequence[Entry | None]) -> tuple[list[int], list[Entry | None]]:
    """The number of each, and what each number is: the form that `assign` takes."""
    number_of: dict[Entry | None, int] = {}
    numbers = [number_of.setdefault(entry, len(number_of)) for entry in entries]
    return numbers, list(number_of)


class Entries(Mapping[Prefix, Entry]):
    """A table as entries: a live view."""

    __slots__ = ("_leads",)

    def __init__(self, leads: Mapping[Prefix, Lead]) -> None:
        self._leads = leads

    def __getitem__(self, prefix: Prefix) -> Entry:
        return self._leads[prefix].entry

    def __contains__(self, prefix: object) -> bool:
        return prefix in self._leads

    def __iter__(self) -> Iterator[Prefix]:
        return iter(self._leads)

    def __len__(self) -> int:
        return len(self._leads)


class OneReason(Mapping[Prefix, str]):
    """The same for all of many prefixes."""

    __slots__ = ("_prefixes", "_reason")

    def __init__(self, prefixes: Collection[Prefix], reason: str) -> None:
        self._prefixes = prefixes
        self._reason = reason

    def __getitem__(self, prefix: Prefix) -> str:
        if prefix not in self._prefixes:
            raise KeyError(prefix)
        return self._reason

    def __iter__(self) -> Iterator[Prefix]:
        return iter(self._prefixes)

    def __len__(self) -> int:
        return len(self._prefixes)
