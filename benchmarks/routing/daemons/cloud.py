"""What routeserver needs before a peer may call, made through its API with boto3 as a user does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from benchmarks.routing.daemons.base import ASN, Setup
from benchmarks.routing.process import wait_for

REGION: Final = "us-east-1"


def root_key(data_dir: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((data_dir / "root-key.json").read_text())
    return found


def client(data_dir: Path, url: str) -> Any:
    """An EC2 client with the server's root key."""
    key = root_key(data_dir)
    return boto3.client(
        "ec2",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def build(ec2: Any, setup: Setup) -> str:
    """A VPC, a route server, an endpoint and its peers; answers the endpoint's address."""
    network = ".".join(setup.address.split(".")[:2])
    vpc_id = ec2.create_vpc(CidrBlock=f"{network}.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"{network}.0.0/24")["Subnet"]
    server_id = ec2.create_route_server(AmazonSideAsn=ASN)["RouteServer"]["RouteServerId"]
    _until("available", lambda: ec2.describe_route_servers()["RouteServers"])
    ec2.associate_route_server(RouteServerId=server_id, VpcId=vpc_id)
    _until(
        "associated",
        lambda: ec2.get_route_server_associations(RouteServerId=server_id)[
            "RouteServerAssociations"
        ],
    )
    endpoint_id = ec2.create_route_server_endpoint(
        RouteServerId=server_id, SubnetId=subnet["SubnetId"]
    )["RouteServerEndpoint"]["RouteServerEndpointId"]
    _until("available", lambda: ec2.describe_route_server_endpoints()["RouteServerEndpoints"])
    for peer in setup.peers:
        ec2.create_route_server_peer(
            RouteServerEndpointId=endpoint_id,
            PeerAddress=peer.address,
            BgpOptions={
                "PeerAsn": peer.asn,
                "PeerLivenessDetection": "bfd" if peer.bfd else "bgp-keepalive",
            },
        )
    _until("available", lambda: _all_peers(ec2))
    endpoints = ec2.describe_route_server_endpoints()["RouteServerEndpoints"]
    return str(endpoints[0]["EniAddress"])


def _all_peers(ec2: Any) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_route_server_peers").paginate()
    return [peer for page in pages for peer in page["RouteServerPeers"]]


def _until(state: str, look: Callable[[], list[dict[str, Any]]]) -> None:
    wait_for(f"everything {state}", lambda: all(one["State"] == state for one in look()), 120)
