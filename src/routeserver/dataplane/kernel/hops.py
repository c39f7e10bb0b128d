"""Next-hop objects as groups: all routes with the same candidates in the same order share one, so
that the loss of a peer is repaired by replacing one object for each order of candidates that begins
with it, however many routes there are.

A hop stands for a chain (the winner of a route and its alternatives) in one address family. It
leads to the first of the chain; when a peer is lost, to the first that is left. From then on no new
route gets it, because its name has become wrong: what is written later, with the truth of each
prefix, gets another one, and a hop that no route has any more is deleted.

A state machine without a kernel: it says which objects are to be written (`changed`), the caller
writes them. Numbers are never used twice in one life of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from routeserver.domain.routing import Alternative, Entry
from routeserver.netd.orders import HERE_NEXTHOPS
from routeserver.netlink.nexthop import NextHop
from routeserver.netlink.route import RTNH_F_ONLINK
from routeserver.netlink.values import Address

Chain: TypeAlias = tuple[Alternative, ...]

FIRST_ID: Final = HERE_NEXTHOPS.start
"""Where the numbers of the objects begin; those below are left to others."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where packets go: an interface and a gateway behind it."""

    interface: int
    gateway: Address


WayTo: TypeAlias = Callable[[int, str], Way | None]
"""Given an address family and the id of a network interface or gateway; None where packets for it
have nowhere to go."""

BLACKHOLE: Final[Chain] = ()
"""The chain of what leads nowhere on purpose."""


@dataclass(slots=True, eq=False)
class Hop:
    """`chain` is None for one found in the kernel of which it is not known what it stands for.
    `routes` counts those that have it; `at` is which of the chain it leads to now."""

    id: int
    family: int
    chain: Chain | None
    way: Way | None = None
    at: int = 0
    routes: int = 0
    gone: set[str] = field(default_factory=set)
    """Peers of the chain that were lost."""
    fault: str = ""
    """Why the kernel does not have it."""

    def as_nexthop(self, protocol: int) -> NextHop:
        if self.way is None:
            return NextHop(self.id, blackhole=True, family=self.family, protocol=protocol)
        return NextHop(
            self.id,
            interface=self.way.interface,
            gateway=self.way.gateway,
            family=self.family,
            protocol=protocol,
            flags=RTNH_F_ONLINK,
        )


def chain_of(entry: Entry) -> Chain:
    return (Alternative(entry.peer_id, entry.network_interface_id), *entry.alternatives)


class Hops:
    """Those of one namespace."""

    def __init__(self, way_to: WayTo) -> None:
        self._way_to = way_to
        self._hops: dict[int, Hop] = {}
        self._by_chain: dict[tuple[int, Chain], Hop] = {}
        self._lost: set[str] = set()
        self._next_id = FIRST_ID
        self.changed: list[Hop] = []
        """To be made or replaced in the kernel, in this order, before any route that has one."""

    def __iter__(self) -> Iterator[Hop]:
        return iter(self._hops.values())

    def get(self, hop_id: int) -> Hop | None:
        return self._hops.get(hop_id)

    def avoid(self, ids: Collection[int]) -> None:
        """Numbers that somebody else uses."""
        ours = [number + 1 for number in ids if number in HERE_NEXTHOPS]
        self._next_id = max([self._next_id, *ours])

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def adopt(self, hop_id: int, family: int, way: Way | None) -> Hop:
        """One that an earlier life has left in the kernel."""
        hop = self._hops[hop_id] = Hop(hop_id, family, None, way)
        self.avoid([hop_id])
        return hop

    def of(self, family: int, chain: Chain, standing: Hop | None = None) -> Hop:
        """The hop of a chain. `standing` is the one that a route of the chain has in the kernel
        from an earlier life: the chain takes it over if it leads there and stands for nothing yet.
        """
        hop = self._by_chain.get((family, chain))
        if hop is not None:
            return hop
        at = next((n for n, each in enumerate(chain) if each.peer_id not in self._lost), 0)
        way = self._way_to(family, chain[at].network_interface_id) if chain else None
        gone = {each.peer_id for each in chain} & self._lost
        if standing is not None and standing.chain is None and standing.way == way:
            hop = standing
            hop.chain, hop.at, hop.gone = chain, at, gone
        else:
            hop = Hop(self.next_id(), family, chain, way, at, gone=gone)
            self._hops[hop.id] = hop
            self.changed.append(hop)
        self._by_chain[family, chain] = hop
        return hop

    def is_current(self, hop: Hop) -> bool:
        """Routes written now may have it."""
        return hop.chain is not None and self._by_chain.get((hop.family, hop.chain)) is hop

    # --- what happens -----------------------------------------------------------------------------

    def lose(self, peer_id: str) -> None:
        self._lost.add(peer_id)
        for hop in self._hops.values():
            if hop.chain is None or all(each.peer_id != peer_id for each in hop.chain):
                continue
            hop.gone.add(peer_id)
            self._retire(hop)
            if hop.chain[hop.at].peer_id in hop.gone:
                self._lead(hop, self._first_left(hop))

    def bring_back(self, peer_id: str) -> None:
        if peer_id in self._lost:
            self._lost.discard(peer_id)
            for hop in self._hops.values():
                if peer_id in hop.gone:
                    self._retire(hop)

    def _retire(self, hop: Hop) -> None:
        if hop.chain is not None and self._by_chain.get((hop.family, hop.chain)) is hop:
            del self._by_chain[hop.family, hop.chain]

    def relocate(self) -> None:
        """Interfaces have come, gone or moved: every hop leads where its target is now."""
        for hop in self._hops.values():
            if hop.chain is not None:
                self._lead(hop, hop.at)

    def _first_left(self, hop: Hop) -> int:
        """What was never lost comes first; then what is back, though it may not have the routes
        again. Of several losses at once nothing may be left: then it stays."""
        chain = hop.chain or BLACKHOLE
        for gone in (hop.gone, self._lost):
            for at, each in enumerate(chain):
                if each.peer_id not in gone:
                    return at
        return hop.at

    def _lead(self, hop: Hop, at: int) -> None:
        hop.at = at
        way = None
        if hop.chain:
            way = self._way_to(hop.family, hop.chain[at].network_interface_id)
        if way != hop.way:
            hop.way = way
            self.changed.append(hop)

    # --- what is not needed any more --------------------------------------------------------------

    def unused(self) -> list[Hop]:
        """Those that no route has; they are forgotten, and the caller deletes them."""
        found = [hop for hop in self._hops.values() if hop.routes == 0]
        for hop in found:
            del self._hops[hop.id]
            self._retire(hop)
        return found
