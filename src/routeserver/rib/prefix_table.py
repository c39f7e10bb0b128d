"""Every route and the best path of every prefix of one family, in a few arrays of 32-bit words.

A prefix is a record: its address and length, the link of its hash chain, the first of its routes,
its best path, and when that last changed. A route is a path and the next route of the prefix. The
hash table grows by linear hashing (one bucket splits with each new prefix), so no insertion ever
stops to move the whole table.

What changed waits in a queue, each prefix once, until `decide` takes a slice of it. A peer that is
lost costs nothing by itself: its generation turns void, and `scan` takes its routes away, a slice
at a time.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``prefix_table.pxd``. Numbers of prefixes and routes start at 1; 0 is none.

Cost: 24 bytes a prefix (IPv6: 36) and 4 of the hash table; 8 bytes a route; 4 bytes a prefix that
waits for a decision. Arrays grow by an eighth.
"""

from __future__ import annotations

from array import array
from heapq import heappush, heapreplace

from routeserver.net.attribute_set import AttributeSet
from routeserver.net.prefix import IPV6_BIT
from routeserver.rib.paths import Paths

MASK = 0xFFFFFFFFFFFFFFFF

# Bits of the word that holds a prefix's length.
LENGTH = 0xFF
QUEUED = 0x100
UNUSED = 0x200

WARMED = 128
IS_COMPILED = not __file__.endswith(".py")
HAS_BUCKETS = IS_COMPILED
"""Interpreted, a dict finds records sooner than loops over buckets do."""

_NO_WORDS = array("I")


class PrefixTable:
    """`width` is the words of an address: 1 or 4. `seed` makes the hash unpredictable to those who
    choose the prefixes.
    """

    def __init__(self, paths: Paths, width: int, seed: int) -> None:
        self.paths = paths
        self.width = width
        self.family = 0 if width == 1 else 1
        self.stride = width + 5
        self.multiplier = (seed & MASK) | 1
        self.prefixes = 0
        """How many prefixes have a record, with routes or only with a decision to come."""
        self.best_paths = 0
        self.queue_head = 0
        self.queue_tail = 0
        self.scan_at = 1
        self.scan_left = 0
        self.top = 1
        """The first record never used."""
        self.route_top = 1
        self.free_record = 0
        self.free_route = 0
        self.has_buckets = HAS_BUCKETS
        self.index: dict[object, int] = {}
        """Where there are no buckets: records by prefix."""
        self.half = 1024
        self.bucket_count = 1024
        self._records = array("I", bytes(4 * self.stride))
        self._routes = array("I", bytes(8))
        self._queue = array("I")
        self._buckets = array("I", bytes(4 * self.bucket_count))
        self.heads = array("I", bytes(4 * WARMED))
        self.bucket = 0
        """Where the prefix that was looked for last belongs."""
        self.warmth = 0
        self._expose()

    # --- finding ----------------------------------------------------------------------------------

    def hash_of(self, a: int, b: int, c: int, d: int, length: int) -> int:
        """The 1024 neighbours of one length differ in the last ten bits alone: tables come in the
        order of their prefixes, whose buckets are then in one page of memory.
        """
        network = a
        key = length
        key <<= 56
        if self.width == 1:
            network >>= 32 - length
        else:
            network = network << 32 | b
            if length > 64:
                key = (network ^ key) * self.multiplier & MASK
                network = c
                network = (network << 32 | d) >> (128 - length)
            elif length > 0:
                network >>= 64 - length
        key = (key ^ network >> 10) * self.multiplier & MASK
        key ^= key >> 32
        return (key * self.multiplier & MASK) >> 32 ^ network & 1023

    def bucket_of(self, hashed: int) -> int:
        bucket = hashed & (2 * self.half - 1)
        return bucket if bucket < self.bucket_count else bucket & (self.half - 1)

    def find(self, a: int, b: int, c: int, d: int, length: int) -> int:
        """The record of the prefix with this address (IPv4: in `a` alone) and length."""
        width, stride = self.width, self.stride
        if not self.has_buckets:
            return self.index.get(self._key(a, b, c, d, length), 0)
        self.bucket = self.bucket_of(self.hash_of(a, b, c, d, length))
        record = self.buckets[self.bucket]
        while record:
            base = record * stride
            if (
                self.records[base] == a
                and self.records[base + width] & LENGTH == length
                and (
                    width == 1
                    or (
                        self.records[base + 1] == b
                        and self.records[base + 2] == c
                        and self.records[base + 3] == d
                    )
                )
            ):
                return record
            record = self.records[base + width + 1]
        return 0

    def _key(self, a: int, b: int, c: int, d: int, length: int) -> object:
        """Of `index`."""
        if self.width == 1:
            return a << 8 | length
        return a, b, c, d, length

    def _insert(self, a: int, b: int, c: int, d: int, length: int) -> int:
        """A new record for what `find` has just not found; room for it has been made."""
        width = self.width
        record = self.free_record
        if record:
            self.free_record = self.records[record * self.stride + width + 1]
        else:
            record = self.top
            self.top += 1
            # A scan that is under way comes past here before it is back where it began.
            self.scan_left += self.scan_left > 0
        base = record * self.stride
        self.records[base] = a
        if width == 4:
            self.records[base + 1] = b
            self.records[base + 2] = c
            self.records[base + 3] = d
        base += width
        self.records[base] = length
        self.records[base + 2] = 0
        self.records[base + 3] = 0
        self.records[base + 4] = 0
        self.prefixes += 1
        if self.has_buckets:
            self._link(record)
        else:
            self.index[self._key(a, b, c, d, length)] = record
        return record

    def _link(self, record: int) -> None:
        """Put a new record into the bucket of what was looked for last."""
        self.records[record * self.stride + self.width + 1] = self.buckets[self.bucket]
        self.buckets[self.bucket] = record
        if self.prefixes > self.bucket_count:
            self._split()

    def _hash_of_record(self, record: int) -> int:
        base = record * self.stride
        a = self.records[base]
        if self.width == 1:
            return self.hash_of(a, 0, 0, 0, self.records[base + 1] & LENGTH)
        b, c, d = self.records[base + 1], self.records[base + 2], self.records[base + 3]
        return self.hash_of(a, b, c, d, self.records[base + 4] & LENGTH)

    def _split(self) -> None:
        """One bucket becomes two: the step of linear hashing (Litwin, 1980)."""
        link = self.width + 1
        low = self.bucket_count - self.half
        high = self.bucket_count
        mask = 2 * self.half - 1
        record = self.buckets[low]
        stay = move = 0
        while record:
            base = record * self.stride
            following = self.records[base + link]
            if self._hash_of_record(record) & mask == low:
                self.records[base + link] = stay
                stay = record
            else:
                self.records[base + link] = move
                move = record
            record = following
        self.buckets[low] = stay
        self.buckets[high] = move
        self.bucket_count += 1
        if self.bucket_count == 2 * self.half:
            self.half = self.bucket_count

    def _remove(self, record: int) -> None:
        """Forget a prefix that has neither routes nor a best path."""
        base = record * self.stride
        link = self.width + 1
        if self.has_buckets:
            self._unlink_record(record)
        elif self.width == 1:
            del self.index[self._key(self.records[base], 0, 0, 0, self.records[base + 1] & LENGTH)]
        else:
            b, c, d = self.records[base + 1], self.records[base + 2], self.records[base + 3]
            length = self.records[base + 4] & LENGTH
            del self.index[self._key(self.records[base], b, c, d, length)]
        self.records[base + self.width] = UNUSED
        self.records[base + link] = self.free_record
        self.records[base + link + 1] = 0
        self.free_record = record
        self.prefixes -= 1

    def _unlink_record(self, record: int) -> None:
        link = self.width + 1
        following = self.records[record * self.stride + link]
        bucket = self.bucket_of(self._hash_of_record(record))
        before = self.buckets[bucket]
        if before == record:
            self.buckets[bucket] = following
            return
        while self.records[before * self.stride + link] != record:
            before = self.records[before * self.stride + link]
        self.records[before * self.stride + link] = following

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
        view = words
        records, routes, queue = self.records, self.routes, self.queue
        paths, index = self.paths, self.index
        peer = paths.peer[generation]
        width, stride, has_buckets = self.width, self.stride, self.has_buckets
        new = updated = withdrawn = over = at = b = c = d = 0
        warm = 0 if has_buckets else len(words)
        for run in range(len(sets)):
            end = ends[run]
            end *= width + 1
            attribute_set = sets[run]
            path = 0 if attribute_set is None else paths.path_of(attribute_set, generation)
            added = 0
            while at < end:
                if at >= warm:
                    warm = self._warm(view, at, len(words))
                a = view[at]
                length = view[at + width]
                if width == 4:
                    b = view[at + 1]
                    c = view[at + 2]
                    d = view[at + 3]
                if has_buckets:
                    record = self.find(a, b, c, d, length)
                elif width == 1:
                    record = index.get(a << 8 | length, 0)
                else:
                    record = index.get((a, b, c, d, length), 0)
                at += width + 1
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
                elif self.free_record or self.free_route:
                    self._add(self._insert(a, b, c, d, length), path)
                    new += 1
                    room -= 1
                else:
                    # Nothing was ever taken away: what `_insert` and `_add` do, in fresh memory,
                    # which is all zeros.
                    record = self.top
                    self.top = record + 1
                    if self.scan_left:
                        self.scan_left += 1
                    base = record * stride
                    records[base] = a
                    if width == 4:
                        records[base + 1] = b
                        records[base + 2] = c
                        records[base + 3] = d
                    base += width
                    records[base] = length | QUEUED
                    self.prefixes += 1
                    if has_buckets:
                        self._link(record)
                    elif width == 1:
                        index[a << 8 | length] = record
                    else:
                        index[a, b, c, d, length] = record
                    route = self.route_top
                    self.route_top = route + 1
                    records[base + 2] = route
                    routes[2 * route] = path
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
        return new, updated, withdrawn, over

    def _warm(self, words: array[int], at: int, end: int) -> int:
        """Read what the next prefixes will need of the hash table, so that the processor waits for
        many lines of memory at once and not for one after the other; answers how far that goes.
        """
        width = self.width
        stop = min(end, at + WARMED * (width + 1))
        b = c = d = touched = 0
        low = self.bucket_count - self.half
        for i in range(at, stop, width + 1):
            if width == 4:
                b, c, d = words[i + 1], words[i + 2], words[i + 3]
            hashed = self.hash_of(words[i], b, c, d, words[i + width])
            self.heads[touched] = self.buckets[self.bucket_of(hashed)]
            touched += 1
        for i in range(touched):
            record = self.heads[i]
            self.warmth += self.records[record * self.stride]
            record = self.buckets[low + i]
            self.warmth += self.records[record * self.stride]
        return stop

    def _announce(self, record: int, path: int, peer: int, has_room: bool) -> int:
        """Put the peer's route of a known prefix in the place of the one it had, if any."""
        paths = self.paths
        route = self.records[record * self.stride + self.width + 2]
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
        first = record * self.stride + self.width + 2
        self.routes[2 * route] = path
        self.routes[2 * route + 1] = self.records[first]
        self.records[first] = route
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
        first = record * self.stride + self.width + 2
        before = 0
        route = self.records[first]
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
            self.records[first] = following
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
        if self.records[at] & QUEUED == 0:
            self.records[at] |= QUEUED
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
        records, routes, queue = self.records, self.routes, self.queue
        paths = self.paths
        count = min(budget, self.queue_tail - self.queue_head)
        changes = array("I", bytes(4 * (width + 1) * count))
        view = changes
        filled = lost = 0
        for _ in range(count):
            record = queue[self.queue_head]
            self.queue_head += 1
            base = record * stride + width
            records[base] &= ~QUEUED
            route = records[base + 2]
            current = records[base + 3]
            best = routes[2 * route]
            if route and routes[2 * route + 1] == 0:
                # One route, as nearly all have: nothing to compare.
                if not paths.is_usable(best, self.family):
                    best = 0
            else:
                best = self._best(route, 0)
            if best == current:
                if best == 0:
                    if not admits:
                        gone.append(self.prefix_of(record))
                    if route == 0:
                        self._remove(record)
                continue
            if current == 0 and not admits:
                newcomers.append(self.prefix_of(record))
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
                records[base + 3] = best
                records[base + 4] = now
                paths.uses[best] += 1
                self.best_paths += 1
            else:
                lost += best == 0
                self._settle(record, best, now)
        if self.queue_head == self.queue_tail:
            self.queue_head = self.queue_tail = 0
        view = _NO_WORDS
        return changes[:filled], lost

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
        current = self.records[base + 3]
        self.records[base + 3] = best
        self.records[base + 4] = now
        if best:
            self.paths.uses[best] += 1
            self.best_paths += 1
        if current:
            self.best_paths -= 1
            self._release(current)
        if best == 0 and self.records[base + 2] == 0:
            self._remove(record)

    def admit(self, record: int, now: int) -> bool:
        """Let a prefix in that `decide` kept out; False when it has no path any more."""
        base = record * self.stride + self.width
        best = self._best(self.records[base + 2], 0)
        if best == 0 or self.records[base + 3]:
            return False
        self._settle(record, best, now)
        return True

    def request_scan(self) -> None:
        """Generations changed their state or penalty: look at every prefix again."""
        self.scan_left = self.top - 1

    def scan(self, budget: int) -> None:
        """Look at up to `budget` prefixes: void routes go, and all whose decision may be another
        one now are queued.
        """
        count = min(budget, self.scan_left)
        self._reserve_queue(count)
        paths = self.paths
        for _ in range(count):
            if self.scan_at >= self.top:
                self.scan_at = 1
            first = self.scan_at * self.stride + self.width + 2
            before = 0
            route = self.records[first]
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
        return self.records[record * self.stride + self.width + 3]

    def changed_of(self, record: int) -> int:
        return self.records[record * self.stride + self.width + 4]

    def routes_of(self, record: int) -> list[int]:
        """The paths of a prefix, in no order, void ones left out."""
        found = []
        paths = self.paths
        route = self.records[record * self.stride + self.width + 2]
        while route:
            path = self.routes[2 * route]
            if paths.state[2 * paths.generation[path] + self.family] != VOID_STATE:
                found.append(path)
            route = self.routes[2 * route + 1]
        return found

    def prefix_of(self, record: int) -> int:
        base = record * self.stride
        number = self.records[base]
        for i in range(1, self.width):
            number = number << 32 | self.records[base + i]
        number = number << 8 | self.records[base + self.width] & LENGTH
        return number if self.width == 1 else IPV6_BIT | number

    def best_words(self) -> array[int]:
        """The words of all prefixes that have a best path."""
        width, stride = self.width, self.stride
        found = array("I", bytes(4 * (width + 1) * self.best_paths))
        view = found
        at = 0
        for record in range(1, self.top):
            base = record * stride
            if self.records[base + width + 3]:
                for i in range(width):
                    view[at + i] = self.records[base + i]
                view[at + width] = self.records[base + width] & LENGTH
                at += width + 1
        return found

    def next_prefixes(self, last: int, count: int) -> list[int]:
        """The `count` lowest prefixes behind `last`, in order: one look at the whole table and
        memory for the answer alone.
        """
        lowest: list[int] = []
        # The upper half of an address decides nearly always, and needs no long integer.
        floor = self._upper(last)
        ceiling = MASK
        for record in range(1, self.top):
            base = record * self.stride
            if self.records[base + self.width] & UNUSED:
                continue
            upper = self.records[base]
            if self.width == 4:
                upper = upper << 32 | self.records[base + 1]
            if upper < floor or upper > ceiling:
                continue
            prefix = self.prefix_of(record)
            if prefix <= last:
                continue
            # A heap of the negatives: the highest of those found so far is on top.
            if len(lowest) < count:
                heappush(lowest, -prefix)
            elif prefix < -lowest[0]:
                heapreplace(lowest, -prefix)
            if len(lowest) == count:
                ceiling = self._upper(-lowest[0])
        return sorted([-number for number in lowest])

    def _upper(self, prefix: int) -> int:
        """The address of an IPv4 prefix, the upper 64 bits of that of an IPv6 one."""
        if self.width == 1:
            return prefix >> 8 if prefix > 0 else 0
        return (prefix ^ IPV6_BIT) >> 72 if prefix & IPV6_BIT else 0

    # --- room -------------------------------------------------------------------------------------
    # Compiled, an array with a view on it does not grow: the views go first and come back after.

    def _reserve(self, count: int) -> None:
        """Room for so many more prefixes with a route each."""
        if (
            (self.top + count) * self.stride > len(self._records)
            or 2 * (self.route_top + count) > len(self._routes)
            or self.queue_tail + count > len(self._queue)
            or self.bucket_count + count > len(self._buckets)
        ):
            self._hide()
            self._compact_queue()
            _grow(self._records, (self.top + count) * self.stride)
            _grow(self._routes, 2 * (self.route_top + count))
            _grow(self._queue, self.queue_tail + count)
            _grow(self._buckets, self.bucket_count + count)
            self._expose()

    def _reserve_queue(self, count: int) -> None:
        if self.queue_tail + count > len(self._queue):
            self._hide()
            self._compact_queue()
            _grow(self._queue, self.queue_tail + count)
            self._expose()

    def _compact_queue(self) -> None:
        waiting = self._queue[self.queue_head : self.queue_tail]
        self._queue[: len(waiting)] = waiting
        self.queue_head, self.queue_tail = 0, len(waiting)

    def _hide(self) -> None:
        self.records = self.routes = self.queue = self.buckets = _NO_WORDS

    def _expose(self) -> None:
        self.records = self._records
        self.routes = self._routes
        self.queue = self._queue
        self.buckets = self._buckets


VOID_STATE = 0
STALE_STATE = 1
LIVE_STATE = 2

NO_ROUTE = 0
NEW_ROUTE = 1
LIVE_ROUTE = 2
STALE_ROUTE = 3


def _grow(column: array[int], size: int) -> None:
    if size > len(column):
        column.frombytes(bytes(4 * (max(size - len(column), len(column) // 8) + 1024)))
