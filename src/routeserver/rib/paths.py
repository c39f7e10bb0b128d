"""The paths of one RIB as numbers: what a route in a table points at, and which of two is better.

A path is an attribute set as one generation of a peer sent it; a generation begins with each
session (and with each enhanced route refresh), so whether a route is fresh, stale or void is never
written beside the route: it follows from the generation of its path. Everything a decision reads is
a column of numbers here. Number 0 is no path and no generation.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``paths.pxd``.

Cost of a path: 28 bytes of columns and its attribute set, shared by all its prefixes.
"""

from __future__ import annotations

from array import array

from routeserver.net.attribute_set import UNUSABLE, AttributeSet

VOID = 0
"""No route of the generation counts; a scan takes them away."""
STALE = 1
"""The session that sent the routes is gone, and they stay."""
LIVE = 2

FAMILIES = 2

_NO_LONG = array("Q")
_NO_WORDS = array("I")
_NO_OCTETS = array("B")


class Paths:
    """Columns by path: `high`, `low` (the rank), `generation`, `uses` (routes and FIB entries that
    refer to it), `sets`. By generation: `peer`, `order` (the tie between peers), `penalty`. By
    generation and family: `state`, `routes` (how many there are). `members` of a generation are its
    paths, `octets` the size of their sets.
    """

    def __init__(self) -> None:
        self.sets: list[AttributeSet | None] = [None]
        self.freed: list[int] = []
        """Numbers to use again."""
        self.size = 1
        self._high = array("Q", [UNUSABLE])
        self._low = array("I", [0])
        self._generation = array("I", [0])
        self._uses = array("I", [0])
        self._peer = array("I", [0])
        self._order = array("I", [0])
        self._penalty = array("B", [0])
        self._state = array("B", [VOID] * FAMILIES)
        self._routes = array("I", [0] * FAMILIES)
        self._octets = array("Q", [0])
        self._members = array("I", [0])
        self._expose_paths()
        self._expose_generations()

    def path_of(self, attribute_set: AttributeSet, generation: int) -> int:
        """The number of the set in this generation: the one it has, or a new one."""
        path = attribute_set.slot
        if (
            path
            and path < self.size
            and self.sets[path] is attribute_set
            and self.generation[path] == generation
        ):
            return path
        if self.freed:
            path = self.freed.pop()
        else:
            if self.size == len(self._high):
                self._grow_paths()
            path = self.size
            self.size += 1
            self.sets.append(None)
        self.sets[path] = attribute_set
        self.high[path] = attribute_set.rank_high
        self.low[path] = attribute_set.rank_low
        self.generation[path] = generation
        self.uses[path] = 0
        self.octets[generation] += len(attribute_set.raw)
        self.members[generation] += 1
        attribute_set.slot = path
        return path

    def drop(self, path: int) -> None:
        """Nothing refers to the path any more: its number is free again."""
        attribute_set = self.sets[path]
        if attribute_set is None:
            return
        self.sets[path] = None
        self.octets[self.generation[path]] -= len(attribute_set.raw)
        self.members[self.generation[path]] -= 1
        self.generation[path] = 0
        self.freed.append(path)
        if attribute_set.slot == path:
            attribute_set.slot = 0
            attribute_set.release()

    def is_usable(self, path: int, family: int) -> bool:
        return (
            self.high[path] < UNUSABLE
            and self.state[self.generation[path] * FAMILIES + family] != VOID
        )

    def is_better(self, one: int, other: int) -> bool:
        """Of two usable paths: the steps of `decision.STEPS`, the last three of them as `order`."""
        first, second = self.generation[one], self.generation[other]
        if self.penalty[first] != self.penalty[second]:
            return self.penalty[first] < self.penalty[second]
        if self.high[one] != self.high[other]:
            return self.high[one] < self.high[other]
        if self.low[one] != self.low[other]:
            return self.low[one] < self.low[other]
        return self.order[first] < self.order[second]

    # --- generations ------------------------------------------------------------------------------

    def add_generation(self, number: int, peer: int) -> None:
        """`number` is at most one more than the highest so far. Live in every family."""
        self._release_generations()
        if number == len(self._peer):
            self._peer.append(0)
            self._order.append(0)
            self._penalty.append(0)
            self._octets.append(0)
            self._members.append(0)
            self._state.extend([VOID] * FAMILIES)
            self._routes.extend([0] * FAMILIES)
        self._peer[number] = peer
        self._penalty[number] = 0
        for family in range(FAMILIES):
            self._state[number * FAMILIES + family] = LIVE
        self._expose_generations()

    def set_state(self, number: int, family: int, state: int) -> None:
        self.state[number * FAMILIES + family] = state

    def set_order(self, number: int, order: int) -> None:
        """Between paths of equal rank the generation with the lower order wins."""
        self.order[number] = order

    def set_penalty(self, number: int, penalty: int) -> None:
        self.penalty[number] = penalty

    def set_unusable(self, path: int) -> None:
        self.high[path] = UNUSABLE

    def generation_of(self, path: int) -> int:
        return self.generation[path]

    def peer_of(self, path: int) -> int:
        return self.peer[self.generation[path]]

    def state_of_generation(self, number: int, family: int) -> int:
        return self.state[number * FAMILIES + family]

    def is_stale(self, path: int) -> bool:
        at = self.generation[path] * FAMILIES
        return self.state[at] == STALE or self.state[at + 1] == STALE

    def is_demoted(self, path: int) -> bool:
        return self.penalty[self.generation[path]] != 0

    def is_unusable(self, path: int) -> bool:
        return self.high[path] >= UNUSABLE

    def count(self, number: int, family: int) -> int:
        """The routes of a generation."""
        return self.routes[number * FAMILIES + family]

    def is_empty(self, number: int) -> bool:
        """No path of the generation is left, in no route and no FIB entry."""
        return self.members[number] == 0

    def octets_of(self, number: int) -> int:
        return self.octets[number]

    def paths_of(self, number: int) -> list[int]:
        """The paths that a generation has; reads them all, so not for the hot path."""
        return [path for path in range(1, self.size) if self.generation[path] == number]

    def rejected(self, number: int) -> int:
        """The routes of a generation that may not be used; reads all paths."""
        found = 0
        for path in range(1, self.size):
            if self.generation[path] == number and self.high[path] >= UNUSABLE:
                found += self.uses[path]
        return found

    # --- columns ----------------------------------------------------------------------------------
    # Compiled, a column is a view of its array, and an array with a view does not grow.

    def _grow_paths(self) -> None:
        self.high = _NO_LONG
        self.low = self.generation = self.uses = _NO_WORDS
        more = max(1024, self.size // 8)
        self._high.frombytes(bytes(8 * more))
        for column in (self._low, self._generation, self._uses):
            column.frombytes(bytes(4 * more))
        self._expose_paths()

    def _expose_paths(self) -> None:
        self.high = self._high
        self.low = self._low
        self.generation = self._generation
        self.uses = self._uses

    def _release_generations(self) -> None:
        self.octets = _NO_LONG
        self.peer = self.order = self.routes = self.members = _NO_WORDS
        self.penalty = self.state = _NO_OCTETS

    def _expose_generations(self) -> None:
        self.peer = self._peer
        self.order = self._order
        self.penalty = self._penalty
        self.state = self._state
        self.routes = self._routes
        self.octets = self._octets
        self.members = self._members
