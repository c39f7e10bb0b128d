"""What one kernel table holds of propagated routes, and what an order to change it comes to.

`assign` answers which routes are to be written with which hop and which are to go; the caller
writes them and says which ones the kernel refused (`refuse`).

Cost per route: a dict slot of 40 to 80 bytes and the prefix; a `Lead` is shared by all routes of
one entry.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    tally: Tally = field(default_factory=lambda: Tally(installed=0, removed=0, replaced=0))


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
        if not prefixes:
            return writing
        if max(prefixes) < IPV6_BIT:
            self._assign(AF_INET, prefixes, numbers, entries, lead_of, writing)
        elif min(prefixes) >= IPV6_BIT:
            self._assign(AF_INET6, prefixes, numbers, entries, lead_of, writing)
        else:
            for family, bit in ((AF_INET, 0), (AF_INET6, IPV6_BIT)):
                places = [at for at, prefix in enumerate(prefixes) if prefix & IPV6_BIT == bit]
                own = [prefixes[at] for at in places]
                theirs = [numbers[at] for at in places]
                self._assign(family, own, theirs, entries, lead_of, writing)
        return writing

    def _assign(
        self,
        family: int,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
        lead_of: LeadOf,
        writing: Writing,
    ) -> None:
        leads = self.leads
        standing = self._standing(prefixes, numbers) if self.found else {}
        new: list[Lead | None] = [None] * len(entries)
        for number in set(numbers):
            entry = entries[number]
            if entry is not None:
                new[number] = lead_of(entry, family, standing.get(number))
        wanted = [new[number] for number in numbers]
        before = list(map(leads.get, prefixes))
        if before == wanted and not self.found:
            return
        installed = replaced = removed = 0
        put: defaultdict[Hop, list[Prefix]] = defaultdict(list)
        only = wanted[0]
        if only is not None and not self.found and not any(before) and len(set(numbers)) == 1:
            # All of them new and alike, as when a full table comes in: nothing to compare.
            installed = len(prefixes)
            put[only.hop] = list(prefixes)
            leads.update(dict.fromkeys(prefixes, only))
        else:
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
                    if old is not None:
                        del leads[prefix]
                        removed += 1
                    continue
                leads[prefix] = lead
                if hop is not lead.hop:
                    put[lead.hop].append(prefix)
                else:
                    hop.routes += 1
                if old is None:
                    installed += 1
                elif not old.entry.leads_like(lead.entry):
                    replaced += 1
        for hop, own in put.items():
            hop.routes += len(own)
        writing.put.update(put)
        was = writing.tally
        writing.tally = Tally(
            installed=was.installed + installed,
            removed=was.removed + removed,
            replaced=was.replaced + replaced,
        )

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
