"""A call that met somebody faster, or remembered what is gone, is made again from what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from routeserver.store import StoreError
from routeserver.store.errors import BusyError
from tests.control.cloud import Cloud


async def test_default_options_that_were_deleted_are_made_anew(cloud: Cloud) -> None:
    first = (await cloud("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]
    await cloud("DeleteVpc", VpcId=first["VpcId"])
    await cloud("DeleteDhcpOptions", DhcpOptionsId=first["DhcpOptionsId"])
    second = (await cloud("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]
    assert second["DhcpOptionsId"] != first["DhcpOptionsId"]
    options = (await cloud("DescribeDhcpOptions"))["DhcpOptions"]
    assert [each["DhcpOptionsId"] for each in options] == [second["DhcpOptionsId"]]
    assert len((await cloud("DescribeVpcs"))["Vpcs"]) == 1


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        ([BusyError("db: try again")] * 2, None),
        ([BusyError("db: try again")] * 50, "Unavailable"),
        ([StoreError("db: the disk is full")], "Unavailable"),
    ],
)
async def test_only_who_was_too_slow_tries_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, errors: list[Exception], outcome: str | None
) -> None:
    left = list(errors)
    real = cloud.store.write

    @asynccontextmanager
    async def write(scope: Any = None) -> AsyncIterator[Any]:
        if left:
            raise left.pop()
        async with real(scope) as tx:
            yield tx

    monkeypatch.setattr(cloud.store, "write", write)
    if outcome is None:
        await cloud.vpc()
    else:
        refusal = await cloud.refused("CreateVpc", CidrBlock="10.0.0.0/16")
        assert (refusal.code, refusal.status) == (outcome, 503)
    left.clear()
    assert len((await cloud("DescribeVpcs"))["Vpcs"]) == (1 if outcome is None else 0)
