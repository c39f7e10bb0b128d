"""Two accounts and two regions in one server: none sees anything of the other. No secret lies
readable in the data directory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import COMMAND, Server, code_of, eventually

REGIONS = ("us-east-1", "eu-west-1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "routeserver.toml").write_text(f"regions = {json.dumps(REGIONS)}\n")
    running = Server(data_dir, 20182, 23788)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


def command(server: Server, *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, *arguments, f"--data-dir={server.data_dir}"],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_account(server: Server) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(command(server, "account", "create", "--json"))
    return made


def client_of(server: Server, account: dict[str, Any], service: str = "ec2", **more: Any) -> Any:
    key = {"aws_access_key_id": account["key"], "aws_secret_access_key": account["secret"]}
    return server.client(service, **key, **more)


def make_everything(ec2: Any) -> dict[str, str]:
    """An object of most kinds; their ids by the call and member that list them."""
    vpc_id = ec2.create_vpc(CidrBlock="127.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="127.99.1.0/24")["Subnet"]["SubnetId"]
    rs_id = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    eventually(
        "the route server",
        lambda: ec2.describe_route_servers()["RouteServers"][0]["State"],
        lambda state: state == "available",
    )
    ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "of", "Value": vpc_id}])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    return {
        "vpc": vpc_id,
        "subnet": subnet,
        "route server": rs_id,
        "gateway": gateway,
        "interface": interface["NetworkInterfaceId"],
    }


LISTS = (
    "describe_vpcs",
    "describe_subnets",
    "describe_route_servers",
    "describe_route_server_endpoints",
    "describe_route_server_peers",
    "describe_route_tables",
    "describe_internet_gateways",
    "describe_network_interfaces",
    "describe_security_groups",
    "describe_security_group_rules",
    "describe_network_acls",
    "describe_dhcp_options",
    "describe_managed_prefix_lists",
    "describe_tags",
    "describe_instances",
)


def everything_seen(ec2: Any) -> str:
    answers = [getattr(ec2, name)() for name in LISTS]
    for each in answers:
        del each["ResponseMetadata"]
    return repr(answers)


def refusals(ec2: Any, ids: dict[str, str]) -> list[str]:
    return [
        code_of(ec2.describe_vpcs, VpcIds=[ids["vpc"]]),
        code_of(ec2.delete_vpc, VpcId=ids["vpc"]),
        code_of(ec2.create_subnet, VpcId=ids["vpc"], CidrBlock="127.99.2.0/24"),
        code_of(ec2.delete_subnet, SubnetId=ids["subnet"]),
        code_of(ec2.delete_internet_gateway, InternetGatewayId=ids["gateway"]),
        code_of(ec2.delete_network_interface, NetworkInterfaceId=ids["interface"]),
        code_of(ec2.delete_route_server, RouteServerId=ids["route server"]),
        code_of(ec2.associate_route_server, RouteServerId=ids["route server"], VpcId=ids["vpc"]),
        code_of(ec2.get_route_server_routing_database, RouteServerId=ids["route server"]),
        code_of(ec2.create_tags, Resources=[ids["vpc"]], Tags=[{"Key": "of", "Value": "me"}]),
        code_of(ec2.delete_tags, Resources=[ids["vpc"]]),
    ]


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    return make_everything(server.client())


def assert_apart(other: Any, ids: dict[str, str]) -> None:
    seen = everything_seen(other)
    for kind, id_ in ids.items():
        assert id_ not in seen, kind
    assert all(code.endswith(".NotFound") or code == "InvalidID" for code in refusals(other, ids))


def test_a_second_account_sees_nothing_of_the_first(server: Server, ids: dict[str, str]) -> None:
    account = new_account(server)
    other = client_of(server, account)
    assert_apart(other, ids)
    theirs = make_everything(other)
    assert_apart(server.client(), theirs)
    who = client_of(server, account, "sts").get_caller_identity()
    assert who["Account"] == account["account"]
    assert {owner["OwnerId"] for owner in other.describe_vpcs()["Vpcs"]} == {account["account"]}
    assert server.client().describe_vpcs(VpcIds=[ids["vpc"]])["Vpcs"]


def test_a_second_region_sees_nothing_of_the_first(server: Server, ids: dict[str, str]) -> None:
    assert_apart(server.client(region_name=REGIONS[1]), ids)


def test_users_of_two_accounts_may_have_one_name(server: Server) -> None:
    account = new_account(server)
    own, other = server.client("iam"), client_of(server, account, "iam")
    for iam in (own, other):
        iam.create_user(UserName="anna")
    key = other.create_access_key(UserName="anna")["AccessKey"]
    assert [user["Arn"] for user in other.list_users()["Users"]] == [
        f"arn:aws:iam::{account['account']}:user/anna"
    ]
    assert code_of(own.delete_access_key, UserName="anna", AccessKeyId=key["AccessKeyId"]) == (
        "NoSuchEntity"
    )


def test_a_lost_root_key_file_is_written_again_for_the_first_account(server: Server) -> None:
    for _ in range(3):
        new_account(server)
    path = server.data_dir / "root-key.json"
    before = json.loads(path.read_text())
    path.unlink()
    server.stop()
    server.start()
    assert json.loads(path.read_text()) == before


def test_no_secret_lies_readable_in_the_data_directory(server: Server) -> None:
    account = new_account(server)
    iam = client_of(server, account, "iam")
    iam.create_user(UserName="bert")
    secrets = [
        account["secret"],
        iam.create_access_key(UserName="bert")["AccessKey"]["SecretAccessKey"],
        client_of(server, account, "sts").get_session_token()["Credentials"]["SessionToken"],
    ]
    root_secret = json.loads((server.data_dir / "root-key.json").read_text())["secret_access_key"]
    listing = command(server, "account", "list", "--json")
    for again in (listing, repr(iam.list_access_keys(UserName="bert"))):
        assert not any(secret in again for secret in secrets)
    server.stop()  # whatever waited for the disk is there now
    try:
        files = [path for path in Path(server.data_dir).rglob("*") if path.is_file()]
        assert {"routeserver.db", "audit.jsonl"} <= {path.name for path in files}
        for path in files:
            raw = path.read_bytes()
            for secret in secrets:
                assert secret.encode() not in raw, path
            if path.name == "root-key.json":
                assert path.stat().st_mode & 0o077 == 0
            else:
                assert root_secret.encode() not in raw, path
    finally:
        server.start()


def test_what_is_deleted_is_purged_on_demand(server: Server) -> None:
    ec2 = server.client()
    rs_id = ec2.create_route_server(AmazonSideAsn=65010)["RouteServer"]["RouteServerId"]

    def state() -> str | None:
        found = ec2.describe_route_servers()["RouteServers"]
        return next((one["State"] for one in found if one["RouteServerId"] == rs_id), None)

    eventually("available", state, lambda seen: seen == "available")
    ec2.delete_route_server(RouteServerId=rs_id)
    eventually("deleted", state, lambda seen: seen == "deleted")
    assert "route-server: 0" in command(server, "purge", "--older-than-s=3600")
    assert state() == "deleted"
    assert json.loads(command(server, "purge", "--json"))["purged"]["route-server"] >= 1
    assert state() is None
