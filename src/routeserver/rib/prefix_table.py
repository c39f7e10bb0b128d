"""Every route and the best path of every prefix of one family, in a few columns of 32-bit words.

The prefixes are in a `prefix_index`, where each has a record with the first of its routes, its best
path, and when that last changed. A route is a path and the next route of the prefix.

What changed waits in a queue, each prefix once, until `decide` takes a slice of it. A peer that is
lost costs nothing by itself: its generation turns void, and `scan` takes its routes away, a slice
at a time.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``prefix_table.pxd``. Numbers of prefixes and routes start at 1; 0 is none.

Cost: 8 bytes a route, and 4 bytes a prefix that waits for a decision, beside the prefix itself.
"""

from __future__ import annotations

from array import array

from routeserver.net.attribute_set import AttributeSet
from routeserver.rib.paths import Paths
from routeserver.rib.prefix_index import PrefixIndex, new_column
from routeserver.rib.record import BEST_PATH, CHANGED_AT, FIRST_ROUTE, LAST_HASH, LENGTH, QUEUED

_NO_WORDS = array("I")


class PrefixTable:
    """`width` and `seed` are those of the index."""

    def __init__(self, paths: Paths, width: int, seed: int) -> None:
        self.paths = paths
        self.index = PrefixIndex(width, seed)
        self.width = width
        self.family = 0 if width == 1 else 1
        self.stride = self.index.stride
        self.best_paths = 0
        self.queue_head = 0
        self.queue_tail = 0
        self.scan_at = 1
        self.scan_left = 0
        self.route_top = 1
        self.free_route = 0
        self._routes = new_column("I")
        self._queue = new_column("I")
        self._routes.resize(2)
        self.routes = self._routes.view()
        self.queue = self._queue.view()

    # --- routes -----------------------------------------------------------------------------------

    def apply(
        self,
        words: array[int],
        sets: list[AttributeSet | None],
        ends: list[int],
        generation: int,
        room: int,
    ) -> tuple[int, int, int, int]:
        """Take a batch of one generation's routes in; `room` is how many more it may have live.

        Answers how many were new to the peer, were there already, were withdrawn, and had no room.
        """
        self._reserve(ends[len(ends) - 1])
        index, paths = self.index, self.paths
        view = words
        records, routes, queue, hashes = index.records, self.routes, self.queue, index.hashes
        peer = paths.peer[generation]
        width, stride, has_slots, top = self.width, self.stride, index.has_slots, index.top
        new = updated = withdrawn = over = at = b = c = d = hashed = number = 0
        # The block that is entered and the one behind it, which is on its way from memory.
        block_end = 0 if has_slots else len(words)
        ahead = index.prepare(view, 0, len(words)) if has_slots else 0
        for run in range(len(sets)):
            end = ends[run]
            end *= width + 1
            attribute_set = sets[run]
            path = 0 if attribute_set is None else paths.path_of(attribute_set, generation)
            added = 0
            while at < end:
                if at >= block_end:
                    block_end = ahead
                    ahead = index.prepare(view, ahead, len(words))
                a = view[at]
                length = view[at + width]
                if width == 4:
                    b = view[at + 1]
                    c = view[at + 2]
                    d = view[at + 3]
                at += width + 1
                if has_slots:
                    hashed = hashes[number & LAST_HASH]
                    number += 1
                    record = index.seek(hashed, a, b, c, d, length)
                else:
                    record = index.find(a, b, c, d, length)
                if record:
                    if path == 0:
                        was = self._withdraw(record, peer)
                        withdrawn += was != NO_ROUTE
                        room += was == LIVE_ROUTE
                        continue
                    was = self._announce(record, path, peer, room > 0)
                    new += was == NEW_ROUTE
                    updated += was == LIVE_ROUTE or was == STALE_ROUTE
                    over += was == NO_ROUTE
                    room -= was == NEW_ROUTE or was == STALE_ROUTE
                elif path == 0:
                    continue
                elif room <= 0:
                    over += 1
                else:
                    # What `_add` does, of a prefix that has nothing yet.
                    record = index.insert(hashed, a, b, c, d, length)
                    route = self.free_route
                    if route:
                        self.free_route = routes[2 * route + 1]
                        routes[2 * route + 1] = 0
                    else:
                        route = self.route_top
                        self.route_top = route + 1
                    routes[2 * route] = path
                    base = record * stride
                    base += width
                    records[base] |= QUEUED
                    records[base + FIRST_ROUTE] = route
                    queue[self.queue_tail] = record
                    self.queue_tail += 1
                    added += 1
                    room -= 1
            if added:
                new += added
                paths.uses[path] += added
                paths.routes[2 * generation + self.family] += added
            elif path and paths.uses[path] == 0:
                paths.drop(path)
        if self.scan_left:
            # It comes past the new records before it is back where it began.
            self.scan_left += index.top - top
        return new, updated, withdrawn, over

    def _announce(self, record: int, path: int, peer: int, has_room: bool) -> int:
        """Put the peer's route of a known prefix in the place of the one it had, if any."""
        paths = self.paths
        route = self.index.records[record * self.stride + self.width + FIRST_ROUTE]
        while route:
            old = self.routes[2 * route]
            if paths.peer[paths.generation[old]] == peer:
                return self._replace(record, route, old, path, has_room)
            route = self.routes[2 * route + 1]
        if not has_room:
            return NO_ROUTE
        self._add(record, path)
        return NEW_ROUTE

    def _add(self, record: int, path: int) -> None:
        """One more route of a prefix; room for it has been made."""
        route = self.free_route
        if route:
            self.free_route = self.routes[2 * route + 1]
        else:
            route = self.route_top
            self.route_top += 1
        first = record * self.stride + self.width + FIRST_ROUTE
        self.routes[2 * route] = path
        self.routes[2 * route + 1] = self.index.records[first]
        self.index.records[first] = route
        self._use(path)
        self._enqueue(record)

    def _replace(self, record: int, route: int, old: int, path: int, has_room: bool) -> int:
        paths = self.paths
        state = paths.state[2 * paths.generation[old] + self.family]
        if state != LIVE_STATE and not has_room:
            return NO_ROUTE
        if old != path:
            self.routes[2 * route] = path
            self._use(path)
            self._unuse(old)
            self._enqueue(record)
        if state == LIVE_STATE:
            return LIVE_ROUTE
        return STALE_ROUTE if state == STALE_STATE else NEW_ROUTE

    def _withdraw(self, record: int, peer: int) -> int:
        paths = self.paths
        first = record * self.stride + self.width + FIRST_ROUTE
        before = 0
        route = self.index.records[first]
        while route:
            path = self.routes[2 * route]
            if paths.peer[paths.generation[path]] == peer:
                break
            before = route
            route = self.routes[2 * route + 1]
        if not route:
            return NO_ROUTE
        state = paths.state[2 * paths.generation[path] + self.family]
        self._unlink(first, before, route)
        self._unuse(path)
        self._enqueue(record)
        if state == LIVE_STATE:
            return LIVE_ROUTE
        return STALE_ROUTE if state == STALE_STATE else NO_ROUTE

    def _unlink(self, first: int, before: int, route: int) -> None:
        following = self.routes[2 * route + 1]
        if before:
            self.routes[2 * before + 1] = following
        else:
            self.index.records[first] = following
        self.routes[2 * route + 1] = self.free_route
        self.free_route = route

    def _use(self, path: int) -> None:
        """One more route has the path."""
        paths = self.paths
        paths.uses[path] += 1
        paths.routes[2 * paths.generation[path] + self.family] += 1

    def _unuse(self, path: int) -> None:
        """A route with the path is gone."""
        paths = self.paths
        paths.routes[2 * paths.generation[path] + self.family] -= 1
        self._release(path)

    def _release(self, path: int) -> None:
        uses = self.paths.uses[path] - 1
        self.paths.uses[path] = uses
        if uses == 0:
            self.paths.drop(path)

    def _enqueue(self, record: int) -> None:
        at = record * self.stride + self.width
        if self.index.records[at] & QUEUED == 0:
            self.index.records[at] |= QUEUED
            self.queue[self.queue_tail] = record
            self.queue_tail += 1

    # --- decisions --------------------------------------------------------------------------------

    def pending(self) -> int:
        return self.queue_tail - self.queue_head + self.scan_left

    def decide(
        self, budget: int, now: int, admits: bool, newcomers: list[int], gone: list[int]
    ) -> tuple[array[int], int]:
        """Decide up to `budget` queued prefixes; answers the words of those whose best path is
        another one now, and how many of them have none.

        Where a table does not admit, prefixes without a best path stay without: they are added to
        `newcomers`, and those that no longer have a path to `gone`.
        """
        width, stride = self.width, self.stride
        records, routes, queue = self.index.records, self.routes, self.queue
        paths = self.paths
        count = min(budget, self.queue_tail - self.queue_head)
        changes = array("I", bytes(4 * (width + 1) * count))
        view = changes
        filled = lost = known = usable = 0
        for _ in range(count):
            record = queue[self.queue_head]
            self.queue_head += 1
            base = record * stride + width
            records[base] &= ~QUEUED
            route = records[base + FIRST_ROUTE]
            current = records[base + BEST_PATH]
            best = routes[2 * route]
            if route and routes[2 * route + 1] == 0:
                # One route, as nearly all have: nothing to compare. Neighbours share a path.
                if best != known:
                    known = best
                    usable = paths.is_usable(best, self.family)
                if not usable:
                    best = 0
            else:
                best = self._best(route, 0)
            if best == current:
                if best == 0:
                    if not admits:
                        gone.append(self.index.prefix_of(record))
                    if route == 0:
                        self.index.remove(record)
                continue
            if current == 0 and not admits:
                newcomers.append(self.index.prefix_of(record))
                continue
            if width == 4:
                view[filled] = records[base - 4]
                view[filled + 1] = records[base - 3]
                view[filled + 2] = records[base - 2]
                filled += 3
            view[filled] = records[base - 1]
            view[filled + 1] = records[base]
            filled += 2
            if best and current == 0:
                records[base + BEST_PATH] = best
                records[base + CHANGED_AT] = now
                paths.uses[best] += 1
                self.best_paths += 1
            else:
                lost += best == 0
                self._settle(record, best, now)
        if self.queue_head == self.queue_tail:
            self.queue_head = self.queue_tail = 0
        view = _NO_WORDS
        return changes if filled == len(changes) else changes[:filled], lost

    def _best(self, route: int, without: int) -> int:
        """The best usable path of a chain of routes, those of the peer `without` left out."""
        paths = self.paths
        best = 0
        while route:
            path = self.routes[2 * route]
            if (
                paths.is_usable(path, self.family)
                and (without == 0 or paths.peer[paths.generation[path]] != without)
                and (best == 0 or paths.is_better(path, best))
            ):
                best = path
            route = self.routes[2 * route + 1]
        return best

    def _settle(self, record: int, best: int, now: int) -> None:
        base = record * self.stride + self.width
        current = self.index.records[base + BEST_PATH]
        self.index.records[base + BEST_PATH] = best
        self.index.records[base + CHANGED_AT] = now
        if best:
            self.paths.uses[best] += 1
            self.best_paths += 1
        if current:
            self.best_paths -= 1
            self._release(current)
        if best == 0 and self.index.records[base + FIRST_ROUTE] == 0:
            self.index.remove(record)

    def admit(self, record: int, now: int) -> bool:
        """Let a prefix in that `decide` kept out; False when it has no path any more."""
        base = record * self.stride + self.width
        best = self._best(self.index.records[base + FIRST_ROUTE], 0)
        if best == 0 or self.index.records[base + BEST_PATH]:
            return False
        self._settle(record, best, now)
        return True

    def request_scan(self) -> None:
        """Generations changed their state or penalty: look at every prefix again."""
        self.scan_left = self.index.top - 1

    def scan(self, budget: int) -> None:
        """Look at up to `budget` prefixes: void routes go, and all whose decision may be another
        one now are queued.
        """
        count = min(budget, self.scan_left)
        self._reserve_queue(count)
        paths = self.paths
        for _ in range(count):
            if self.scan_at >= self.index.top:
                self.scan_at = 1
            first = self.scan_at * self.stride + self.width + FIRST_ROUTE
            before = 0
            route = self.index.records[first]
            touched = False
            while route:
                following = self.routes[2 * route + 1]
                path = self.routes[2 * route]
                generation = paths.generation[path]
                if paths.state[2 * generation + self.family] == VOID_STATE:
                    self._unlink(first, before, route)
                    self._unuse(path)
                    touched = True
                else:
                    touched = touched or paths.penalty[generation] != 0
                    before = route
                route = following
            if touched:
                self._enqueue(self.scan_at)
            self.scan_at += 1
        self.scan_left -= count

    # --- looking ----------------------------------------------------------------------------------

    def best_of(self, record: int) -> int:
        return self.index.records[record * self.stride + self.width + BEST_PATH]

    def changed_of(self, record: int) -> int:
        return self.index.records[record * self.stride + self.width + CHANGED_AT]

    def routes_of(self, record: int) -> list[int]:
        """The paths of a prefix, in no order, void ones left out."""
        found = []
        paths = self.paths
        route = self.index.records[record * self.stride + self.width + FIRST_ROUTE]
        while route:
            path = self.routes[2 * route]
            if paths.state[2 * paths.generation[path] + self.family] != VOID_STATE:
                found.append(path)
            route = self.routes[2 * route + 1]
        return found

    def best_words(self) -> array[int]:
        """The words of all prefixes that have a best path."""
        width, stride = self.width, self.stride
        found = array("I", bytes(4 * (width + 1) * self.best_paths))
        view = found
        at = 0
        for record in range(1, self.index.top):
            base = record * stride
            if self.index.records[base + width + BEST_PATH]:
                for i in range(width):
                    view[at + i] = self.index.records[base + i]
                view[at + width] = self.index.records[base + width] & LENGTH
                at += width + 1
        return found

    # --- room -------------------------------------------------------------------------------------

    def _reserve(self, count: int) -> None:
        """Room for so many more prefixes with a route each."""
        self.index.reserve(count)
        if 2 * (self.route_top + count) > len(self._routes):
            self.routes = _NO_WORDS
            try:
                self._routes.resize(2 * (self.route_top + count))
            finally:
                self.routes = self._routes.view()
        self._reserve_queue(count)

    def _reserve_queue(self, count: int) -> None:
        if self.queue_tail + count <= len(self._queue):
            return
        waiting = self.queue_tail - self.queue_head
        for i in range(waiting):
            self.queue[i] = self.queue[self.queue_head + i]
        self.queue_head, self.queue_tail = 0, waiting
        # A quarter to spare, or it would be moved to the front again with every batch.
        if waiting + count > 3 * len(self._queue) // 4:
            self.queue = _NO_WORDS
            try:
                self._queue.resize(2 * (waiting + count))
            finally:
                self.queue = self._queue.view()


VOID_STATE = 0
STALE_STATE = 1
LIVE_STATE = 2

NO_ROUTE = 0
NEW_ROUTE = 1
LIVE_ROUTE = 2
STALE_ROUTE = 3
