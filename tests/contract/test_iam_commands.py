"""``routeserver iam`` against a running server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import COMMAND, Server, code_of

LOOK = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("iam"), bgp_port=20198, bfd_port=23798)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "iam", *arguments, f"--data-dir={server.data_dir}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def said(server: Server, *arguments: str) -> str:
    done = run(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_user_with_a_key_and_a_policy_may_look(server: Server, tmp_path: Path) -> None:
    policy = tmp_path / "look.json"
    policy.write_text(json.dumps(LOOK))
    assert said(server, "user", "create", "anna").endswith(":user/anna")
    printed = said(server, "key", "create", "anna")
    (key_id,) = re.findall(r"AWS_ACCESS_KEY_ID=(\S+)", printed)
    (secret,) = re.findall(r"AWS_SECRET_ACCESS_KEY=(\S+)", printed)
    ec2 = server.client(aws_access_key_id=key_id, aws_secret_access_key=secret)
    assert code_of(ec2.describe_vpcs) == "UnauthorizedOperation"
    said(server, "policy", "put", "anna", "look", str(policy))
    assert "Vpcs" in ec2.describe_vpcs()
    said(server, "policy", "attach", "anna", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    listed = said(server, "policy", "list", "anna").split()
    assert listed == ["look", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"]
    said(server, "key", "disable", "anna", key_id)
    assert said(server, "key", "list", "anna") == f"{key_id} Inactive"
    assert code_of(ec2.describe_vpcs) == "AuthFailure"
    said(server, "key", "enable", "anna", key_id)
    assert "Vpcs" in ec2.describe_vpcs()
    refused = run(server, "user", "delete", "anna")
    assert (refused.returncode, "must delete access keys" in refused.stderr) == (2, True)
    said(server, "user", "delete", "anna", "--force")
    assert said(server, "user", "list") == ""


def account_command(server: Server, *arguments: str) -> Any:
    command = [COMMAND, "account", *arguments, "--json", f"--data-dir={server.data_dir}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_another_account_has_users_of_its_own(server: Server, tmp_path: Path) -> None:
    policy = tmp_path / "look.json"
    policy.write_text(json.dumps(LOOK))
    made = account_command(server, "create")
    other = f"--account={made['account']}"
    arn = said(server, "user", "create", "otto", other)
    assert arn == f"arn:aws:iam::{made['account']}:user/otto"
    assert said(server, "user", "list", other) == arn
    assert arn not in said(server, "user", "list")
    printed = said(server, "key", "create", "otto", other)
    (key_id,) = re.findall(r"AWS_ACCESS_KEY_ID=(\S+)", printed)
    said(server, "key", "disable", "otto", key_id, other)
    assert said(server, "key", "list", "otto", other) == f"{key_id} Inactive"
    said(server, "policy", "put", "otto", "look", str(policy), other)
    assert said(server, "policy", "list", "otto", other) == "look"
    refused = run(server, "user", "delete", "otto", other)
    assert (refused.returncode, "must delete access keys" in refused.stderr) == (2, True)
    said(server, "user", "delete", "otto", "--force", other)
    assert said(server, "user", "list", other) == ""
    accounts = account_command(server, "list")["accounts"]
    [keys] = [each["root_keys"] for each in accounts if each["account"] == made["account"]]
    assert keys == [made["key"]], "no key is left behind, by a refused command neither"


def test_an_account_that_is_not_there_has_no_users(server: Server) -> None:
    refused = run(server, "user", "list", "--account=000000000000")
    assert refused.returncode == 2
    assert "here is no account 000000000000" in refused.stderr
    assert run(server, "role", "list", "--account=").returncode == 2


def test_a_role_is_made_and_listed(server: Server, tmp_path: Path) -> None:
    trust, policy = tmp_path / "trust.json", tmp_path / "look.json"
    trust.write_text(json.dumps(TRUST))
    policy.write_text(json.dumps(LOOK))
    arn = said(server, "role", "create", "reader", str(trust))
    said(server, "policy", "put", "reader", "look", str(policy), "--role")
    assert said(server, "role", "list") == arn
    said(server, "policy", "delete", "reader", "look", "--role")
    said(server, "role", "delete", "reader")


def test_mistakes_are_one_line(server: Server, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"Statement": {"Effect": "Maybe"}}')
    for arguments, reason in (
        (("policy", "put", "x", "p", str(wrong)), "Effect must be Allow or Deny"),
        (("policy", "put", "x", "p", str(tmp_path / "none")), "no such file"),
        (("user", "delete", "nobody"), "cannot be found"),
    ):
        done = run(server, *arguments)
        assert done.returncode == 2
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
