"""The index of a session's attribute sets against a dict, as compiled and as interpreted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bgp import set_index
from routeserver.bgp.set_index import SetIndex
from routeserver.net.attribute_set import AttributeSet

OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove", "find"]), st.integers(0, 300)), max_size=600
)


@pytest.fixture(params=[True, False], ids=["slots", "a dict"], autouse=True, scope="module")
def has_slots(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Compiled, there are slots whatever the module says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_index, "HAS_SLOTS", request.param)
        yield request.param


def octets(number: int) -> bytes:
    return number.to_bytes(2, "big") * 3


def made(raw: bytes) -> AttributeSet:
    return AttributeSet(raw, 1, 0, None)


@given(OPERATIONS)
def test_it_finds_what_a_dict_would(operations: list[tuple[str, int]]) -> None:
    index, known = SetIndex(), dict[bytes, AttributeSet]()
    for what, number in operations:
        raw = octets(number)
        assert index.find(raw) is known.get(raw)
        if what == "add" and raw not in known:
            known[raw] = made(raw)
            index.add(known[raw])
        elif what == "remove":
            assert index.remove(raw) is (known.pop(raw, None) is not None)
        assert len(index) == len(known)
    for number in range(301):
        assert index.find(octets(number)) is known.get(octets(number))


def test_sets_that_come_and_go_leave_nothing() -> None:
    index = SetIndex()
    for number in range(20_000):
        one = made(octets(number))
        assert index.find(one.raw) is None
        index.add(one)
        assert index.remove(one.raw)
        assert not index.remove(one.raw)
    assert len(index) == 0
    if not set_index.IS_COMPILED and set_index.HAS_SLOTS:
        assert (len(index.sets), index.mask) == (2, 63)


def test_all_are_forgotten_at_once() -> None:
    index = SetIndex()
    sets = [made(octets(number)) for number in range(5_000)]
    for one in sets:
        assert index.find(one.raw) is None
        index.add(one)
    assert [index.find(one.raw) for one in sets] == sets
    index.clear()
    assert (len(index), index.find(sets[7].raw)) == (0, None)
    index.add(sets[7])
    assert index.find(octets(7)) is sets[7]
