"""UPDATEs made of valid and nearly valid pieces: hypothesis strategies that reach the border
between what the fast path takes and what needs a full look.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from struct import pack
from typing import Final

from hypothesis import strategies as st

from routeserver.bgp.framing import EXTENDED_MESSAGE_OCTETS, MessageType, encode_frame
from tests.bgp.support import LOCAL_ASN, PEER_ASN

EXTENDED: Final = 0x10

ASNS: Final = [PEER_ASN, PEER_ASN, 64512, 23456, 1, 0xFFFFFFFF, LOCAL_ASN, 0]
NEXT_HOPS: Final = [
    bytes(map(int, text.split(".")))
    for text in (
        "10.0.0.2", "10.0.0.9", "10.0.0.1", "127.0.0.1", "0.1.2.3", "224.0.0.5", "240.0.0.1",
        "255.255.255.255",
    )
] + [bytes(4)]  # fmt: skip
NEXT_HOPS6: Final = [
    IPv6Address(text).packed
    for text in (
        "2001:db8::2", "fe80::1", "::", "::1", "ff02::1", "::ffff:10.0.0.2", "::ffff:10.0.0.1",
        "::ffff:127.0.0.1", "::ffff:0.0.0.0",
    )
]  # fmt: skip

octet = st.integers(0, 255)


def rarely(
    usual: st.SearchStrategy[bytes], odd: st.SearchStrategy[bytes]
) -> st.SearchStrategy[bytes]:
    return st.integers(0, 9).flatmap(lambda n: usual if n else odd)


def attribute(flags: int, code: int, value: bytes) -> bytes:
    """With the length that the flags ask for."""
    length = pack(">H", len(value)) if flags & EXTENDED else bytes([len(value) & 0xFF])
    return bytes([flags, code]) + length + value


def _segment(kind: int, asns: Sequence[int]) -> bytes:
    return bytes([kind, len(asns)]) + b"".join(asn.to_bytes(4, "big") for asn in asns)


_tail = st.lists(st.sampled_from([64512, 1, 23456, 0xFFFFFFFF]), max_size=4)
_segments = st.one_of(
    st.builds(lambda tail: _segment(2, [PEER_ASN, *tail]), _tail),
    st.builds(lambda tail: _segment(2, [PEER_ASN, *tail]), _tail),
    st.builds(
        _segment, st.sampled_from([2, 2, 1, 3, 4, 0]), st.lists(st.sampled_from(ASNS), max_size=3)
    ),
    st.builds(lambda n: _segment(2, [PEER_ASN] * n), st.sampled_from([2, 62, 63, 64, 255])),
)
as_paths = st.lists(_segments, min_size=1, max_size=2).map(b"".join)

_community = st.binary(min_size=4, max_size=4)

VALUES: Final[dict[int, tuple[int, st.SearchStrategy[bytes]]]] = {
    # By code: the right flags, and values most of which are right.
    1: (
        0x40,
        rarely(st.sampled_from([b"\0", b"\1", b"\2"]), st.sampled_from([b"\3", b"", b"\0\0"])),
    ),
    2: (0x40, as_paths),
    3: (
        0x40,
        rarely(st.sampled_from(NEXT_HOPS[:2]), st.sampled_from([*NEXT_HOPS, b"", b"\x0a\0\0"])),
    ),
    4: (0x80, rarely(st.binary(min_size=4, max_size=4), st.binary(max_size=5))),
    5: (0x40, st.binary(min_size=4, max_size=4)),
    6: (0x40, rarely(st.just(b""), st.just(b"\0"))),
    7: (
        0xC0,
        rarely(
            st.just(pack(">I", PEER_ASN) + b"\x0a\0\0\2"), st.sampled_from([bytes(8), b"\0" * 6])
        ),
    ),
    8: (
        0xC0,
        rarely(st.lists(_community, min_size=1, max_size=3).map(b"".join), st.binary(max_size=5)),
    ),
    9: (0x80, st.just(b"\x0a\0\0\2")),
    10: (0x80, st.just(b"\x0a\0\0\2")),
    16: (0xC0, rarely(st.binary(min_size=8, max_size=8), st.binary(max_size=17))),
    17: (0xC0, as_paths),
    18: (0xC0, st.just(pack(">I", PEER_ASN) + b"\x0a\0\0\2")),
    26: (0x80, st.just(b"\1\0\x0b" + bytes(8))),
    32: (0xC0, rarely(st.binary(min_size=12, max_size=12), st.binary(max_size=25))),
    35: (0xC0, st.just(pack(">I", PEER_ASN))),
    40: (0xC0, st.just(b"\1\0\1\0")),
    99: (0xC0, st.binary(max_size=3)),
}

_flag_changes = st.sampled_from(
    [0, 0, 0, 0, 0, 0, EXTENDED, EXTENDED, 0x20, 0x40, 0x80, 0x0F, 0xFF]
)


@st.composite
def attributes_of(draw: st.DrawFn, code: int) -> bytes:
    flags, values = VALUES[code]
    return attribute(flags ^ draw(_flag_changes), code, draw(values))


def _prefix(length: int, octets: bytes, width: int) -> bytes:
    return bytes([length]) + octets[: (min(length, width) + 7) // 8].ljust((length + 7) // 8, b"\0")


_address4 = st.one_of(
    st.sampled_from(
        [b"\x0a\1\2\3", b"\xc0\0\2\xff", b"\xdf\xff\xff\xff", b"\xe0\0\0\1", b"\xff" * 4]
    ),
    st.binary(min_size=4, max_size=4),
)
_address6 = st.one_of(
    st.sampled_from([IPv6Address("2001:db8:1::ffff").packed, b"\xfe" * 16, b"\xff" * 16]),
    st.binary(min_size=16, max_size=16),
)
_length4 = st.integers(0, 19).flatmap(
    lambda n: st.integers(0, 32) if n else st.sampled_from([33, 255])
)
_length6 = st.integers(0, 19).flatmap(
    lambda n: st.integers(0, 128) if n else st.sampled_from([129, 255])
)
nlri4 = st.lists(st.builds(_prefix, _length4, _address4, st.just(32)), max_size=4).map(b"".join)
nlri6 = st.lists(st.builds(_prefix, _length6, _address6, st.just(128)), max_size=4).map(b"".join)

_hops6 = st.one_of(
    st.sampled_from(NEXT_HOPS6[:2]),
    st.sampled_from(NEXT_HOPS6),
    st.tuples(st.sampled_from(NEXT_HOPS6), st.sampled_from(NEXT_HOPS6)).map(b"".join),
    st.sampled_from([b"", b"\x0a\0\0\2", bytes(24)]),
)
_families = st.sampled_from(
    [b"\0\2\1", b"\0\2\1", b"\0\2\1", b"\0\1\1", b"\0\2\2", b"\0\2", b"\0\x19\x41"]
)
_mp_flags = st.sampled_from([0x80, 0x80, 0x90, 0x90, 0xA0, 0xC0, 0x40, 0x8F])

mp_reach = st.builds(
    lambda flags, family, hop, snpa, nlri: attribute(
        flags, 14, family + bytes([len(hop)]) + hop + snpa + nlri
    ),
    _mp_flags,
    _families,
    _hops6,
    st.sampled_from([b"\0", b"\0", b"\1", b""]),
    nlri6,
)
mp_unreach = st.builds(
    lambda flags, family, nlri: attribute(flags, 15, family + nlri), _mp_flags, _families, nlri6
)


@st.composite
def attribute_lists(draw: st.DrawFn) -> bytes:
    """The three that have to be there, mostly, some more, in any order, whole or cut."""
    parts = [draw(attributes_of(code)) for code in (1, 2, 3) if draw(st.integers(0, 15))]
    more = st.one_of(
        st.sampled_from([4, 7, 8, 16, 32]).flatmap(attributes_of),
        st.sampled_from(sorted(VALUES)).flatmap(attributes_of),
    )
    parts += draw(st.lists(more, max_size=3))
    if draw(st.booleans()):
        parts = draw(st.permutations(parts))
    return b"".join(parts)


def body(withdrawn: bytes, attributes: bytes, nlri: bytes) -> bytes:
    return pack(">H", len(withdrawn)) + withdrawn + pack(">H", len(attributes)) + attributes + nlri


def message(octets: bytes) -> bytes:
    return encode_frame(MessageType.UPDATE, octets, EXTENDED_MESSAGE_OCTETS)


nothing: Final = st.just(b"")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """One UPDATE without its header: of the usual forms, then perhaps spoilt."""
    lists = attribute_lists()
    kind = draw(st.integers(0, 7))
    if kind <= 2:
        out = body(draw(nothing | nlri4), draw(lists), draw(nlri4))
    elif kind <= 4:
        before, after = draw(lists), draw(nothing | lists)
        without = [part for part in (before, after) if part]
        mp = draw(st.one_of(mp_reach, mp_reach, mp_unreach))
        position = draw(st.integers(0, len(without)))
        without.insert(position, mp)
        out = body(b"", b"".join(without), b"")
    elif kind == 5:
        out = body(b"", draw(mp_unreach), b"")
    elif kind == 6:
        out = body(draw(nlri4), b"", b"")
    else:
        parts = draw(st.permutations([draw(lists), draw(mp_reach), draw(nothing | mp_unreach)]))
        out = body(draw(nothing | nlri4), b"".join(parts), draw(nothing | nlri4))
    spoilt = draw(st.integers(0, 9))
    if spoilt == 0:
        out = out[: draw(st.integers(4, len(out)))]
    elif spoilt == 1:
        at = draw(st.integers(0, len(out) - 1))
        out = out[:at] + bytes([draw(octet)]) + out[at + 1 :]
    return out
