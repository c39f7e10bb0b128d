"""The value of each path attribute that is understood: `KNOWN`, one row per attribute.

RFC 4271 §4.3 and §5, RFC 1997 (communities), RFC 8092 (large communities), RFC 6793 (four-octet AS
numbers beside two-octet peers), with the verdicts of RFC 7606 §7 on values that are malformed.
MP_REACH_NLRI and MP_UNREACH_NLRI are not here: they carry routes, and `update` takes them out
first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from struct import Struct, iter_unpack
from typing import Final, NamedTuple

from routeserver.bgp.as_path import AsPath, MalformedAttribute, decode_as_path
from routeserver.bgp.errors import UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.net.path import Origin, RawAttribute

OPTIONAL: Final = 0x80
TRANSITIVE: Final = 0x40
EXTENDED_LENGTH: Final = 0x10
KIND_BITS: Final = OPTIONAL | TRANSITIVE

_WELL_KNOWN: Final = TRANSITIVE
_OPTIONAL_TRANSITIVE: Final = OPTIONAL | TRANSITIVE
_OPTIONAL_NON_TRANSITIVE: Final = OPTIONAL

_UINT32: Final = Struct(">I")


class AttributeCode(IntEnum):
    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    IPV6_EXTENDED_COMMUNITIES = 25
    LARGE_COMMUNITIES = 32


class Verdict(IntEnum):
    """What becomes of an UPDATE with a fault, weakest first. RFC 7606 §2; `REFUSE` is for
    well-formed routes that are not acceptable (RFC 4271 §6.3, §9.1.2): they count as withdrawn,
    but nothing was malformed.
    """

    ATTRIBUTE_DISCARD = 1
    REFUSE = 2
    TREAT_AS_WITHDRAW = 3
    SESSION_RESET = 4


@dataclass(slots=True)
class Fields:
    """The attributes of one list while it is being read."""

    four_octet: bool
    origin: Origin | None = None
    as_path: AsPath | None = None
    as4_path: AsPath | None = None
    next_hop: IPv4Address | None = None
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    aggregator: tuple[int, bytes] | None = None  # AS number, address
    as4_aggregator: tuple[int, bytes] | None = None
    others: list[RawAttribute] = field(default_factory=list)


class Known(NamedTuple):
    flags: int
    verdict: Verdict
    read: Callable[[Fields, int, bytes], None]  # fields, flags, value; raises MalformedAttribute


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
    try:
        fields.as_path = decode_as_path(value, four_octet=fields.four_octet)
    except MalformedAttribute as error:
        raise MalformedAttribute(error.subcode, f"is malformed: {error.reason}") from None


def _read_as4_path(fields: Fields, _flags: int, value: bytes) -> None:
    try:
        fields.as4_path = decode_as_path(value, four_octet=True, skip_confederation=True)
    except MalformedAttribute as error:
        raise MalformedAttribute(error.subcode, f"is malformed: {error.reason}") from None


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
    keep(fields, _OPTIONAL_TRANSITIVE, AttributeCode.AGGREGATOR, _UINT32.pack(asn) + address)


_WITHDRAW: Final = Verdict.TREAT_AS_WITHDRAW
_DISCARD: Final = Verdict.ATTRIBUTE_DISCARD

KNOWN: Final[Mapping[int, Known]] = {
    AttributeCode.ORIGIN: Known(_WELL_KNOWN, _WITHDRAW, _read_origin),
    AttributeCode.AS_PATH: Known(_WELL_KNOWN, _WITHDRAW, _read_as_path),
    AttributeCode.NEXT_HOP: Known(_WELL_KNOWN, _WITHDRAW, _read_next_hop),
    AttributeCode.MULTI_EXIT_DISC: Known(_OPTIONAL_NON_TRANSITIVE, _WITHDRAW, _read_med),
    AttributeCode.LOCAL_PREF: Known(_WELL_KNOWN, _WITHDRAW, _read_local_pref),
    AttributeCode.ATOMIC_AGGREGATE: Known(_WELL_KNOWN, _DISCARD, _read_atomic_aggregate),
    AttributeCode.AGGREGATOR: Known(_OPTIONAL_TRANSITIVE, _DISCARD, _read_aggregator),
    AttributeCode.COMMUNITIES: Known(_OPTIONAL_TRANSITIVE, _WITHDRAW, _read_communities),
    AttributeCode.ORIGINATOR_ID: Known(
        _OPTIONAL_NON_TRANSITIVE, _WITHDRAW, _raw(AttributeCode.ORIGINATOR_ID, 4, many=False)
    ),
    AttributeCode.CLUSTER_LIST: Known(
        _OPTIONAL_NON_TRANSITIVE, _WITHDRAW, _raw(AttributeCode.CLUSTER_LIST, 4, many=True)
    ),
    AttributeCode.EXTENDED_COMMUNITIES: Known(
        _OPTIONAL_TRANSITIVE, _WITHDRAW, _raw(AttributeCode.EXTENDED_COMMUNITIES, 8, many=True)
    ),
    AttributeCode.AS4_PATH: Known(_OPTIONAL_TRANSITIVE, _DISCARD, _read_as4_path),
    AttributeCode.AS4_AGGREGATOR: Known(_OPTIONAL_TRANSITIVE, _DISCARD, _read_as4_aggregator),
    AttributeCode.IPV6_EXTENDED_COMMUNITIES: Known(
        _OPTIONAL_TRANSITIVE,
        _WITHDRAW,
        _raw(AttributeCode.IPV6_EXTENDED_COMMUNITIES, 20, many=True),
    ),
    AttributeCode.LARGE_COMMUNITIES: Known(
        _OPTIONAL_TRANSITIVE, _WITHDRAW, _read_large_communities
    ),
}
