"""Very many prefixes of one table at once: what each of them shall have, found by the choices there
are and not by the prefixes.

It serves tables in which nothing but the FIB of one route server decides (no limit; destinations
that are taken may be few or many), and comes to the same as `domain.routing.desired`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from routeserver.domain.routing import Entry, InterfaceOf, Resolver, TableIntent, followed
from routeserver.net.prefix import IPV6_BIT, Family, Prefix
from routeserver.net.route_batch import prefixes_of, to_words, words_a_prefix
from routeserver.rib.fib import Fib
from routeserver.rib.path import Path


@dataclass(slots=True)
class Assignment:
    """Each prefix shall have the entry with its number; `rejected` says why it has none where there
    is a path."""

    prefixes: Sequence[Prefix]
    numbers: list[int]
    entries: list[Entry | None] = field(default_factory=list)
    rejected: dict[Prefix, str] = field(default_factory=dict)


def is_plain(intent: TableIntent, fibs: Mapping[str, Mapping[Prefix, Path]]) -> Fib | None:
    """The one FIB that decides what the table holds, if it is so."""
    if intent.max_propagated is not None or len(intent.route_server_ids) != 1:
        return None
    fib = fibs.get(intent.route_server_ids[0])
    return fib if isinstance(fib, Fib) else None


def assignment(
    intent: TableIntent,
    fib: Fib,
    words: tuple[Family, array[int], int, int],
    interface_of: InterfaceOf,
    *,
    with_alternatives: bool,
) -> Assignment:
    """`words` are a family, an array of words, and which of the prefixes in it are meant."""
    [server_id] = intent.route_server_ids
    prefixes = prefixes_of(*words)
    numbers, choices = fib.choices(*words, whole=with_alternatives)
    resolve = Resolver(intent.vpc_id, interface_of)
    made = Assignment(prefixes, numbers)
    reasons: dict[int, str] = {}
    for number, ways in enumerate(choices):
        outcomes = [resolve.entry(server_id, source.peer_id, hop) for source, hop in ways]
        best = outcomes[0] if outcomes else None
        if isinstance(best, str):
            reasons[number] = best
            best = None
        made.entries.append(None if best is None else followed(best, outcomes[1:]))
    occupied = intent.occupied
    if not occupied.keys().isdisjoint(prefixes):
        for place, prefix in enumerate(prefixes):
            if numbers[place] and prefix in occupied:
                numbers[place] = 0
                made.rejected[prefix] = occupied[prefix]
    if reasons:
        for place, number in enumerate(numbers):
            if number in reasons:
                made.rejected[prefixes[place]] = reasons[number]
    return made


def in_words(prefixes: Iterable[Prefix]) -> Iterator[tuple[Family, array[int], int, int]]:
    """Prefixes of any family as words, the families apart."""
    parts: dict[Family, array[int]] = {}
    for prefix in prefixes:
        family = Family.IPV6 if prefix & IPV6_BIT else Family.IPV4
        if family not in parts:
            parts[family] = array("I")
        parts[family].extend(to_words(prefix))
    for family, words in parts.items():
        yield family, words, 0, len(words) // words_a_prefix(family)


def sliced(
    parts: Iterable[tuple[Family, array[int]]], size: int
) -> Iterator[tuple[Family, array[int], int, int]]:
    for family, words in parts:
        count = len(words) // words_a_prefix(family)
        for start in range(0, count, size):
            yield family, words, start, min(start + size, count)
