"""Rows that no other attribute has: AS numbers that must not be, the multiprotocol attributes, the
lengths of the message itself, and what counts when nothing is reachable.
"""

from __future__ import annotations

from typing import Final

from routeserver.bgp.errors import Notification, UpdateError
from routeserver.bgp.framing import MessageType, encode_frame
from tests.bgp.malformed.rows import (
    DISCARDED,
    KEPT,
    OWN,
    PEER,
    ROUTE,
    ROUTE6,
    UNTOUCHED,
    WITHDRAWN,
    Fate,
    Kind,
    Row,
    announced,
    mandatory,
    path,
    reset,
    via,
)
from tests.bgp.support import (
    AS_PATH,
    MANDATORY,
    NEXT_HOP,
    ORIGIN,
    attribute,
    mp_reach,
    mp_unreach,
    nlri,
    update,
)

E = UpdateError
CONTROL: Final = announced(MANDATORY)
CONTROL6: Final = update(mp_reach(ROUTE6) + ORIGIN + AS_PATH)
GLOBAL: Final = "20010db8" + 22 * "0" + "02"
LINK_LOCAL: Final = "fe80" + 26 * "0" + "02"


def raw(hex_: str) -> bytes:
    return encode_frame(MessageType.UPDATE, bytes.fromhex(hex_))


def reach(afi: int, next_hop: str, routes: bytes, *, reserved: str = "00") -> bytes:
    hop = bytes.fromhex(next_hop)
    head = afi.to_bytes(2, "big") + b"\x01" + bytes([len(hop)]) + hop + bytes.fromhex(reserved)
    return attribute(0x80, 14, head + routes)


def four(  # noqa: PLR0917 - the columns of a table
    name: str,
    section: str,
    frame: bytes,
    outcome: Fate | Notification,
    reason: str = "",
    kind: Kind = Kind.EXTERNAL,
) -> Row:
    return Row(name, section, frame, announced(mandatory(kind)), outcome, reason, kind)


def six(  # noqa: PLR0917 - the columns of a table
    name: str,
    section: str,
    attributes: bytes,
    outcome: Fate | Notification,
    reason: str = "",
    routes: bytes = b"",
) -> Row:
    frame = update(attributes, routes)
    return Row(name, section, frame, CONTROL6, outcome, reason, route=ROUTE6)


def _paths() -> list[Row]:
    two = Kind.TWO_OCTET
    as4 = mandatory(two)
    return [
        four("AS 0 in AS_PATH", "RFC 7607 §2", announced(path("0202" + PEER + 8 * "0")),
             WITHDRAWN, "AS 0"),
        four("AS 0 in AS_PATH, two octets", "RFC 7607 §2",
             announced(path("0202fde90000")), WITHDRAWN, "AS 0", two),
        four("AS_SET", "RFC 9774 §3", announced(path("0201" + PEER + "010100000007")),
             WITHDRAWN, "AS_SET"),
        four("AS_SET where it is accepted", "RFC 4271 §4.3",
             announced(path("0201" + PEER + "010100000007")), KEPT, kind=Kind.SETS),
        four("AS 0 in an AS_SET", "RFC 7607 §2",
             announced(path("0201" + PEER + "010200000007" + 8 * "0")),
             WITHDRAWN, "AS 0", Kind.SETS),
        four("AS_SET in AS4_PATH", "RFC 9774 §3",
             announced(as4 + attribute(0xC0, 17, bytes.fromhex("010100000007"))),
             WITHDRAWN, "AS_SET", two),
        four("AS_CONFED_SEQUENCE", "RFC 5065 §5", announced(path("0301" + PEER + "0201" + PEER)),
             WITHDRAWN, "AS_CONFED_SEQUENCE"),
        four("AS_CONFED_SET", "RFC 9774 §3", announced(path("0201" + PEER + "0401" + PEER)),
             WITHDRAWN, "AS_CONFED_SET"),
        four("confederation segments in AS4_PATH", "RFC 6793 §6",
             announced(as4 + attribute(0xC0, 17, bytes.fromhex("030100000007" + "0201" + PEER))),
             KEPT, kind=two),
        four("AS_CONFED_SET in AS4_PATH", "RFC 9774 §3",
             announced(as4 + attribute(0xC0, 17, bytes.fromhex("040100000007" + "0201" + PEER))),
             WITHDRAWN, "AS_CONFED_SET", two),
        four("AS_PATH empty from outside", "RFC 4271 §6.3", announced(path("")),
             WITHDRAWN, "starts with no AS"),
        four("AS_PATH starts with another AS", "RFC 4271 §6.3",
             announced(path("020200000007" + PEER)), WITHDRAWN, "starts with AS 7"),
        four("AS_PATH starts with a set", "RFC 4271 §6.3", announced(path("0101" + PEER)),
             WITHDRAWN, "starts with no AS", Kind.SETS),
        four("own AS in AS_PATH", "RFC 4271 §9.1.2", announced(path("0202" + PEER + OWN)),
             WITHDRAWN, "own AS 65000"),
        four("own AS in an AS_SET", "RFC 4271 §9.1.2",
             announced(path("0201" + PEER + "0102" + "00000007" + OWN)),
             WITHDRAWN, "own AS 65000", Kind.SETS),
        four("own AS in AS4_PATH", "RFC 6793 §4.2.3",
             announced(
                 path("0202fde95ba0") + attribute(0xC0, 17, bytes.fromhex("0202" + PEER + OWN))
             ),
             WITHDRAWN, "own AS 65000", two),
    ]  # fmt: skip


def _next_hops() -> list[Row]:
    rows = [
        four(f"NEXT_HOP {name}", "RFC 4271 §6.3", announced(via(hop)), WITHDRAWN, reason)
        for name, hop, reason in (
            ("of zeros", "00000000", "unspecified"),
            ("in network 0", "00000001", "unspecified"),
            ("loopback", "7f000001", "loopback"),
            ("multicast", "e0000005", "multicast"),
            ("class E", "f0000001", "class E"),
            ("broadcast", "ffffffff", "broadcast"),
            ("ourselves", "0a000001", "our own address"),
        )
    ]
    for name, hop, reason in (
        ("unspecified", 32 * "0", "unspecified"),
        ("loopback", 31 * "0" + "1", "loopback"),
        ("multicast", "ff02" + 28 * "0", "multicast"),
        ("mapped loopback", 20 * "0" + "ffff7f000001", "loopback"),
        ("mapped multicast", 20 * "0" + "ffffe0000001", "multicast"),
        ("mapped ourselves", 20 * "0" + "ffff0a000001", "our own address"),
    ):
        attributes = reach(2, hop, nlri(ROUTE6)) + ORIGIN + AS_PATH
        rows.append(six(f"next hop {name}", "RFC 2545 §3", attributes, WITHDRAWN, reason))
    return rows


def _reaches() -> list[Row]:
    rest = ORIGIN + AS_PATH
    good = mp_reach(ROUTE6)
    rows = [
        six("MP_REACH_NLRI last", "RFC 7606 §5.1", rest + good, KEPT),
        six("a link-local next hop as well", "RFC 2545 §3",
            reach(2, GLOBAL + LINK_LOCAL, nlri(ROUTE6)) + rest, KEPT),
        six("the reserved octet set", "RFC 4760 §3",
            reach(2, GLOBAL, nlri(ROUTE6), reserved="ff") + rest, KEPT),
        six("NEXT_HOP of any length beside MP_REACH_NLRI", "RFC 4760 §3",
            good + rest + attribute(0x40, 3, b"x"), KEPT),
        six("MP_REACH_NLRI transitive", "RFC 7606 §3 c", b"\xc0" + good[1:] + rest,
            WITHDRAWN, "flags 0xc0"),
        six("MP_REACH_NLRI well-known", "RFC 7606 §3 c", b"\x40" + good[1:] + rest,
            WITHDRAWN, "flags 0x40"),
        six("MP_REACH_NLRI twice", "RFC 7606 §3 g", good + good + rest,
            reset(E.MALFORMED_ATTRIBUTE_LIST)),
        six("ORIGIN missing beside MP_REACH_NLRI", "RFC 7606 §3 d", good + AS_PATH,
            WITHDRAWN, "ORIGIN is missing"),
        six("AS_PATH missing beside MP_REACH_NLRI", "RFC 7606 §3 d", good + ORIGIN,
            WITHDRAWN, "AS_PATH is missing"),
        six("MP_REACH_NLRI longer than the list", "RFC 7606 §4",
            rest + bytes([0x80, 14, good[2] + 1]) + good[3:],
            reset(E.MALFORMED_ATTRIBUTE_LIST)),
    ]  # fmt: skip
    faults = [
        ("without any octet", attribute(0x80, 14, b"")),
        ("cut off behind the AFI", attribute(0x80, 14, b"\x00\x02")),
        ("cut off behind the SAFI", attribute(0x80, 14, b"\x00\x02\x01")),
        ("cut off in the next hop", attribute(0x80, 14, b"\x00\x02\x01\x10" + bytes(15))),
        ("without the reserved octet", attribute(0x80, 14, b"\x00\x02\x01\x10" + bytes(16))),
        ("with a next hop of no octets", reach(2, "", nlri(ROUTE6))),
        ("with a next hop of 4 octets", reach(2, "0a000002", nlri(ROUTE6))),
        ("with a next hop of 15 octets", reach(2, GLOBAL[2:], nlri(ROUTE6))),
        ("with a next hop of 24 octets", reach(2, 16 * "0" + GLOBAL, nlri(ROUTE6))),
        ("for IPv4 with an IPv6 next hop", reach(1, GLOBAL, nlri(ROUTE))),
        ("with a prefix of length 129", reach(2, GLOBAL, b"\x81" + bytes(17))),
        ("with a prefix of length 255", reach(2, GLOBAL, b"\xff" + bytes(32))),
        ("with a prefix cut off", reach(2, GLOBAL, nlri(ROUTE6)[:-1])),
        ("with a prefix length and no prefix", reach(2, GLOBAL, nlri(ROUTE6) + b"\x40")),
    ]
    for name, bad in faults:
        rows.append(
            six(
                f"MP_REACH_NLRI {name}",
                "RFC 7606 §7.11",
                bad + rest,
                reset(E.OPTIONAL_ATTRIBUTE_ERROR, bad),
            )
        )
    return rows


def _extended_next_hops() -> list[Row]:
    kind, rest = Kind.NEXT_HOP6, ORIGIN + AS_PATH
    odd = reach(1, GLOBAL[:24], nlri(ROUTE))
    return [
        Row(name, "RFC 8950 §4", update(attributes + rest), CONTROL, outcome, reason, kind)
        for name, attributes, outcome, reason in (
            ("IPv4 with an IPv6 next hop", reach(1, GLOBAL, nlri(ROUTE)), KEPT, ""),
            ("IPv4 with two IPv6 next hops",
             reach(1, GLOBAL + LINK_LOCAL, nlri(ROUTE)), KEPT, ""),
            ("IPv4 in MP_REACH_NLRI with an IPv4 next hop",
             reach(1, "0a000002", nlri(ROUTE)), KEPT, ""),
            ("IPv4 with an unspecified IPv6 next hop",
             reach(1, 32 * "0", nlri(ROUTE)), WITHDRAWN, "unspecified"),
            ("IPv4 with a multicast IPv6 next hop",
             reach(1, "ff02" + 28 * "0", nlri(ROUTE)), WITHDRAWN, "multicast"),
            ("IPv4 with a next hop of 12 octets", odd, reset(E.OPTIONAL_ATTRIBUTE_ERROR, odd), ""),
        )
    ]  # fmt: skip


def _unreaches() -> list[Row]:
    gone = mp_unreach(ROUTE6)
    bad = {
        "of no octets": attribute(0x80, 15, b""),
        "of two octets": attribute(0x80, 15, b"\x00\x02"),
        "with a prefix cut off": attribute(0x80, 15, b"\x00\x02\x01\x30\x20\x01"),
        "with a prefix of length 129": attribute(0x80, 15, b"\x00\x02\x01\x81" + bytes(17)),
    }
    rows = [
        six(f"MP_UNREACH_NLRI {name}", "RFC 7606 §7.12", octets,
            reset(E.OPTIONAL_ATTRIBUTE_ERROR, octets))
        for name, octets in bad.items()
    ]  # fmt: skip
    wrong = b"\xc0" + gone[1:]
    return [
        *rows,
        six("MP_UNREACH_NLRI well-formed", "RFC 4760 §4", gone, WITHDRAWN),
        six("MP_UNREACH_NLRI twice", "RFC 7606 §3 g", gone + gone,
            reset(E.MALFORMED_ATTRIBUTE_LIST)),
        six("MP_UNREACH_NLRI alone with wrong flags", "RFC 7606 §5.2", wrong,
            reset(E.ATTRIBUTE_FLAGS_ERROR, wrong)),
        six("IPv6 withdrawn and announced in one UPDATE", "RFC 4271 §4.3",
            gone + mp_reach(ROUTE6) + ORIGIN + AS_PATH, KEPT),
    ]  # fmt: skip


def _lengths() -> list[Row]:
    return [
        four("no octets at all but the lengths, and less", "RFC 7606 §4", raw("0003 0000"),
             reset(E.MALFORMED_ATTRIBUTE_LIST)),
        four("Withdrawn Routes Length leaves no room", "RFC 7606 §4", raw("0001 0000"),
             reset(E.MALFORMED_ATTRIBUTE_LIST)),
        four("Withdrawn Routes Length of 65535", "RFC 7606 §4", raw("ffff 0000"),
             reset(E.MALFORMED_ATTRIBUTE_LIST)),
        four("Total Path Attribute Length beyond the message", "RFC 7606 §4", raw("0000 0001"),
             reset(E.MALFORMED_ATTRIBUTE_LIST)),
        four("Total Path Attribute Length of 65535", "RFC 7606 §4",
             raw("0000 ffff" + MANDATORY.hex()), reset(E.MALFORMED_ATTRIBUTE_LIST)),
        four("withdrawn prefix of length 33", "RFC 7606 §5.3", update(b"", b"", b"\x21" + bytes(5)),
             reset(E.INVALID_NETWORK_FIELD)),
        four("withdrawn prefix cut off", "RFC 7606 §5.3", update(b"", b"", b"\x18\xc0\x00"),
             reset(E.INVALID_NETWORK_FIELD)),
        four("prefix of length 33", "RFC 7606 §5.3", update(MANDATORY, b"\x21" + bytes(5)),
             reset(E.INVALID_NETWORK_FIELD)),
        four("prefix of length 255", "RFC 7606 §5.3", update(MANDATORY, b"\xff" + bytes(32)),
             reset(E.INVALID_NETWORK_FIELD)),
        four("prefix cut off", "RFC 7606 §5.3", update(MANDATORY, nlri(ROUTE)[:-1]),
             reset(E.INVALID_NETWORK_FIELD)),
        four("good prefix, then one cut off", "RFC 7606 §5.3",
             update(MANDATORY, nlri(ROUTE) + b"\x18\xc0"), reset(E.INVALID_NETWORK_FIELD)),
        four("no attributes for a prefix", "RFC 7606 §3 d", announced(b""),
             WITHDRAWN, "ORIGIN is missing"),
        four("withdrawn and announced in one UPDATE", "RFC 4271 §4.3",
             update(MANDATORY, nlri(ROUTE), nlri(ROUTE)), KEPT),
        four("multicast prefix", "RFC 4271 §6.3", update(MANDATORY, nlri("224.0.1.0/24")),
             UNTOUCHED, "not unicast"),
        four("host bits set", "RFC 4271 §4.3", update(MANDATORY, b"\x17\xc0\x00\x03" + nlri(ROUTE)),
             KEPT),
    ]  # fmt: skip


def _unknown() -> list[Row]:
    well_known = attribute(0x40, 99, b"x")
    neither = attribute(0x00, 99, b"x")
    return [
        four("unknown, optional and transitive", "RFC 4271 §5",
             announced(MANDATORY + attribute(0xC0, 99, b"x")), KEPT),
        four("unknown, optional and transitive, partial", "RFC 4271 §5",
             announced(MANDATORY + attribute(0xE0, 99, bytes(200))), KEPT),
        four("unknown and optional", "RFC 4271 §9",
             announced(MANDATORY + attribute(0x80, 98, b"x")), KEPT),
        four("unknown and well-known", "RFC 4271 §6.3", announced(MANDATORY + well_known),
             reset(E.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, well_known)),
        four("unknown with neither bit", "RFC 4271 §6.3", announced(MANDATORY + neither),
             reset(E.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, neither)),
        four("unknown twice", "RFC 7606 §3 g", announced(MANDATORY + attribute(0xC0, 99, b"") * 2),
             DISCARDED, "attribute 99"),
        four("reserved code 0", "RFC 4271 §9",
             announced(MANDATORY + attribute(0x80, 0, b"")), KEPT),
        four("low flag bits set", "RFC 4271 §4.3",
             announced(bytes([0x4F]) + ORIGIN[1:] + AS_PATH + NEXT_HOP), KEPT),
        four("extended length where none is needed", "RFC 4271 §4.3",
             announced(bytes.fromhex("5001000100") + AS_PATH + NEXT_HOP), KEPT),
        four("attributes in any order", "RFC 4271 §5",
             announced(NEXT_HOP + AS_PATH + ORIGIN), KEPT),
    ]  # fmt: skip


def _several() -> list[Row]:
    bad_origin = attribute(0x40, 1, b"\x09")
    med, aggregate = attribute(0x80, 4, b""), attribute(0x40, 6, b"x")
    return [
        four("a discarded and a withdrawing fault: the stronger counts", "RFC 7606 §3 h",
             announced(MANDATORY + aggregate + med), WITHDRAWN, "MULTI_EXIT_DISC"),
        four("a withdrawing and a resetting fault: the stronger counts", "RFC 7606 §3 h",
             announced(MANDATORY + med + attribute(0x40, 99, b"")),
             reset(E.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, attribute(0x40, 99, b""))),
        four("a withdrawing fault and no route", "RFC 7606 §5.2", update(bad_origin),
             reset(E.INVALID_ORIGIN_ATTRIBUTE, bad_origin)),
        four("a discarded fault and no route", "RFC 7606 §5.2", update(aggregate),
             UNTOUCHED, "ATOMIC_AGGREGATE"),
        four("a broken list and no route", "RFC 7606 §5.2", update(b"\x40"),
             reset(E.MALFORMED_ATTRIBUTE_LIST)),
        six("an empty MP_REACH_NLRI and a withdrawing fault", "RFC 7606 §5.2",
            mp_reach() + bad_origin, reset(E.INVALID_ORIGIN_ATTRIBUTE, bad_origin)),
        six("a fault spares no route of either family", "RFC 7606 §2",
            mp_reach(ROUTE6) + bad_origin + AS_PATH + NEXT_HOP, WITHDRAWN, "ORIGIN", nlri(ROUTE)),
        Row("a family that was not negotiated", "RFC 4760 §6", CONTROL6, CONTROL,
            UNTOUCHED, "was not negotiated", Kind.ONLY_IPV4),
        Row("the inside of a family that was not negotiated", "RFC 4760 §6",
            update(reach(2, "00", b"\xff\xff") + ORIGIN + AS_PATH), CONTROL,
            UNTOUCHED, "was not negotiated", Kind.ONLY_IPV4),
    ]  # fmt: skip


ROWS: Final = [
    *_paths(),
    *_next_hops(),
    *_reaches(),
    *_extended_next_hops(),
    *_unreaches(),
    *_lengths(),
    *_unknown(),
    *_several(),
]
