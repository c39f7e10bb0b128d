"""Answers about very many routes: each is built and read in small steps, counted, not timed."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path as FilePath
from typing import Any, cast

import pytest

from routeserver.control.world import World
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.routing import Entry
from routeserver.ec2 import faults, model, response
from routeserver.ec2.paging import encode_token
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, format_prefix, make_prefix
from routeserver.net.sharded_dict import ShardedDict
from routeserver.rib import prefix_table
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from routeserver.store import Store
from tests.control.cloud import Cloud
from tests.ec2.botocore_side import parsed
from tests.rib.support import apply

IS_COMPILED = not prefix_table.__file__.endswith(".py")
MANY = 1_000_000 if IS_COMPILED else 20_000
PROPAGATED = 20_000
HOP = PathAttributes(Origin.IGP, (), IPv4Address("10.0.1.10"))


def prefixes(count: int) -> list[Prefix]:
    return [make_prefix(0x0B000000 + (n << 6), 26, Family.IPV4) for n in range(count)]


# --- DescribeRouteTables --------------------------------------------------------------------------


class CountedTable(ShardedDict[Prefix, Entry]):
    """Counts the entries that are looked at between two turns of the event loop."""

    __slots__ = ("most", "now")

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    def get(self, key: Prefix, default: Entry | None = None) -> Entry | None:  # type: ignore[override]
        self.now += 1
        self.most = max(self.most, self.now)
        return super().get(key, default)


async def propagated(cloud: Cloud) -> tuple[str, CountedTable]:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    table_id = await cloud.table(vpc_id)
    interface_id = await cloud.interface(await cloud.subnet(vpc_id, "10.0.1.0/24"))
    table = CountedTable()
    entry = Entry(interface_id, "10.0.1.10", "rs-0123456789abcdef0", "rsp-0123456789abcdef0")
    for prefix in prefixes(PROPAGATED):
        table[prefix] = entry
    cloud.world.entries[table_id] = cast("Any", table)
    return table_id, table


async def written(answer: dict[str, Any], table: CountedTable) -> tuple[bytes, int]:
    """The body, and the largest of its pieces."""
    operation = model.operation("ec2", "DescribeRouteTables")
    assert operation is not None
    assert isinstance(answer, response.LongAnswer)
    pieces: list[bytes] = []
    for piece in response.pieces(operation, answer, "the-request-id"):
        table.now = 0  # the endpoint lets others run between two pieces
        pieces.append(piece)
    return b"".join(pieces), max(map(len, pieces))


async def test_a_large_table_is_written_in_pieces_and_in_order(cloud: Cloud) -> None:
    table_id, table = await propagated(cloud)
    answer = await cloud.quiet("DescribeRouteTables", RouteTableIds=[table_id])
    body, largest = await written(answer, table)
    (shown,) = parsed("ec2", "DescribeRouteTables", body)["RouteTables"]
    learned = [each for each in shown["Routes"] if each["Origin"] == "Advertisement"]
    assert [each["DestinationCidrBlock"] for each in learned] == [
        format_prefix(prefix) for prefix in prefixes(PROPAGATED)
    ]
    assert shown["RouteTableId"] == table_id
    assert table.most <= response.STEP + 1
    assert largest < 200 * 1024


async def test_routes_may_go_while_the_answer_is_written(cloud: Cloud) -> None:
    table_id, table = await propagated(cloud)
    answer = await cloud.quiet("DescribeRouteTables", RouteTableIds=[table_id])
    gone = prefixes(PROPAGATED)[PROPAGATED // 2 :]
    for prefix in gone:
        del table[prefix]
    for prefix in prefixes(2 * PROPAGATED)[PROPAGATED:]:
        table[prefix] = Entry("eni-1", "10.0.1.10", "rs-1", "rsp-1")
    body, _ = await written(answer, table)
    (shown,) = parsed("ec2", "DescribeRouteTables", body)["RouteTables"]
    learned = [each for each in shown["Routes"] if each["Origin"] == "Advertisement"]
    assert len(learned) == PROPAGATED - len(gone)


async def test_a_filter_on_routes_lets_others_run(cloud: Cloud) -> None:
    table_id, table = await propagated(cloud)
    last = format_prefix(prefixes(PROPAGATED)[-1])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            table.now = 0
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    names = [{"Name": "route.destination-cidr-block", "Values": [f"*{last}"]}]
    answer = await cloud.quiet("DescribeRouteTables", Filters=names)
    beside.cancel()
    assert [each["RouteTableId"] for each in answer["RouteTables"]] == [table_id]
    assert table.most <= 1024
    assert turns > PROPAGATED // 1024


async def test_a_route_is_looked_up_for_a_filter_that_names_it(cloud: Cloud) -> None:
    table_id, table = await propagated(cloud)
    last = format_prefix(prefixes(PROPAGATED)[-1])
    for values, shown in ([last, "no prefix"], [table_id]), (["203.0.113.0/24"], []):
        names = [{"Name": "route.destination-cidr-block", "Values": values}]
        answer = await cloud.quiet("DescribeRouteTables", Filters=names)
        assert [each["RouteTableId"] for each in answer["RouteTables"]] == shown
    assert table.most <= 4


async def test_a_filter_on_routes_ends_with_the_first_that_passes(cloud: Cloud) -> None:
    table_id, table = await propagated(cloud)
    names = [
        {"Name": "route.origin", "Values": ["Advertisement"]},
        {"Name": "route.destination-cidr-block", "Values": ["11.*"]},
        {"Name": "route.state", "Values": ["act*"]},
    ]
    answer = await cloud.quiet("DescribeRouteTables", Filters=names)
    assert [each["RouteTableId"] for each in answer["RouteTables"]] == [table_id]
    assert table.most < 10


# --- GetRouteServerRoutingDatabase ----------------------------------------------------------------


class OneRib:
    """A speaker with one RIB."""

    def __init__(self, rib: Rib) -> None:
        self._rib = rib

    def rib(self, route_server_id: str) -> Rib:  # noqa: ARG002 - a speaker's form
        return self._rib

    def are_routes_persisted(self, route_server_id: str) -> bool:  # noqa: ARG002
        return False


def learned(count: int, peers: tuple[str, ...] = ("rsp-a",)) -> Rib:
    rib = Rib()
    for number, peer_id in enumerate(peers, 1):
        rib.peer_up(Source(peer_id, "rse-1", number, number))
        table = prefixes(count)
        for start in range(0, count, 50_000):
            apply(rib, peer_id, [], [(HOP, table[start : start + 50_000])])
    return rib


async def over(store: Store, rib: Rib) -> tuple[Cloud, str]:
    cloud = Cloud(store)
    world = World(MemoryDataPlane(), LoopbackFabric())
    world.attach(cast("Any", OneRib(rib)), cast("Any", None))
    cloud.observe(world)
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    server_id = made["RouteServer"]["RouteServerId"]
    await cloud.make_available(server_id)
    return cloud, server_id


@pytest.fixture(scope="module")
def million() -> Iterator[Rib]:
    yield learned(MANY)
    gc.collect()


async def test_a_page_of_a_million_routes_takes_the_memory_of_a_page(
    cloud: Cloud, million: Rib
) -> None:
    asker, server_id = await over(cloud.store, million)
    ask: dict[str, Any] = {"RouteServerId": server_id, "MaxResults": 1000}
    page = await asker("GetRouteServerRoutingDatabase", **ask)
    tracemalloc.start()
    try:
        page = await asker("GetRouteServerRoutingDatabase", **ask, NextToken=page["NextToken"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(page["Routes"]) == 1000
    assert peak < 8 << 20
    assert page["Routes"][0]["Prefix"] == format_prefix(prefixes(1001)[-1])


async def test_all_pages_together_are_the_table(cloud: Cloud, million: Rib) -> None:
    asker, server_id = await over(cloud.store, million)
    seen, token = 0, None
    ordered = prefixes(MANY)
    # Twenty pages spread over the table; each is where the one before it would have ended.
    for start in range(0, MANY, MANY // 20):
        after = {} if not start else {"NextToken": token_behind(ordered[start - 1])}
        page = await asker("GetRouteServerRoutingDatabase", RouteServerId=server_id, **after)
        assert [each["Prefix"] for each in page["Routes"]] == [
            format_prefix(prefix) for prefix in ordered[start : start + 1000]
        ]
        seen, token = seen + len(page["Routes"]), page["NextToken"]
    assert seen == 20 * 1000
    assert token is not None


def token_behind(prefix: Prefix) -> str:
    return encode_token((prefix, "rsp-a"))


async def pages(
    asker: Cloud, server_id: str, size: int, between: Any = lambda _number: None
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    for number in range(10_000):
        page = await asker(
            "GetRouteServerRoutingDatabase", RouteServerId=server_id, MaxResults=size, **token
        )
        found += [(each["Prefix"], each["RouteServerPeerId"]) for each in page["Routes"]]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}
        between(number)
    raise AssertionError("pages without an end")


@pytest.mark.parametrize("size", [5, 7, 64])
async def test_what_stays_is_seen_once_whatever_comes_and_goes(cloud: Cloud, size: int) -> None:
    """Peers announce and withdraw between two pages, also the routes at which a page ended."""
    peers = ("rsp-a", "rsp-b", "rsp-c")
    rib = learned(300, peers)
    asker, server_id = await over(cloud.store, rib)
    table = prefixes(300)
    better = PathAttributes(Origin.IGP, (), IPv4Address("10.0.1.11"), med=1)

    def between(number: int) -> None:
        # rsp-b's routes flap all over the table; rsp-c's change their place among the best.
        part = table[number % 3 :: 3]
        apply(rib, "rsp-b", part)
        apply(rib, "rsp-b", [], [(better, table[(number + 1) % 3 :: 3])])
        apply(rib, "rsp-c", [], [(better if number % 2 else HOP, table)])

    found = await pages(asker, server_id, size, between)
    assert len(found) == len(set(found)), "a route was repeated"
    stayed = {(format_prefix(p), peer) for p in table for peer in ("rsp-a", "rsp-c")}
    assert stayed <= set(found), "a route was skipped"


async def test_a_token_is_good_for_the_server_of_the_next_start(
    cloud: Cloud, tmp_path: FilePath
) -> None:
    asker, server_id = await over(cloud.store, learned(50))
    page = await asker("GetRouteServerRoutingDatabase", RouteServerId=server_id, MaxResults=20)
    token = page["NextToken"]
    assert "rsp-a" not in token
    store = await Store.open(f"sqlite:///{tmp_path / 'other.db'}", synchronous="OFF")
    try:
        again, other_id = await over(store, learned(50))
        rest = await again("GetRouteServerRoutingDatabase", RouteServerId=other_id, NextToken=token)
    finally:
        await store.close()
    assert [each["Prefix"] for each in rest["Routes"]] == [
        format_prefix(prefix) for prefix in prefixes(50)[20:]
    ]
    with pytest.raises(faults.Fault, match="InvalidPaginationToken"):
        await asker(
            "GetRouteServerRoutingDatabase", RouteServerId=server_id, NextToken=token[:-2] + "AA"
        )
