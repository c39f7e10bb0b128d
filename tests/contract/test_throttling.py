"""Request throttling as clients meet it: an error of its own, which every retry mode waits out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from tests.running import Server, eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "routeserver.toml").write_text('request_rate = "3/2"\n')
    running = Server(data_dir, 20187, 23792)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


def exhausted(ec2: Any) -> str:
    """The error of the first call that is one too many."""
    for _ in range(20):
        try:
            ec2.describe_vpcs()
        except ec2.exceptions.ClientError as error:
            response = error.response
            break
    else:
        raise AssertionError("twenty calls at once were not too many")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    return str(response["Error"]["Code"])


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_every_retry_mode_of_boto3_waits_until_there_is_room(server: Server, mode: str) -> None:
    assert exhausted(server.client()) == "RequestLimitExceeded"
    retries: dict[str, Any] = {"mode": mode, "total_max_attempts": 10}
    patient = server.client(config=Config(retries=retries))
    tried = [patient.describe_vpcs()["ResponseMetadata"]["RetryAttempts"] for _ in range(5)]
    assert sum(tried) > 0


def test_principals_and_kinds_of_calls_have_buckets_of_their_own(server: Server) -> None:
    iam = server.client(
        "iam", config=Config(retries={"mode": "standard", "total_max_attempts": 10})
    )
    iam.create_user(UserName="anna")
    policy = "arn:aws:iam::aws:policy/AmazonVPCFullAccess"
    iam.attach_user_policy(UserName="anna", PolicyArn=policy)
    made = iam.create_access_key(UserName="anna")["AccessKey"]
    anna = server.client(
        aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"]
    )
    assert exhausted(server.client()) == "RequestLimitExceeded"
    assert anna.describe_vpcs()["Vpcs"] == []
    assert exhausted(server.client()) == "RequestLimitExceeded"
    eventually("the bucket fills", lambda: error_free(server.client()), bool)


def error_free(ec2: Any) -> bool:
    try:
        ec2.describe_vpcs()
    except ec2.exceptions.ClientError:
        return False
    return True
