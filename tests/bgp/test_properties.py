"""Properties: decode ∘ encode = id, and no octets whatever lead to anything but events or our own
error.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.capabilities import (
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAsn,
    GracefulRestart,
    LongLivedGracefulRestart,
    Multiprotocol,
    RawCapability,
    RouteRefreshCapability,
)
from routeserver.bgp.errors import Notification, ProtocolError
from routeserver.bgp.framing import HEADER_OCTETS
from routeserver.bgp.messages import NotificationMessage, Open, RouteRefresh
from routeserver.bgp.nlri import decode_nlri, encode_nlri
from routeserver.bgp.update import decode_update
from routeserver.bgp.update_encoding import encode_announcement, encode_withdrawal
from routeserver.net.path import AsSegment, Origin, PathAttributes, RawAttribute, SegmentKind
from routeserver.net.prefix import Family, Prefix, make_prefix
from tests.bgp.support import (
    MANDATORY,
    mp_reach,
    mp_unreach,
    nlri,
    said,
    update,
)

LOCAL: Final = 64999
u8, u16, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
u64 = st.integers(0, 0xFFFFFFFF_FFFFFFFF)
asns = st.integers(1, 0xFFFFFFFF).filter(lambda asn: asn != LOCAL)


# --- values that have an encoding ---------------------------------------------------------------

raw_capabilities = st.builds(
    RawCapability,
    u8.filter(lambda code: code not in {1, 2, 5, 6, 64, 65, 70, 71}),
    st.binary(max_size=60),
)
capabilities = st.one_of(
    st.builds(Multiprotocol, u16, u8),
    st.just(RouteRefreshCapability()),
    st.just(EnhancedRouteRefresh()),
    st.just(ExtendedMessage()),
    st.builds(ExtendedNextHop, st.lists(st.tuples(u16, u16, u16), max_size=3).map(tuple)),
    st.builds(
        LongLivedGracefulRestart,
        st.lists(st.tuples(u16, u8, u8, st.integers(0, 0xFFFFFF)), max_size=3).map(tuple),
    ),
    st.builds(FourOctetAsn, u32),
    st.builds(
        GracefulRestart,
        st.integers(0, 15),
        st.integers(0, 4095),
        st.lists(st.tuples(u16, u8, u8), max_size=3).map(tuple),
    ),
    raw_capabilities,
)
opens = st.builds(
    Open, u16, u16, st.builds(IPv4Address, u32), st.lists(capabilities, max_size=10).map(tuple)
)


def prefixes_of(family: Family) -> st.SearchStrategy[Prefix]:
    """Unicast prefixes: their first octet is below 224 and below 255."""
    width, top = (32, 0xE0000000) if family is Family.IPV4 else (128, 0xFF << 120)
    return st.builds(
        lambda address, length: make_prefix(address, length, family),
        st.integers(0, top - 1),
        st.integers(0, width),
    )


def _distinct_codes(attributes: list[RawAttribute]) -> tuple[RawAttribute, ...]:
    return tuple(sorted({a.code: a for a in attributes}.values(), key=lambda a: a.code))


others = st.lists(
    st.one_of(
        st.builds(RawAttribute, st.just(0x40), st.just(6), st.just(b"")),
        st.builds(
            RawAttribute,
            st.just(0xC0),
            st.just(7),
            st.builds(
                lambda a, b: a.to_bytes(4, "big") + b, asns, st.binary(min_size=4, max_size=4)
            ),
        ),
        st.builds(
            RawAttribute,
            st.sampled_from([0xC0, 0xE0]),
            st.just(25),
            st.binary(min_size=20, max_size=20),
        ),
        st.builds(
            RawAttribute,
            st.just(0xE0),
            st.integers(64, 255),
            st.binary(max_size=300),
        ),
    ),
    max_size=3,
).map(_distinct_codes)

segments = st.builds(
    AsSegment, st.sampled_from(SegmentKind), st.lists(asns, min_size=1, max_size=5).map(tuple)
)
hops: Final[dict[Family, st.SearchStrategy[Any]]] = {
    Family.IPV4: st.builds(IPv4Address, st.integers(0x01000000, 0x7EFFFFFF)),
    Family.IPV6: st.builds(IPv6Address, st.integers(0x2000 << 112, 0x3FFF << 112)),
}


@st.composite
def routes(draw: st.DrawFn) -> tuple[PathAttributes, list[Prefix]]:
    """Attributes whose first AS number is the peer's, as external paths have it, and their
    prefixes.
    """
    family = draw(st.sampled_from(Family))
    first = AsSegment(
        SegmentKind.AS_SEQUENCE, draw(st.lists(asns, min_size=1, max_size=5).map(tuple))
    )
    attributes = PathAttributes(
        origin=draw(st.sampled_from(Origin)),
        as_path=(first, *draw(st.lists(segments, max_size=3))),
        next_hop=draw(hops[family]),
        med=draw(st.none() | u32),
        communities=draw(st.lists(u32, max_size=70).map(tuple)),
        large_communities=draw(st.lists(st.tuples(u32, u32, u32), max_size=3).map(tuple)),
        others=draw(others),
        extended_communities=draw(st.lists(u64, max_size=40).map(tuple)),
    )
    return attributes, draw(st.lists(prefixes_of(family), min_size=1, max_size=30))


@given(opens)
def test_an_open_survives_the_wire(message: Open) -> None:
    assert Open.decode(message.encode()[HEADER_OCTETS:]) == message


@given(u8, u8, st.binary(max_size=300))
def test_a_notification_survives_the_wire_and_has_words(
    code: int, subcode: int, data: bytes
) -> None:
    message = NotificationMessage(Notification(code, subcode, data))
    assert NotificationMessage.decode(message.encode()[HEADER_OCTETS:]) == message
    assert str(message.notification)


@given(u16, u8, u8)
def test_a_route_refresh_survives_the_wire(afi: int, safi: int, subtype: int) -> None:
    message = RouteRefresh(afi, safi, subtype)
    assert RouteRefresh.decode(message.encode()[HEADER_OCTETS:]) == message


@given(st.sampled_from(Family).flatmap(lambda f: st.tuples(st.just(f), st.lists(prefixes_of(f)))))
def test_prefixes_survive_the_wire(case: tuple[Family, list[Prefix]]) -> None:
    family, prefixes = case
    runs = encode_nlri(prefixes, 40)
    assert [p for run in runs for p in decode_nlri(family, run, 0, len(run))] == prefixes


@given(routes())
def test_routes_survive_the_wire(case: tuple[PathAttributes, list[Prefix]]) -> None:
    attributes, prefixes = case
    context = DecodeContext(LOCAL, attributes.as_path[0].asns[0], accept_as_sets=True)
    table = AttributeTable(context)
    (frame,) = encode_announcement(attributes, prefixes)
    for _ in range(2):  # the second time from the cache
        got = said(decode_update(frame[HEADER_OCTETS:], context, table))
        assert got.announced == [(attributes, prefixes)]
        assert (got.withdrawn, got.end_of_rib, got.ignored) == ([], None, ())
    (gone,) = encode_withdrawal(prefixes)
    assert decode_update(gone[HEADER_OCTETS:], context, table).withdrawn == prefixes


@given(routes())
def test_routes_survive_a_two_octet_session(case: tuple[PathAttributes, list[Prefix]]) -> None:
    attributes, prefixes = case
    peer = attributes.as_path[0].asns[0]
    if peer > 0xFFFF:
        return
    context = DecodeContext(LOCAL, peer, four_octet_asn=False, accept_as_sets=True)
    (frame,) = encode_announcement(attributes, prefixes, four_octet=False)
    ((got, _),) = said(
        decode_update(frame[HEADER_OCTETS:], context, AttributeTable(context))
    ).announced
    stale = any(
        a.code == 7 and int.from_bytes(a.value[:4], "big") <= 0xFFFF for a in attributes.others
    )
    if not stale:  # such an AGGREGATOR makes a receiver ignore AS4_PATH (RFC 6793 §4.2.3)
        assert _flat(got) == _flat(attributes)
    assert got.others == attributes.others


def _flat(attributes: PathAttributes) -> list[tuple[int, int | frozenset[int]]]:
    """A path without the borders between neighbouring sequences."""
    out: list[tuple[int, int | frozenset[int]]] = []
    for segment in attributes.as_path:
        if segment.kind is SegmentKind.AS_SET:
            out.append((1, frozenset(segment.asns)))
        else:
            out.extend((2, asn) for asn in segment.asns)
    return out


# --- octets that may mean nothing ---------------------------------------------------------------


def _decode_open(body: bytes) -> object:
    return Open.decode(body)


def _decode_update(body: bytes) -> object:
    context = DecodeContext(65000, 65001)
    return decode_update(body, context, AttributeTable(context))


def _decode_update_two_octet(body: bytes) -> object:
    context = DecodeContext(65000, 65001, four_octet_asn=False, families=(Family.IPV6,))
    return decode_update(body, context, AttributeTable(context))


def never_another_exception(decode: Callable[[bytes], object], body: bytes) -> None:
    error: ProtocolError | None = None
    try:
        decode(body)
    except ProtocolError as caught:
        error = caught
    if error is not None:
        assert NotificationMessage(error.notification).encode()
        assert error.reason


@given(st.binary(min_size=10, max_size=100))
@example(bytes.fromhex("04fde9005a0a00000201ff"))
@example(bytes.fromhex("04fde9005a0a000002ffff0000"))
def test_any_octets_in_an_open_are_an_open_or_our_error(body: bytes) -> None:
    never_another_exception(_decode_open, body)
    never_another_exception(_decode_open, b"\x04" + body[1:])


@given(st.binary(min_size=4, max_size=100))
def test_any_octets_in_an_update_are_an_update_or_our_error(body: bytes) -> None:
    for decode in (_decode_update, _decode_update_two_octet):
        never_another_exception(decode, body)
        never_another_exception(decode, b"\x00\x00" + len(body).to_bytes(2, "big") + body)


attributes_soup = st.lists(
    st.builds(
        lambda flags, code, value: bytes([flags, code, len(value)]) + value,
        st.sampled_from([0x40, 0x80, 0xC0, 0xE0, 0x00]),
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 32, 99]),
        st.binary(max_size=24),
    ),
    max_size=8,
).map(b"".join)


@given(attributes_soup, st.binary(max_size=12), st.binary(max_size=12))
def test_any_attributes_are_an_update_or_our_error(
    soup: bytes, withdrawn: bytes, announced: bytes
) -> None:
    for decode in (_decode_update, _decode_update_two_octet):
        never_another_exception(decode, update(soup, announced, withdrawn)[HEADER_OCTETS:])
        never_another_exception(decode, update(MANDATORY + soup, announced)[HEADER_OCTETS:])


@given(st.data())
def test_a_good_update_cut_or_changed_anywhere_is_an_update_or_our_error(
    data: st.DataObject,
) -> None:
    good = update(
        mp_reach("2001:db8::/32") + mp_unreach("2001:db8:1::/48") + MANDATORY,
        nlri("192.0.2.0/24", "10.0.0.0/8"),
        nlri("198.51.100.0/24"),
    )[HEADER_OCTETS:]
    position = data.draw(st.integers(4, len(good) - 1))
    never_another_exception(_decode_update, good[:position])
    changed = good[:position] + bytes([data.draw(u8)]) + good[position + 1 :]
    never_another_exception(_decode_update, changed)
    never_another_exception(_decode_update, good + changed)
