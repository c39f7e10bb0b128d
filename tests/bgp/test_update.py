"""UPDATE on the wire: golden octets, the AS4 merge of RFC 6793, sharing, splitting and the sending
half.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest

from routeserver.bgp import attributes as attributes_module
from routeserver.bgp.as_path import decode_as_path, encode_as_path, merge_as4_path
from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.framing import EXTENDED_MESSAGE_OCTETS, HEADER_OCTETS, MAX_MESSAGE_OCTETS
from routeserver.bgp.update import decode_update
from routeserver.bgp.update_encoding import (
    encode_announcement,
    encode_end_of_rib,
    encode_withdrawal,
)
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.path import AsSegment, Origin, PathAttributes, RawAttribute, SegmentKind
from routeserver.net.prefix import Family, make_prefix, parse_prefix
from tests.bgp.support import (
    AS_PATH,
    LOCAL_ASN,
    MANDATORY,
    NEXT_HOP,
    ORIGIN,
    PEER_ASN,
    Said,
    attribute,
    mp_reach,
    mp_unreach,
    nlri,
    said,
    update,
)

CONTEXT: Final = DecodeContext(LOCAL_ASN, PEER_ASN, accept_as_sets=True)
TWO_OCTET: Final = DecodeContext(LOCAL_ASN, PEER_ASN, four_octet_asn=False)


def sequence(*asns: int) -> AsSegment:
    return AsSegment(SegmentKind.AS_SEQUENCE, asns)


def as_set(*asns: int) -> AsSegment:
    return AsSegment(SegmentKind.AS_SET, asns)


PLAIN: Final = PathAttributes(Origin.IGP, (sequence(PEER_ASN),), IPv4Address("10.0.0.2"))


def read(
    frame: bytes, context: DecodeContext = CONTEXT, table: AttributeTable | None = None
) -> Said:
    table = AttributeTable(context) if table is None else table
    return said(decode_update(frame[HEADER_OCTETS:], context, table))


def sets(frames: list[bytes], table: AttributeTable) -> list[AttributeSet]:
    """The set of the one announced batch in each of the frames."""
    updates = [decode_update(frame[HEADER_OCTETS:], CONTEXT, table) for frame in frames]
    return [attribute_set for one in updates for attribute_set, _ in one.announced]


def only(frame: bytes, context: DecodeContext = CONTEXT) -> PathAttributes:
    ((attributes, _prefixes),) = read(frame, context).announced
    return attributes


# Written out by hand from RFC 4271 §4.3, RFC 4760 §3 and §4, RFC 1997 and RFC 8092.
GOLDEN: Final = [
    (
        "0000 0014 40010100 4002060201 0000fde9 4003040a000002 18c00002 00 20c6336401",
        Said(
            [],
            [
                (
                    PLAIN,
                    [parse_prefix(p) for p in ("192.0.2.0/24", "0.0.0.0/0", "198.51.100.1/32")],
                )
            ],
        ),
    ),
    (
        "0008 18c00002 17c63364 0000",
        Said([parse_prefix("192.0.2.0/24"), parse_prefix("198.51.100.0/23")], []),
    ),
    (
        # Host bits beyond the length are of no significance (RFC 4271 §4.3).
        "0003 0cacff 0000",
        Said([parse_prefix("172.240.0.0/12")], []),
    ),
    (
        (
            "0000 002c 800e1c 000201 10 20010db8000000000000000000000002 00 3020010db80001"
            "40010100 4002060201 0000fde9"
        ),
        Said(
            [],
            [
                (
                    PathAttributes(Origin.IGP, PLAIN.as_path, IPv6Address("2001:db8::2")),
                    [parse_prefix("2001:db8:1::/48")],
                )
            ],
        ),
    ),
    ("0000 000a 800f07 000201 1820010d", Said([parse_prefix("2001:d00::/24")], [])),
    ("0000 0000", Said([], [], Family.IPV4)),
    ("0000 0006 800f03 000201", Said([], [], Family.IPV6)),
    ("0000 0007 900f0003 000101", Said([], [], Family.IPV4)),
    (
        (
            "0000 004d 40010102 400210 0202 0000fde9 fa56ea00 0101 00000007 4003040a000002"
            "80040400000064 400600 c00808 fde9004d ffffff01 c01008 0002fde900000001"
            "c0200c 0000fde9 00000001 00000002 080a"
        ),
        Said(
            [],
            [
                (
                    PathAttributes(
                        Origin.INCOMPLETE,
                        (sequence(PEER_ASN, 4200000000), as_set(7)),
                        IPv4Address("10.0.0.2"),
                        med=100,
                        communities=(PEER_ASN << 16 | 77, 0xFFFFFF01),
                        large_communities=((PEER_ASN, 1, 2),),
                        others=(RawAttribute(0x40, 6, b""),),
                        extended_communities=(0x0002FDE9_00000001,),
                    ),
                    [parse_prefix("10.0.0.0/8")],
                )
            ],
        ),
    ),
]


@pytest.mark.parametrize(("octets", "expected"), GOLDEN)
def test_golden_updates_decode_to_what_they_say(octets: str, expected: Said) -> None:
    body = bytes.fromhex(octets)
    assert said(decode_update(body, CONTEXT, AttributeTable(CONTEXT))) == expected


@pytest.mark.parametrize(("octets", "expected"), GOLDEN[:5])
def test_golden_updates_are_what_we_would_send(octets: str, expected: Said) -> None:
    if expected.withdrawn:
        (frame,) = encode_withdrawal(expected.withdrawn)
    else:
        ((attributes, prefixes),) = expected.announced
        (frame,) = encode_announcement(attributes, prefixes)
    assert read(frame) == expected
    if "0cacff" not in octets:
        assert len(frame) == HEADER_OCTETS + len(bytes.fromhex(octets))


def test_end_of_rib_is_read_as_it_is_sent() -> None:
    for family in Family:
        assert read(encode_end_of_rib(family)) == Said([], [], family)


def test_one_update_may_withdraw_and_announce_in_both_families() -> None:
    attributes = mp_reach("2001:db8:1::/48") + mp_unreach("2001:db8:2::/48") + MANDATORY
    got = read(update(attributes, nlri("192.0.2.0/24"), nlri("198.51.100.0/24")))
    assert got.withdrawn == [parse_prefix("198.51.100.0/24"), parse_prefix("2001:db8:2::/48")]
    assert [(str(a.next_hop), p) for a, p in got.announced] == [
        ("10.0.0.2", [parse_prefix("192.0.2.0/24")]),
        ("2001:db8::2", [parse_prefix("2001:db8:1::/48")]),
    ]


def test_of_two_ipv6_next_hops_the_global_one_counts() -> None:
    both = IPv6Address("2001:db8::2").packed + IPv6Address("fe80::2").packed
    attributes = only(update(mp_reach("2001:db8:1::/48", next_hop=both) + ORIGIN + AS_PATH))
    assert attributes.next_hop == IPv6Address("2001:db8::2")


def test_an_ipv4_mapped_next_hop_is_kept_as_it_came() -> None:
    mapped = IPv6Address("::ffff:10.0.0.2")
    attributes = only(
        update(mp_reach("2001:db8:1::/48", next_hop=mapped.packed) + ORIGIN + AS_PATH)
    )
    assert attributes.next_hop == mapped


def test_what_nobody_here_has_read_is_passed_on_as_partial() -> None:
    listed = MANDATORY + attribute(0xC0, 35, bytes(4)) + attribute(0xC0, 99, b"x")
    got = only(update(listed, nlri("192.0.2.0/24")))
    assert got.others == (RawAttribute(0xC0, 35, bytes(4)), RawAttribute(0xC0, 99, b"x"))
    (frame,) = encode_announcement(got, [parse_prefix("192.0.2.0/24")])
    assert only(frame).others == (RawAttribute(0xC0, 35, bytes(4)), RawAttribute(0xE0, 99, b"x"))


@pytest.mark.parametrize("max_octets", [MAX_MESSAGE_OCTETS, EXTENDED_MESSAGE_OCTETS])
def test_ipv4_over_an_ipv6_next_hop_is_read_as_it_is_sent(max_octets: int) -> None:
    prefixes = [make_prefix(i << 8, 24, Family.IPV4) for i in range(65536, 70000)]
    attributes = PathAttributes(Origin.IGP, PLAIN.as_path, IPv6Address("2001:db8::2"))
    with pytest.raises(ValueError, match="cannot be announced for IPV4"):
        encode_announcement(attributes, prefixes)
    agreed = (Family.IPV4,)
    frames = encode_announcement(
        attributes, prefixes, extended_next_hop=agreed, max_octets=max_octets
    )
    context = DecodeContext(LOCAL_ASN, PEER_ASN, extended_next_hop=agreed)
    got = [read(frame, context).announced for frame in frames]
    assert [p for ((_, run),) in got for p in run] == prefixes
    assert {a for ((a, _),) in got} == {attributes}
    assert all(max_octets - 4 <= len(frame) <= max_octets for frame in frames[:-1])
    six = [parse_prefix("2001:db8::/32")]
    with pytest.raises(ValueError, match="cannot be announced for IPV6"):
        encode_announcement(PLAIN, six, extended_next_hop=agreed)


def test_unknown_transitive_attributes_are_kept_and_others_are_not() -> None:
    listed = MANDATORY + attribute(0xE0, 99, b"x") + attribute(0x80, 98, b"y")
    assert only(update(listed, nlri("192.0.2.0/24"))).others == (RawAttribute(0xE0, 99, b"x"),)


# --- sharing ------------------------------------------------------------------------------------


def test_equal_attribute_lists_give_one_set() -> None:
    table = AttributeTable(CONTEXT)
    frames = [update(MANDATORY, nlri(prefix)) for prefix in ("192.0.2.0/24", "198.51.100.0/24")]
    frames6 = [
        update(mp_reach(prefix) + ORIGIN + AS_PATH)
        for prefix in ("2001:db8:1::/48", "2001:db8::/32")
    ]
    for pair in (frames, frames6):
        first, second = sets(pair, table)
        assert first is second


def test_the_same_list_around_another_next_hop_is_another_set() -> None:
    hops = [IPv6Address("2001:db8::2").packed, IPv6Address("2001:db8::3").packed]
    frames = [update(mp_reach("::/0", next_hop=hop) + ORIGIN + AS_PATH) for hop in hops]
    first, second = sets(frames, AttributeTable(CONTEXT))
    assert str(first.attributes.next_hop) == "2001:db8::2"
    assert str(second.attributes.next_hop) == "2001:db8::3"


def test_another_peer_is_judged_by_other_rules() -> None:
    frame = update(MANDATORY, nlri("192.0.2.0/24"))
    assert read(frame).announced
    assert not read(frame, DecodeContext(LOCAL_ASN, 65002)).announced


def test_a_table_forgets_before_it_grows_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes_module, "_MAX_OCTETS", 50_000)
    table = AttributeTable(CONTEXT)
    for med in range(1000):
        listed = MANDATORY + attribute(0x80, 4, med.to_bytes(4, "big"))
        ((attributes, _),) = read(update(listed, nlri("192.0.2.0/24")), CONTEXT, table).announced
        assert attributes.med == med
        assert len(table.entries) <= 80


# --- AS numbers in two octets -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "as4_path", "merged"),
    [
        # RFC 6793 §4.2.3: as many leading AS numbers as AS4_PATH lacks, then AS4_PATH.
        ((sequence(1, 23456, 3),), (sequence(70000, 3),), (sequence(1, 70000, 3),)),
        ((sequence(23456, 3),), (sequence(70000, 3),), (sequence(70000, 3),)),
        # A longer AS4_PATH is stale and is ignored.
        ((sequence(1, 2),), (sequence(70000, 3, 4),), (sequence(1, 2),)),
        # A set counts as one.
        ((as_set(8, 9), sequence(23456)), (sequence(70000),), (as_set(8, 9), sequence(70000))),
        (
            (sequence(1, 2), as_set(23456, 9)),
            (as_set(70000, 9),),
            (sequence(1, 2), as_set(70000, 9)),
        ),
        ((sequence(1), sequence(23456)), (), (sequence(1, 23456),)),
    ],
)
def test_as4_path_is_merged(
    path: tuple[AsSegment, ...],
    as4_path: tuple[AsSegment, ...],
    merged: tuple[AsSegment, ...],
) -> None:
    assert merge_as4_path(path, as4_path) == merged


def test_a_merged_path_too_long_for_one_segment_stays_in_two() -> None:
    path = (sequence(*range(1, 201)), sequence(*range(201, 401)))
    assert merge_as4_path(path, (sequence(*range(201, 401)),)) == path


def two_octet(path: str, extra: bytes = b"") -> bytes:
    listed = ORIGIN + attribute(0x40, 2, bytes.fromhex(path)) + NEXT_HOP + extra
    return update(listed, nlri("192.0.2.0/24"))


AS4_PATH: Final = attribute(0xC0, 17, bytes.fromhex("0201 00011170"))  # AS 70000


def test_a_two_octet_peer_hands_on_a_four_octet_path() -> None:
    assert only(two_octet("0202fde95ba0", AS4_PATH), TWO_OCTET).as_path == (
        sequence(PEER_ASN, 70000),
    )


def test_a_peer_with_a_four_octet_as_may_come_first_as_as_trans() -> None:
    assert only(two_octet("02015ba0", AS4_PATH), TWO_OCTET).as_path == (sequence(70000),)


@pytest.mark.parametrize(
    ("path", "as4_path", "found"),
    [
        ("0201fde9", "0201 00011170", "AS 70000"),  # AS_PATH knows the peer by another number
        ("02015ba0", "0201 00000007", "AS 7"),  # has room in AS_PATH
        ("02015ba0", "", "AS 23456"),
    ],
)
def test_as4_path_puts_nobody_else_first(path: str, as4_path: str, found: str) -> None:
    extra = attribute(0xC0, 17, bytes.fromhex(as4_path)) if as4_path else b""
    (ignored,) = read(two_octet(path, extra), TWO_OCTET).ignored
    assert f"starts with {found}," in ignored.reason


def test_a_malformed_as4_path_is_discarded_and_the_route_stays() -> None:
    for value in ("0201", "02010000", "020100000000", "0901 00011170"):
        frame = two_octet("0202fde95ba0", attribute(0xC0, 17, bytes.fromhex(value)))
        got = read(frame, TWO_OCTET)
        assert got.announced[0][0].as_path == (sequence(PEER_ASN, 23456),)
        assert got.ignored[0].reason.startswith("attribute discard: AS4_PATH is malformed")


def test_confederation_segments_in_as4_path_are_skipped() -> None:
    value = bytes.fromhex("0301 00000005 0201 00011170")
    attributes = only(two_octet("0202fde95ba0", attribute(0xC0, 17, value)), TWO_OCTET)
    assert attributes.as_path == (sequence(PEER_ASN, 70000),)


def test_an_aggregator_with_a_real_as_number_makes_the_as4_attributes_stale() -> None:
    aggregator = attribute(0xC0, 7, bytes.fromhex("fde9 0a000009"))
    as4_aggregator = attribute(0xC0, 18, bytes.fromhex("00011170 0a000009"))
    attributes = only(two_octet("0202fde95ba0", aggregator + AS4_PATH + as4_aggregator), TWO_OCTET)
    assert attributes.as_path == (sequence(PEER_ASN, 23456),)
    assert attributes.others == (RawAttribute(0xC0, 7, bytes.fromhex("0000fde9 0a000009")),)


def test_as_trans_in_aggregator_is_replaced_from_as4_aggregator() -> None:
    aggregator = attribute(0xC0, 7, bytes.fromhex("5ba0 0a000009"))
    as4_aggregator = attribute(0xC0, 18, bytes.fromhex("00011170 0a000009"))
    attributes = only(two_octet("0202fde95ba0", aggregator + AS4_PATH + as4_aggregator), TWO_OCTET)
    assert attributes.as_path == (sequence(PEER_ASN, 70000),)
    assert attributes.others == (RawAttribute(0xC0, 7, bytes.fromhex("00011170 0a000009")),)


def test_a_path_longer_than_a_segment_is_sent_as_several() -> None:
    path = (sequence(*range(1, 601)),)
    decoded = decode_as_path(encode_as_path(path, four_octet=True), four_octet=True)
    assert [len(segment.asns) for segment in decoded] == [255, 255, 90]
    with pytest.raises(ValueError, match="AS_SET"):
        encode_as_path((as_set(*range(1, 257)),), four_octet=True)


# --- sending ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", list(Family))
def test_many_prefixes_are_split_into_full_messages(family: Family) -> None:
    width = 32 if family is Family.IPV4 else 128
    prefixes = [make_prefix(i << (width - 24), 24, family) for i in range(5000)]
    hop = PLAIN.next_hop if family is Family.IPV4 else IPv6Address("2001:db8::2")
    attributes = PathAttributes(Origin.IGP, PLAIN.as_path, hop)
    frames = encode_announcement(attributes, prefixes)
    assert len(frames) == 5
    assert all(MAX_MESSAGE_OCTETS - 4 <= len(f) <= MAX_MESSAGE_OCTETS for f in frames[:-1])
    got = [read(frame).announced for frame in frames]
    assert [p for ((_, run),) in got for p in run] == prefixes
    assert {a for ((a, _),) in got} == {attributes}
    withdrawals = encode_withdrawal(prefixes)
    assert [p for frame in withdrawals for p in read(frame).withdrawn] == prefixes


def test_nothing_to_send_makes_no_message() -> None:
    assert encode_announcement(PLAIN, []) == []
    assert encode_withdrawal([]) == []


def test_what_has_no_encoding_is_refused() -> None:
    v4, v6 = parse_prefix("10.0.0.0/8"), parse_prefix("2001:db8::/32")
    with pytest.raises(ValueError, match="one family"):
        encode_announcement(PLAIN, [v4, v6])
    with pytest.raises(ValueError, match="next hop"):
        encode_announcement(PLAIN, [v6])
    huge = PathAttributes(
        Origin.IGP, PLAIN.as_path, PLAIN.next_hop, others=(RawAttribute(0xC0, 99, bytes(4048)),)
    )
    with pytest.raises(ValueError, match="no room"):
        encode_announcement(huge, [v4, parse_prefix("192.0.2.0/24")])
