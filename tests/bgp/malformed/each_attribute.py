"""Rows made by doing the same wrongs to every attribute: flags, length, value, twice, missing,
longer than what encloses it.

What each wrong leads to is written here a second time, from the RFCs and not from the table under
test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from routeserver.bgp.errors import Notification
from tests.bgp.malformed.rows import (
    DISCARDED,
    KEPT,
    PEER,
    WITHDRAWN,
    Fate,
    Kind,
    Row,
    announced,
    mandatory,
)
from tests.bgp.support import attribute

AIGP_TLV: Final = "01000b0000000000000064"


@dataclass(frozen=True, slots=True)
class Spec:
    """One attribute from one kind of peer. `good` and the `bad` values are hexadecimal.

    `bad` is what values of a bad length or content lead to, `flags` what wrong flags lead to.
    """

    name: str
    code: int
    kind_bits: int
    good: str
    bad_values: tuple[str, ...]
    section: str
    bad: Fate = WITHDRAWN
    flags: Fate = WITHDRAWN
    good_is: Fate = KEPT
    kind: Kind = Kind.EXTERNAL

    @property
    def is_mandatory(self) -> bool:
        return self.code in {1, 2, 3}

    def octets(self, flags: int | None = None, value: str | None = None) -> bytes:
        return attribute(
            self.kind_bits if flags is None else flags,
            self.code,
            bytes.fromhex(self.good if value is None else value),
        )

    def around(self, instead: bytes) -> bytes:
        """An attribute list with `instead` last, in the place of the attribute."""
        kept = b""
        for code, one in zip((1, 2, 3), _each(mandatory(self.kind)), strict=True):
            if code != self.code:
                kept += one
        return kept + instead


def _each(attributes: bytes) -> Iterator[bytes]:
    while attributes:
        end = 3 + attributes[2]
        yield attributes[:end]
        attributes = attributes[end:]


def outside(name: str, code: int, kind_bits: int, good: str, section: str) -> Spec:
    """An attribute that this kind of peer must not send: discarded, well-formed or not."""
    return Spec(
        name,
        code,
        kind_bits,
        good,
        ("", good[2:], good + "00", "ff"),
        section,
        bad=DISCARDED,
        flags=DISCARDED,
        good_is=DISCARDED,
    )


SPECS: Final = (
    Spec("ORIGIN", 1, 0x40, "00", ("", "0000", "000000", "03", "ff"), "RFC 7606 §7.1"),
    Spec(
        "AS_PATH",
        2,
        0x40,
        "0201" + PEER,
        (
            "02",  # cut off in a segment header
            "0200",  # an empty segment
            "0201" + PEER + "0200",  # another empty segment
            "0202" + PEER,  # overrun
            "0201" + PEER + "00",  # underrun
            "0201" + PEER + "02",
            "0001" + PEER,  # unknown segment types
            "0501" + PEER,
            "ff01" + PEER,
            "0201fde9",  # two octets where four are spoken
        ),
        "RFC 7606 §7.2",
    ),
    Spec(
        "AS_PATH",
        2,
        0x40,
        "0201fde9",
        ("0201" + PEER, "0202fde9", "0201fde90200", "0201fde9020000"),
        "RFC 7606 §7.2",
        kind=Kind.TWO_OCTET,
    ),
    Spec(
        "AS_PATH",
        2,
        0x40,
        "0201" + "00000007",
        ("02", "0200", "0202" + PEER),
        "RFC 7606 §7.2",
        kind=Kind.INTERNAL,
    ),
    Spec(
        "NEXT_HOP",
        3,
        0x40,
        "0a000002",
        ("", "0a0000", "0a00000200", 32 * "0"),
        "RFC 7606 §7.3",
    ),
    Spec(
        "MULTI_EXIT_DISC",
        4,
        0x80,
        "00000007",
        ("", "000007", "0000000007", 16 * "0"),
        "RFC 7606 §7.4",
    ),
    outside("LOCAL_PREF", 5, 0x40, "00000064", "RFC 7606 §7.5"),
    Spec(
        "LOCAL_PREF",
        5,
        0x40,
        "00000064",
        ("", "000064", "0000000064"),
        "RFC 7606 §7.5",
        kind=Kind.INTERNAL,
    ),
    Spec("ATOMIC_AGGREGATE", 6, 0x40, "", ("00", "00000000"), "RFC 7606 §7.6", bad=DISCARDED),
    Spec(
        "AGGREGATOR",
        7,
        0xC0,
        PEER + "0a000002",
        ("", "fde90a000002", "0000fde90a0000", "0000fde90a00000200", "000000000a000002"),
        "RFC 7606 §7.7",
        bad=DISCARDED,
    ),
    Spec(
        "AGGREGATOR",
        7,
        0xC0,
        "fde90a000002",
        ("", PEER + "0a000002", "00000a000002"),
        "RFC 7606 §7.7",
        bad=DISCARDED,
        kind=Kind.TWO_OCTET,
    ),
    Spec(
        "COMMUNITIES", 8, 0xC0, "fde90001", ("", "fde900", "fde9000100", "ff"), "RFC 7606 §7.8"
    ),
    outside("ORIGINATOR_ID", 9, 0x80, "0a000009", "RFC 7606 §7.9"),
    Spec(
        "ORIGINATOR_ID",
        9,
        0x80,
        "0a000009",
        ("", "0a0000", "0a00000900", 16 * "0"),
        "RFC 7606 §7.9",
        kind=Kind.INTERNAL,
    ),
    outside("CLUSTER_LIST", 10, 0x80, "0a000009", "RFC 7606 §7.10"),
    Spec(
        "CLUSTER_LIST",
        10,
        0x80,
        "0a0000090a00000a",
        ("", "0a0000", "0a00000900"),
        "RFC 7606 §7.10",
        kind=Kind.INTERNAL,
    ),
    Spec(
        "EXTENDED_COMMUNITIES",
        16,
        0xC0,
        "0002fde900000001",
        ("", "0002fde9000000", "0002fde90000000100", 24 * "0"),
        "RFC 7606 §7.14",
    ),
    outside("AS4_PATH", 17, 0xC0, "0201" + PEER, "RFC 6793 §4.1"),
    Spec(
        "AS4_PATH",
        17,
        0xC0,
        "0201" + PEER,
        ("02", "0200", "0202" + PEER, "0201" + PEER + "00", "0501" + PEER, "020100000000"),
        "RFC 6793 §6",
        bad=DISCARDED,
        kind=Kind.TWO_OCTET,
    ),
    outside("AS4_AGGREGATOR", 18, 0xC0, PEER + "0a000002", "RFC 6793 §4.1"),
    Spec(
        "AS4_AGGREGATOR",
        18,
        0xC0,
        PEER + "0a000002",
        ("", "fde90a000002", PEER + "0a00000200", "000000000a000002"),
        "RFC 6793 §6",
        bad=DISCARDED,
        kind=Kind.TWO_OCTET,
    ),
    Spec(
        "IPV6_EXTENDED_COMMUNITIES",
        25,
        0xC0,
        "0002" + 36 * "0",
        ("", 16 * "0", 38 * "0", 42 * "0"),
        "RFC 7606 §7.15",
    ),
    outside("AIGP", 26, 0x80, AIGP_TLV, "RFC 7311 §3.2"),
    Spec(
        "AIGP",
        26,
        0x80,
        AIGP_TLV,
        ("01", "0100", "010002", "01000b00000000000000", "01000a00000000000000", "010003"),
        "RFC 7311 §3.3",
        bad=DISCARDED,
        flags=DISCARDED,
        kind=Kind.INTERNAL,
    ),
    Spec(
        "LARGE_COMMUNITIES",
        32,
        0xC0,
        PEER + "0000000100000002",
        ("", PEER, PEER + "00000001000000", PEER + "000000010000000200", 40 * "0"),
        "RFC 8092 §6",
    ),
    Spec(
        "ONLY_TO_CUSTOMER", 35, 0xC0, PEER, ("", "0000fd", PEER + "00", 16 * "0"), "RFC 9234 §5"
    ),
    outside("PREFIX_SID", 40, 0xC0, "01000700000000000064", "RFC 8669 §4"),
)  # fmt: skip


def _row(spec: Spec, name: str, section: str, instead: bytes, outcome: Fate | Notification) -> Row:
    kind = "" if spec.kind is Kind.EXTERNAL else f" ({spec.kind.value})"
    return Row(
        f"{spec.name} {name}{kind}",
        section,
        announced(spec.around(instead)),
        announced(spec.around(b"" if spec.good_is is DISCARDED else spec.octets())),
        outcome,
        spec.name if outcome in {DISCARDED, WITHDRAWN} else "",
        spec.kind,
    )


def _rows(spec: Spec) -> Iterator[Row]:
    flags, good = spec.kind_bits, spec.octets()
    yield _row(spec, "well-formed", spec.section, good, spec.good_is)
    for bit, name in ((0x80, "Optional"), (0x40, "Transitive")):
        wrong = spec.octets(flags ^ bit)
        yield _row(spec, f"with the {name} bit wrong", "RFC 7606 §3 c", wrong, spec.flags)
    for value in spec.bad_values:
        what = f"of {len(value) // 2} octets, {value[:24] or 'none'}"
        yield _row(spec, what, spec.section, spec.octets(value=value), spec.bad)
    yield _row(spec, "twice", "RFC 7606 §3 g", good + spec.octets(value="ff"), DISCARDED)
    if spec.is_mandatory:
        yield _row(spec, "missing", "RFC 7606 §3 d", b"", WITHDRAWN)
    # RFC 7606 §4: what does not fit the list is not read at all, whatever it is.
    longer = bytes([flags, spec.code, len(good) - 3 + 1]) + good[3:]
    yield _broken(spec, "longer than the list", longer, "octets are left")
    huge = bytes([flags | 0x10, spec.code]) + b"\xff\xff" + good[3:]
    yield _broken(spec, "of 65535 octets", huge, "octets are left")
    yield _broken(spec, "cut off in its header", bytes([flags, spec.code]), "attribute header")
    cut = bytes([flags | 0x10, spec.code, 0])
    yield _broken(spec, "cut off in its extended length", cut, "attribute header")


def _broken(spec: Spec, name: str, instead: bytes, reason: str) -> Row:
    row = _row(spec, name, "RFC 7606 §4", instead, WITHDRAWN)
    return Row(row.name, row.section, row.frame, row.control, WITHDRAWN, reason, row.kind)


ROWS: Final = [row for spec in SPECS for row in _rows(spec)]
