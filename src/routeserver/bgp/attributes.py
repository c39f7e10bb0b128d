"""From an attribute list to the one `PathAttributes` that all its routes share.

`attribute_list` reads what stands on the wire; here it is decided whether routes with it are
acceptable (RFC 4271 §6.3 and §9.1.2: mandatory attributes, AS loop, first AS, next hop), once for
each distinct list: `AttributeCache` files the answer under the raw bytes, so a peer that sends a
million routes under a thousand lists has a thousand of them decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, TypeAlias

from routeserver.bgp.as_path import AsPath, contains_asn, first_asn, merge_as4_path
from routeserver.bgp.attribute_list import Fault, read_attributes
from routeserver.bgp.attribute_values import AttributeCode, Fields, Verdict, resolve_four_octet
from routeserver.bgp.errors import ErrorCode, Notification, UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.bgp.next_hop import NextHop, refusal_of
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

    @property
    def internal(self) -> bool:
        return self.local_asn == self.peer_asn


@dataclass(frozen=True, slots=True)
class DecodedAttributes:
    """`attributes` is None when the routes of this list count as withdrawn: `faults` say why."""

    attributes: PathAttributes | None
    faults: tuple[Fault, ...] = ()


# An attribute list as received, or the octets of the next hop in MP_REACH_NLRI and the list
# around it.
ListKey: TypeAlias = bytes | tuple[bytes, bytes]

_ENTRY_OVERHEAD_BYTES: Final = 600  # the decoded objects of a short list, roughly


class AttributeTable:
    """The decoded lists of all sessions with the same context; `entries` is read directly on the
    hot path.
    """

    __slots__ = ("_cache", "entries")

    def __init__(self, cache: AttributeCache) -> None:
        self._cache = cache
        self.entries: dict[ListKey, DecodedAttributes] = {}

    def file(self, key: ListKey, decoded: DecodedAttributes) -> None:
        self._cache.make_room(len(key) if isinstance(key, bytes) else len(key[0]) + len(key[1]))
        self.entries[key] = decoded


class AttributeCache:
    """Decoded attribute lists by their bytes, bounded by memory and shared by any number of
    sessions.

    When the bound is reached everything is forgotten at once: routes keep the objects they have,
    only the sharing with later UPDATEs starts anew. That costs less than keeping an order of use
    would.
    """

    def __init__(self, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._tables: dict[DecodeContext, AttributeTable] = {}

    def table(self, context: DecodeContext) -> AttributeTable:
        table = self._tables.get(context)
        if table is None:
            table = self._tables[context] = AttributeTable(self)
        return table

    def make_room(self, key_bytes: int) -> None:
        self._used_bytes += 2 * key_bytes + _ENTRY_OVERHEAD_BYTES
        if self._used_bytes > self._max_bytes:
            for table in self._tables.values():
                table.entries.clear()
            self._used_bytes = 2 * key_bytes + _ENTRY_OVERHEAD_BYTES

    def __len__(self) -> int:
        return sum(len(table.entries) for table in self._tables.values())


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
    )
    resolve_four_octet(fields)
    next_hop = fields.next_hop if mp_next_hop is None else mp_next_hop
    if not any(fault.verdict >= Verdict.REFUSE for fault in faults):
        attributes = _accepted(fields, next_hop, context, faults)
    else:
        attributes = None
    return DecodedAttributes(attributes, tuple(faults))


def faults_without_routes(data: bytes, context: DecodeContext) -> list[Fault]:
    """What is wrong with the list of an UPDATE without reachable routes (RFC 7606 §5.2)."""
    return read_attributes(data, four_octet=context.four_octet_asn, internal=context.internal)[1]


def _accepted(
    fields: Fields, next_hop: NextHop | None, context: DecodeContext, faults: list[Fault]
) -> PathAttributes | None:
    """The attributes, or None with the reason added to `faults`."""
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
        if fault is None:
            others = fields.others
            others.sort(key=_code_of)
            return PathAttributes(
                origin=fields.origin,
                as_path=as_path,
                next_hop=next_hop,
                med=fields.med,
                local_pref=fields.local_pref,
                communities=fields.communities,
                large_communities=fields.large_communities,
                others=tuple(others),
            )
        faults.append(fault)
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
