"""The server as a process: it ends cleanly, continues where it was, and shares its data directory
with nobody."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.running import COMMAND, Server, code_of, eventually


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path, bgp_port=20180, bfd_port=23785)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


def url_of(server: Server) -> str:
    return str(json.loads((server.data_dir / "server.json").read_text())["endpoint_url"])


def build_peer(ec2: Any) -> tuple[str, str, str]:
    """A route server with one endpoint and one peer; their ids, and the endpoint's address."""
    vpc = ec2.create_vpc(CidrBlock="127.33.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.33.1.0/24")["Subnet"]["SubnetId"]
    server_id = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    rs = {"RouteServerId": server_id}
    eventually(
        "available",
        lambda: ec2.describe_route_servers()["RouteServers"][0]["State"],
        lambda state: state == "available",
    )
    ec2.associate_route_server(**rs, VpcId=vpc)
    eventually(
        "associated",
        lambda: ec2.get_route_server_associations(**rs)["RouteServerAssociations"][0]["State"],
        lambda state: state == "associated",
    )
    ec2.create_route_server_endpoint(**rs, SubnetId=subnet)
    endpoint = eventually(
        "endpoint",
        lambda: ec2.describe_route_server_endpoints()["RouteServerEndpoints"][0],
        lambda found: found["State"] == "available",
    )
    peer = ec2.create_route_server_peer(
        RouteServerEndpointId=endpoint["RouteServerEndpointId"],
        PeerAddress="127.33.1.200",
        BgpOptions={"PeerAsn": 65001},
    )["RouteServerPeer"]
    eventually(
        "peer",
        lambda: ec2.describe_route_server_peers()["RouteServerPeers"][0]["State"],
        lambda state: state == "available",
    )
    return server_id, peer["RouteServerPeerId"], endpoint["EniAddress"]


def dials(address: str, port: int) -> bool:
    with socket.socket() as dialler:
        dialler.settimeout(2)
        dialler.bind(("127.33.1.200", 0))
        try:
            dialler.connect((address, port))
            return dialler.recv(19)[:16] == b"\xff" * 16
        except OSError:
            return False


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_second_start_continues_where_the_first_was(own: Server, end: signal.Signals) -> None:
    server_id, peer_id, address = build_peer(own.client())
    assert dials(address, own.bgp_port)
    code = own.stop(end)
    assert code == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    own.start()
    ec2 = own.client()
    assert ec2.describe_route_servers()["RouteServers"][0]["RouteServerId"] == server_id
    assert ec2.describe_route_server_peers()["RouteServerPeers"][0]["RouteServerPeerId"] == peer_id
    assert dials(address, own.bgp_port)


def test_a_second_process_on_the_same_data_directory_is_refused_in_one_line(own: Server) -> None:
    second = subprocess.run(
        [COMMAND, "serve", f"--data-dir={own.data_dir}", "--listen=127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 2
    assert str(own.data_dir) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert own.client().describe_route_servers()["RouteServers"] == []


def test_the_root_key_is_nobody_elses_to_read(own: Server) -> None:
    assert stat.S_IMODE((own.data_dir / "root-key.json").stat().st_mode) == 0o600


def test_a_caller_without_the_right_key_changes_nothing(own: Server) -> None:
    wrong = own.client(aws_secret_access_key="wrong")
    unknown = own.client(aws_access_key_id="AKIAUNKNOWN")
    assert code_of(wrong.create_vpc, CidrBlock="10.0.0.0/16") == "AuthFailure"
    assert code_of(unknown.create_vpc, CidrBlock="10.0.0.0/16") == "AuthFailure"
    unsigned = boto3.client(
        "ec2",
        endpoint_url=url_of(own),
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    assert code_of(unsigned.create_vpc, CidrBlock="10.0.0.0/16") == "AuthFailure"
    assert own.client().describe_vpcs()["Vpcs"] == []


def test_health_metrics_and_identity_answer(own: Server) -> None:
    server_id, _, _ = build_peer(own.client())
    with urllib.request.urlopen(f"{url_of(own)}/healthz") as health:
        assert health.status == 200
    with urllib.request.urlopen(f"{url_of(own)}/metrics") as metrics:
        text = metrics.read().decode()
    for name in ("rib_routes", "fib_routes", "bgp_sessions_established"):
        assert f'routeserver_{name}{{route_server_id="{server_id}"}} 0.0' in text
    identity = own.client("sts").get_caller_identity()
    assert identity["Arn"].endswith(":root")


def test_the_shell_lines_of_env_point_a_client_at_the_server(own: Server) -> None:
    printed = subprocess.run(
        [COMMAND, "env", f"--data-dir={own.data_dir}"], capture_output=True, text=True, check=True
    ).stdout
    script = f'{printed}\nprintf %s "$AWS_ENDPOINT_URL $AWS_REGION $AWS_ACCESS_KEY_ID"'
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    key = json.loads((own.data_dir / "root-key.json").read_text())
    assert seen == f"{url_of(own)} us-east-1 {key['access_key_id']}"
