"""AS_PATH patterns: what matches, what is refused, and that a match is linear."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.as_path_pattern import MAX_ITEMS, parse_as_path_pattern
from routeserver.net.path import AsSegment, SegmentKind


def path(*asns: int) -> tuple[AsSegment, ...]:
    return (AsSegment(SegmentKind.AS_SEQUENCE, asns),) if asns else ()


@pytest.mark.parametrize(
    ("pattern", "asns", "expected"),
    [
        ("^65001 .* [64512-65534]$", (65001, 1, 2, 64512), True),
        ("^65001 .* [64512-65534]$", (65001, 65534), True),
        ("^65001 .* [64512-65534]$", (65001,), False),
        ("^65001 .* [64512-65534]$", (65001, 1, 2), False),
        ("^65001 .* [64512-65534]$", (1, 65001, 64512), False),
        ("^$", (), True),
        ("^$", (1,), False),
        ("^", (1, 2), True),
        ("$", (1, 2), True),
        ("7018", (1, 7018, 2), True),
        ("7018", (1, 70, 18, 2), False),
        ("7018 1", (7018, 2, 7018, 1), True),
        ("^1+$", (1, 1, 1), True),
        ("^1+$", (), False),
        ("^1+$", (1, 2), False),
        ("^1* 2$", (2,), True),
        ("^1* 2$", (1, 1, 2), True),
        ("^1? 2$", (1, 2), True),
        ("^1? 2$", (1, 1, 2), False),
        ("^[1-3,7 9]+$", (1, 2, 3, 7, 9), True),
        ("^[1-3,7 9]+$", (4,), False),
        ("^.+$", (4294967295,), True),
    ],
)
def test_what_matches(pattern: str, asns: tuple[int, ...], expected: bool) -> None:
    assert parse_as_path_pattern(pattern).matches(path(*asns)) is expected


def test_an_as_set_is_one_element_that_matches_by_any_member() -> None:
    as_path = (
        AsSegment(SegmentKind.AS_SEQUENCE, (1,)),
        AsSegment(SegmentKind.AS_SET, (7, 8)),
    )
    assert parse_as_path_pattern("^1 8$").matches(as_path)
    assert parse_as_path_pattern("^1 7$").matches(as_path)
    assert not parse_as_path_pattern("^1 7 8$").matches(as_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must not be empty"),
        ("abc", "is no AS number"),
        ("1 ^ 2", "'^' stands only at the beginning"),
        ("$ 1", "'$' at the end"),
        ("[9-1]", "must go up"),
        ("4294967296", "not beyond 4294967295"),
        ("[]", "1 to 64"),
        ("[1-]", "no AS number and no range"),
        ("(1|2)*", "is no AS number"),
        ("* 1", "is no AS number"),
        (" ".join(["1"] * (MAX_ITEMS + 1)), f"at most {MAX_ITEMS} items"),
    ],
)
def test_what_is_refused_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_as_path_pattern(text)


def test_patterns_are_equal_when_their_texts_are() -> None:
    assert parse_as_path_pattern("^1 .*") == parse_as_path_pattern(" ^1 .* ")
    assert len({parse_as_path_pattern("1"), parse_as_path_pattern("1")}) == 1


def test_what_takes_an_exponential_matcher_for_ever_is_nothing() -> None:
    pattern = parse_as_path_pattern("^" + "1* " * 30 + "2$")
    assert not pattern.matches(path(*[1] * 2000))


ITEMS = st.lists(
    st.tuples(st.sampled_from(["1", "2", ".", "[1-2]"]), st.sampled_from(["", "*", "+", "?"])),
    max_size=5,
)


@given(ITEMS, st.booleans(), st.booleans(), st.lists(st.integers(1, 3), max_size=6))
def test_it_agrees_with_a_regular_expression(
    items: list[tuple[str, str]], start: bool, end: bool, asns: list[int]
) -> None:
    text = ("^" if start else "") + " ".join(a + b for a, b in items) + ("$" if end else "")
    if not text:
        return
    one = {"1": "1", "2": "2", ".": "[123]", "[1-2]": "[12]"}
    regular = "".join(one[item] + mark for item, mark in items)
    regular = ("^" if start else "") + regular + ("$" if end else "")
    expected = re.search(regular, "".join(map(str, asns))) is not None
    assert parse_as_path_pattern(text).matches(path(*asns)) is expected


@given(st.text())
def test_any_text_is_a_pattern_or_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        parse_as_path_pattern(text)
