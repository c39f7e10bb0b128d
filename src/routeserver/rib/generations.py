"""Whose routes are whose: the peers of a RIB and the generations of what they sent.

A session begins a generation, and so does an enhanced route refresh of one family. Holding,
sweeping and dropping routes is a change of a generation's state here and never touches a route: the
tables find out when they are scanned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from routeserver.rib.path import Source
from routeserver.rib.paths import LIVE, STALE, VOID, Paths

FAMILIES = (0, 1)

MOST_GENERATIONS = 64
"""Of one peer: one for each refresh whose old routes are not taken away yet."""


@dataclass(slots=True)
class RibPeer:
    """`current` is the generation that routes of each family join; None without a session.
    `discarded` counts advertisements over the limit since the session came up.
    """

    number: int
    source: Source
    limit: int | None
    generations: list[int] = field(default_factory=list)
    current: list[int] | None = None
    refreshing: set[int] = field(default_factory=set)
    discarded: int = 0


class Generations:
    def __init__(self, paths: Paths, max_routes_per_peer: int | None) -> None:
        self._paths = paths
        self._limit = max_routes_per_peer
        self.peers: dict[str, RibPeer] = {}
        self._numbers = 0
        self._sources: list[Source | None] = [None]
        self._orders = [0]
        self._free: list[int] = []

    # --- what happened ----------------------------------------------------------------------------

    def begin_session(self, source: Source) -> bool:
        """What an earlier session of the peer still has live is void (RFC 4271 §8.2.2); answers
        whether there was any.
        """
        peer = self.peers.get(source.peer_id)
        voided = False
        if peer is None:
            self._numbers += 1
            peer = self.peers[source.peer_id] = RibPeer(self._numbers, source, self._limit)
        else:
            voided = self._turn(peer, FAMILIES, LIVE, VOID)
        peer.source = source
        peer.discarded = 0
        peer.refreshing.clear()
        peer.current = [self._begin(peer)] * len(FAMILIES)
        return voided

    def begin_refresh(self, peer: RibPeer, family: int) -> None:
        """Deviation: RFC 7313 §4 takes everything as stale again when a refresh begins while one is
        under way; here that changes nothing, and what has come since the first counts as sent
        again. Nor does it when too many of the peer's refreshes wait for the tables. So a peer
        cannot make generations without end.
        """
        if peer.current is not None and family not in peer.refreshing:
            if len(peer.generations) >= MOST_GENERATIONS:
                self._collect(peer)
                if len(peer.generations) >= MOST_GENERATIONS:
                    return
            peer.refreshing.add(family)
            peer.current = list(peer.current)
            peer.current[family] = self._begin(peer)

    def end_refresh(self, peer: RibPeer, family: int) -> bool:
        """What the peer has not sent again is void."""
        if peer.current is None or family not in peer.refreshing:
            return False
        peer.refreshing.discard(family)
        voided = False
        for number in peer.generations:
            if number != peer.current[family] and self._state(number, family) == LIVE:
                voided |= self._set(number, family, VOID)
        return voided

    def hold(self, peer: RibPeer) -> None:
        peer.current = None
        self._turn(peer, FAMILIES, LIVE, STALE)

    def sweep(self, peer: RibPeer, families: Sequence[int]) -> bool:
        return self._turn(peer, families, STALE, VOID)

    def drop(self, peer: RibPeer) -> bool:
        peer.current = None
        live = self._turn(peer, FAMILIES, LIVE, VOID)
        return self._turn(peer, FAMILIES, STALE, VOID) or live

    def demote(self, peer: RibPeer) -> Iterator[int]:
        """The generations that lose against every other path from now on."""
        for number in peer.generations:
            if any(self._state(number, family) == STALE for family in FAMILIES):
                self._paths.set_penalty(number, 1)
                yield number

    def collect(self) -> None:
        """Forget generations that nothing refers to and peers without generations."""
        for peer_id, peer in list(self.peers.items()):
            self._collect(peer)
            if not peer.generations:
                del self.peers[peer_id]

    def _collect(self, peer: RibPeer) -> None:
        kept = []
        for number in peer.generations:
            is_current = peer.current is not None and number in peer.current
            if is_current or not self._paths.is_empty(number):
                kept.append(number)
            else:
                self._sources[number] = None
                self._free.append(number)
        peer.generations = kept

    # --- what there is ----------------------------------------------------------------------------

    def source_of(self, path: int) -> Source:
        source = self._sources[self._paths.generation_of(path)]
        assert source is not None  # noqa: S101 - a generation with paths is not collected
        return source

    def count(self, peer: RibPeer, state: int) -> int:
        return sum(
            self._paths.count(number, family)
            for number in peer.generations
            for family in FAMILIES
            if self._state(number, family) == state
        )

    def octets(self, peer: RibPeer) -> int:
        return sum(self._paths.octets_of(number) for number in peer.generations)

    def rejected(self, peer: RibPeer) -> int:
        return sum(self._paths.rejected(number) for number in peer.generations)

    # --- inside -----------------------------------------------------------------------------------

    def _begin(self, peer: RibPeer) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number = len(self._sources)
            self._sources.append(None)
            self._orders.append(0)
        self._sources[number] = peer.source
        self._paths.add_generation(number, peer.number)
        for other in peer.generations:
            if self._sources[other] is peer.source:
                # A refresh within a session: it stands where the session stands.
                self._set_order(number, self._orders[other])
                break
        else:
            self._put_in_order()
        peer.generations.append(number)
        return number

    def _put_in_order(self) -> None:
        """Steps 5 to 7 of the decision as one number a generation."""
        known = [(s.router_id, s.address, s.peer_id, n) for n, s in self._named()]
        for order, (_, _, _, number) in enumerate(sorted(known)):
            self._set_order(number, order)

    def _set_order(self, number: int, order: int) -> None:
        self._orders[number] = order
        self._paths.set_order(number, order)

    def _named(self) -> Iterator[tuple[int, Source]]:
        for number, source in enumerate(self._sources):
            if source is not None:
                yield number, source

    def _turn(self, peer: RibPeer, families: Sequence[int], state: int, into: int) -> bool:
        turned = False
        for number in peer.generations:
            for family in families:
                if self._state(number, family) == state:
                    turned |= self._set(number, family, into)
        return turned

    def _state(self, number: int, family: int) -> int:
        return self._paths.state_of_generation(number, family)

    def _set(self, number: int, family: int, state: int) -> bool:
        """Answers whether any route is concerned."""
        self._paths.set_state(number, family, state)
        return self._paths.count(number, family) > 0
