"""The same random work for compiled and for interpreted kernels, told as lines of text.

``python -m tests.kernels.operations SEED`` writes the transcript of this interpreter's kernels;
with ``--check`` the structure of the tables is looked at after each phase, which only interpreted
kernels let us do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv4Address
from random import Random

from routeserver.net.attribute_set import AttributeSet, set_of
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, Prefix, make_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib import prefix_index
from routeserver.rib.fib import FibDelta
from routeserver.rib.path import Path, Source
from routeserver.rib.rib import Rib
from tests.kernels import invariants, reading

PEERS = ("rsp-a", "rsp-b", "rsp-c", "rsp-d")
NO_LLGR = 0xFFFF0007


class Work:
    """One RIB under random operations; few sets and many prefixes, so that everything meets."""

    def __init__(self, seed: int, max_fib: int | None) -> None:
        self.random = Random(seed)
        self.rib = Rib(
            max_routes_per_peer=None,
            max_fib_routes=max_fib,
            # Also seeds that mix nothing: all prefixes of one network part are neighbours then.
            seed=self.random.choice([0, 1, 1 << 63, self.random.getrandbits(64)]),
        )
        self.sets = [self._set(number) for number in range(40)]
        self.prefixes = self._prefixes()
        self.live: set[str] = set()
        self.now = 0.0

    def _set(self, number: int) -> AttributeSet:
        random = self.random
        path = (65001, *random.choices(range(64512, 64520), k=random.randrange(4)))
        attributes = PathAttributes(
            Origin(random.randrange(3)),
            (AsSegment(SegmentKind.AS_SEQUENCE, path),),
            IPv4Address("10.0.0.2"),
            random.choice([None, 0, 1, 0xFFFFFFFF]),
            communities=(NO_LLGR,) if random.randrange(5) == 0 else (),
            preference=random.choice([100, 100, 0, 200, 0xFFFFFFFF]),
        )
        return set_of(attributes, "not wanted" if number % 10 == 9 else None)

    def _prefixes(self) -> dict[Family, list[Prefix]]:
        random = self.random
        found: dict[Family, list[Prefix]] = {Family.IPV4: [], Family.IPV6: []}
        for width, family in ((32, Family.IPV4), (128, Family.IPV6)):
            # Dense neighbours, aligned ones whose low bits are all the same, and anything.
            found[family] += [
                make_prefix(10 << width - 8 | n << width - 24, 24, family) for n in range(600)
            ]
            found[family] += [make_prefix(n << width - 24, width, family) for n in range(400)]
            found[family] += [make_prefix(n << 4 | 1, width, family) for n in range(400)]
            found[family] += [make_prefix(0, length, family) for length in range(width + 1)]
            found[family] += [
                make_prefix(random.getrandbits(width), random.randrange(width + 1), family)
                for _ in range(2500)
            ]
        return found

    def step(self) -> str:
        random = self.random
        self.now += random.random() * 10
        peer_id = random.choice(PEERS)
        match random.randrange(30):
            case 0:
                number = PEERS.index(peer_id)
                # Two share a router id, so that later steps of the decision count.
                self.rib.peer_up(
                    Source(peer_id, "rse-1", number // 2 + random.randrange(2), number)
                )
                self.live.add(peer_id)
                return f"up {peer_id}"
            case 1:
                if random.randrange(3) == 0:
                    self.rib.peer_down(peer_id)
                    self.live.discard(peer_id)
                    return f"down {peer_id}"
                self.rib.hold(peer_id)
                self.live.discard(peer_id)
                return f"hold {peer_id}"
            case 2:
                family = random.choice([None, Family.IPV4, Family.IPV6])
                self.rib.sweep(peer_id, family)
                return f"sweep {peer_id} {family}"
            case 3:
                self.rib.demote(peer_id)
                return f"demote {peer_id}"
            case 4 | 5:
                family = random.choice([Family.IPV4, Family.IPV6])
                (self.rib.begin_refresh if random.randrange(2) else self.rib.end_refresh)(
                    peer_id, family
                )
                return f"refresh {peer_id} {family}"
            case 6:
                self.rib.set_limit(peer_id, random.choice([None, None, 0, 100, 2000]))
                return f"limit {peer_id}"
            case 7 | 8 | 9 | 10 | 11 | 12:
                delta = self.rib.decide(random.choice([1, 7, 100, 5000]), self.now)
                return f"decide {shown(delta)}"
            case _:
                return self._apply(peer_id)

    def _apply(self, peer_id: str) -> str:
        if peer_id not in self.live:
            return f"{peer_id} is away"
        random = self.random
        family = random.choice([Family.IPV4, Family.IPV4, Family.IPV6])
        runs = []
        withdraws = random.randrange(3)
        for _ in range(random.randrange(1, 8)):
            prefixes = random.choices(self.prefixes[family], k=random.choice([1, 4, 30, 400]))
            chosen = None if random.randrange(3) < withdraws else random.choice(self.sets)
            runs.append((chosen, prefixes))
        applied = self.rib.apply(peer_id, RouteBatch.of(family, runs))
        return f"apply {peer_id} {family} {applied}"

    def arrive(self) -> Iterator[str]:
        """A table in the order of its prefixes, as from a peer that has just come up: interpreted,
        whole columns are moved then."""
        random = self.random
        for peer_id in PEERS[:2]:
            self.rib.peer_up(Source(peer_id, "rse-1", 1, PEERS.index(peer_id)))
            self.live.add(peer_id)
        for family, every in self.prefixes.items():
            prefixes = sorted(set(every))
            for peer_id in (PEERS[0], PEERS[0], PEERS[1]):
                start = random.choice([0, 0, 400])
                while start < len(prefixes) - 500:
                    runs = []
                    for _ in range(random.choice([1, 3, 60])):
                        size = random.choice([1, 2, 4, 30])
                        runs.append((random.choice(self.sets[:9]), prefixes[start : start + size]))
                        start += size
                    if random.randrange(12) == 0:
                        # The same prefix twice.
                        runs.append((random.choice(self.sets), prefixes[start - 1 : start]))
                    self.rib.set_limit(peer_id, random.choice([None, None, 2500]))
                    applied = self.rib.apply(peer_id, RouteBatch.of(family, runs))
                    yield f"arrive {peer_id} {family} {applied}"
                    if random.randrange(3) == 0:
                        delta = self.rib.decide(random.choice([10, 50, 5000]), self.now)
                        yield f"decide {shown(delta)}"
        yield from self.settle()

    def settle(self) -> Iterator[str]:
        """Until nothing waits; then everything that can be asked."""
        while self.rib.pending():
            yield f"decide {shown(self.rib.decide(900, self.now))}"
        rib = self.rib
        yield f"counts {rib.counts} {[rib.rejected_routes(peer_id) for peer_id in PEERS]}"
        yield f"fib {digest(f'{prefix} {_path(path)}' for prefix, path in rib.fib.items())}"
        yield f"refused {digest(map(str, rib.refused))}"
        for family, prefixes in self.prefixes.items():
            batch = RouteBatch.of(family, [(None, prefixes)])
            for whole in (False, True):
                numbers, choices = rib.fib.choices(family, batch.words, 0, len(batch), whole=whole)
                shown_choices = [[source.peer_id for source, _ in ways] for ways in choices]
                yield f"choices {shown_choices} {digest(map(str, numbers))}"
        rows = (f"{prefix} {_path(path)} {is_best}" for prefix, path, is_best in rib.routes())
        yield f"routes {digest(rows)}"
        yield f"losing {digest(map(_moved, rib.losing(PEERS[:2])))}"
        some = self.random.choices(self.prefixes[Family.IPV4], k=20)
        yield f"changed {[rib.changed_at(prefix) for prefix in some]}"
        yield f"rejected {[list(map(_path, rib.rejected(prefix))) for prefix in some]}"

    def empty(self) -> None:
        for peer_id in PEERS:
            self.rib.peer_down(peer_id)
        self.live.clear()


def _moved(row: tuple[Prefix, Path, Path | None] | None) -> str:
    if row is None:
        return "-"
    return f"{row[0]} {_path(row[1])} {row[2] and _path(row[2])}"


def _path(path: Path) -> str:
    return f"{path.key} {path.is_stale} {path.rejected}"


def shown(delta: FibDelta) -> str:
    return f"{len(delta)} {delta.withdrawn} {digest(map(str, delta))}"


def digest(lines: Iterator[str] | map[str]) -> str:
    count, hashed = 0, sha256()
    for line in lines:
        count += 1
        hashed.update(line.encode() + b"\n")
    return f"{count}:{hashed.hexdigest()[:16]}"


def transcript(seed: int, *, check: bool = False) -> Iterator[str]:
    for phase in range(2):
        work = Work(seed * 2 + phase, None if phase == 0 else 300)
        yield from work.arrive()
        if check:
            invariants.check(work.rib)
        for _ in range(4):
            for _ in range(120):
                yield work.step()
            yield from work.settle()
            if check:
                invariants.check(work.rib)
        work.empty()
        yield from work.settle()
        if check:
            invariants.check(work.rib)
            invariants.check_empty(work.rib, work.sets)
    yield from reading.transcript(seed)


if __name__ == "__main__":
    # The source has two ways to find a record; compiled there is but one.
    prefix_index.HAS_SLOTS = "--index" not in sys.argv
    for told in transcript(int(sys.argv[1]), check="--check" in sys.argv):
        sys.stdout.write(told + "\n")
