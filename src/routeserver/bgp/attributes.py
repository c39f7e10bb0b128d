"""From an attribute list to the one `AttributeSet` that all its routes share.

`attribute_list` reads what stands on the wire; here it is decided whether routes with it are
acceptable (RFC 4271 §6.3 and §9.1.2: mandatory attributes, AS loop, first AS, next hop), once for
each distinct list: `AttributeTable` files the answer under the raw octets, so a peer that sends a
million routes under a thousand lists has a thousand of them decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from routeserver.bgp.as_path import AsPath, contains_asn, first_asn, merge_as4_path
from routeserver.bgp.attribute_list import Fault, read_attributes, walk
from routeserver.bgp.attribute_values import AttributeCode, Fields, Verdict, resolve_four_octet
from routeserver.bgp.errors import ErrorCode, Notification, UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.bgp.next_hop import NextHop, refusal_of
from routeserver.bgp.verdicts import EXTENDED_LENGTH
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.path import PathAttributes, RawAttribute
from routeserver.net.prefix import Family


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """What the meaning of an UPDATE depends on besides its bytes; settled when the OPENs are
    exchanged.
    """

    local_asn: int
    peer_asn: int
    four_octet_asn: bool = True
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)
    accept_loopback_next_hops: bool = False
    local_address: IPv4Address | None = None
    extended_next_hop: tuple[Family, ...] = ()
    accept_as_sets: bool = False

    @property
    def internal(self) -> bool:
        return self.local_asn == self.peer_asn


@dataclass(frozen=True, slots=True)
class DecodedAttributes:
    """`attribute_set` is None when the routes of this list count as withdrawn; it is a rejected one
    when they are kept but never used. `faults` say why.
    """

    attribute_set: AttributeSet | None
    faults: tuple[Fault, ...] = ()


# An attribute list as received, or the octets of the next hop in MP_REACH_NLRI and the list
# around it.
ListKey: TypeAlias = bytes | tuple[bytes, bytes]

_ENTRY_OCTETS: Final = 600  # the decoded objects of a short list, roughly
_PLAIN_OCTETS: Final = 250
_MAX_OCTETS: Final = 64 * 1024 * 1024
_NEXT_HOP: Final = int(AttributeCode.NEXT_HOP)
_MP_REACH_NLRI: Final = int(AttributeCode.MP_REACH_NLRI)
_MAX_NEXT_HOPS: Final = 4096


class AttributeTable:
    """The attribute lists of one session by their octets, so that each is decoded once: the usual
    ones in `plain` and `plain_mp`, for `plain.RouteReader`, and those that took a full look in
    `entries`.

    Bounded by memory. When the bound is reached everything is forgotten at once: routes keep the
    sets they have, only the sharing with later UPDATEs starts anew.
    """

    def __init__(self, context: DecodeContext) -> None:
        self.plain: dict[bytes, AttributeSet] = {}
        self.plain_mp: dict[bytes, AttributeSet] = {}
        self.entries: dict[ListKey, DecodedAttributes] = {}
        self._context = context
        self._octets = 0
        self._next_hops: dict[bytes, bool] = {}
        self._next_hop_values: dict[bytes, NextHop] = {}

    def file(self, key: ListKey, decoded: DecodedAttributes) -> None:
        octets = len(key) if isinstance(key, bytes) else len(key[0]) + len(key[1])
        self._octets += 2 * octets + _ENTRY_OCTETS
        if self._octets > _MAX_OCTETS:
            self.forget_all()
        self.entries[key] = decoded

    def note_plain(self, lists: int, octets: int) -> None:
        """So many plain lists, of so many octets together, were added: by one read, which is what
        the bound may be exceeded by for as long as that takes.
        """
        self._octets += octets + lists * _PLAIN_OCTETS
        if self._octets > _MAX_OCTETS:
            self.forget_all()

    def accepts_next_hop(self, octets: bytes) -> bool:
        """Whether there is nothing to say against an IPv4 or IPv6 next hop."""
        accepted = self._next_hops.get(octets)
        if accepted is None:
            if len(self._next_hops) >= _MAX_NEXT_HOPS:
                self._next_hops.clear()
            next_hop = IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
            accepted = _next_hop_fault(next_hop, self._context) is None
            self._next_hops[octets] = accepted
        return accepted

    # --- net.attribute_set.AttributeCodec ---------------------------------------------------------

    def decode(self, raw: bytes) -> PathAttributes:
        decoded = _decode_plain(raw, self._context)
        assert decoded.attribute_set is not None  # noqa: S101 - a plain list has no faults
        return decoded.attribute_set.attributes

    def next_hop(self, raw: bytes) -> NextHop:
        # A table with packets behind it asks for that of every list: so nothing else is read.
        at = 0
        while True:
            code, length, value = raw[at + 1], raw[at + 2], at + 3
            if raw[at] & EXTENDED_LENGTH:
                length, value = length << 8 | raw[at + 3], at + 4
            if code == _NEXT_HOP:
                return self._next_hop_of(raw[value : value + length])
            if code == _MP_REACH_NLRI:
                return self._next_hop_of(raw[value + 4 : value + 20])
            at = value + length

    def _next_hop_of(self, octets: bytes) -> NextHop:
        found = self._next_hop_values.get(octets)
        if found is None:
            if len(self._next_hop_values) >= _MAX_NEXT_HOPS:
                self._next_hop_values.clear()
            found = IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
            self._next_hop_values[octets] = found
        return found

    def forget(self, raw: bytes) -> None:
        # A list with MP_REACH_NLRI is never in `plain`, one without never in `plain_mp`.
        if self.plain.pop(raw, None) is not None or self.plain_mp.pop(raw, None) is not None:
            self._octets -= len(raw) + _PLAIN_OCTETS

    def forget_all(self) -> None:
        self.plain.clear()
        self.plain_mp.clear()
        self.entries.clear()
        self._octets = 0


def _decode_plain(raw: bytes, context: DecodeContext) -> DecodedAttributes:
    """A list as `plain` interned it: an MP_REACH_NLRI in it ends behind its next hop."""
    for item in walk(raw)[0]:
        if item.code == AttributeCode.MP_REACH_NLRI:
            rest = raw[: item.start] + raw[item.end :]
            return decode_attributes(rest, context, IPv6Address(raw[item.value + 4 :][:16]))
    return decode_attributes(raw, context)


def decode_attributes(
    data: bytes, context: DecodeContext, mp_next_hop: NextHop | None = None
) -> DecodedAttributes:
    """The list as carried by routes: of MP_REACH_NLRI when `mp_next_hop` is given, else of the
    NLRI field.
    """
    fields, faults = read_attributes(
        data,
        four_octet=context.four_octet_asn,
        internal=context.internal,
        next_hop_matters=mp_next_hop is None,
        accept_as_sets=context.accept_as_sets,
    )
    resolve_four_octet(fields)
    next_hop = fields.next_hop if mp_next_hop is None else mp_next_hop
    attribute_set = None
    if not any(fault.verdict >= Verdict.REFUSE for fault in faults):
        attribute_set = _accepted(data, fields, next_hop, context, faults)
    return DecodedAttributes(attribute_set, tuple(faults))


def faults_without_routes(data: bytes, context: DecodeContext) -> list[Fault]:
    """What is wrong with the list of an UPDATE without reachable routes (RFC 7606 §5.2)."""
    return read_attributes(
        data,
        four_octet=context.four_octet_asn,
        internal=context.internal,
        accept_as_sets=context.accept_as_sets,
    )[1]


def _accepted(
    data: bytes,
    fields: Fields,
    next_hop: NextHop | None,
    context: DecodeContext,
    faults: list[Fault],
) -> AttributeSet | None:
    """The set; None or a rejected one with the reason added to `faults`."""
    if fields.origin is None:
        faults.append(_missing(AttributeCode.ORIGIN))
    elif fields.as_path is None:
        faults.append(_missing(AttributeCode.AS_PATH))
    elif next_hop is None:
        faults.append(_missing(AttributeCode.NEXT_HOP))
    else:
        as_path = fields.as_path
        if fields.as4_path is not None:
            as_path = merge_as4_path(as_path, fields.as4_path)
        fault = (
            _first_as_fault(as_path, fields.as_path, context)
            or _loop_fault(as_path, context)
            or _next_hop_fault(next_hop, context)
        )
        if fault is not None:
            faults.append(fault)
            if fault.verdict is not Verdict.REFUSE:
                return None
        others = fields.others
        others.sort(key=_code_of)
        attributes = PathAttributes(
            origin=fields.origin,
            as_path=as_path,
            next_hop=next_hop,
            med=fields.med,
            local_pref=fields.local_pref,
            communities=fields.communities,
            extended_communities=fields.extended_communities,
            large_communities=fields.large_communities,
            others=tuple(others),
        )
        # With its octets, which are what a peer's memory is counted in.
        high, low = attributes.rank >> 32, attributes.rank & 0xFFFFFFFF
        rejected = None if fault is None else fault.reason
        return AttributeSet(data, high, low, None, attributes, rejected)
    return None


def _code_of(attribute: RawAttribute) -> int:
    return attribute.code


def _missing(code: AttributeCode) -> Fault:
    return Fault(
        Verdict.TREAT_AS_WITHDRAW,
        Notification(
            ErrorCode.UPDATE_MESSAGE_ERROR, UpdateError.MISSING_WELL_KNOWN_ATTRIBUTE, bytes([code])
        ),
        f"the mandatory attribute {code.name} is missing",
    )


_MALFORMED_AS_PATH: Final = Notification(
    ErrorCode.UPDATE_MESSAGE_ERROR, UpdateError.MALFORMED_AS_PATH
)


def _first_as_fault(as_path: AsPath, received: AsPath, context: DecodeContext) -> Fault | None:
    """RFC 4271 §6.3. A peer with a four-octet AS that talks two octets has AS_TRANS as its place in
    the AS_PATH it sends, and is known to us by another number (RFC 6793 §4.2.2).
    """
    first = first_asn(as_path)
    if context.internal or first == context.peer_asn:
        return None
    if first is not None and first > 0xFFFF and first_asn(received) == AS_TRANS:
        return None
    found = "no AS" if first is None else f"AS {first}"
    reason = f"AS_PATH starts with {found}, not with the peer's AS {context.peer_asn}"
    return Fault(Verdict.TREAT_AS_WITHDRAW, _MALFORMED_AS_PATH, reason)


def _loop_fault(as_path: AsPath, context: DecodeContext) -> Fault | None:
    if not contains_asn(as_path, context.local_asn):
        return None
    return Fault(Verdict.REFUSE, _MALFORMED_AS_PATH, f"own AS {context.local_asn} in path")


def _next_hop_fault(next_hop: NextHop, context: DecodeContext) -> Fault | None:
    refusal = refusal_of(
        next_hop,
        accept_loopback=context.accept_loopback_next_hops,
        local_address=context.local_address,
    )
    if refusal is None:
        return None
    subcode = UpdateError.INVALID_NEXT_HOP_ATTRIBUTE
    return Fault(Verdict.REFUSE, Notification(ErrorCode.UPDATE_MESSAGE_ERROR, subcode), refusal)
