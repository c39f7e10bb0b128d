"""The fast path agrees with the full look wherever it reads at all, and leaves the rest untouched.

`plain.RouteReader` has no word for what is wrong: so what it takes must be what `decode_update`
accepts without a fault, and what it does not take must be as if it had never been looked at.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.errors import ProtocolError
from routeserver.bgp.framing import HEADER_OCTETS, MARKER
from routeserver.bgp.messages import KEEPALIVE
from routeserver.bgp.plain import RouteReader
from routeserver.bgp.update import decode_update
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of, parse_prefix
from routeserver.net.route_batch import RouteBatch
from tests.bgp.support import LOCAL_ASN, MANDATORY, ORIGIN, PEER_ASN, mp_reach, mp_unreach, nlri
from tests.bgp.test_captures import CAPTURES, Capture
from tests.bgp.updates import attribute, bodies, body, message

BOTH: Final = (Family.IPV4, Family.IPV6)

Route = tuple[Prefix, PathAttributes | None]


class Pair(NamedTuple):
    """The two ways to read one session's UPDATEs, each with what it remembers."""

    reader: RouteReader
    fast: AttributeTable
    context: DecodeContext
    full: AttributeTable


def pair(
    families: tuple[Family, ...] = BOTH, *, peer_asn: int = PEER_ASN, loopback: bool = False
) -> Pair:
    context = DecodeContext(
        LOCAL_ASN,
        peer_asn,
        families=families,
        accept_loopback_next_hops=loopback,
        local_address=IPv4Address("10.0.0.1"),
    )
    fast = AttributeTable(context)
    reader = RouteReader(fast, LOCAL_ASN, peer_asn, families)
    return Pair(reader, fast, context, AttributeTable(context))


def routes_of(batches: list[RouteBatch]) -> list[Route]:
    found: list[Route] = []
    for batch in batches:
        assert batch.ends == sorted(batch.ends)
        for attribute_set, prefixes in batch.runs():
            assert prefixes
            assert {family_of(prefix) for prefix in prefixes} == {batch.family}
            attributes = None if attribute_set is None else _judged(attribute_set)
            found += [(prefix, attributes) for prefix in prefixes]
    return found


def _judged(attribute_set: AttributeSet) -> PathAttributes:
    """Its attributes; the rank that was read in passing is theirs."""
    attributes = attribute_set.attributes
    assert attribute_set.rank_high << 32 | attribute_set.rank_low == attributes.rank
    assert attribute_set.rejected is None
    return attributes


def in_full(octets: bytes, by: Pair) -> list[Route] | None:
    """What the full look says of an UPDATE; None when it finds any fault or anything special."""
    try:
        update = decode_update(octets, by.context, by.full)
    except ProtocolError:
        return None
    if update.ignored or update.end_of_rib or any(s.rejected for s, _ in update.announced):
        return None
    withdrawn: list[Route] = [(prefix, None) for prefix in update.withdrawn]
    return withdrawn + [(p, s.attributes) for s, prefixes in update.announced for p in prefixes]


def check(octets: bytes, by: Pair) -> bool:
    """One UPDATE both ways; answers whether the fast path took it."""
    data = message(octets)
    position = by.reader.read(data, 0)
    taken = routes_of(by.reader.take())
    if position == 0:
        assert taken == []
        return False
    assert position == len(data)
    assert taken == in_full(octets, by)
    return True


contexts = st.builds(
    pair, st.sampled_from([BOTH, BOTH, (Family.IPV4,), (Family.IPV6,)]), loopback=st.booleans()
)


@settings(max_examples=600)
@given(contexts, st.lists(bodies(), min_size=1, max_size=3))
def test_what_it_takes_the_full_look_takes_in_the_same_way(by: Pair, updates: list[bytes]) -> None:
    # Twice: the second time from what it remembers.
    for octets in updates * 2:
        check(octets, by)


@settings(max_examples=200)
@given(contexts, st.lists(bodies(), min_size=1, max_size=6), st.data())
def test_a_stream_cut_anywhere_is_the_routes_of_its_updates_in_order(
    by: Pair, updates: list[bytes], data: st.DataObject
) -> None:
    """As a session does it: what is not taken is decoded elsewhere and added."""
    stream = b"".join(map(message, updates))
    alone = pair(by.context.families, loopback=by.context.accept_loopback_next_hops)
    expected: list[Route] = []
    took = [False] * len(updates)
    for number, octets in enumerate(updates):
        took[number] = check(octets, alone)
        expected += (in_full(octets, alone) if took[number] else None) or []
    cut = data.draw(st.integers(0, len(stream)))
    found: list[Route] = []
    starts = [0]
    for octets in updates:
        starts.append(starts[-1] + HEADER_OCTETS + len(octets))
    position = 0
    for end in (cut, len(stream)):
        while True:
            position = by.reader.read(stream[:end], position)
            assert position in starts  # never inside a message
            number = starts.index(position)
            if number == len(updates) or starts[number + 1] > end:
                break
            assert not took[number]
            position = starts[number + 1]
        if data.draw(st.booleans()):
            found += routes_of(by.reader.take())
    found += routes_of(by.reader.take())
    assert found == expected


@settings(max_examples=150)
@given(contexts, st.lists(bodies(), min_size=1, max_size=4))
def test_an_update_that_it_leaves_changes_nothing_of_those_before(
    by: Pair, updates: list[bytes]
) -> None:
    good = body(nlri("198.51.100.0/24"), MANDATORY, nlri("192.0.2.0/24", "10.0.0.0/8"))
    six = body(b"", ORIGIN + MANDATORY[4:13] + mp_reach("2001:db8::/32"), b"")
    for first in (good, six):
        before = pair(by.context.families)
        is_taken = check(first, before)
        for octets in updates:
            data = message(first) + message(octets)
            position = before.reader.read(data, 0)
            found = routes_of(before.reader.take())
            if not is_taken:
                assert position == 0
            elif position < len(data):
                assert found == in_full(first, before)
            else:
                assert found == (in_full(first, before) or []) + (in_full(octets, before) or [])


# --- what it must take ----------------------------------------------------------------------------

PATH: Final = MANDATORY[4:13]
HOP: Final = MANDATORY[13:]
COMMUNITIES: Final = attribute(0xC0, 8, bytes.fromhex("fde90064"))
LARGE: Final = attribute(0xC0, 32, bytes(12))
EXTENDED_LENGTH_PATH: Final = attribute(0x50, 2, PATH[3:])

EVERY_LENGTH6: Final = bytes.fromhex("000201 10 20010db8000000000000000000000002 00") + nlri(
    *(f"8000::/{n}" for n in range(1, 129))
)

USUAL: Final = {
    "the mandatory three": body(b"", MANDATORY, nlri("192.0.2.0/24")),
    "in another order": body(b"", HOP + PATH + ORIGIN, nlri("192.0.2.0/24")),
    "AS_PATH with an extended length": body(
        b"", ORIGIN + EXTENDED_LENGTH_PATH + HOP, nlri("10.0.0.0/8")
    ),
    "MED": body(b"", MANDATORY + attribute(0x80, 4, b"\0\0\0\x64"), nlri("10.0.0.0/8")),
    "communities of three kinds": body(
        b"", MANDATORY + COMMUNITIES + attribute(0xC0, 16, bytes(8)) + LARGE, nlri("10.0.0.0/8")
    ),
    "partial communities": body(b"", MANDATORY + attribute(0xE0, 8, bytes(4)), nlri("10.0.0.0/8")),
    "an aggregate": body(
        b"",
        MANDATORY + attribute(0x40, 6, b"") + attribute(0xC0, 7, bytes.fromhex("0000fde90a000002")),
        nlri("10.0.0.0/8"),
    ),
    "every length": body(b"", MANDATORY, nlri(*(f"128.0.0.0/{n}" for n in range(1, 33)))),
    "the default route": body(b"", MANDATORY, nlri("0.0.0.0/0")),
    "withdrawn and announced": body(nlri("192.0.2.0/24"), MANDATORY, nlri("192.0.2.0/24")),
    "withdrawn": body(nlri("192.0.2.0/24", "10.0.0.0/8"), b"", b""),
    "IPv6, MP_REACH_NLRI last": body(b"", ORIGIN + PATH + mp_reach("2001:db8::/32", "::/0"), b""),
    "IPv6, MP_REACH_NLRI first": body(b"", mp_reach("2001:db8::/32") + ORIGIN + PATH, b""),
    "IPv6, MP_REACH_NLRI in the middle": body(b"", ORIGIN + mp_reach("2001:db8::/32") + PATH, b""),
    "IPv6 with a link-local next hop too": body(
        b"",
        ORIGIN
        + PATH
        + mp_reach("2001:db8::/32", next_hop=bytes.fromhex("20010db8" + 11 * "00" + "02") * 2),
        b"",
    ),
    "IPv6 by way of an IPv4 next hop": body(
        b"",
        ORIGIN
        + PATH
        + mp_reach("2001:db8::/32", next_hop=bytes(10) + bytes.fromhex("ffff0a000002")),
        b"",
    ),
    "IPv6, every length": body(b"", ORIGIN + PATH + attribute(0x90, 14, EVERY_LENGTH6), b""),
    "IPv6 withdrawn": body(b"", mp_unreach("2001:db8::/32", "2001:db8:1::/48"), b""),
}


@pytest.mark.parametrize("octets", USUAL.values(), ids=USUAL.keys())
def test_it_takes_the_usual_updates(octets: bytes) -> None:
    by = pair()
    assert check(octets, by)
    assert check(octets, by)


FOUR_OCTET: Final = [c for c in CAPTURES if "four-octet" in c.events[0]]


@pytest.mark.parametrize("capture", FOUR_OCTET, ids=lambda capture: capture.name)
def test_it_takes_most_of_what_real_daemons_send(capture: Capture) -> None:
    """Of the routes, all but those that are there to be refused; End-of-RIB is not its business."""
    by = pair(peer_asn=capture.peer_asn, loopback=True)
    updates = [m[HEADER_OCTETS:] for m in capture.messages if m[18] == 2]
    plain = [octets for octets in updates if in_full(octets, by)]
    left = [octets for octets in plain if not check(octets, by)]
    assert plain
    assert [octets.hex() for octets in left] == []


# --- what it must leave ---------------------------------------------------------------------------


def test_what_was_said_with_ipv6_routes_says_nothing_of_ipv4_routes() -> None:
    """An MP_REACH_NLRI without routes beside an NLRI field has the octets that the list around
    IPv6 routes is remembered by."""
    by = pair()
    around = ORIGIN + PATH
    assert check(body(b"", around + mp_reach("2001:db8::/32"), b""), by)
    assert not check(body(b"", around + mp_reach(), nlri("192.0.2.0/24")), by)


@pytest.mark.parametrize(
    "octets",
    [
        body(b"", b"", b""),  # End-of-RIB
        body(b"", mp_unreach(), b""),  # and of IPv6
        body(b"", MANDATORY, nlri("224.0.0.0/8")),
        body(b"", ORIGIN + PATH + mp_reach("ff00::/8"), b""),
        body(b"", MANDATORY[:-1] + b"\x01", nlri("10.0.0.0/8")),  # our own address
        body(b"", MANDATORY[:-4] + bytes(4), nlri("10.0.0.0/8")),
        body(b"", ORIGIN + PATH + mp_reach("2001:db8::/32", next_hop=bytes(16)), b""),
        body(b"", ORIGIN + PATH + mp_reach("2001:db8::/32", next_hop=bytes(32)), b""),
        body(b"", MANDATORY, b"\x21" + bytes(5)),
        body(b"", MANDATORY, b"\x18\x0a\x00"),
        body(b"", MANDATORY + ORIGIN, nlri("10.0.0.0/8")),
        body(b"", MANDATORY + COMMUNITIES + COMMUNITIES, nlri("10.0.0.0/8")),
        body(b"", MANDATORY + LARGE + LARGE, nlri("10.0.0.0/8")),
        body(b"", MANDATORY + attribute(0xC0, 99, b""), nlri("10.0.0.0/8")),
        body(b"", MANDATORY + mp_reach("2001:db8::/32"), nlri("10.0.0.0/8")),
    ],
    ids=bytes.hex,
)
def test_it_leaves_what_needs_a_full_look(octets: bytes) -> None:
    assert pair().reader.read(message(octets), 0) == 0
    by = pair()
    before = message(USUAL["the mandatory three"])
    assert by.reader.read(before + message(octets), 0) == len(before)
    assert routes_of(by.reader.take()) == in_full(USUAL["the mandatory three"], by)
    assert by.reader.read(message(octets), 0) == 0
    assert by.reader.take() == []


@pytest.mark.parametrize(
    "data",
    [
        KEEPALIVE,
        message(USUAL["withdrawn"])[:-1],
        b"\0" + message(USUAL["withdrawn"])[1:],
        MARKER + bytes([0x10, 1, 2]) + bytes(4078),  # longer than was agreed on
        MARKER + bytes([0, 22, 2]) + bytes(3),
    ],
    ids=lambda data: data[16:24].hex(),
)
def test_it_stands_before_what_is_no_whole_update(data: bytes) -> None:
    by = pair()
    usual = message(USUAL["withdrawn"])
    assert by.reader.read(usual + data + usual, 0) == len(usual)
    assert routes_of(by.reader.take()) == [
        (parse_prefix("192.0.2.0/24"), None),
        (parse_prefix("10.0.0.0/8"), None),
    ]


def test_the_families_of_one_stream_come_apart_in_order() -> None:
    by = pair()
    four, six = message(USUAL["withdrawn"]), message(USUAL["IPv6 withdrawn"])
    assert by.reader.read(four + four + six + four, 0) == 3 * len(four) + len(six)
    batches = by.reader.take()
    assert [(batch.family, len(batch)) for batch in batches] == [
        (Family.IPV4, 4),
        (Family.IPV6, 2),
        (Family.IPV4, 2),
    ]
    assert all(len(batch.sets) == 1 for batch in batches)  # neighbouring runs are one
