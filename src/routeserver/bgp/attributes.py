"""Path attributes from the wire: what each must look like, and the verdict when it does not.

RFC 4271 §4.3, §5 and §6.3 as revised by RFC 7606; RFC 1997 (communities), RFC 8092 (large communities), RFC 6793
(four-octet AS numbers beside two-octet peers). `KNOWN` is the table: one row per attribute that is understood.
MP_REACH_NLRI and MP_UNREACH_NLRI are not here: they carry routes, and `update` takes them out first.

All faults of one attribute list are found in one pass and kept, so that the strongest verdict wins (RFC 7606 §3 h)
and every one can be shown to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from struct import Struct, iter_unpack
from typing import Final, NamedTuple

from routeserver.bgp.as_path import AsPath, MalformedAttribute, decode_as_path
from routeserver.bgp.errors import ErrorCode, Notification, UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.net.path import Origin, RawAttribute

OPTIONAL: Final = 0x80
TRANSITIVE: Final = 0x40
EXTENDED_LENGTH: Final = 0x10
_KIND_BITS: Final = OPTIONAL | TRANSITIVE

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
    """What becomes of an UPDATE with a fault, weakest first. RFC 7606 §2; `REFUSE` is for well-formed routes
    that are not acceptable (RFC 4271 §6.3, §9.1.2): they count as withdrawn, but nothing was malformed."""

    ATTRIBUTE_DISCARD = 1
    REFUSE = 2
    TREAT_AS_WITHDRAW = 3
    SESSION_RESET = 4


VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.ATTRIBUTE_DISCARD: "attribute discard",
    Verdict.REFUSE: "routes not accepted",
    Verdict.TREAT_AS_WITHDRAW: "treat-as-withdraw",
    Verdict.SESSION_RESET: "session reset",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an UPDATE. `notification` is sent only if it comes to a session reset."""

    verdict: Verdict
    notification: Notification
    reason: str
    attribute: bytes = b""

    def __str__(self) -> str:
        return f"{VERDICT_WORDS[self.verdict]}: {self.reason}"


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


class Item(NamedTuple):
    """Where one attribute stands in its list: ``[start:end]`` is all of it, ``[value:end]`` its value."""

    flags: int
    code: int
    start: int
    value: int
    end: int


def walk(data: bytes) -> tuple[list[Item], str | None]:
    """The attributes of a list, and what is wrong behind the last whole one (RFC 7606 §4), if anything."""
    items: list[Item] = []
    position, size = 0, len(data)
    while position < size:
        flags = data[position]
        value = position + (4 if flags & EXTENDED_LENGTH else 3)
        if value > size:
            return items, "the attribute list is cut off in an attribute header"
        length = data[value - 1]
        if flags & EXTENDED_LENGTH:
            length |= data[value - 2] << 8
        end = value + length
        if end > size:
            return items, (
                f"{attribute_name(data[position + 1])} has length {length} where "
                f"{size - value} octets are left in the attribute list"
            )
        items.append(Item(flags, data[position + 1], position, value, end))
        position = end
    return items, None


def read_attributes(
    data: bytes, *, four_octet: bool, internal: bool, next_hop_matters: bool = True
) -> tuple[Fields, list[Fault]]:
    """Everything an attribute list says and everything wrong with it; never raises.

    `data` holds neither MP_REACH_NLRI nor MP_UNREACH_NLRI. RFC 4760 §3 has NEXT_HOP ignored
    in an UPDATE whose routes are all in MP_REACH_NLRI: `next_hop_matters` is False there.
    """
    fields = Fields(four_octet)
    faults: list[Fault] = []
    seen: set[int] = set()
    items, broken = walk(data)
    for item in items:
        code = item.code
        if code in seen:
            # RFC 7606 §3 g: all but the first are discarded.
            faults.append(_fault(Verdict.ATTRIBUTE_DISCARD, data, item, "appears more than once"))
            continue
        seen.add(code)
        known = KNOWN.get(code)
        if known is None:
            _read_unknown(fields, faults, data, item)
        elif code == AttributeCode.NEXT_HOP and not next_hop_matters:
            continue
        elif (needless := _discarded_here(code, four_octet=four_octet, internal=internal)) is not None:
            faults.append(_fault(Verdict.ATTRIBUTE_DISCARD, data, item, needless))
        elif (item.flags ^ known.flags) & _KIND_BITS:
            reason = f"has flags 0x{item.flags:02x}"
            subcode = UpdateError.ATTRIBUTE_FLAGS_ERROR
            faults.append(_fault(Verdict.TREAT_AS_WITHDRAW, data, item, reason, subcode))
        else:
            try:
                known.read(fields, item.flags, data[item.value : item.end])
            except MalformedAttribute as error:
                faults.append(_fault(known.verdict, data, item, error.reason, error.subcode))
    if broken is not None:
        faults.append(
            Fault(
                Verdict.TREAT_AS_WITHDRAW,
                Notification(ErrorCode.UPDATE_MESSAGE_ERROR, UpdateError.MALFORMED_ATTRIBUTE_LIST),
                broken,
                data[items[-1].end if items else 0 :],
            )
        )
    return fields, faults


def attribute_name(code: int) -> str:
    try:
        return AttributeCode(code).name
    except ValueError:
        return f"attribute {code}"


def _fault(
    verdict: Verdict,
    data: bytes,
    item: Item,
    reason: str,
    subcode: UpdateError = UpdateError.MALFORMED_ATTRIBUTE_LIST,
) -> Fault:
    attribute = data[item.start : item.end]
    return Fault(
        verdict,
        Notification(ErrorCode.UPDATE_MESSAGE_ERROR, subcode, attribute),
        f"{attribute_name(item.code)} {reason}",
        attribute,
    )


def _discarded_here(code: int, *, four_octet: bool, internal: bool) -> str | None:
    """Why an attribute, however well formed, has no place in an UPDATE of this session."""
    if code in _INTERNAL_ONLY and not internal:
        return "came from an external peer"  # RFC 7606 §7.5, §7.9, §7.10
    if code in _TWO_OCTET_ONLY and four_octet:
        return "came from a four-octet AS peer"  # RFC 6793 §4.1
    return None


def _read_unknown(fields: Fields, faults: list[Fault], data: bytes, item: Item) -> None:
    """RFC 4271 §5 and §6.3: unknown and optional is no fault; kept when transitive."""
    if not item.flags & OPTIONAL:
        subcode = UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE
        reason = "claims to be well-known and is not"
        faults.append(_fault(Verdict.SESSION_RESET, data, item, reason, subcode))
    elif item.flags & TRANSITIVE:
        _keep(fields, item.flags, item.code, data[item.value : item.end])


def _keep(fields: Fields, flags: int, code: int, value: bytes) -> None:
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
    _keep(fields, flags, AttributeCode.ATOMIC_AGGREGATE, value)


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
        _keep(fields, flags, code, value)

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
    _keep(fields, _OPTIONAL_TRANSITIVE, AttributeCode.AGGREGATOR, _UINT32.pack(asn) + address)


_INTERNAL_ONLY: Final = frozenset(
    {AttributeCode.LOCAL_PREF, AttributeCode.ORIGINATOR_ID, AttributeCode.CLUSTER_LIST}
)
_TWO_OCTET_ONLY: Final = frozenset({AttributeCode.AS4_PATH, AttributeCode.AS4_AGGREGATOR})

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
        _OPTIONAL_TRANSITIVE, _WITHDRAW, _raw(AttributeCode.IPV6_EXTENDED_COMMUNITIES, 20, many=True)
    ),
    AttributeCode.LARGE_COMMUNITIES: Known(
        _OPTIONAL_TRANSITIVE, _WITHDRAW, _read_large_communities
    ),
}
