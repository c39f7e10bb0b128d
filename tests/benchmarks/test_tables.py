"""The tables that daemons are measured with: what the project's own codec reads in them, and
whether they are like the tables they stand for."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, ip_network
from random import Random

import pytest

from benchmarks.routing import prefixes, wire
from benchmarks.routing.attributes import Speaker
from benchmarks.routing.table_files import FIRST_ASN, SECOND_ASN, SECOND_THROUGH, speaker
from benchmarks.routing.tables import FAMILIES, LONGEST_RUN, Kind, Table, build
from routeserver.bgp.events import EndOfRib, Event, RoutesReceived
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.session import Session
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, format_prefix
from tests.bgp.support import config

COUNT = 20_000
ADDRESS = "127.71.1.1"

each_kind = pytest.mark.parametrize("kind", list(Kind))


def by_first(kind: Kind) -> Speaker:
    return speaker(kind, ADDRESS, FIRST_ASN)


def received(data: bytes, asn: int = FIRST_ASN) -> list[Event]:
    """What a session makes of a feeder's whole life: OPEN, KEEPALIVE, the table."""
    session = Session(config(peer_asn=asn))
    session.connection_opened(0)
    families = [wire.Afi.IPV4, wire.Afi.IPV6]
    greeting = wire.open_message(asn, 90, ADDRESS, families) + wire.KEEPALIVE
    events = session.receive(greeting, 0)
    assert session.state is FsmState.ESTABLISHED
    events = session.receive(data, 0)
    assert session.state is FsmState.ESTABLISHED
    return list(events)


def routes(events: list[Event]) -> dict[Prefix, PathAttributes]:
    """Fails for a withdrawal, a rejected route, and anything said besides."""
    table: dict[Prefix, PathAttributes] = {}
    for event in events:
        if isinstance(event, EndOfRib):
            continue
        assert isinstance(event, RoutesReceived), event
        for attribute_set, members in event.batch.runs():
            assert attribute_set is not None
            assert attribute_set.rejected is None
            table.update(dict.fromkeys(members, attribute_set.attributes))
    return table


@each_kind
def test_every_prefix_of_a_table_is_announced_once_with_attributes_that_are_accepted(
    kind: Kind,
) -> None:
    table = build(kind, COUNT)
    events = received(table.encode(by_first(kind)))
    found = routes(events)
    assert len(found) == table.prefix_count == COUNT
    assert [event.family for event in events if isinstance(event, EndOfRib)] == [
        Family(FAMILIES[kind])
    ]


@each_kind
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(kind: Kind) -> None:
    once, again, other = (build(kind, 500, seed).encode(by_first(kind)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


@each_kind
def test_prefixes_ascend_and_are_unicast(kind: Kind) -> None:
    space = prefixes.SPACES[FAMILIES[kind]]
    found = prefixes.unique_prefixes(space, COUNT, Random(1))
    assert found == sorted(set(found))
    networks = [
        ip_network(format_prefix(prefix))
        for prefix in routes(received(build(kind, COUNT).encode(by_first(kind))))
    ]
    assert [n for n in networks if not n.is_global or n.is_multicast] == []


@pytest.mark.parametrize("space", [prefixes.IPV4, prefixes.IPV6])
def test_shares_of_lengths_add_up_and_a_full_table_fits_twice(space: prefixes.Space) -> None:
    assert sum(share for _, share in space.shares) == pytest.approx(1.0)
    for length, share in space.shares:
        assert 2_000_000 * share < len(space.blocks) << length - space.block_length


def test_more_prefixes_than_there_are_do_not_fit() -> None:
    space = prefixes.Space(wire.Afi.IPV4, 32, 8, (1, 2), ((10, 1.0),))
    assert len(prefixes.unique_prefixes(space, 8, Random(1))) == 8
    with pytest.raises(ValueError, match="9 prefixes of length 10 do not fit: there are 8"):
        prefixes.unique_prefixes(space, 9, Random(1))


@pytest.mark.parametrize(
    ("kind", "length", "share"), [(Kind.INTERNET, 24, 0.6), (Kind.IPV6, 48, 0.52)]
)
def test_the_commonest_length_has_the_share_it_has_on_the_internet(
    kind: Kind, length: int, share: float
) -> None:
    lengths = Counter(
        prefix & 0xFF for prefix in routes(received(build(kind, COUNT).encode(by_first(kind))))
    )
    assert lengths.most_common(1)[0][0] == length
    assert lengths[length] / COUNT == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("kind", [Kind.INTERNET, Kind.IPV6])
def test_an_internet_like_table_has_four_prefixes_to_an_update_and_a_set_to_six_and_a_half(
    kind: Kind,
) -> None:
    table = build(kind, COUNT)
    assert COUNT / len(table.runs) == pytest.approx(4.0, rel=0.05)
    assert max(run.count for run in table.runs) <= LONGEST_RUN
    used = {run.set_index for run in table.runs}
    assert COUNT / len(used) == pytest.approx(6.5, rel=0.01)
    encoded = {table.sets[index].encode(by_first(kind), with_next_hop=True) for index in used}
    assert len(encoded) == len(used) == len(table.sets)


def test_a_packed_table_has_six_hundred_prefixes_to_an_update() -> None:
    table = build(Kind.PACKED, COUNT)
    assert [run.count for run in table.runs] == [600] * 33 + [200]
    assert max(map(len, messages(table.encode(by_first(Kind.PACKED))))) <= wire.LONGEST_MESSAGE


@each_kind
def test_attributes_are_like_those_of_a_full_table(kind: Kind) -> None:
    sets = build(kind, COUNT * 5).sets if kind is Kind.INTERNET else build(kind, COUNT).sets
    hops = Counter(len(one.path) + 1 for one in sets)
    assert min(hops) >= 2
    assert max(hops) <= 7
    if len(sets) > 1000:
        assert 0.2 < sum(one.med is not None for one in sets) / len(sets) < 0.3
        assert 0.7 < sum(bool(one.communities) for one in sets) / len(sets) < 0.8
    assert not any({0, 23456, 65000, 65535} & {*one.path} for one in sets)


def test_the_second_peer_announces_the_same_prefixes_with_longer_paths_of_its_own() -> None:
    table = build(Kind.INTERNET, 2_000)
    first = routes(received(table.encode(by_first(Kind.INTERNET))))
    other = speaker(Kind.INTERNET, "127.71.1.2", SECOND_ASN, SECOND_THROUGH)
    second = routes(received(table.encode(other), SECOND_ASN))
    assert first.keys() == second.keys()
    for prefix, attributes in first.items():
        mine, theirs = attributes.as_path[0].asns, second[prefix].as_path[0].asns
        assert theirs == (SECOND_ASN, *SECOND_THROUGH, *mine[1:])
        assert attributes.next_hop == IPv4Address("10.71.1.1")


def test_parts_share_no_prefix_and_have_the_size_asked_for() -> None:
    parts = build(Kind.INTERNET, 1_000).parts(8, 125)
    found = [set(routes(received(part.encode(by_first(Kind.INTERNET))))) for part in parts]
    assert [len(one) for one in found] == [125] * 8
    assert len(set().union(*found)) == 1_000


def test_more_parts_than_there_are_prefixes_are_refused() -> None:
    with pytest.raises(ValueError, match="has not 3 times 400"):
        build(Kind.INTERNET, 1_000).parts(3, 400)


def test_an_empty_table_is_its_end_of_rib() -> None:
    assert build(Kind.PACKED, 0).encode(by_first(Kind.PACKED)) == wire.end_of_rib(wire.Afi.IPV4)
    assert Table(wire.Afi.IPV6, [], []).prefix_count == 0


def messages(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = data[16] << 8 | data[17]
        found.append(data[:size])
        data = data[size:]
    return found
