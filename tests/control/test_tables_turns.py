"""How much of a large table one turn of the event loop touches: counted, not timed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address

import pytest

from routeserver.control.reconcile import tables as under_test
from routeserver.control.reconcile.tables import Owners, RouteTables
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.plan import Change
from routeserver.domain.routing import TableIntent
from routeserver.net.attribute_set import set_of
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, make_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.path import Path, Source
from routeserver.rib.rib import Rib

COUNT = 3_000
SLICE = 100
HOP = IPv4Address("10.0.1.10")
OWNERS: dict[str, Owners] = {"vpc-1": {HOP: "eni-1"}}
PREFIXES = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(COUNT)]


class Work:
    """What was looked at and written since the event loop last turned."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.turns = 0
        self._is_over = False

    def count(self, number: int = 1) -> None:
        self.now += number
        self.most = max(self.most, self.now)

    async def tick(self) -> None:
        while not self._is_over:
            self.now = 0
            self.turns += 1
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._is_over = True


class CountedPlane(MemoryDataPlane):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        self._work.count(len(changes))
        await super().apply(route_table_id, changes)


class CountedFib(Mapping[Prefix, Path]):
    def __init__(self, fib: Mapping[Prefix, Path], work: Work) -> None:
        self._fib = fib
        self._work = work

    def __getitem__(self, prefix: Prefix) -> Path:
        self._work.count()
        return self._fib[prefix]

    def __contains__(self, prefix: object) -> bool:
        self._work.count()
        return prefix in self._fib

    def __iter__(self) -> Iterator[Prefix]:
        for prefix in self._fib:
            self._work.count()
            yield prefix

    def __len__(self) -> int:
        return len(self._fib)


@pytest.mark.parametrize("limit", [None, COUNT // 2, 5])
async def test_no_turn_looks_at_more_than_a_few_slices(
    monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    monkeypatch.setattr(under_test, "SLICE", SLICE)
    work = Work()
    rib = Rib()
    rib.peer_up(Source("rsp-1", "rse-1", 1, 2))
    tables = RouteTables(CountedPlane(work), lambda _: CountedFib(rib.fib, work))
    intent = TableIntent("rtb-1", "vpc-1", {}, ("rs-1",), limit)
    await tables.converge({"rtb-1": intent}, OWNERS)
    ticking = asyncio.create_task(work.tick())

    path = set_of(PathAttributes(Origin.IGP, (), HOP))
    rib.apply("rsp-1", RouteBatch.of(Family.IPV4, [(path, PREFIXES)]))
    tables.fib_changed("rs-1", rib.decide(COUNT))
    await tables.settled()
    assert len(tables.read("rtb-1")) == min(COUNT, limit or COUNT)

    # The whole again: other owners of addresses, then no route server any more.
    others: dict[str, Owners] = {"vpc-1": {HOP: "eni-2"}}
    await tables.converge({"rtb-1": intent}, others)
    assert {entry.network_interface_id for entry in tables.read("rtb-1").values()} == {"eni-2"}
    none = TableIntent("rtb-1", "vpc-1", {}, (), limit)
    await tables.converge({"rtb-1": none}, OWNERS)
    assert not tables.read("rtb-1")

    work.stop()
    await ticking
    assert work.most <= 4 * SLICE
    assert work.turns > 3 * COUNT // SLICE


async def test_a_table_that_is_forgotten_goes_in_many_turns() -> None:
    work = Work()
    rib = Rib()
    rib.peer_up(Source("rsp-1", "rse-1", 1, 2))
    tables = RouteTables(MemoryDataPlane(), lambda _: rib.fib)
    nowhere = TableIntent("rtb-1", "vpc-1", dict.fromkeys(PREFIXES[:50], "taken"), ("rs-1",))
    path = set_of(PathAttributes(Origin.IGP, (), HOP))
    rib.apply("rsp-1", RouteBatch.of(Family.IPV4, [(path, PREFIXES)]))
    rib.decide(COUNT)
    await tables.converge({"rtb-1": nowhere}, OWNERS)
    assert len(tables.read("rtb-1")) == COUNT - 50
    ticking = asyncio.create_task(work.tick())
    await tables.converge({}, OWNERS)
    work.stop()
    await ticking
    assert not tables.read("rtb-1")
    assert work.turns > 200
