"""Client tokens: a repetition is answered with what there is, and no token is kept for ever."""

from __future__ import annotations

import pytest

from routeserver.control.idempotency import TOKEN_LIFETIME_S
from tests.control.cloud import Cloud


async def create(cloud: Cloud, token: str, asn: int = 65000) -> str:
    answer = await cloud("CreateRouteServer", AmazonSideAsn=asn, ClientToken=token)
    return str(answer["RouteServer"]["RouteServerId"])


async def test_a_repeated_request_makes_nothing(cloud: Cloud) -> None:
    made = await create(cloud, "one")
    assert await create(cloud, "one") == made
    assert await create(cloud, "two") != made


async def test_a_token_is_for_one_request_only(cloud: Cloud) -> None:
    await create(cloud, "one")
    refused = await cloud.refused("CreateRouteServer", AmazonSideAsn=65001, ClientToken="one")
    assert refused.code == "IdempotentParameterMismatch"


@pytest.mark.parametrize(("age_s", "kept"), [(TOKEN_LIFETIME_S - 10, 2), (TOKEN_LIFETIME_S, 1)])
async def test_tokens_are_forgotten_when_they_are_old(
    cloud: Cloud, age_s: float, kept: int
) -> None:
    await create(cloud, "one")
    cloud.now += age_s
    await create(cloud, "two")
    async with cloud.store.read(cloud.scope) as tx:
        found = [await tx.token("CreateRouteServer", token) for token in ("one", "two")]
    assert sum(row is not None for row in found) == kept
