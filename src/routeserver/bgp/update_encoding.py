"""Routes to UPDATE messages: the sending half, for appliances and tests; a route server advertises
nothing.

Attributes are written in the order of their codes, MP_REACH_NLRI before all others (RFC 7606
§5.1), and said as they are: nothing is prepended or left out, only the Partial bit is added.
Prefixes are split over as many messages as they need.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address
from struct import pack
from typing import Final

from routeserver.bgp.as_path import encode_as_path, needs_as4_path
from routeserver.bgp.attribute_values import READERS
from routeserver.bgp.capabilities import SAFI_UNICAST
from routeserver.bgp.framing import HEADER_OCTETS, MAX_MESSAGE_OCTETS, MessageType, encode_frame
from routeserver.bgp.messages import AS_TRANS
from routeserver.bgp.nlri import encode_nlri
from routeserver.bgp.verdicts import (
    EXTENDED_LENGTH,
    OPTIONAL,
    PARTIAL,
    TRANSITIVE,
    AttributeCode,
)
from routeserver.net.path import PathAttributes, RawAttribute
from routeserver.net.prefix import Family, Prefix, family_of

_FIXED_OCTETS: Final = HEADER_OCTETS + 4  # with the two length fields
_MP_HEADER_OCTETS: Final = 4  # flags, code and an extended length
_OPTIONAL_TRANSITIVE: Final = OPTIONAL | TRANSITIVE


def encode_announcement(
    attributes: PathAttributes,
    prefixes: Sequence[Prefix],
    *,
    four_octet: bool = True,
    extended_next_hop: Collection[Family] = (),
    max_octets: int = MAX_MESSAGE_OCTETS,
) -> list[bytes]:
    """UPDATE messages of up to `max_octets` that announce `prefixes`, all of one family, under
    `attributes`. IPv4 prefixes are in MP_REACH_NLRI only when their next hop is IPv6 (RFC 8950).

    Raises ValueError when the next hop cannot stand for the prefixes' family or the attributes
    leave no room for a prefix.
    """
    if not prefixes:
        return []
    family = _family(prefixes)
    next_hop = attributes.next_hop
    version = 4 if family is Family.IPV4 else 6
    if next_hop.version != version and family not in extended_next_hop:
        raise ValueError(f"next hop {next_hop} cannot be announced for {family.name} prefixes")
    listed = encode_attributes(attributes, four_octet=four_octet)
    room = max_octets - _FIXED_OCTETS - len(listed)
    if next_hop.version == 4:
        return [_update(b"", listed, run, max_octets) for run in encode_nlri(prefixes, room)]
    head = _afi_safi(family) + b"\x10" + next_hop.packed + b"\x00"
    return [
        _update(b"", _mp(AttributeCode.MP_REACH_NLRI, head + run) + listed, b"", max_octets)
        for run in encode_nlri(prefixes, room - _MP_HEADER_OCTETS - len(head))
    ]


def encode_withdrawal(
    prefixes: Sequence[Prefix], *, max_octets: int = MAX_MESSAGE_OCTETS
) -> list[bytes]:
    """UPDATE messages of up to `max_octets` that withdraw `prefixes`, all of one family."""
    if not prefixes:
        return []
    family = _family(prefixes)
    room = max_octets - _FIXED_OCTETS
    if family is Family.IPV4:
        return [_update(run, b"", b"", max_octets) for run in encode_nlri(prefixes, room)]
    head = _afi_safi(family)
    return [
        _update(b"", _mp(AttributeCode.MP_UNREACH_NLRI, head + run), b"", max_octets)
        for run in encode_nlri(prefixes, room - _MP_HEADER_OCTETS - len(head))
    ]


def encode_end_of_rib(family: Family) -> bytes:
    """RFC 4724 §2."""
    if family is Family.IPV4:
        return _update(b"", b"", b"")
    return _update(b"", _mp(AttributeCode.MP_UNREACH_NLRI, _afi_safi(family)), b"")


def encode_attributes(attributes: PathAttributes, *, four_octet: bool) -> bytes:
    """The attribute list without MP_REACH_NLRI; NEXT_HOP stands in it for an IPv4 next hop only."""
    path = attributes.as_path
    listed = [
        (TRANSITIVE, AttributeCode.ORIGIN, bytes([attributes.origin])),
        (TRANSITIVE, AttributeCode.AS_PATH, encode_as_path(path, four_octet=four_octet)),
    ]
    if isinstance(attributes.next_hop, IPv4Address):
        listed.append((TRANSITIVE, AttributeCode.NEXT_HOP, attributes.next_hop.packed))
    if attributes.med is not None:
        listed.append((OPTIONAL, AttributeCode.MULTI_EXIT_DISC, pack(">I", attributes.med)))
    if attributes.local_pref is not None:
        listed.append((TRANSITIVE, AttributeCode.LOCAL_PREF, pack(">I", attributes.local_pref)))
    if attributes.communities:
        value = pack(f">{len(attributes.communities)}I", *attributes.communities)
        listed.append((_OPTIONAL_TRANSITIVE, AttributeCode.COMMUNITIES, value))
    if attributes.extended_communities:
        value = pack(f">{len(attributes.extended_communities)}Q", *attributes.extended_communities)
        listed.append((_OPTIONAL_TRANSITIVE, AttributeCode.EXTENDED_COMMUNITIES, value))
    if attributes.large_communities:
        value = b"".join(pack(">III", *community) for community in attributes.large_communities)
        listed.append((_OPTIONAL_TRANSITIVE, AttributeCode.LARGE_COMMUNITIES, value))
    out = [(code.value, _attribute(flags, code, value)) for flags, code, value in listed]
    if not four_octet and needs_as4_path(path):
        value = encode_as_path(path, four_octet=True)
        out.append((17, _attribute(_OPTIONAL_TRANSITIVE, AttributeCode.AS4_PATH, value)))
    out += [(other.code, _other(other, four_octet=four_octet)) for other in attributes.others]
    out.sort()
    return b"".join([octets for _code, octets in out])


def _other(attribute: RawAttribute, *, four_octet: bool) -> bytes:
    """AGGREGATOR is kept in its four-octet form and needs translation for a two-octet peer. What
    nobody here has read is marked as such (RFC 4271 §5).
    """
    flags, code, value = attribute.flags, attribute.code, attribute.value
    if code not in READERS:
        flags |= PARTIAL
    if four_octet or code != AttributeCode.AGGREGATOR:
        return _attribute(flags, code, value)
    asn = int.from_bytes(value[:4], "big")
    if asn <= 0xFFFF:
        return _attribute(flags, code, value[2:])
    return _attribute(flags, code, pack(">H", AS_TRANS) + value[4:]) + _attribute(
        flags, AttributeCode.AS4_AGGREGATOR, value
    )


def _attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 0xFF:
        return bytes([flags | EXTENDED_LENGTH, code]) + pack(">H", len(value)) + value
    return bytes([flags, code, len(value)]) + value


def _mp(code: AttributeCode, value: bytes) -> bytes:
    return _attribute(OPTIONAL, code, value)


def _update(
    withdrawn: bytes, attributes: bytes, nlri: bytes, max_octets: int = MAX_MESSAGE_OCTETS
) -> bytes:
    return encode_frame(
        MessageType.UPDATE,
        pack(">H", len(withdrawn)) + withdrawn + pack(">H", len(attributes)) + attributes + nlri,
        max_octets,
    )


def _afi_safi(family: Family) -> bytes:
    return pack(">HB", family, SAFI_UNICAST)


def _family(prefixes: Sequence[Prefix]) -> Family:
    family = family_of(prefixes[0])
    if any(family_of(prefix) is not family for prefix in prefixes):
        raise ValueError("the prefixes of one UPDATE must be of one family")
    return family
