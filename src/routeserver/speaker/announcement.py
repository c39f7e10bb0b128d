"""What an appliance announces: prefixes under the attributes that a plain eBGP router would give
them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, Prefix, family_of, make_prefix

SYNTHETIC_LENGTH: Final = 28
MAX_SYNTHETIC: Final = 1 << 20
"""Every /28 of 10.0.0.0/8."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One attribute set and all its prefixes, of one family."""

    family: Family
    attributes: PathAttributes
    prefixes: Sequence[Prefix]

    def slices(self, size: int) -> Iterator[Announcement]:
        for start in range(0, len(self.prefixes), size):
            yield Announcement(self.family, self.attributes, self.prefixes[start : start + size])


def announcements(
    prefixes: Iterable[Prefix],
    *,
    asn: int,
    peer_asn: int,
    next_hop: IPv4Address,
    next_hop6: IPv6Address,
    med: int | None = None,
    prepend: int = 0,
    communities: tuple[int, ...] = (),
) -> tuple[Announcement, ...]:
    """One announcement for each family that `prefixes` has; `prepend` more times our own AS number.

    An iBGP peer gets an empty AS_PATH, unless prepended, and a LOCAL_PREF of 100 (RFC 4271 §5.1.2,
    §5.1.5).
    """
    is_internal = asn == peer_asn
    count = prepend + (0 if is_internal else 1)
    as_path = (AsSegment(SegmentKind.AS_SEQUENCE, (asn,) * count),) if count else ()
    by_family: dict[Family, list[Prefix]] = {}
    for prefix in dict.fromkeys(prefixes):
        by_family.setdefault(family_of(prefix), []).append(prefix)
    return tuple(
        Announcement(
            family,
            PathAttributes(
                origin=Origin.IGP,
                as_path=as_path,
                next_hop=next_hop if family is Family.IPV4 else next_hop6,
                med=med,
                local_pref=100 if is_internal else None,
                communities=communities,
            ),
            members,
        )
        for family, members in sorted(by_family.items())
    )


def mapped(address: IPv4Address) -> IPv6Address:
    """The form ``::ffff:a.b.c.d``: a next hop for IPv6 routes of a router without IPv6."""
    return IPv6Address(0xFFFF << 32 | int(address))


def synthetic_prefixes(count: int) -> Iterator[Prefix]:
    """The first `count` networks of /28 in 10.0.0.0/8, for tests and measurements."""
    if not 0 <= count <= MAX_SYNTHETIC:
        raise ValueError(f"between 0 and {MAX_SYNTHETIC} synthetic prefixes, not {count}")
    base = int(IPv4Address("10.0.0.0"))
    for index in range(count):
        yield make_prefix(base + (index << 4), SYNTHETIC_LENGTH, Family.IPV4)
