"""UPDATE (RFC 4271 §4.3, RFC 4760) from bytes to batches of routes.

One `Update` is at most two batches of announced prefixes (the NLRI field, MP_REACH_NLRI), each
beside the one attribute object they share, and one list of what is gone. Faults never stop half
way: either the whole message is understood, with every fault in it turned into withdrawals as RFC
7606 has it, or a `ProtocolError` ends the session.

This is the full look. The usual UPDATE never gets here: `plain` reads it in passing.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from routeserver.bgp.attribute_list import Fault, walk
from routeserver.bgp.attribute_values import OPTIONAL, TRANSITIVE, AttributeCode, Verdict
from routeserver.bgp.attributes import (
    AttributeTable,
    DecodeContext,
    DecodedAttributes,
    ListKey,
    decode_attributes,
    faults_without_routes,
)
from routeserver.bgp.capabilities import family_from
from routeserver.bgp.errors import ErrorCode, Notification, ProtocolError, UpdateError, update_error
from routeserver.bgp.next_hop import NextHop
from routeserver.bgp.nlri import (
    FIRST_NOT_UNICAST,
    NlriError,
    decode_ipv4,
    decode_nlri,
    encode_prefix,
)
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.prefix import Family, Prefix, family_of, format_prefix

# Octets of next hop that each family may come with; 32 is a global and a link-local address (RFC
# 2545 §3). Where RFC 8950 was agreed on, IPv4 may come with those of IPv6.
NEXT_HOP_OCTETS: Final = {Family.IPV4: (4,), Family.IPV6: (16, 32)}


class Ignored(NamedTuple):
    """Something in an UPDATE that had no effect, or not the one the peer meant."""

    reason: str
    data: bytes
    verdict: str = "ignored"


class Update(NamedTuple):
    """`withdrawn` comes first, then `announced`. A tuple: one is made for every message on the hot
    path.
    """

    withdrawn: list[Prefix]
    announced: list[tuple[AttributeSet, list[Prefix]]]
    end_of_rib: Family | None = None
    ignored: tuple[Ignored, ...] = ()


class _Routes(NamedTuple):
    """What one MP attribute carried; `family` is None when it was not negotiated."""

    family: Family | None
    prefixes: list[Prefix]
    next_hop: bytes = b""


def decode_update(body: bytes, context: DecodeContext, table: AttributeTable) -> Update:
    """Raises ProtocolError when the session has to end."""
    size = len(body)
    withdrawn_end = 2 + (body[0] << 8 | body[1])
    if withdrawn_end + 2 > size:
        raise update_error(
            UpdateError.MALFORMED_ATTRIBUTE_LIST, "Withdrawn Routes Length exceeds the message"
        )
    start = withdrawn_end + 2
    end = start + (body[withdrawn_end] << 8 | body[withdrawn_end + 1])
    if end > size:
        raise update_error(
            UpdateError.MALFORMED_ATTRIBUTE_LIST, "Total Path Attribute Length exceeds the message"
        )
    try:
        withdrawn = decode_ipv4(body, 2, withdrawn_end) if withdrawn_end > 2 else []
        nlri = decode_ipv4(body, end, size) if end < size else []
    except NlriError as error:
        raise update_error(UpdateError.INVALID_NETWORK_FIELD, str(error)) from None

    attributes = body[start:end]
    known = table.entries.get(attributes) if nlri else None
    if (
        known is None
        or known.faults
        or known.attribute_set is None
        or max(nlri) >= _FIRST_NOT_UNICAST4
        or Family.IPV4 not in context.families
    ):
        return _decode_in_full(withdrawn, attributes, nlri, context, table)
    return Update(withdrawn, [(known.attribute_set, nlri)])


_FIRST_NOT_UNICAST4: Final = FIRST_NOT_UNICAST[Family.IPV4]


def _decode_in_full(
    withdrawn: list[Prefix],
    attributes: bytes,
    nlri: list[Prefix],
    context: DecodeContext,
    table: AttributeTable,
) -> Update:
    if not attributes and not nlri and not withdrawn:
        return _end_of_rib(Family.IPV4, context)
    faults: list[Fault] = []
    ignored: list[Ignored] = []
    reachable = bool(nlri)
    if (nlri or withdrawn) and Family.IPV4 not in context.families:
        ignored.append(Ignored("IPv4 routes on a session that did not negotiate IPv4", b""))
        withdrawn, nlri = [], []
    reach, unreach, rest = _take_out_mp(attributes, context, faults, ignored)
    if unreach is not None:
        if not (unreach.prefixes or reachable or withdrawn or reach or rest or faults):
            return _end_of_rib(unreach.family, context, ignored)
        withdrawn = withdrawn + unreach.prefixes
    if reach is not None:
        # What stands in a family that we cannot read counts as reachable.
        reachable = reachable or reach.family is None or bool(reach.prefixes)

    batches = _batches(nlri, reach, rest, context, table)
    faults += _faults_of(batches) if batches else faults_without_routes(rest, context)
    # RFC 7606 §5.2: without a reachable route it may be the routes themselves that got lost.
    _raise_if_fatal(faults, Verdict.SESSION_RESET if reachable else Verdict.TREAT_AS_WITHDRAW)

    announced: list[tuple[AttributeSet, list[Prefix]]] = []
    doomed = any(fault.verdict is Verdict.TREAT_AS_WITHDRAW for fault in faults)
    for decoded, prefixes in batches:
        if doomed or decoded.attribute_set is None:
            withdrawn = withdrawn + prefixes
        elif unicast := _only_unicast(prefixes, ignored):
            announced.append((decoded.attribute_set, unicast))
    ignored.extend(Ignored(str(fault), fault.attribute, fault.verdict.words) for fault in faults)
    return Update(withdrawn, announced, None, tuple(ignored))


def _batches(
    nlri: list[Prefix],
    reach: _Routes | None,
    rest: bytes,
    context: DecodeContext,
    table: AttributeTable,
) -> list[tuple[DecodedAttributes, list[Prefix]]]:
    """The prefixes of the NLRI field and of MP_REACH_NLRI, each with what the list means there."""
    batches: list[tuple[DecodedAttributes, list[Prefix]]] = []
    if nlri:
        batches.append((_look_up(rest, rest, None, context, table), nlri))
    if reach is not None and reach.prefixes:
        next_hop = _next_hop(reach.next_hop)
        decoded = _look_up((reach.next_hop, rest), rest, next_hop, context, table)
        batches.append((decoded, reach.prefixes))
    return batches


def _faults_of(batches: list[tuple[DecodedAttributes, list[Prefix]]]) -> list[Fault]:
    """Each fault once, though both batches may have found it in the list they share."""
    return list(dict.fromkeys([fault for decoded, _ in batches for fault in decoded.faults]))


def _end_of_rib(
    family: Family | None, context: DecodeContext, ignored: list[Ignored] | None = None
) -> Update:
    """RFC 4724 §2: an UPDATE that says nothing."""
    if family is None or family not in context.families:
        reason = "End-of-RIB of a family that was not negotiated"
        return Update([], [], None, tuple(ignored or [Ignored(reason, b"")]))
    return Update([], [], family)


def _look_up(
    key: ListKey,
    data: bytes,
    next_hop: NextHop | None,
    context: DecodeContext,
    table: AttributeTable,
) -> DecodedAttributes:
    decoded = table.entries.get(key)
    if decoded is None:
        decoded = decode_attributes(data, context, next_hop)
        table.file(key, decoded)
    return decoded


def _take_out_mp(
    data: bytes, context: DecodeContext, faults: list[Fault], ignored: list[Ignored]
) -> tuple[_Routes | None, _Routes | None, bytes]:
    """MP_REACH_NLRI, MP_UNREACH_NLRI, and the attribute list without them."""
    reach: _Routes | None = None
    unreach: _Routes | None = None
    rest = b""
    kept = 0
    for flags, code, start, value, end in walk(data)[0]:
        if code not in _MP_CODES:
            continue
        rest += data[kept:start]
        kept = end
        attribute = data[start:end]
        if (reach if code == AttributeCode.MP_REACH_NLRI else unreach) is not None:
            raise update_error(
                UpdateError.MALFORMED_ATTRIBUTE_LIST,
                f"{AttributeCode(code).name} appears more than once",
            )
        if (flags ^ OPTIONAL) & (OPTIONAL | TRANSITIVE):
            subcode = UpdateError.ATTRIBUTE_FLAGS_ERROR
            faults.append(
                Fault(
                    Verdict.TREAT_AS_WITHDRAW,
                    Notification(ErrorCode.UPDATE_MESSAGE_ERROR, subcode, attribute),
                    f"{AttributeCode(code).name} has flags 0x{flags:02x}",
                    attribute,
                )
            )
        try:
            if code == AttributeCode.MP_REACH_NLRI:
                reach = _read_reach(data[value:end], context)
            else:
                unreach = _read_unreach(data[value:end], context)
        except NlriError as error:
            raise update_error(
                UpdateError.OPTIONAL_ATTRIBUTE_ERROR,
                f"{AttributeCode(code).name}: {error}",
                attribute,
            ) from None
        if (reach if code == AttributeCode.MP_REACH_NLRI else unreach) == _NOT_NEGOTIATED:
            afi, safi = data[value] << 8 | data[value + 1], data[value + 2]
            reason = f"{AttributeCode(code).name} of AFI {afi}, SAFI {safi} was not negotiated"
            ignored.append(Ignored(reason, attribute))
    return reach, unreach, rest + data[kept:] if kept else data


_MP_CODES: Final = frozenset({AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI})
_NOT_NEGOTIATED: Final = _Routes(None, [])


def _read_reach(value: bytes, context: DecodeContext) -> _Routes:
    """RFC 4760 §3. Raises NlriError also for a next hop that hides where the NLRI starts (RFC 7606
    §7.11).
    """
    if len(value) < 5:
        raise NlriError("it is cut off")
    octets = value[3]
    if 5 + octets > len(value):
        raise NlriError(f"a next hop of {octets} octets is cut off")
    family = family_from(value[0] << 8 | value[1], value[2])
    if family is None or family not in context.families:
        return _NOT_NEGOTIATED
    if octets not in NEXT_HOP_OCTETS[family] and not (
        family in context.extended_next_hop and octets in NEXT_HOP_OCTETS[Family.IPV6]
    ):
        raise NlriError(f"a next hop of {octets} octets for {family.name}")
    prefixes = decode_nlri(family, value, 5 + octets, len(value))
    return _Routes(family, prefixes, value[4 : 4 + octets])


def _read_unreach(value: bytes, context: DecodeContext) -> _Routes:
    """RFC 4760 §4."""
    if len(value) < 3:
        raise NlriError("it is cut off")
    family = family_from(value[0] << 8 | value[1], value[2])
    if family is None or family not in context.families:
        return _NOT_NEGOTIATED
    return _Routes(family, decode_nlri(family, value, 3, len(value)))


def _next_hop(octets: bytes) -> NextHop:
    return IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets[:16])


def _only_unicast(prefixes: list[Prefix], ignored: list[Ignored]) -> list[Prefix]:
    """RFC 4271 §6.3: a prefix that makes no sense here is no reason to lose the others."""
    first = FIRST_NOT_UNICAST[family_of(prefixes[0])]
    if max(prefixes) < first:
        return prefixes
    refused = [prefix for prefix in prefixes if prefix >= first]
    names = ", ".join([format_prefix(prefix) for prefix in refused[:3]])
    more = f" and {len(refused) - 3} more" if len(refused) > 3 else ""
    ignored.append(
        Ignored(f"not unicast: {names}{more}", b"".join([encode_prefix(p) for p in refused]))
    )
    return [prefix for prefix in prefixes if prefix < first]


def _raise_if_fatal(faults: list[Fault], threshold: Verdict) -> None:
    for fault in faults:
        if fault.verdict >= threshold:
            raise ProtocolError(fault.notification, fault.reason)
