"""One server for a module's tests, a client of it, and a VPC to start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.running import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("data"), bgp_port=20179, bfd_port=23784)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.fixture
def ec2(server: Server) -> Any:
    return server.client()


@dataclass
class Network:
    ec2: Any
    vpc_id: str
    subnet_id: str
    table_id: str


@pytest.fixture
def network(ec2: Any) -> Network:
    vpc_id = ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"]
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="127.30.1.0/24")["Subnet"]["SubnetId"]
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    return Network(ec2, vpc_id, subnet_id, table_id)
