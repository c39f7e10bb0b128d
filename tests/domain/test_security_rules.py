"""Protocols and ports of rules, and the entries of prefix lists: what is taken, and in which form
it is kept."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain import prefix_lists, security_rules
from routeserver.domain.refusal import Refusal

ANY_NUMBER: Final = st.one_of(st.none(), st.integers(-3, 70_000))


@given(number=st.integers(0, 255))
def test_every_protocol_number_has_one_name_and_comes_back(number: int) -> None:
    name = security_rules.protocol_name(str(number))
    assert security_rules.protocol_name(name) == name
    assert security_rules.protocol_number(name) == str(number)


@pytest.mark.parametrize("text", ["", "256", "-2", "gre", "1.5", "٣", "0006000", "tcp "])
def test_what_is_no_protocol_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="Unknown protocol"):
        security_rules.protocol_name(text)


@given(protocol=st.sampled_from(("tcp", "udp")), first=ANY_NUMBER, last=ANY_NUMBER)
def test_ports_are_a_range_of_ports_or_refused(
    protocol: str, first: int | None, last: int | None
) -> None:
    fits = first is not None and last is not None and 0 <= first <= last <= 65535
    try:
        assert security_rules.ports(protocol, first, last) == (first, last)
    except Refusal:
        assert not fits
    else:
        assert fits


@given(first=ANY_NUMBER, last=ANY_NUMBER)
def test_protocols_without_ports_have_none(first: int | None, last: int | None) -> None:
    assert security_rules.ports("50", first, last) == (None, None)
    assert security_rules.ports(security_rules.ALL, first, last) == (None, None)


@given(kind=st.integers(-3, 260), code=st.integers(-3, 260))
def test_icmp_has_types_and_codes(kind: int, code: int) -> None:
    fits = (kind, code) == (-1, -1) or (0 <= kind <= 255 and -1 <= code <= 255)
    try:
        security_rules.check_icmp(kind, code)
    except Refusal:
        assert not fits
    else:
        assert fits


# --- prefix lists -------------------------------------------------------------------------------

BLOCKS: Final = st.sampled_from([f"10.{number}.0.0/16" for number in range(8)])
ENTRIES: Final = st.dictionaries(BLOCKS, st.text(max_size=10))


@given(entries=ENTRIES)
def test_entries_survive_being_kept(entries: dict[str, str]) -> None:
    assert prefix_lists.from_texts(prefix_lists.as_texts(entries)) == entries


@given(entries=ENTRIES, add=ENTRIES, remove=st.lists(BLOCKS, unique=True), most=st.integers(1, 8))
def test_a_change_is_made_whole_or_refused(
    entries: dict[str, str], add: dict[str, str], remove: list[str], most: int
) -> None:
    before = dict(entries)
    wanted = {block: text for block, text in entries.items() if block not in remove} | add
    fits = set(remove) <= set(entries) and not set(remove) & set(add) and len(wanted) <= most
    try:
        after = prefix_lists.edited(entries, add=add.items(), remove=remove, max_entries=most)
    except Refusal:
        assert not fits
    else:
        assert fits
        assert after == wanted
    assert entries == before
