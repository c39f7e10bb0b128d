"""What may be written, message by message, and where many are cut for sending."""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.prefix import Family, make_prefix, parse_prefix
from routeserver.netd.errors import OrderError
from routeserver.netd.orders import HERE_NEXTHOPS, HERE_PRIORITIES, ROUTE_PROTOCOL
from routeserver.netd.rtnetlink import CHUNK_MESSAGES, CHUNK_OCTETS
from routeserver.netd.writing import HereJudge, Scope, pieces
from routeserver.netlink.address import InterfaceAddress, delete_address, new_address
from routeserver.netlink.bulk import Shape, by_nexthop, delete_routes, new_routes
from routeserver.netlink.framing import MAKE, Flag, request
from routeserver.netlink.link import Link, delete_link, new_bridge, set_link
from routeserver.netlink.neighbour import Neighbour, new_neighbour
from routeserver.netlink.nexthop import NextHop, delete_nexthop, new_nexthop
from routeserver.netlink.route import TABLE_MAIN, Route, delete_route, list_routes, new_route
from routeserver.netlink.rule import Rule, new_rule
from routeserver.netlink.values import AF_INET

SHORT = Route(parse_prefix("0.0.0.0/0"), table=1)
LONG = Route(parse_prefix("2001:db8::/32"), table=1, gateway=ip_address("fe80::1"), interface=3)


def written(routes: list[Route]) -> bytes:
    return b"".join(new_route(route, place) for place, route in enumerate(routes, 1))


def cut(octets: bytes, ends: list[int]) -> list[bytes]:
    return [octets[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(st.tuples(st.sampled_from([SHORT, LONG]), st.integers(1, 60)), max_size=12))
def test_every_cut_is_between_two_messages_and_nothing_is_lost(
    runs: list[tuple[Route, int]],
) -> None:
    routes = [route for route, count in runs for _ in range(count)]
    octets = written(routes)
    parts = cut(octets, pieces(octets))
    assert b"".join(parts) == octets
    place = 0
    for part in parts:
        count = 0
        at = 0
        while at < len(part):
            place += 1
            count += 1
            length = int.from_bytes(part[at : at + 4], "little")
            assert part[at : at + length] == new_route(routes[place - 1], place)
            at += length
        assert count <= CHUNK_MESSAGES
        assert len(part) <= CHUNK_OCTETS


@pytest.mark.parametrize("route", [SHORT, LONG])
def test_a_great_many_are_cut_small_enough(route: Route) -> None:
    octets = written([route] * 10_000)
    parts = cut(octets, pieces(octets))
    assert b"".join(parts) == octets
    assert all(len(part) <= CHUNK_OCTETS for part in parts)
    assert len(parts) <= 2 + 2 * max(10_000 // CHUNK_MESSAGES, len(octets) // CHUNK_OCTETS)


@given(st.integers(0, 299), st.integers(0, 15), st.integers(1, 255), st.booleans())
def test_one_octet_of_a_header_that_is_wrong_among_many_is_found(
    place: int, octet: int, change: int, is_long: bool
) -> None:
    one = new_route(LONG if is_long else SHORT, 1)
    octets = bytearray(written([LONG if is_long else SHORT] * 300))
    at = place * len(one) + octet
    octets[at] ^= change
    harmless = octet >= 12  # the port, which the kernel fills in itself
    if octet == 0:  # the same with the padding behind it, or one message up to the end
        harmless = octets[at] + 3 & ~3 in {len(one), (300 - place) * len(one)}
    if octet in {6, 7}:  # flags, some of which may be
        flags = int.from_bytes(octets[place * len(one) + 6 :][:2], "little")
        harmless = not flags & ~0xF01 and bool(flags & 1)
    if octet == 4:  # types, some of which may be
        harmless = octets[at] in {20, 21, 24, 25, 28, 29, 32, 33, 104, 105}
    if harmless:
        assert pieces(bytes(octets))[-1] == len(octets)
    else:
        with pytest.raises(OrderError, match=r"^message "):
            pieces(bytes(octets))


@given(st.binary(max_size=300))
def test_any_octets_are_pieces_or_refused(octets: bytes) -> None:
    try:
        assert pieces(octets) in ([], [len(octets)])
    except OrderError as error:
        assert str(error).startswith("message ")  # noqa: PT017 - or nothing is raised


@pytest.mark.parametrize(
    "octets",
    [
        new_bridge("br0", "02:00:00:00:00:01", 1500, 1),
        set_link(1, up=True, sequence=1),
        delete_link(1, 1),
        list_routes(sequence=1),
        request(16, bytes(16), MAKE, 1),
        request(110, b"", 0, 1),
        request(2561, bytes(20), 0, 1),
        new_route(SHORT, 1, MAKE | Flag.ACK),
        new_route(SHORT, 1, MAKE | Flag.ECHO),
        new_route(SHORT, 2),
    ],
)
def test_what_is_no_business_of_a_data_plane_is_refused(octets: bytes) -> None:
    with pytest.raises(OrderError):
        pieces(octets)
    with pytest.raises(OrderError):
        pieces(written([SHORT] * 40) + octets)


# --- in the server's own namespace ----------------------------------------------------------------


class Known:
    """Stands for the netlink socket in HERE: one interface with one address of ours."""

    own = InterfaceAddress(7, ip_interface("10.0.0.1/32"), protocol=ROUTE_PROTOCOL)
    foreign = InterfaceAddress(7, ip_interface("10.0.0.2/32"))

    def link(self, name: str) -> Link | None:
        return Link(7, name) if name == "eth0" else None

    def all(self, *_: object) -> list[InterfaceAddress]:
        return [self.own, self.foreign]


def judged(octets: bytes, scope: Scope | None = None) -> list[int]:
    known: Any = Known()
    scope = scope or Scope(frozenset({4000, TABLE_MAIN}), "eth0")
    return HereJudge(octets, scope, known).pieces()


OURS = {"protocol": ROUTE_PROTOCOL}
NET = parse_prefix("10.1.0.0/16")
HOST = ip_interface("10.0.0.9/32")
NUMBER = HERE_NEXTHOPS.start


@pytest.mark.parametrize(
    "octets",
    [
        new_route(Route(NET, 4000, protocol=ROUTE_PROTOCOL), 1),
        delete_route(Route(NET, 4000, protocol=ROUTE_PROTOCOL), 1),
        new_route(Route(NET, protocol=ROUTE_PROTOCOL, priority=HERE_PRIORITIES[0]), 1),
        new_nexthop(NextHop(NUMBER, 7, protocol=ROUTE_PROTOCOL), 1),
        delete_nexthop(NUMBER, 1),
        new_address(InterfaceAddress(7, HOST, protocol=ROUTE_PROTOCOL), 1, MAKE),
        delete_address(Known.own, 1),
    ],
)
def test_what_is_this_projects_is_written_here(octets: bytes) -> None:
    assert judged(octets) == [len(octets)]


@pytest.mark.parametrize(
    "octets",
    [
        new_route(Route(NET, 4000), 1),
        new_route(Route(NET, 4001, protocol=ROUTE_PROTOCOL), 1),
        new_route(Route(NET, 255, protocol=ROUTE_PROTOCOL), 1),
        new_route(Route(NET, protocol=ROUTE_PROTOCOL), 1),
        new_route(Route(NET, protocol=ROUTE_PROTOCOL, priority=100), 1),
        delete_route(Route(NET, 4000), 1),
        delete_route(Route(NET, protocol=ROUTE_PROTOCOL), 1),
        new_nexthop(NextHop(NUMBER, 7), 1),
        new_nexthop(NextHop(5, 7, protocol=ROUTE_PROTOCOL), 1),
        delete_nexthop(5, 1),
        new_rule(Rule(2, 100, 4000, protocol=ROUTE_PROTOCOL), 1),
        new_neighbour(Neighbour(7, ip_address("10.0.0.9"), "02:00:00:00:00:01"), 1),
        new_address(InterfaceAddress(7, HOST, protocol=ROUTE_PROTOCOL), 1),
        new_address(InterfaceAddress(7, HOST), 1, MAKE),
        new_address(InterfaceAddress(8, HOST, protocol=ROUTE_PROTOCOL), 1, MAKE),
        new_address(
            InterfaceAddress(7, ip_interface("10.0.0.9/24"), protocol=ROUTE_PROTOCOL), 1, MAKE
        ),
        new_address(
            InterfaceAddress(7, HOST, protocol=ROUTE_PROTOCOL, peer=ip_address("10.0.0.8")),
            1,
            MAKE,
        ),
        delete_address(Known.foreign, 1),
        delete_address(InterfaceAddress(7, ip_interface("10.0.0.3/32")), 1),
        request(24, b"", MAKE, 1),
        request(24, b"\2\x20" + bytes(3), MAKE, 1),
        request(104, bytes(8), MAKE, 1),
        request(20, bytes(8), MAKE, 1),
    ],
)
def test_what_could_be_somebody_elses_is_not_written_here(octets: bytes) -> None:
    with pytest.raises(OrderError):
        judged(octets)
    with pytest.raises(OrderError):
        judged(octets, Scope())


def test_a_table_that_is_said_twice_is_the_one_that_counts_for_the_kernel() -> None:
    allowed = new_route(Route(NET, 4000, protocol=ROUTE_PROTOCOL), 1, MAKE)
    other = Route(NET, 4001, protocol=ROUTE_PROTOCOL)
    body = allowed[16:] + new_route(other)[16 + 12 :]
    with pytest.raises(OrderError, match="in table 4001"):
        judged(request(24, body, MAKE, 1))


def test_without_an_interface_there_are_no_addresses_here() -> None:
    octets = new_address(InterfaceAddress(0, HOST, protocol=ROUTE_PROTOCOL), 1, MAKE)
    with pytest.raises(OrderError):
        judged(octets, Scope())


MANY = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(500)]
SHAPE = Shape(AF_INET, 4000, ROUTE_PROTOCOL, 179, way=by_nexthop(NUMBER))


def test_routes_by_the_thousand_are_judged_by_what_they_have_in_common() -> None:
    octets = new_routes(MANY, SHAPE)
    assert judged(octets)[-1] == len(octets)
    gone = delete_routes(MANY, SHAPE)
    assert judged(gone)[-1] == len(gone)


@pytest.mark.parametrize(
    "other",
    [
        replace(SHAPE, table=4001),
        replace(SHAPE, protocol=4),
        replace(SHAPE, table=TABLE_MAIN, metric=100),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 100, 499])
def test_one_among_thousands_that_is_not_ours_is_seen(other: Shape, place: int) -> None:
    before = new_routes(MANY[:place], SHAPE)
    behind = new_routes(MANY[place + 1 :], SHAPE, place + 2)
    with pytest.raises(OrderError):
        judged(before + new_routes(MANY[place : place + 1], other, place + 1) + behind)


@given(st.integers(0, 499), st.data())
def test_no_octet_of_one_route_among_many_changes_what_may_be_written(
    place: int, data: st.DataObject
) -> None:
    octets = bytearray(new_routes(MANY, SHAPE))
    size = len(octets) // len(MANY)
    at = place * size + data.draw(st.integers(0, size - 1))
    octets[at] = data.draw(st.integers(0, 255))
    alone = bytearray(octets[place * size : (place + 1) * size])
    alone[8:12] = (1).to_bytes(4, sys.byteorder)
    try:
        judged(bytes(octets))
    except OrderError:
        return
    if octets[place * size + 8 : place * size + 12] == (place + 1).to_bytes(4, sys.byteorder):
        judged(bytes(alone))
