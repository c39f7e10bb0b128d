"""DryRun of every EC2 operation there is: permitted, not permitted, and nothing is ever done.

Fourteen operations have no such parameter in EC2's own model, ModifyVpcAttribute for one; they
refuse it, and do nothing either.

The operations come from the registry and their parameters from the service model, so a new
operation is held to it from its first day.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

from routeserver.control.registry import EC2
from tests.ec2.botocore_side import client_operation
from tests.running import Server


def least(shape: Shape, *, is_root: bool = True) -> Any:
    """The least that the model accepts for a shape."""
    match shape.type_name:
        case "structure":
            # An empty structure cannot be said in the query protocol.
            named = shape.required_members or ([] if is_root else [next(iter(shape.members))])
            return {name: least(shape.members[name], is_root=False) for name in named}
        case "list":
            return [least(shape.member, is_root=False)]
        case "string":
            return shape.enum[0] if shape.enum else "x"
        case "boolean":
            return True
        case "integer" | "long":
            return 1
        case other:
            raise AssertionError(other)


def has_dry_run(action: str) -> bool:
    return "DryRun" in client_operation("ec2", action).input_shape.members


@pytest.fixture(scope="module")
def user(server: Server) -> Callable[..., Any]:
    """Make a user with these statements, and give a client of it."""
    iam = server.client("iam")

    def make(name: str, *statements: dict[str, str]) -> Any:
        iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return server.client(
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
        )

    return make


@pytest.fixture(scope="module")
def nobody(user: Callable[..., Any]) -> Any:
    return user("nobody")


@pytest.fixture(scope="module")
def somebody(user: Callable[..., Any]) -> Any:
    return user("somebody", {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"})


def dump(server: Server) -> list[str]:
    """The whole database as text."""
    database = sqlite3.connect(f"file:{server.data_dir}/routeserver.db?mode=ro", uri=True)
    try:
        return list(database.iterdump())
    finally:
        database.close()


def dry_run(client: Any, action: str) -> tuple[int, str]:
    """The status and code that the operation's DryRun is answered with."""

    def say_it(params: dict[str, Any], **_: object) -> None:
        params["body"]["DryRun"] = "true"

    event = f"before-call.ec2.{action}"
    client.meta.events.register(event, say_it)
    try:
        with pytest.raises(ClientError) as caught:
            getattr(client, xform_name(action))(
                **least(client_operation("ec2", action).input_shape)
            )
    finally:
        client.meta.events.unregister(event, say_it)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.mark.parametrize("action", [action for action in EC2 if has_dry_run(action)])
def test_dry_run_says_whether_one_may_and_does_nothing(
    server: Server, ec2: Any, nobody: Any, somebody: Any, action: str
) -> None:
    before = dump(server)
    assert dry_run(ec2, action) == (412, "DryRunOperation")
    assert dry_run(somebody, action) == (412, "DryRunOperation")
    assert dry_run(nobody, action) == (403, "UnauthorizedOperation")
    assert dump(server) == before


@pytest.mark.parametrize("action", [action for action in EC2 if not has_dry_run(action)])
def test_where_ec2_has_no_dry_run_it_is_refused_and_nothing_done(
    server: Server, ec2: Any, action: str
) -> None:
    before = dump(server)
    assert dry_run(ec2, action) == (400, "UnknownParameter")
    assert dump(server) == before
