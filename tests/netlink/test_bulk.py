"""The bulk encoder makes, for many routes, what the careful one makes for each."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.prefix import Family, Prefix, make_prefix
from routeserver.netlink import bulk
from routeserver.netlink.bulk import Listed, Shape
from routeserver.netlink.framing import messages
from routeserver.netlink.route import RTM_DELROUTE, RTM_NEWROUTE, Route, RouteType, decode_route
from routeserver.netlink.values import AF_INET, AF_INET6

v4 = st.builds(make_prefix, st.integers(0, 2**32 - 1), st.integers(0, 32), st.just(Family.IPV4))
v6 = st.builds(make_prefix, st.integers(0, 2**128 - 1), st.integers(0, 128), st.just(Family.IPV6))
tables = st.one_of(
    st.tuples(st.just(AF_INET), st.lists(v4, max_size=20)),
    st.tuples(st.just(AF_INET6), st.lists(v6, max_size=20)),
)


@given(tables, st.sampled_from([100, 254, 70_000]), st.integers(1, 1000))
def test_each_message_is_the_route(
    routes: tuple[int, list[Prefix]], table: int, first: int
) -> None:
    family, prefixes = routes
    shape = Shape(family, table, 179, 42, way=bulk.by_nexthop(7))
    found = list(messages(bulk.new_routes(prefixes, shape, first)))
    assert [message.sequence for message in found] == list(range(first, first + len(prefixes)))
    assert {message.type for message in found} <= {RTM_NEWROUTE}
    assert [decode_route(message) for message in found] == [
        Route(prefix, table, protocol=179, priority=42, nexthop_id=7) for prefix in prefixes
    ]
    gone = list(messages(bulk.delete_routes(prefixes, Shape(family, table, 179, 42), first)))
    assert [decode_route(message).destination for message in gone] == prefixes
    assert {message.type for message in gone} <= {RTM_DELROUTE}


@given(tables)
def test_what_was_made_is_read_back(routes: tuple[int, list[Prefix]]) -> None:
    family, prefixes = routes
    gateway = ip_address("10.0.1.9" if family == AF_INET else "fe80::9")
    shape = Shape(family, 300, 179, 5, way=bulk.by_gateway(3, gateway))
    octets = bulk.new_routes(prefixes, shape)
    assert list(bulk.listed_routes(octets)) == [
        Listed(prefix, 300, 5, 179, RouteType.UNICAST, 0, 3, gateway.packed) for prefix in prefixes
    ]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_octets_are_read_without_an_accident(octets: bytes, cut: int) -> None:
    list(bulk.listed_routes(octets))
    whole = bulk.new_routes([make_prefix(0, 0, Family.IPV4)] * 3, Shape(AF_INET, 9, 179, 1))
    list(bulk.listed_routes(whole[:cut] + octets))


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_none_are_no_octets(family: int) -> None:
    assert bulk.new_routes([], Shape(family, 9, 179, 1)) == b""
