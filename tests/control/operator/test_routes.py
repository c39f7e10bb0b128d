"""`show route` and lists: what there is, why, and in pages."""

from __future__ import annotations

import pytest

from routeserver.domain.refusal import Refusal
from tests.control.operator.conftest import Office


async def test_every_path_of_a_prefix_has_its_verdict(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2", "rsp-3"])
    office.announce("rsp-1", "10.1.0.0/16", med=5, at=300.0)
    office.announce("rsp-2", "10.1.0.0/16", med=50)
    office.announce("rsp-3", "10.1.0.0/16", rejected="own AS in path")
    await office.install("rs-1")
    [route] = (await office.ask("show-route", prefix="10.1.0.0/16"))["routes"]
    best, lost, rejected = route["paths"]
    assert (best["peer"], best["state"], best["next_hop"]) == ("rsp-1", "best", "127.10.1.10")
    assert (lost["peer"], lost["state"]) == ("rsp-2", "lost")
    assert lost["lost_at"] == {"step": 5, "name": "MED", "winner": "5", "own": "50"}
    assert (rejected["peer"], rejected["state"]) == ("rsp-3", "rejected")
    assert rejected["reason"] == "own AS in path"
    assert route["in_fib"]
    assert route["changed_at"] == pytest.approx(1_700_000_000 - 200)
    assert route["route_tables"] == [{"route_table": "rtb-1", "installed": True, "reason": None}]


async def test_a_table_that_does_not_have_it_says_why(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    office.announce("rsp-1", "10.1.0.0/16", "10.2.0.0/16")
    await office.install("rs-1", limit=1)
    [route] = (await office.ask("show-route", prefix="10.2.0.0/16"))["routes"]
    [place] = route["route_tables"]
    assert not place["installed"]
    assert "maximum of 1" in place["reason"]


async def test_a_prefix_without_room_in_the_fib_says_so(office: Office) -> None:
    await office.add_route_server(["rsp-1"], max_fib_routes=1)
    office.announce("rsp-1", "10.1.0.0/16", "10.2.0.0/16")
    [route] = (await office.ask("show-route", prefix="10.2.0.0/16"))["routes"]
    assert not route["in_fib"]
    assert "maximum of 1 prefixes" in route["refused"]
    assert route["paths"][0]["state"] == "waiting"


async def test_an_address_finds_its_longest_prefix_and_longer_ones_that_are_not_used(
    office: Office,
) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    office.announce("rsp-1", "10.0.0.0/8", "10.1.0.0/16", "::/0")
    office.announce("rsp-2", "10.1.2.0/24", rejected="no")

    async def found(address: str) -> list[str]:
        answer = await office.ask("show-route", prefix=address)
        return [route["prefix"] for route in answer["routes"]]

    assert await found("10.1.2.3") == ["10.1.2.0/24", "10.1.0.0/16"]
    assert await found("10.9.9.9") == ["10.0.0.0/8"]
    assert await found("2001:db8::1") == ["::/0"]
    assert await found("11.0.0.1") == []


@pytest.mark.parametrize("text", ["10.0.0.1/8", "ten", "10.0.0.0/33"])
async def test_what_is_no_prefix_is_refused_with_an_example(office: Office, text: str) -> None:
    with pytest.raises(Refusal, match=r"like 10\.0\.0\.0/8"):
        await office.ask("show-route", prefix=text)


async def test_lists_page_without_a_gap_and_without_a_repetition(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    prefixes = [f"10.{n}.0.0/16" for n in range(10)] + ["2001:db8::/32"]
    office.announce("rsp-1", *prefixes)
    office.announce("rsp-2", *prefixes, asns=(65_002, 65_003))
    after, seen = None, []
    while True:
        answer = await office.ask("list-routes", limit=3, after=after)
        seen += [(row["prefix"], row["peer"], row["in_fib"]) for row in answer["routes"]]
        assert len(answer["routes"]) <= 3
        after = answer["next"]
        if after is None:
            break
    assert seen == [
        (prefix, peer, peer == "rsp-1") for prefix in prefixes for peer in ("rsp-1", "rsp-2")
    ]


async def test_lists_keep_to_a_prefix_a_peer_and_the_fib(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    office.announce("rsp-1", "10.0.0.0/8", "10.0.0.0/16", "10.255.255.0/24", "11.0.0.0/8")
    office.announce("rsp-2", "10.0.0.0/16", "9.0.0.0/8", asns=(1, 2))

    async def listed(**params: object) -> list[tuple[str, str]]:
        answer = await office.ask("list-routes", **params)
        return [(row["prefix"], row["peer"]) for row in answer["routes"]]

    assert await listed(within="10.0.0.0/8") == [
        ("10.0.0.0/8", "rsp-1"),
        ("10.0.0.0/16", "rsp-1"),
        ("10.0.0.0/16", "rsp-2"),
        ("10.255.255.0/24", "rsp-1"),
    ]
    assert await listed(within="10.0.0.0/9", fib=True) == [("10.0.0.0/16", "rsp-1")]
    assert await listed(peer="rsp-2") == [("9.0.0.0/8", "rsp-2"), ("10.0.0.0/16", "rsp-2")]


async def test_several_route_servers_are_told_apart(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    await office.add_route_server(["rsp-2"], "rs-2")
    office.announce("rsp-1", "10.1.0.0/16")
    office.announce("rsp-2", "10.1.0.0/16", server="rs-2")
    both = await office.ask("show-route", prefix="10.1.0.0/16")
    assert [route["route_server"] for route in both["routes"]] == ["rs-1", "rs-2"]
    first = await office.ask("list-routes", limit=1)
    assert first["next"] == "rs-1 10.1.0.0/16 rsp-1"
    rest = await office.ask("list-routes", after=first["next"])
    assert [row["route_server"] for row in rest["routes"]] == ["rs-2"]
    one = await office.ask("show-route", prefix="10.1.0.0/16", route_server="rs-2")
    assert [route["route_server"] for route in one["routes"]] == ["rs-2"]
    with pytest.raises(Refusal, match="no route server rs-9"):
        await office.ask("show-route", prefix="10.1.0.0/16", route_server="rs-9")


@pytest.mark.parametrize(
    "params",
    [{"limit": -1}, {"limit": "x"}, {"limit": True}, {"after": "x"}, {"peer": 1}, {"within": "x"}],
)
async def test_a_question_that_makes_no_sense_is_refused(
    office: Office, params: dict[str, object]
) -> None:
    with pytest.raises(Refusal):
        await office.ask("list-routes", **params)
