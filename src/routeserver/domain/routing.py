"""From best paths to the entries a route table should have, with a reason for every path that gets
none.

A FIB prefix becomes an entry when nothing better owns the destination (a local or static route),
its next hop belongs to a network interface of the VPC, no other route server offers a better path
for it, and the table has room. Nothing here knows a RIB: a best path is whatever has a source,
attributes and a comparable key. Nothing is remembered either: `desired` is a function of its
arguments, and `revise` carries verdicts forward over the prefixes that changed.

Cost per installed route: a dict slot of 40 to 80 bytes; the prefix is shared with the FIB and the
entry with all the prefixes of the same path. Cost per rejected route: the same and a tuple of 56
bytes; the sentence is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol, TypeAlias

from routeserver.net.prefix import Prefix

NextHop: TypeAlias = IPv4Address | IPv6Address
InterfaceOf: TypeAlias = Callable[[NextHop], str | None]
"""The network interface of the table's VPC that owns an address."""


class PathSource(Protocol):
    @property
    def peer_id(self) -> str: ...
    @property
    def endpoint_id(self) -> str: ...


class BestPath(Protocol):
    """One object stands for many prefixes; it is told apart by its hash, so identity is enough."""

    @property
    def source(self) -> PathSource: ...
    @property
    def next_hop(self) -> NextHop: ...
    @property
    def key(self) -> tuple[bool, int, int, int, str]: ...


Fibs: TypeAlias = Mapping[str, Mapping[Prefix, BestPath]]
"""The FIB of each route server, by its id."""

Offer: TypeAlias = tuple[str, BestPath]
"""A route server's id and a path of it."""

OthersOf: TypeAlias = Callable[[str, Prefix], Sequence[BestPath]]
"""The usable paths of a route server to a prefix that are not its best one, best first."""

MAX_ALTERNATIVES: Final = 8


@dataclass(frozen=True, slots=True)
class Alternative:
    """Whose path would be taken if those before it were gone, and the interface it leads to."""

    peer_id: str
    network_interface_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A propagated route of a table; `next_hop` is the address that was resolved, in text.

    `alternatives` are the next candidates in the order of the decision, as far as the first that
    leads to another interface; empty for a data plane that does not ask for them.
    """

    network_interface_id: str
    next_hop: str
    route_server_id: str
    peer_id: str
    alternatives: tuple[Alternative, ...] = ()

    def leads_like(self, other: Entry) -> bool:
        """The two are the same route, whatever would be taken without it."""
        return self == other or (
            self.peer_id == other.peer_id
            and self.network_interface_id == other.network_interface_id
            and self.next_hop == other.next_hop
            and self.route_server_id == other.route_server_id
        )


@dataclass(frozen=True, slots=True)
class TableIntent:
    """What is asked of one table. `occupied` gives, for each destination that a propagated route
    loses, why.
    """

    route_table_id: str
    vpc_id: str
    occupied: Mapping[Prefix, str]
    route_server_ids: tuple[str, ...]
    max_propagated: int | None = None


@dataclass(slots=True)
class Verdicts:
    """A prefix that is neither an entry nor rejected has no path. `waiting` are those that only
    lack room.
    """

    entries: dict[Prefix, Entry] = field(default_factory=dict)
    rejected: dict[tuple[str, Prefix], str] = field(default_factory=dict)
    waiting: set[Prefix] = field(default_factory=set)


def desired(
    intent: TableIntent,
    prefixes: Iterable[Prefix],
    fibs: Fibs,
    interface_of: InterfaceOf,
    installed: Mapping[Prefix, Entry],
    *,
    others_of: OthersOf | None = None,
) -> Verdicts:
    """The verdicts on `prefixes` alone, each given once; `installed` is what the whole table holds.

    A table that is full keeps what it has; room is given to newcomers in prefix order. Entries have
    alternatives where `others_of` is given.
    """
    tables = [(rs_id, fibs[rs_id]) for rs_id in intent.route_server_ids if rs_id in fibs]
    resolve = Resolver(intent.vpc_id, interface_of)
    verdicts = Verdicts()
    newcomers: dict[Prefix, Entry] = {}
    others = len(installed)
    for prefix in prefixes:
        if prefix in installed:
            others -= 1
        offers = [(rs_id, path) for rs_id, fib in tables if (path := fib.get(prefix)) is not None]
        if offers:
            entry = _choose(intent, prefix, offers, resolve, verdicts.rejected)
            if entry is not None:
                if others_of is not None:
                    entry = _with_alternatives(entry, prefix, offers, resolve, others_of)
                (verdicts.entries if prefix in installed else newcomers)[prefix] = entry
    _admit(intent, newcomers, others + len(verdicts.entries), verdicts)
    return verdicts


class Resolver:
    """Paths to entries: each distinct path is made an entry once, each distinct next hop asked for
    once.
    """

    def __init__(self, vpc_id: str, interface_of: InterfaceOf) -> None:
        self._vpc_id = vpc_id
        self._interface_of = interface_of
        self._entries: dict[tuple[str, BestPath], Entry | str] = {}
        self._interfaces: dict[NextHop, str | None] = {}

    def __call__(self, rs_id: str, path: BestPath) -> Entry | str:
        """The entry, or the reason there is none."""
        found = self._entries.get((rs_id, path))
        if found is None:
            found = self.entry(rs_id, path.source.peer_id, path.next_hop)
            self._entries[rs_id, path] = found
        return found

    def entry(self, rs_id: str, peer_id: str, next_hop: NextHop) -> Entry | str:
        """The same, without a path."""
        address = _unmapped(next_hop)
        if address not in self._interfaces:
            self._interfaces[address] = self._interface_of(address)
        interface = self._interfaces[address]
        if interface is None:
            return f"The next hop {address} belongs to no network interface in {self._vpc_id}."
        return Entry(interface, str(address), rs_id, peer_id)


def followed(entry: Entry, others: Iterable[Entry | str]) -> Entry:
    """The entry with its alternatives; `others` are what the other paths come to, best first."""
    chain: list[Alternative] = []
    for other in others:
        if isinstance(other, str):
            continue
        chain.append(Alternative(other.peer_id, other.network_interface_id))
        if (
            other.network_interface_id != entry.network_interface_id
            or len(chain) == MAX_ALTERNATIVES
        ):
            break
    return replace(entry, alternatives=tuple(chain)) if chain else entry


def _choose(
    intent: TableIntent,
    prefix: Prefix,
    offers: list[Offer],
    resolve: Resolver,
    rejected: dict[tuple[str, Prefix], str],
) -> Entry | None:
    """The entry of the best offer that can be installed at all; the others are rejected."""
    occupied = intent.occupied.get(prefix)
    if occupied is not None:
        for rs_id, _ in offers:
            rejected[rs_id, prefix] = occupied
        return None
    # Most destinations have one offer; with several, the first to resolve wins (RFC 4271 §9.1.2.1:
    # a path whose next hop cannot be resolved is no candidate).
    if len(offers) > 1:
        offers.sort(key=lambda offer: (offer[1].key, offer[0]))
    winner: Entry | None = None
    for rs_id, path in offers:
        outcome = resolve(rs_id, path)
        if isinstance(outcome, str):
            rejected[rs_id, prefix] = outcome
        elif winner is None:
            winner = outcome
        else:
            rejected[rs_id, prefix] = (
                f"Route server {winner.route_server_id} has the better path to this destination."
            )
    return winner


def _with_alternatives(
    entry: Entry, prefix: Prefix, offers: list[Offer], resolve: Resolver, others_of: OthersOf
) -> Entry:
    others = [(rs_id, path) for rs_id, _ in offers for path in others_of(rs_id, prefix)]
    if len(offers) > 1:
        others += [offer for offer in offers if resolve(*offer) != entry]
        others.sort(key=lambda offer: (offer[1].key, offer[0]))
    return followed(entry, (resolve(*offer) for offer in others))


def _admit(
    intent: TableIntent, newcomers: dict[Prefix, Entry], taken: int, verdicts: Verdicts
) -> None:
    limit = intent.max_propagated
    if limit is None or taken + len(newcomers) <= limit:
        verdicts.entries.update(newcomers)
        return
    for prefix in nsmallest(max(0, limit - taken), newcomers):
        verdicts.entries[prefix] = newcomers.pop(prefix)
    reason = f"The route table already has its maximum of {limit} propagated routes."
    for prefix, entry in newcomers.items():
        verdicts.rejected[entry.route_server_id, prefix] = reason
    verdicts.waiting.update(newcomers)


def _unmapped(next_hop: NextHop) -> NextHop:
    """``::ffff:a.b.c.d`` is the IPv4 address it carries (RFC 4291 §2.5.5.2)."""
    if isinstance(next_hop, IPv6Address) and next_hop.ipv4_mapped is not None:
        return next_hop.ipv4_mapped
    return next_hop
