"""`what-if`: its counts are what happens when it happens, and nothing happens before."""

from __future__ import annotations

import asyncio
import contextlib
import random
from functools import partial

import pytest

from routeserver.control.operator import slices
from routeserver.control.operator import what_if as under_test
from routeserver.domain.refusal import Refusal
from routeserver.net.prefix import Family, format_prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch
from tests.control.operator.conftest import Office


def fib(office: Office, server: str = "rs-1") -> dict[str, str]:
    rib = office.speaker.ribs[server]
    return {format_prefix(prefix): path.source.peer_id for prefix, path in rib.fib.items()}


def table(office: Office) -> dict[str, str]:
    entries = office.world.tables.read("rtb-1")
    return {format_prefix(p): entry.network_interface_id for p, entry in entries.items()}


async def test_what_would_move_and_what_would_be_lost(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    office.announce("rsp-1", "10.1.0.0/16", "10.2.0.0/16", "2001:db8::/32")
    office.announce("rsp-2", "10.1.0.0/16", "10.3.0.0/16", asns=(1, 2))
    await office.install("rs-1")
    before = fib(office), table(office)
    answer = await office.ask("what-if", peers_down=["rsp-1"])
    assert (fib(office), table(office)) == before
    assert (answer["moved"], answer["lost"]) == (1, 2)
    [server] = answer["route_servers"]
    assert server["unaffected"] == 1
    assert server["moves"] == [
        {"from": "rsp-1", "to": None, "prefixes": 2},
        {"from": "rsp-1", "to": "rsp-2", "prefixes": 1},
    ]
    moved = server["prefixes"][0]
    assert (moved["prefix"], moved["from"], moved["to"]) == ("10.1.0.0/16", "rsp-1", "rsp-2")
    assert moved["was_behind_at"]["name"] == "AS_PATH length"
    [place] = server["route_tables"]
    assert (place["moved"], place["kept"], place["lost"]) == (1, 0, 2)
    assert place["prefixes"][0]["to"] == "eni-2"


@pytest.mark.parametrize("down", [["rsp-1"], ["rsp-2"], ["rsp-1", "rsp-3"]], ids=str)
async def test_it_is_what_happens_then(office: Office, down: list[str]) -> None:
    """Random routes of three peers go in thought, then in truth."""
    chance = random.Random(7)
    rib = await office.add_route_server(["rsp-1", "rsp-2", "rsp-3"])
    await office.install("rs-1")
    for number in range(200):
        for peer_id in ("rsp-1", "rsp-2", "rsp-3"):
            if chance.random() < 0.5:
                office.announce(peer_id, f"10.{number}.0.0/16", med=chance.randrange(3))
    await office.world.tables.settled()
    before, installed = fib(office), table(office)
    answer = await office.ask("what-if", peers_down=down, limit=1000)
    [server] = answer["route_servers"]
    for peer_id in down:
        rib.peer_down(peer_id)
    while rib.pending():
        office.world.fib_changed("rs-1", rib.decide(1000, 0.0))
    await office.world.tables.settled()
    after, then = fib(office), table(office)
    assert server["lost"] == sum(prefix not in after for prefix in before)
    assert {each["prefix"]: each["to"] for each in server["prefixes"]} == {
        prefix: after.get(prefix) for prefix in before if after.get(prefix) != before[prefix]
    }
    assert server["unaffected"] == sum(after.get(prefix) == before[prefix] for prefix in before)
    [place] = server["route_tables"]
    assert {each["prefix"]: each["to"] for each in place["prefixes"]} == {
        prefix: then.get(prefix) for prefix in installed if then.get(prefix) != installed[prefix]
    }


async def test_an_endpoint_takes_all_its_peers_with_it(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    office.announce("rsp-1", "10.1.0.0/16")
    answer = await office.ask("what-if", endpoints_down=["rse-1", "rse-2"])
    assert answer["down"] == ["rsp-1", "rsp-2"]
    assert answer["lost"] == 1
    assert answer["route_servers"][0]["notes"] == ["rsp-2 has no routes now."]


async def test_another_route_server_of_the_same_table_takes_over(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    await office.add_route_server(["rsp-2"], "rs-2")
    office.announce("rsp-1", "10.1.0.0/16", "10.2.0.0/16")
    office.announce("rsp-2", "10.1.0.0/16", server="rs-2", asns=(1, 2))
    await office.install("rs-1", "rs-2")
    [server] = (await office.ask("what-if", peers_down=["rsp-1"]))["route_servers"]
    [place] = server["route_tables"]
    assert (server["lost"], place["moved"], place["lost"]) == (2, 1, 1)
    both = await office.ask("what-if", peers_down=["rsp-1", "rsp-2"])
    places = [each for one in both["route_servers"] for each in one["route_tables"]]
    assert sum(each["lost"] for each in places) == 2
    assert sum(each["moved"] for each in places) == 0


async def test_the_answer_is_bounded_and_the_counts_are_whole(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    office.announce("rsp-1", *(f"10.{n >> 8}.{n & 255}.0/24" for n in range(1000)))
    answer = await office.ask("what-if", peers_down=["rsp-1"], limit=5)
    assert answer["lost"] == 1000
    assert len(answer["route_servers"][0]["prefixes"]) == 5


async def test_routes_may_come_and_go_while_it_looks(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "in_turns", partial(slices.in_turns, turn_s=0.0))
    rib = await office.add_route_server(["rsp-1", "rsp-2"])
    prefixes = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(2000)]
    office.announce("rsp-1", *prefixes)
    await office.install("rs-1")
    chance = random.Random(11)

    async def trouble() -> None:
        while True:
            some = chance.sample(prefixes, 50)
            if chance.random() < 0.5:
                office.announce("rsp-2", *some, asns=(1, 2))
            else:
                batch = RouteBatch.of(Family.IPV4, [(None, [parse_prefix(p) for p in some])])
                rib.apply(chance.choice(["rsp-1", "rsp-2"]), batch)
                while rib.pending():
                    office.world.fib_changed("rs-1", rib.decide(1000, 0.0))
            await asyncio.sleep(0)

    running = asyncio.create_task(trouble())
    [server] = (await office.ask("what-if", peers_down=["rsp-1"]))["route_servers"]
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert 0 < server["moved"] + server["lost"] <= 2000
    await office.world.tables.settled()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "Name at least one"),
        ({"peers_down": ["rsp-9"]}, "There is no peer or endpoint rsp-9"),
        ({"endpoints_down": ["rse-9"]}, "There is no peer or endpoint rse-9"),
        ({"peers_down": "rsp-1"}, "must be a list"),
    ],
)
async def test_who_is_not_there_cannot_be_down(
    office: Office, params: dict[str, object], said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        await office.ask("what-if", **params)
