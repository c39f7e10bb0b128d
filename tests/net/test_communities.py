"""Community patterns: their values, their wildcards, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.communities import (
    GRACEFUL_SHUTDOWN,
    WELL_KNOWN,
    CommunityKind,
    large_as_int,
    parse_community,
)


@pytest.mark.parametrize(
    ("text", "kind", "community", "expected"),
    [
        ("65001:100", CommunityKind.STANDARD, 65001 << 16 | 100, True),
        ("65001:100", CommunityKind.STANDARD, 65001 << 16 | 101, False),
        ("65001:*", CommunityKind.STANDARD, 65001 << 16 | 101, True),
        ("*:*", CommunityKind.STANDARD, 0, True),
        ("graceful-shutdown", CommunityKind.STANDARD, GRACEFUL_SHUTDOWN, True),
        ("65001:1:2", CommunityKind.LARGE, large_as_int((65001, 1, 2)), True),
        ("65001:*:2", CommunityKind.LARGE, large_as_int((65001, 9, 2)), True),
        ("65001:*:2", CommunityKind.LARGE, large_as_int((65001, 9, 3)), False),
        # RFC 4360 §4: type 0x00 0x02 is the route target of a two-octet AS.
        ("rt:65001:100", CommunityKind.EXTENDED, 0x0002_FDE9_0000_0064, True),
        # RFC 5668 §2: type 0x02 is that of a four-octet AS.
        ("rt:4200000001:100", CommunityKind.EXTENDED, 0x0202_FA56_EA01_0064, True),
        ("soo:65001:100", CommunityKind.EXTENDED, 0x0003_FDE9_0000_0064, True),
        ("rt:65001:*", CommunityKind.EXTENDED, 0x0002_FDE9_1234_5678, True),
        ("rt:65001:*", CommunityKind.EXTENDED, 0x0003_FDE9_1234_5678, False),
        ("ext:0x0002fde900000064", CommunityKind.EXTENDED, 0x0002_FDE9_0000_0064, True),
    ],
)
def test_what_matches(text: str, kind: CommunityKind, community: int, expected: bool) -> None:
    pattern = parse_community(text)
    assert pattern.kind is kind
    assert (community & pattern.mask == pattern.value) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no community"),
        ("1", "is no community"),
        ("65536:1", "from 0 to 65535"),
        ("1:65536", "from 0 to 65535"),
        ("a:b", "must be \\* or a number"),
        ("1:2:3:4", "is no community"),
        ("rt:*:1", "needs an AS number"),
        ("rt:4200000001:65536", "from 0 to 65535"),
        ("ext:0x12", "must be"),
        ("\u0661:1", "must be"),
    ],
)
def test_what_is_refused_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_community(text)


def test_well_known_names_stand_for_their_values() -> None:
    for name, value in WELL_KNOWN.items():
        assert parse_community(name).value == value


@given(st.text())
def test_any_text_is_a_pattern_or_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        parse_community(text)
