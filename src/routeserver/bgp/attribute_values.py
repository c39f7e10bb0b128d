"""The value of each path attribute that is understood: `READERS`, one function per attribute.

RFC 4271 §4.3 and §5, RFC 1997 (communities), RFC 4360 (extended), RFC 8092 (large), RFC 6793
(four-octet AS numbers beside two-octet peers). What a malformed value leads to is not here but in
`verdicts`. MP_REACH_NLRI and MP_UNREACH_NLRI are not here either: they carry routes, and `update`
takes them out first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from struct import Struct, iter_unpack
from typing import Final, TypeAlias

from routeserver.bgp.as_path import (
    AS_CONFED_SET,
    AsPath,
    MalformedAttribute,
    decode_as_path,
    segment_kinds,
)
from routeserver.bgp.errors import UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.bgp.verdicts import (
    EXTENDED_LENGTH,
    KIND_BITS,
    OPTIONAL,
    TRANSITIVE,
    AttributeCode,
    Verdict,
)
from routeserver.net.path import Origin, RawAttribute, SegmentKind

__all__ = [
    "EXTENDED_LENGTH",
    "KIND_BITS",
    "OPTIONAL",
    "READERS",
    "TRANSITIVE",
    "AttributeCode",
    "Fields",
    "Verdict",
    "keep",
    "resolve_four_octet",
]

_UINT32: Final = Struct(">I")
_AIGP_TLV: Final = 1
_AIGP_TLV_OCTETS: Final = 11


@dataclass(slots=True)
class Fields:
    """The attributes of one list while it is being read."""

    four_octet: bool
    accept_as_sets: bool = False
    origin: Origin | None = None
    as_path: AsPath | None = None
    as4_path: AsPath | None = None
    next_hop: IPv4Address | None = None
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    extended_communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    aggregator: tuple[int, bytes] | None = None  # AS number, address
    as4_aggregator: tuple[int, bytes] | None = None
    others: list[RawAttribute] = field(default_factory=list)


# Reads fields, flags, value; raises MalformedAttribute.
Reader: TypeAlias = Callable[[Fields, int, bytes], None]


def keep(fields: Fields, flags: int, code: int, value: bytes) -> None:
    fields.others.append(RawAttribute(flags & ~EXTENDED_LENGTH, code, value))


def _length_error(value: bytes, wanted: str) -> MalformedAttribute:
    return MalformedAttribute(
        UpdateError.ATTRIBUTE_LENGTH_ERROR, f"has length {len(value)}, not {wanted}"
    )


def _read_origin(fields: Fields, _flags: int, value: bytes) -> None:
    if len(value) != 1:
        raise _length_error(value, "1")
    if value[0] > Origin.INCOMPLETE:
        raise MalformedAttribute(
            UpdateError.INVALID_ORIGIN_ATTRIBUTE, f"has the undefined value {value[0]}"
        )
    fields.origin = Origin(value[0])


def _read_as_path(fields: Fields, _flags: int, value: bytes) -> None:
    path = _path(value, four_octet=fields.four_octet)
    if not fields.accept_as_sets:
        _refuse_sets(path)
    fields.as_path = path


def _read_as4_path(fields: Fields, _flags: int, value: bytes) -> None:
    path = _path(value, four_octet=True, skip_confederation=True)
    if not fields.accept_as_sets:
        _refuse_sets(path)
        if AS_CONFED_SET in segment_kinds(value):
            raise MalformedAttribute(
                UpdateError.MALFORMED_AS_PATH,
                "contains an AS_CONFED_SET",
                Verdict.TREAT_AS_WITHDRAW,
            )
    fields.as4_path = path


def _path(value: bytes, *, four_octet: bool, skip_confederation: bool = False) -> AsPath:
    try:
        return decode_as_path(value, four_octet=four_octet, skip_confederation=skip_confederation)
    except MalformedAttribute as error:
        raise MalformedAttribute(error.subcode, f"is malformed: {error.reason}") from None


def _refuse_sets(path: AsPath) -> None:
    """RFC 9774 §3: in AS4_PATH too, which a fault would otherwise only cost itself."""
    if any(segment.kind is SegmentKind.AS_SET for segment in path):
        raise MalformedAttribute(
            UpdateError.MALFORMED_AS_PATH, "contains an AS_SET", Verdict.TREAT_AS_WITHDRAW
        )


def _read_next_hop(fields: Fields, _flags: int, value: bytes) -> None:
    if len(value) != 4:
        raise _length_error(value, "4")
    fields.next_hop = IPv4Address(value)


def _read_med(fields: Fields, _flags: int, value: bytes) -> None:
    fields.med = _uint32(value)


def _read_local_pref(fields: Fields, _flags: int, value: bytes) -> None:
    fields.local_pref = _uint32(value)


def _read_atomic_aggregate(fields: Fields, flags: int, value: bytes) -> None:
    if value:
        raise _length_error(value, "0")
    keep(fields, flags, AttributeCode.ATOMIC_AGGREGATE, value)


def _read_aggregator(fields: Fields, _flags: int, value: bytes) -> None:
    octets = 4 if fields.four_octet else 2
    fields.aggregator = _aggregator(value, octets)


def _read_as4_aggregator(fields: Fields, _flags: int, value: bytes) -> None:
    fields.as4_aggregator = _aggregator(value, 4)


def _read_communities(fields: Fields, _flags: int, value: bytes) -> None:
    if not value or len(value) % 4:
        raise _length_error(value, "a non-zero multiple of 4")
    fields.communities = tuple([number for (number,) in iter_unpack(">I", value)])


def _read_extended_communities(fields: Fields, _flags: int, value: bytes) -> None:
    if not value or len(value) % 8:
        raise _length_error(value, "a non-zero multiple of 8")
    fields.extended_communities = tuple([number for (number,) in iter_unpack(">Q", value)])


def _read_aigp(_fields: Fields, _flags: int, value: bytes) -> None:
    """RFC 7311 §3.3. It is looked at and left: nothing here compares it, and it goes no further."""
    position = 0
    while position < len(value):
        length = int.from_bytes(value[position + 1 : position + 3], "big")
        if length < 3 or position + length > len(value):
            raise MalformedAttribute(
                UpdateError.OPTIONAL_ATTRIBUTE_ERROR, "is malformed: a TLV is cut off"
            )
        if value[position] == _AIGP_TLV and length != _AIGP_TLV_OCTETS:
            raise MalformedAttribute(
                UpdateError.OPTIONAL_ATTRIBUTE_ERROR, f"is malformed: a TLV has length {length}"
            )
        position += length


def _read_large_communities(fields: Fields, _flags: int, value: bytes) -> None:
    if not value or len(value) % 12:
        raise _length_error(value, "a non-zero multiple of 12")
    fields.large_communities = tuple(iter_unpack(">III", value))


def _raw(code: AttributeCode, unit: int, *, many: bool) -> Callable[[Fields, int, bytes], None]:
    """An attribute of one or many units of so many octets that nothing here looks into."""

    def read(fields: Fields, flags: int, value: bytes) -> None:
        if not value or len(value) % unit or not (many or len(value) == unit):
            raise _length_error(value, f"a non-zero multiple of {unit}" if many else str(unit))
        keep(fields, flags, code, value)

    return read


def _uint32(value: bytes) -> int:
    if len(value) != 4:
        raise _length_error(value, "4")
    number: int = _UINT32.unpack(value)[0]
    return number


def _aggregator(value: bytes, asn_octets: int) -> tuple[int, bytes]:
    if len(value) != asn_octets + 4:
        raise _length_error(value, str(asn_octets + 4))
    asn = int.from_bytes(value[:asn_octets], "big")
    if asn == 0:
        raise MalformedAttribute(UpdateError.OPTIONAL_ATTRIBUTE_ERROR, "names AS 0")  # RFC 7607
    return asn, value[asn_octets:]


def resolve_four_octet(fields: Fields) -> None:
    """Fold what a two-octet peer said in AS4_PATH and AS4_AGGREGATOR into the ordinary fields.

    RFC 6793 §4.2.3: an AGGREGATOR with a real AS number proves that an old speaker has since
    aggregated, so both AS4 attributes are stale. The AGGREGATOR is kept in its four-octet form.
    """
    if fields.aggregator is None:
        return
    asn, address = fields.aggregator
    if not fields.four_octet:
        if asn != AS_TRANS:
            fields.as4_path = None
        elif fields.as4_aggregator is not None:
            asn, address = fields.as4_aggregator
    keep(fields, OPTIONAL | TRANSITIVE, AttributeCode.AGGREGATOR, _UINT32.pack(asn) + address)


READERS: Final[Mapping[int, Reader]] = {
    AttributeCode.ORIGIN: _read_origin,
    AttributeCode.AS_PATH: _read_as_path,
    AttributeCode.NEXT_HOP: _read_next_hop,
    AttributeCode.MULTI_EXIT_DISC: _read_med,
    AttributeCode.LOCAL_PREF: _read_local_pref,
    AttributeCode.ATOMIC_AGGREGATE: _read_atomic_aggregate,
    AttributeCode.AGGREGATOR: _read_aggregator,
    AttributeCode.COMMUNITIES: _read_communities,
    AttributeCode.ORIGINATOR_ID: _raw(AttributeCode.ORIGINATOR_ID, 4, many=False),
    AttributeCode.CLUSTER_LIST: _raw(AttributeCode.CLUSTER_LIST, 4, many=True),
    AttributeCode.EXTENDED_COMMUNITIES: _read_extended_communities,
    AttributeCode.AS4_PATH: _read_as4_path,
    AttributeCode.AS4_AGGREGATOR: _read_as4_aggregator,
    AttributeCode.IPV6_EXTENDED_COMMUNITIES: _raw(
        AttributeCode.IPV6_EXTENDED_COMMUNITIES, 20, many=True
    ),
    AttributeCode.AIGP: _read_aigp,
    AttributeCode.LARGE_COMMUNITIES: _read_large_communities,
    AttributeCode.ONLY_TO_CUSTOMER: _raw(AttributeCode.ONLY_TO_CUSTOMER, 4, many=False),
}
