"""What an appliance announces."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from routeserver.net.path import AsSegment, SegmentKind
from routeserver.net.prefix import Family, format_prefix, parse_prefix
from routeserver.speaker.announcement import (
    MAX_SYNTHETIC,
    Announcement,
    announcements,
    mapped,
    synthetic_prefixes,
)

NEXT_HOP = IPv4Address("127.77.1.10")


def _announcements(
    *prefixes: str, asn: int = 65_001, med: int | None = None, prepend: int = 0
) -> tuple[Announcement, ...]:
    return announcements(
        [parse_prefix(prefix) for prefix in prefixes],
        asn=asn,
        peer_asn=65_000,
        next_hop=NEXT_HOP,
        next_hop6=mapped(NEXT_HOP),
        med=med,
        prepend=prepend,
    )


def test_each_family_has_its_own_next_hop() -> None:
    v4, v6 = _announcements("2001:db8::/32", "192.0.2.0/24", med=5)
    assert (v4.family, v6.family) == (Family.IPV4, Family.IPV6)
    assert v4.attributes.next_hop == NEXT_HOP
    assert v6.attributes.next_hop == IPv6Address("::ffff:127.77.1.10")
    assert v4.attributes.med == v6.attributes.med == 5


def test_a_prefix_given_twice_is_announced_once() -> None:
    [only] = _announcements("192.0.2.0/24", "192.0.2.0/24")
    assert list(only.prefixes) == [parse_prefix("192.0.2.0/24")]


def test_nothing_is_announced_when_there_is_nothing() -> None:
    assert _announcements() == ()


def test_the_own_as_number_is_prepended_as_often_as_asked() -> None:
    [plain] = _announcements("192.0.2.0/24")
    [longer] = _announcements("192.0.2.0/24", prepend=2)
    assert plain.attributes.as_path == (AsSegment(SegmentKind.AS_SEQUENCE, (65_001,)),)
    assert longer.attributes.as_path == (AsSegment(SegmentKind.AS_SEQUENCE, (65_001,) * 3),)
    assert plain.attributes.rank < longer.attributes.rank


def test_an_internal_peer_gets_a_local_pref_and_an_empty_path() -> None:
    [internal] = _announcements("192.0.2.0/24", asn=65_000)
    assert internal.attributes.as_path == ()
    assert internal.attributes.local_pref == 100


def test_slices_keep_all_prefixes_in_order() -> None:
    prefixes = list(synthetic_prefixes(10))
    [whole] = announcements(
        prefixes, asn=1, peer_asn=2, next_hop=NEXT_HOP, next_hop6=mapped(NEXT_HOP)
    )
    slices = list(whole.slices(4))
    assert [len(part.prefixes) for part in slices] == [4, 4, 2]
    assert [prefix for part in slices for prefix in part.prefixes] == prefixes
    assert all(part.attributes is whole.attributes for part in slices)


def test_synthetic_prefixes_are_distinct_networks_of_10_0_0_0() -> None:
    prefixes = list(synthetic_prefixes(1000))
    assert len(set(prefixes)) == 1000
    assert format_prefix(prefixes[0]) == "10.0.0.0/28"
    assert format_prefix(prefixes[999]) == "10.0.62.112/28"


@pytest.mark.parametrize("count", [-1, MAX_SYNTHETIC + 1])
def test_more_synthetic_prefixes_than_there_are_is_an_error(count: int) -> None:
    with pytest.raises(ValueError, match="synthetic prefixes"):
        list(synthetic_prefixes(count))
