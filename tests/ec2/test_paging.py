"""Pages: whole, in order, and steady while the listing changes."""

from __future__ import annotations

import base64
import zlib
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.ec2.faults import Fault
from routeserver.ec2.paging import decode_token, encode_token, page

Item: TypeAlias = tuple[float, str]


def key(item: Item) -> Item:
    return item


def listing(items: list[Item], size: int) -> list[Item]:
    seen: list[Item] = []
    token: str | None = None
    while True:
        shown, token = page(items, key=key, max_results=size, next_token=token)
        seen += shown
        if token is None:
            return seen


@given(
    items=st.sets(st.tuples(st.floats(0, 1e10), st.text(max_size=3)), max_size=30),
    size=st.integers(1, 12),
)
def test_the_pages_make_up_the_listing(items: set[Item], size: int) -> None:
    assert listing(sorted(items), size) == sorted(items)


@given(key=st.tuples(st.integers(0, 1 << 137), st.text(max_size=20)))
def test_a_token_gives_its_key_back(key: tuple[int, str]) -> None:
    assert decode_token(encode_token(key), (int, str)) == key


def test_what_comes_and_goes_between_pages_moves_nothing_else() -> None:
    items = [(float(n), f"i{n}") for n in range(10)]
    first, token = page(items, key=key, max_results=4, next_token=None)
    changed = [*items[1:3], *items[4:], (10.0, "new")]  # what the token points behind is gone too
    rest, token = page(changed, key=key, max_results=100, next_token=token)
    assert [*first, *rest] == [*items, (10.0, "new")]
    assert token is None


def test_there_is_no_token_behind_a_full_last_page() -> None:
    assert page([(1.0, "a")], key=key, max_results=1, next_token=None) == ([(1.0, "a")], None)


def test_a_page_holds_a_thousand_when_nobody_says() -> None:
    items = [(float(n), "") for n in range(1001)]
    assert len(page(items, key=key, max_results=None, next_token=None)[0]) == 1000


def sealed(payload: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.crc32(payload).to_bytes(4, "big") + payload).decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "not a token",
        "\u00e9",
        "A" * 5000,
        "AAAAAAAA",
        encode_token((1.0, "a"))[:-2],
        encode_token((1.0, "a")) + "A",
        encode_token(("a", 1.0)),
        encode_token((1.0,)),
        sealed(b"{}"),
        sealed(b"[" * 1200),
        sealed(b"[1.0, null]"),
        sealed(b"\xff"),
    ],
)
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    with pytest.raises(Fault) as refused:
        page([(1.0, "a"), (2.0, "b")], key=key, max_results=1, next_token=token)
    assert refused.value.code == "InvalidPaginationToken"


def test_a_good_token_for_an_empty_listing_gives_an_empty_page() -> None:
    token = encode_token((1.0, "a"))
    assert page([], key=key, max_results=5, next_token=token) == ([], None)


@given(token=st.text(max_size=40))
def test_any_text_is_a_token_or_refused(token: str) -> None:
    try:
        decode_token(token, (float, str))
    except Fault as refused:
        assert refused.code == "InvalidPaginationToken"  # noqa: PT017 - either outcome is right
