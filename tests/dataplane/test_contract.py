"""What every data plane does, whatever it writes to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.dataplane.base import DataPlane
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.plan import diff
from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix, parse_prefix

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


tables = st.dictionaries(st.sampled_from(P), st.sampled_from([X, Y]))


@given(st.lists(tables, max_size=6))
def test_a_table_follows_whatever_is_desired(wishes: list[dict[Prefix, Entry]]) -> None:
    async def follow(data_plane: DataPlane) -> None:
        for wanted in wishes:
            await data_plane.apply("rtb-1", diff(wanted, data_plane.read("rtb-1")))
            assert dict(data_plane.read("rtb-1")) == wanted

    asyncio.run(follow(MemoryDataPlane()))
