"""The malformed UPDATEs of `test_update_faults`, and what each must lead to.

A case says what a bad UPDATE does to the route that stood before it: nothing (`KEPT`: it was good,
or lost only an attribute), gone (`WITHDRAWN`), or the whole session with the NOTIFICATION given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from routeserver.bgp.errors import Notification
from routeserver.bgp.framing import MessageType, encode_frame
from tests.bgp.support import (
    AS_PATH,
    LOCAL_ASN,
    MANDATORY,
    NEXT_HOP,
    ORIGIN,
    PEER_ASN,
    attribute,
    mp_reach,
    mp_unreach,
    nlri,
    update,
)

ROUTE: Final = "192.0.2.0/24"
ROUTE6: Final = "2001:db8:1::/48"
SENTINEL: Final = "198.51.100.0/24"
LINK_LOCAL: Final = "20010db8" + 11 * "00" + "02" + "fe80" + 13 * "00" + "02"


class Fate(Enum):
    KEPT = "kept"
    WITHDRAWN = "withdrawn"


KEPT, WITHDRAWN = Fate.KEPT, Fate.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    frame: bytes
    outcome: Fate | Notification
    reason: str = ""
    family6: bool = False


def bad(name: str, attributes: bytes, outcome: Fate | Notification, reason: str = "") -> Case:
    """An UPDATE that announces the route again, with these attributes."""
    return Case(name, update(attributes, nlri(ROUTE)), outcome, reason)


def with_(extra: bytes) -> bytes:
    return MANDATORY + extra


def path(hex_: str) -> bytes:
    return ORIGIN + attribute(0x40, 2, bytes.fromhex(hex_)) + NEXT_HOP


def via(hex_: str) -> bytes:
    return ORIGIN + AS_PATH + attribute(0x40, 3, bytes.fromhex(hex_))


def raw(body: str) -> bytes:
    return encode_frame(MessageType.UPDATE, bytes.fromhex(body))


def v6(name: str, attributes: bytes, outcome: Fate | Notification, reason: str = "") -> Case:
    return Case(name, update(attributes), outcome, reason, family6=True)


OWN: Final = LOCAL_ASN.to_bytes(4, "big").hex()
PEER: Final = PEER_ASN.to_bytes(4, "big").hex()

CONTROLS: Final = [
    bad("control", MANDATORY, KEPT),
    bad(
        "control: every optional attribute",
        with_(
            attribute(0x80, 4, bytes(4))
            + attribute(0x40, 6, b"")
            + attribute(0xC0, 7, bytes([0, 0, 0, 1, 1, 1, 1, 1]))
            + attribute(0xC0, 8, bytes(8))
            + attribute(0xC0, 16, bytes(8))
            + attribute(0xC0, 25, bytes(20))
            + attribute(0xC0, 32, bytes(12))
            + attribute(0xE0, 99, b"")
            + attribute(0x80, 98, b"x")
        ),
        KEPT,
    ),
    bad(
        "control: extended length where none is needed",
        bytes.fromhex("5001000100") + AS_PATH + NEXT_HOP,
        KEPT,
    ),
    bad("control: attributes in any order", NEXT_HOP + AS_PATH + ORIGIN, KEPT),
    bad(
        "control: partial bit on an optional transitive attribute",
        with_(attribute(0xE0, 8, bytes(4))),
        KEPT,
    ),
    v6("control: IPv6", mp_reach(ROUTE6) + ORIGIN + AS_PATH, KEPT),
    v6("control: MP_REACH_NLRI last", ORIGIN + AS_PATH + mp_reach(ROUTE6), KEPT),
    v6(
        "control: a link-local next hop after the global one",
        ORIGIN + AS_PATH + mp_reach(ROUTE6, next_hop=bytes.fromhex(LINK_LOCAL)),
        KEPT,
    ),
    v6(
        "control: NEXT_HOP beside MP_REACH_NLRI is not read",
        mp_reach(ROUTE6) + ORIGIN + AS_PATH + attribute(0x40, 3, b"x"),
        KEPT,
    ),
]

TREATED_AS_WITHDRAW: Final = [
    bad(
        "ORIGIN of two octets",
        attribute(0x40, 1, bytes(2)) + AS_PATH + NEXT_HOP,
        WITHDRAWN,
        "ORIGIN has length 2",
    ),
    bad(
        "ORIGIN of no octets",
        attribute(0x40, 1, b"") + AS_PATH + NEXT_HOP,
        WITHDRAWN,
        "ORIGIN has length 0",
    ),
    bad(
        "ORIGIN undefined",
        attribute(0x40, 1, b"\x03") + AS_PATH + NEXT_HOP,
        WITHDRAWN,
        "undefined value 3",
    ),
    bad(
        "ORIGIN optional", attribute(0xC0, 1, b"\x00") + AS_PATH + NEXT_HOP, WITHDRAWN, "flags 0xc0"
    ),
    bad("ORIGIN missing", AS_PATH + NEXT_HOP, WITHDRAWN, "ORIGIN is missing"),
    bad("AS_PATH missing", ORIGIN + NEXT_HOP, WITHDRAWN, "AS_PATH is missing"),
    bad("NEXT_HOP missing", ORIGIN + AS_PATH, WITHDRAWN, "NEXT_HOP is missing"),
    bad("no attributes at all", b"", WITHDRAWN, "ORIGIN is missing"),
    bad(
        "AS_PATH not transitive",
        ORIGIN + attribute(0x00, 2, b"") + NEXT_HOP,
        WITHDRAWN,
        "AS_PATH has flags 0x00",
    ),
    bad("AS_PATH segment type 5", path("0501" + PEER), WITHDRAWN, "segment has type 5"),
    bad("AS_PATH confederation", path("0301" + PEER), WITHDRAWN, "segment has type 3"),
    bad("AS_PATH segment empty", path("0201" + PEER + "0200"), WITHDRAWN, "segment is empty"),
    bad("AS_PATH overrun", path("0202" + PEER), WITHDRAWN, "2 AS numbers is cut off"),
    bad("AS_PATH underrun", path("0201" + PEER + "02"), WITHDRAWN, "cut off in its header"),
    bad("AS_PATH in two octets", path("0201fde9"), WITHDRAWN, "cut off"),
    bad("AS_PATH with AS 0", path("0202" + PEER + "00000000"), WITHDRAWN, "AS 0"),
    bad("AS_PATH empty from outside", path(""), WITHDRAWN, "starts with no AS"),
    bad("AS_PATH starts with another AS", path("020100000007"), WITHDRAWN, "starts with AS 7"),
    bad("AS_PATH starts with a set", path("0101" + PEER), WITHDRAWN, "starts with no AS"),
    bad("NEXT_HOP of five octets", via("0a00000200"), WITHDRAWN, "NEXT_HOP has length 5"),
    bad("NEXT_HOP of sixteen octets", via(32 * "0"), WITHDRAWN, "NEXT_HOP has length 16"),
    bad(
        "MED of three octets",
        with_(attribute(0x80, 4, bytes(3))),
        WITHDRAWN,
        "MULTI_EXIT_DISC has length 3",
    ),
    bad("MED transitive", with_(attribute(0xC0, 4, bytes(4))), WITHDRAWN, "flags 0xc0"),
    bad(
        "COMMUNITIES of three octets",
        with_(attribute(0xC0, 8, bytes(3))),
        WITHDRAWN,
        "COMMUNITIES has length 3",
    ),
    bad(
        "COMMUNITIES of no octets",
        with_(attribute(0xC0, 8, b"")),
        WITHDRAWN,
        "COMMUNITIES has length 0",
    ),
    bad(
        "EXTENDED_COMMUNITIES of nine octets",
        with_(attribute(0xC0, 16, bytes(9))),
        WITHDRAWN,
        "length 9",
    ),
    bad(
        "IPV6_EXTENDED_COMMUNITIES of 19 octets",
        with_(attribute(0xC0, 25, bytes(19))),
        WITHDRAWN,
        "length 19",
    ),
    bad(
        "LARGE_COMMUNITIES of eight octets",
        with_(attribute(0xC0, 32, bytes(8))),
        WITHDRAWN,
        "length 8",
    ),
    bad(
        "an attribute longer than the list",
        with_(bytes([0x80, 4, 9, 0, 0])),
        WITHDRAWN,
        "length 9 where 2",
    ),
    bad(
        "an attribute header cut off",
        with_(b"\x80\x04"),
        WITHDRAWN,
        "cut off in an attribute header",
    ),
    bad(
        "an extended length cut off",
        with_(b"\x90\x04\x00"),
        WITHDRAWN,
        "cut off in an attribute header",
    ),
    bad(
        "a discarded and a fatal fault: the stronger wins",
        with_(attribute(0x40, 6, b"x") + attribute(0x80, 4, b"")),
        WITHDRAWN,
        "MULTI_EXIT_DISC",
    ),
    v6(
        "MP_REACH_NLRI transitive",
        b"\xc0" + mp_reach(ROUTE6)[1:] + ORIGIN + AS_PATH,
        WITHDRAWN,
        "flags 0xc0",
    ),
    v6("IPv6 without ORIGIN", mp_reach(ROUTE6) + AS_PATH, WITHDRAWN, "ORIGIN is missing"),
]

NOT_ACCEPTED: Final = [
    bad("own AS in the path", path("0202" + PEER + OWN), WITHDRAWN, "own AS 65000 in path"),
    bad(
        "own AS in a set",
        path("0201" + PEER + "0102" + "00000007" + OWN),
        WITHDRAWN,
        "own AS 65000 in path",
    ),
    bad("next hop 0.0.0.0", via("00000000"), WITHDRAWN, "unspecified"),
    bad("next hop multicast", via("e0000005"), WITHDRAWN, "multicast"),
    bad("next hop broadcast", via("ffffffff"), WITHDRAWN, "broadcast"),
    bad("next hop class E", via("f0000001"), WITHDRAWN, "class E"),
    bad("next hop loopback", via("7f000001"), WITHDRAWN, "loopback"),
    bad("next hop ourselves", via("0a000001"), WITHDRAWN, "our own address"),
    *(
        v6(
            f"IPv6 next hop {name}",
            mp_reach(ROUTE6, next_hop=bytes.fromhex(octets)) + ORIGIN + AS_PATH,
            WITHDRAWN,
            why,
        )
        for name, octets, why in [
            ("unspecified", 32 * "0", "unspecified"),
            ("loopback", 31 * "0" + "1", "loopback"),
            ("multicast", "ff02" + 27 * "0" + "1", "multicast"),
            ("mapped loopback", 20 * "0" + "ffff7f000001", "loopback"),
            ("mapped multicast", 20 * "0" + "ffffe0000001", "multicast"),
        ]
    ),
]

ATTRIBUTE_DISCARDED: Final = [
    bad(
        "ATOMIC_AGGREGATE of one octet",
        with_(attribute(0x40, 6, b"x")),
        KEPT,
        "ATOMIC_AGGREGATE has length 1",
    ),
    bad(
        "AGGREGATOR of six octets",
        with_(attribute(0xC0, 7, bytes(6))),
        KEPT,
        "AGGREGATOR has length 6",
    ),
    bad("AGGREGATOR with AS 0", with_(attribute(0xC0, 7, bytes(8))), KEPT, "AGGREGATOR names AS 0"),
    bad(
        "LOCAL_PREF from outside",
        with_(attribute(0x40, 5, bytes(4))),
        KEPT,
        "LOCAL_PREF came from an external",
    ),
    bad(
        "LOCAL_PREF malformed from outside",
        with_(attribute(0x40, 5, b"x")),
        KEPT,
        "LOCAL_PREF came from",
    ),
    bad(
        "ORIGINATOR_ID from outside",
        with_(attribute(0x80, 9, bytes(4))),
        KEPT,
        "ORIGINATOR_ID came from",
    ),
    bad(
        "CLUSTER_LIST from outside",
        with_(attribute(0x80, 10, bytes(4))),
        KEPT,
        "CLUSTER_LIST came from",
    ),
    bad(
        "AS4_PATH from a four-octet peer",
        with_(attribute(0xC0, 17, b"x")),
        KEPT,
        "AS4_PATH came from a four-octet",
    ),
    bad(
        "AS4_AGGREGATOR from a four-octet peer",
        with_(attribute(0xC0, 18, bytes(8))),
        KEPT,
        "AS4_AGGREGATOR came",
    ),
    bad("ORIGIN twice", with_(attribute(0x40, 1, b"\x09")), KEPT, "ORIGIN appears more than once"),
    bad(
        "an unknown attribute twice",
        with_(attribute(0xC0, 99, b"") * 2),
        KEPT,
        "attribute 99 appears more than once",
    ),
]


def reset(subcode: int, data: bytes = b"") -> Notification:
    return Notification(3, subcode, data)


UNKNOWN_WELL_KNOWN: Final = attribute(0x40, 99, b"x")
SHORT_REACH: Final = attribute(0x80, 14, b"\x00\x02\x01\x10")
ODD_HOP: Final = mp_reach(ROUTE6, next_hop=bytes(4))
V4_REACH_V6_HOP: Final = attribute(0x80, 14, b"\x00\x01\x01\x10" + bytes(17) + nlri(ROUTE))
LONG_PREFIX6: Final = attribute(0x80, 14, mp_reach()[3:] + b"\x81" + bytes(17))
CUT_UNREACH: Final = attribute(0x80, 15, b"\x00\x02\x01\x30\x20")
SHORT_UNREACH: Final = attribute(0x80, 15, b"\x00\x02")
BAD_UNREACH_FLAGS: Final = b"\xc0" + mp_unreach(ROUTE6)[1:]
BAD_ORIGIN: Final = attribute(0x40, 1, b"\x09")

SESSION_RESET: Final = [
    Case("Withdrawn Routes Length beyond the message", raw("0003 0000"), reset(1)),
    Case("Withdrawn Routes Length leaves no room for the next", raw("0001 0000"), reset(1)),
    Case("Total Path Attribute Length beyond the message", raw("0000 0001"), reset(1)),
    Case("a withdrawn prefix of length 33", update(b"", b"", b"\x21" + bytes(5)), reset(10)),
    Case("a withdrawn prefix cut off", update(b"", b"", b"\x18\xc0\x00"), reset(10)),
    Case("a prefix of length 33", update(MANDATORY, b"\x21" + bytes(5)), reset(10)),
    Case("a prefix cut off", update(MANDATORY, b"\x18\xc0\x00"), reset(10)),
    bad("unknown and well-known", with_(UNKNOWN_WELL_KNOWN), reset(2, UNKNOWN_WELL_KNOWN)),
    bad("MP_REACH_NLRI twice", mp_reach(ROUTE6) * 2 + MANDATORY, reset(1)),
    bad("MP_UNREACH_NLRI twice", mp_unreach(ROUTE6) * 2 + MANDATORY, reset(1)),
    v6("MP_REACH_NLRI cut off", SHORT_REACH + ORIGIN + AS_PATH, reset(9, SHORT_REACH)),
    v6("IPv6 with a next hop of 4 octets", ODD_HOP + ORIGIN + AS_PATH, reset(9, ODD_HOP)),
    v6("IPv4 with a next hop of 16 octets", V4_REACH_V6_HOP + MANDATORY, reset(9, V4_REACH_V6_HOP)),
    v6("an IPv6 prefix of length 129", LONG_PREFIX6 + ORIGIN + AS_PATH, reset(9, LONG_PREFIX6)),
    v6("MP_UNREACH_NLRI cut off in a prefix", CUT_UNREACH, reset(9, CUT_UNREACH)),
    v6("MP_UNREACH_NLRI of two octets", SHORT_UNREACH, reset(9, SHORT_UNREACH)),
    # RFC 7606 §5.2: a fault in an UPDATE that shows no reachable route.
    v6("MP_UNREACH_NLRI transitive", BAD_UNREACH_FLAGS, reset(4, BAD_UNREACH_FLAGS)),
    v6(
        "an empty MP_UNREACH_NLRI transitive",
        b"\xc0" + mp_unreach()[1:],
        reset(4, b"\xc0" + mp_unreach()[1:]),
    ),
    Case("attributes without routes", update(BAD_ORIGIN), reset(6, BAD_ORIGIN)),
    v6("an empty MP_REACH_NLRI", mp_reach() + BAD_ORIGIN, reset(6, BAD_ORIGIN)),
    Case("a broken list without routes", update(b"\x40"), reset(1)),
]

CASES: Final = CONTROLS + TREATED_AS_WITHDRAW + NOT_ACCEPTED + ATTRIBUTE_DISCARDED + SESSION_RESET
