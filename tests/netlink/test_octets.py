"""What we write is what we read, and no octets make the decoder say anything but a value or
NetlinkError."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.prefix import Family, make_prefix, parse_prefix
from routeserver.netlink import framing
from routeserver.netlink.address import InterfaceAddress, delete_address, new_address
from routeserver.netlink.decoding import Other, Said, Thing, decode
from routeserver.netlink.framing import (
    NLMSG_DONE,
    NLMSG_ERROR,
    Acknowledgement,
    Flag,
    NetlinkError,
    attribute,
    attribute_list,
    messages,
    request,
)
from routeserver.netlink.neighbour import (
    Forwarding,
    Neighbour,
    delete_forwarding,
    delete_neighbour,
    new_forwarding,
    new_neighbour,
)
from routeserver.netlink.nexthop import Member, NextHop, delete_nexthop, new_nexthop
from routeserver.netlink.route import Hop, Route, delete_route, new_route
from routeserver.netlink.rule import Rule, delete_rule, new_rule
from routeserver.netlink.values import AF_INET, AF_INET6

u8 = st.integers(0, 255)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
index = st.integers(1, 2**31 - 1)
v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)
addresses = v4 | v6
macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
names = st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True)
v4_prefixes = st.builds(make_prefix, u32, st.integers(0, 32), st.just(Family.IPV4))
v6_prefixes = st.builds(
    make_prefix, st.integers(0, 2**128 - 1), st.integers(0, 128), st.just(Family.IPV6)
)
prefixes = v4_prefixes | v6_prefixes

hops = st.builds(Hop, index, st.none() | v4, st.integers(1, 256), u8)
routes = st.builds(
    Route,
    destination=v4_prefixes,
    table=u32,
    type=u8,
    protocol=u8,
    scope=u8,
    priority=u32,
    nexthop_id=u32,
    interface=index | st.just(0),
    gateway=st.none() | addresses,
    source=st.none() | v4,
    hops=st.lists(hops, max_size=3).map(tuple),
    tos=u8,
    mtu=u32,
) | st.builds(
    Route, destination=v6_prefixes, table=u32, nexthop_id=u32, gateway=st.none() | v6, type=u8
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    family = draw(st.sampled_from([AF_INET, AF_INET6]))
    within = v4_prefixes if family == AF_INET else v6_prefixes
    some = st.none() | within.filter(lambda prefix: bool(prefix & 0xFF))
    return Rule(
        family=family,
        priority=draw(u32),
        table=draw(u32),
        action=draw(u8),
        input=draw(names | st.just("")),
        output=draw(names | st.just("")),
        source=draw(some),
        destination=draw(some),
        mark=draw(u32),
        protocol=draw(u8),
    )


nexthops = (
    st.builds(
        NextHop,
        id=u32,
        interface=index,
        gateway=v4,
        protocol=u8,
        flags=st.sampled_from([0, 4]),
    )
    | st.builds(NextHop, id=u32, interface=index, gateway=v6, family=st.just(AF_INET6))
    | st.builds(NextHop, id=u32, interface=index, family=st.sampled_from([AF_INET, AF_INET6]))
    | st.builds(NextHop, id=u32, blackhole=st.just(True), protocol=u8)
    | st.builds(
        NextHop,
        id=u32,
        group=st.lists(st.builds(Member, u32, st.integers(1, 256)), min_size=1).map(tuple),
        family=st.just(0),
        protocol=u8,
    )
)
neighbours = st.builds(Neighbour, index, addresses, macs, u16, u8, u8)
forwardings = st.builds(Forwarding, index, macs, u16, u8, st.integers(0, 4094))
interface_addresses = st.builds(
    InterfaceAddress,
    index,
    st.builds(lambda ip, length: IPv4Interface((int(ip), length)), v4, st.integers(0, 32))
    | st.builds(lambda ip, length: IPv6Interface((int(ip), length)), v6, st.integers(0, 128)),
    u8,
    st.integers(0, 2**12),
    u8,
)

EITHER_WAY: list[tuple[str, st.SearchStrategy[Any], Callable[..., bytes], bool]] = [
    ("route", routes, new_route, False),
    ("route gone", routes, delete_route, True),
    ("rule", rules(), new_rule, False),
    ("rule gone", rules(), delete_rule, True),
    ("next hop", nexthops, new_nexthop, False),
    ("neighbour", neighbours, new_neighbour, False),
    ("neighbour gone", neighbours, delete_neighbour, True),
    ("forwarding", forwardings, new_forwarding, False),
    ("forwarding gone", forwardings, delete_forwarding, True),
    ("address", interface_addresses, new_address, False),
    ("address gone", interface_addresses, delete_address, True),
]


@pytest.mark.parametrize(
    ("values", "encode", "gone"), [case[1:] for case in EITHER_WAY], ids=[c[0] for c in EITHER_WAY]
)
@given(data=st.data(), sequence=u32)
def test_what_is_written_is_read_again(
    values: st.SearchStrategy[Thing],
    encode: Callable[..., bytes],
    gone: bool,
    data: st.DataObject,
    sequence: int,
) -> None:
    value = data.draw(values)
    octets = encode(value, sequence)
    assert len(octets) % 4 == 0
    (said,) = decode(octets)
    assert isinstance(said, Said)
    assert (said.value, said.gone, said.sequence) == (value, gone, sequence)


@given(u32, u32)
def test_a_next_hop_is_removed_by_its_number(number: int, sequence: int) -> None:
    (said,) = decode(delete_nexthop(number, sequence))
    assert isinstance(said, Said)
    assert isinstance(said.value, NextHop)
    assert (said.value.id, said.gone, said.sequence) == (number, True, sequence)


@given(st.lists(routes, max_size=5))
def test_many_messages_in_one_datagram_are_read_one_by_one(values: list[Route]) -> None:
    octets = b"".join(new_route(value, place) for place, value in enumerate(values, 1))
    assert [said.value for said in decode(octets) if isinstance(said, Said)] == values


@given(st.binary(max_size=200))
def test_any_octets_give_messages_or_our_error(octets: bytes) -> None:
    with suppress(NetlinkError):
        list(decode(octets))


KINDS = st.sampled_from([2, 3, 4, 16, 17, 20, 21, 24, 25, 28, 29, 32, 33, 99, 104, 105])
BODIES = st.binary(max_size=150) | st.builds(
    lambda fixed, parts: fixed + b"".join(attribute(kind, value) for kind, value in parts),
    st.integers(0, 24).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=24))),
)


@given(KINDS, u16, BODIES)
def test_any_body_of_a_known_type_gives_a_value_or_our_error(
    kind: int, flags: int, body: bytes
) -> None:
    with suppress(NetlinkError):
        assert len(list(decode(request(kind, body, flags)))) == 1


@given(routes, st.data())
def test_a_message_cut_anywhere_is_our_error(value: Route, data: st.DataObject) -> None:
    octets = new_route(value)
    at = data.draw(st.integers(1, len(octets) - 4))
    with pytest.raises(NetlinkError):
        list(decode(octets[:at]))


def test_acknowledgements_and_their_words() -> None:
    asked = new_route(Route(parse_prefix("10.0.0.0/8")), 7)
    done = request(NLMSG_DONE, b"\0\0\0\0", Flag.MULTI, 7)
    whole = request(NLMSG_ERROR, struct.pack("=i", -17) + asked, 0, 7)
    capped = request(
        NLMSG_ERROR,
        struct.pack("=i", -22) + asked[:16] + attribute(1, b"Invalid prefix\0"),
        Flag.CAPPED | Flag.ACK_TEXT,
        8,
    )
    worded = request(
        NLMSG_ERROR, struct.pack("=i", -1) + asked + attribute(1, b"No\0"), Flag.ACK_TEXT, 9
    )
    assert list(decode(done + whole + capped + worded)) == [
        Acknowledgement(7, 0),
        Acknowledgement(7, 17),
        Acknowledgement(8, 22, "Invalid prefix"),
        Acknowledgement(9, 1, "No"),
    ]


def test_what_is_about_other_things_is_passed_by() -> None:
    mpls = request(24, struct.pack("=BBBBBBBBI", 28, 0, 0, 0, 0, 0, 0, 0, 0))
    port = request(17, struct.pack("=BxHiII", 7, 1, 5, 0, 0))
    assert list(decode(mpls + port + request(1, b""))) == [
        Other(24, "a route of address family 28"),
        Other(17, "a link as address family 7 sees it"),
        Other(1),
    ]


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=9)), max_size=6))
def test_attributes_come_back_in_order(parts: list[tuple[int, bytes]]) -> None:
    assert attribute_list(b"".join(attribute(*part) for part in parts)) == parts


@pytest.mark.parametrize("length", [0, 3, 15, 17, 2**32 - 1])
def test_a_length_that_cannot_be_is_our_error(length: int) -> None:
    with pytest.raises(NetlinkError, match="says"):
        list(messages(framing.HEADER.pack(length, 24, 0, 0, 0)))


def test_a_gateway_of_the_other_family_is_said_by_via() -> None:
    value = Route(parse_prefix("10.0.0.0/8"), gateway=ip_address("fe80::1"), interface=3)
    (said,) = decode(new_route(value))
    assert isinstance(said, Said)
    assert said.value == value
