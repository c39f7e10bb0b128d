"""What every data plane does, whatever it writes to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.dataplane.base import DataPlane
from routeserver.domain.plan import Tally, diff
from routeserver.domain.routing import Alternative, Entry
from routeserver.net.prefix import Prefix, parse_prefix
from tests.dataplane.conftest import PLANES

X = Entry("eni-x", "10.0.1.10", "rs-1", "rsp-a")
Y = Entry("eni-y", "10.0.1.11", "rs-1", "rsp-b")
P = [parse_prefix(text) for text in ("0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32")]


async def test_a_table_never_heard_of_is_empty(data_plane: DataPlane) -> None:
    assert dict(data_plane.read("rtb-1")) == {}


async def test_a_table_holds_what_was_installed_replaced_and_not_removed(
    data_plane: DataPlane,
) -> None:
    await data_plane.apply("rtb-1", diff(dict.fromkeys(P, X), {}))
    assert dict(data_plane.read("rtb-1")) == dict.fromkeys(P, X)
    wanted = {P[0]: Y, P[3]: X}
    await data_plane.apply("rtb-1", diff(wanted, data_plane.read("rtb-1")))
    assert dict(data_plane.read("rtb-1")) == wanted


async def test_the_same_changes_twice_leave_the_same_table(data_plane: DataPlane) -> None:
    await data_plane.apply("rtb-1", diff({P[0]: X, P[1]: X}, {}))
    changes = diff({P[0]: Y, P[2]: X}, data_plane.read("rtb-1"))
    await data_plane.apply("rtb-1", changes)
    await data_plane.apply("rtb-1", changes)
    assert dict(data_plane.read("rtb-1")) == {P[0]: Y, P[2]: X}


async def test_tables_do_not_touch_each_other(data_plane: DataPlane) -> None:
    await data_plane.apply("rtb-1", diff({P[0]: X}, {}))
    await data_plane.apply("rtb-2", diff({P[0]: Y}, {}))
    await data_plane.forget("rtb-1")
    assert dict(data_plane.read("rtb-1")) == {}
    assert dict(data_plane.read("rtb-2")) == {P[0]: Y}


async def test_forgetting_is_harmless_when_repeated(data_plane: DataPlane) -> None:
    await data_plane.forget("rtb-1")
    await data_plane.apply("rtb-1", diff({P[0]: X}, {}))
    await data_plane.forget("rtb-1")
    await data_plane.forget("rtb-1")
    assert dict(data_plane.read("rtb-1")) == {}


async def test_nobody_changes_a_table_through_what_was_read(data_plane: DataPlane) -> None:
    await data_plane.apply("rtb-1", diff({P[0]: X}, {}))
    view: Any = data_plane.read("rtb-1")
    with pytest.raises(TypeError):
        view[P[1]] = Y
    assert dict(data_plane.read("rtb-1")) == {P[0]: X}


async def test_prefixes_are_assigned_by_number_and_counted(data_plane: DataPlane) -> None:
    tally = await data_plane.assign("rtb-1", P, [0, 0, 1, 0], [X, Y])
    assert tally == Tally(installed=4, removed=0, replaced=0)
    tally = await data_plane.assign("rtb-1", P[:3], [2, 1, 0], [X, Y, None])
    assert tally == Tally(installed=0, removed=1, replaced=2)
    assert dict(data_plane.read("rtb-1")) == {P[1]: Y, P[2]: X, P[3]: X}
    tally = await data_plane.assign("rtb-1", P[:3], [0, 1, 2], [None, Y, X])
    assert tally == Tally(installed=0, removed=0, replaced=0)


async def test_another_alternative_is_no_other_route(data_plane: DataPlane) -> None:
    await data_plane.assign("rtb-1", P, [0] * len(P), [X])
    other = replace(X, alternatives=(Alternative("rsp-b", "eni-y"),))
    tally = await data_plane.assign("rtb-1", P, [0] * len(P), [other])
    assert tally == Tally(installed=0, removed=0, replaced=0)
    assert dict(data_plane.read("rtb-1")) == dict.fromkeys(P, other)


async def test_hints_change_nothing_that_is_read(data_plane: DataPlane) -> None:
    await data_plane.apply("rtb-1", diff(dict.fromkeys(P, X), {}))
    data_plane.peer_lost("rsp-a")
    data_plane.peer_back("rsp-a")
    await data_plane.sweep(())
    await data_plane.written()
    assert dict(data_plane.read("rtb-1")) == dict.fromkeys(P, X)
    assert not data_plane.refused("rtb-1")


tables = st.dictionaries(st.sampled_from(P), st.sampled_from([X, Y]))


@given(st.lists(tables, max_size=6), st.sampled_from(PLANES), st.booleans())
def test_a_table_follows_whatever_is_desired(
    wishes: list[dict[Prefix, Entry]],
    make: Callable[[], Awaitable[DataPlane]],
    in_bulk: bool,
) -> None:
    async def follow() -> None:
        data_plane = await make()
        for wanted in wishes:
            if in_bulk:
                entries = [wanted.get(prefix) for prefix in P]
                await data_plane.assign("rtb-1", P, range(len(P)), entries)
            else:
                await data_plane.apply("rtb-1", diff(wanted, data_plane.read("rtb-1")))
            assert dict(data_plane.read("rtb-1")) == wanted
        await data_plane.written()
        await data_plane.close()

    asyncio.run(follow())
