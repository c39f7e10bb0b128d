"""Whatever a client says in the right form, it gets an answer of the model or a refusal with a
reason; nothing else comes out, and a refusal has changed nothing.

Parameters of every operation are drawn from the service model; ids and blocks are often those of
things that exist, so that the requests get past the first look.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from routeserver.control.registry import EC2
from routeserver.domain.refusal import Refusal
from routeserver.ec2 import form, model, request
from routeserver.ec2.faults import Fault
from routeserver.store import Store
from routeserver.store.schema import TABLES
from tests.control.cloud import Cloud
from tests.ec2.botocore_side import client_operation, serialized

BLOCKS = (
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.9.0/28",
    "10.2.0.0/16",
    "0.0.0.0/0",
    "10.0.1.4",
    "10.0.1.77",
    "2001:db8::/32",
    "::/0",
    "fd00::1",
    "10.0.0.0/33",
    "1/1",
    "%",
)
TEXTS = ("", "default", "tcp", "-1", "58", "icmp", "IPv4", "x", "aws:x", "sg-", "\u00e9", "a" * 300)
NUMBERS = (-1, 0, 1, 2, 5, 100, 179, 32766, 65535, 65536, 2**31 - 1)
SOMETHING = "SOMETHING"
"""Stands for the id of something that exists."""

MAKERS = tuple(name for name in EC2 if name.startswith(("Create", "Run", "Authorize", "Assign")))


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    match shape.type_name:
        case "structure":
            return structures(shape, depth)
        case "list":
            return st.lists(values(shape.member, depth + 1), min_size=1, max_size=2)
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string":
            usual = st.sampled_from((*BLOCKS, *TEXTS))
            return st.one_of(st.just(SOMETHING), st.just(SOMETHING), usual, st.text(max_size=5))
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.sampled_from(NUMBERS)
        case "blob":
            return st.binary(max_size=5)
        case "double" | "float":
            return st.sampled_from((0.0, 1.5))
        case _:
            return st.just("2016-11-15T12:00:00Z")


def structures(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    members = {name: values(each, depth + 1) for name, each in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    some = st.lists(st.sampled_from(sorted(members)), max_size=4, unique=True) if members else None
    if some is None:
        return st.fixed_dictionaries(required)
    return some.flatmap(
        lambda names: st.fixed_dictionaries({**required, **{name: members[name] for name in names}})
    )


STRATEGIES = {
    name: values(shape) if (shape := client_operation("ec2", name).input_shape) else st.just({})
    for name in EC2
}


NEEDS_PARAMETERS = {
    name: bool(shape and shape.required_members)
    for name in EC2
    for shape in (client_operation("ec2", name).input_shape,)
}


def placed(value: Any, ids: list[str], seed: int) -> Any:
    """The drawn parameters with existing ids in the places for them."""
    if isinstance(value, dict):
        return {key: placed(each, ids, seed + 7 * i) for i, (key, each) in enumerate(value.items())}
    if isinstance(value, list):
        return [placed(each, ids, seed + 13 * i) for i, each in enumerate(value)]
    return ids[seed % len(ids)] if value == SOMETHING else value


async def ids_of(cloud: Cloud) -> list[str]:
    async with cloud.store.read(cloud.scope) as tx:
        rows = [row for type_ in TABLES for row in await tx.list(type_)]
    return [*(row.id for row in rows), "vpc-0123456789abcdef0"]


def kept(database: Path) -> list[str]:
    """Everything that is written down."""
    connection = sqlite3.connect(database)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


async def ask(cloud: Cloud, body: bytes, database: Path) -> None:
    """Send it as it stands; a refusal needs a code, a reason and a client's status, and may not
    have changed anything."""
    before = kept(database)
    try:
        parameters = form.decode(body)
        operation = request.operation_of(parameters, model.service("ec2"))
        await cloud(operation.name, **request.parse(operation, parameters))
    except (Refusal, Fault) as refused:
        if not (refused.code and refused.message and refused.status < 500):
            raise
        assert kept(database) == before, body


@given(
    requests=st.lists(
        st.one_of(st.sampled_from(MAKERS), st.sampled_from(sorted(EC2))).flatmap(
            lambda name: st.tuples(st.just(name), STRATEGIES[name], st.integers(0, 10_000))
        ),
        min_size=5,
        max_size=15,
    )
)
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_request_is_answered_or_refused(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[str, dict[str, Any], int]]
) -> None:
    asyncio.run(_play(tmp_path_factory.mktemp("any"), requests))


async def _play(folder: Path, requests: list[tuple[str, dict[str, Any], int]]) -> None:
    store = await Store.open(f"sqlite:///{folder / 'store.db'}", synchronous="OFF")
    try:
        cloud = Cloud(store)
        vpc_id = await cloud.vpc(AmazonProvidedIpv6CidrBlock=True)
        subnet_id = await cloud.subnet(vpc_id)
        await cloud.interface(subnet_id)
        await cloud.attached_gateway(vpc_id)
        await cloud("CreateRouteServer", AmazonSideAsn=65000)
        run: dict[str, Any] = {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1}
        await cloud("RunInstances", **run, SubnetId=subnet_id)
        for name, params, seed in requests:
            ids = await ids_of(cloud)
            await ask(
                cloud, serialized("ec2", name, placed(params, ids, seed)), folder / "store.db"
            )
        for name in sorted(EC2):
            if name.startswith("Describe") and not NEEDS_PARAMETERS[name]:
                await cloud(name)
    finally:
        await store.close()


PARTS = (
    b"&",
    b"=",
    b".",
    b".1",
    b".0",
    b".99999999999",
    b"%00",
    b"%ff",
    b"%",
    b"+",
    b";",
    b"Action=",
    b"&Action=DescribeVpcs",
    b"&DryRun=maybe",
    b"&MaxResults=5",
    b"&Filter.1.Name=",
    b"&TagSpecification.1.Tag.1.Key=x",
    b"&IpPermissions.1.Groups.1.GroupId=sg-1",
    b"\x80",
    b"-1",
    b"9" * 30,
    b"null",
    b"&&",
    b"&VpcId=a&VpcId=b",
    b"&VpcId.Value=x",
    b"a" * 3000,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A body that botocore would send, cut, joined, doubled and spoilt."""
    name = draw(st.sampled_from(sorted(EC2)))
    body = serialized("ec2", name, draw(STRATEGIES[name]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        to = draw(st.sampled_from((at, at, at + 1, at + 5, len(body))))
        body = (
            body[:at] + draw(st.one_of(st.sampled_from(PARTS), st.binary(max_size=4))) + body[to:]
        )
    return body


@given(bodies=st.lists(bodies(), min_size=10, max_size=30))
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_body_is_answered_or_refused(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]
) -> None:
    async def play() -> None:
        store = await Store.open(f"sqlite:///{folder / 'store.db'}", synchronous="OFF")
        try:
            cloud = Cloud(store)
            for body in bodies:
                await ask(cloud, body, folder / "store.db")
        finally:
            await store.close()

    folder = tmp_path_factory.mktemp("any")
    asyncio.run(play())
