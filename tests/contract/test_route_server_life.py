"""The seventeen operations with unmodified boto3: states, orders and errors, from creation to
tear-down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Network
from tests.running import Server, code_of, error_of, eventually


def server_state(ec2: Any, server_id: str) -> str:
    return str(ec2.describe_route_servers(RouteServerIds=[server_id])["RouteServers"][0]["State"])


def make_server(ec2: Any, **params: Any) -> str:
    server_id = ec2.create_route_server(AmazonSideAsn=65000, **params)["RouteServer"][
        "RouteServerId"
    ]
    eventually("route server", lambda: server_state(ec2, server_id), lambda s: s == "available")
    return str(server_id)


def associate(ec2: Any, server_id: str, vpc_id: str) -> None:
    answer = ec2.associate_route_server(RouteServerId=server_id, VpcId=vpc_id)
    assert answer["RouteServerAssociation"]["State"] == "associating"
    eventually(
        "association",
        lambda: ec2.get_route_server_associations(RouteServerId=server_id)[
            "RouteServerAssociations"
        ],
        lambda links: links[0]["State"] == "associated",
    )


def endpoint(ec2: Any, endpoint_id: str) -> Any:
    found = ec2.describe_route_server_endpoints(RouteServerEndpointIds=[endpoint_id])
    return found["RouteServerEndpoints"][0]


def make_endpoint(ec2: Any, server_id: str, subnet_id: str) -> str:
    made = ec2.create_route_server_endpoint(RouteServerId=server_id, SubnetId=subnet_id)
    endpoint_id = made["RouteServerEndpoint"]["RouteServerEndpointId"]
    eventually("endpoint", lambda: endpoint(ec2, endpoint_id), lambda e: e["State"] == "available")
    return str(endpoint_id)


def peer(ec2: Any, peer_id: str) -> Any:
    return ec2.describe_route_server_peers(RouteServerPeerIds=[peer_id])["RouteServerPeers"][0]


def make_peer(ec2: Any, endpoint_id: str, address: str, **options: Any) -> str:
    made = ec2.create_route_server_peer(
        RouteServerEndpointId=endpoint_id,
        PeerAddress=address,
        BgpOptions={"PeerAsn": 65001, **options},
    )
    peer_id = made["RouteServerPeer"]["RouteServerPeerId"]
    eventually("peer", lambda: peer(ec2, peer_id), lambda p: p["State"] == "available")
    return str(peer_id)


def propagations(ec2: Any, server_id: str) -> Any:
    return ec2.get_route_server_propagations(RouteServerId=server_id)["RouteServerPropagations"]


def enable(ec2: Any, server_id: str, table_id: str) -> None:
    answer = ec2.enable_route_server_propagation(RouteServerId=server_id, RouteTableId=table_id)
    assert answer["RouteServerPropagation"]["State"] == "pending"
    eventually(
        "propagation",
        lambda: propagations(ec2, server_id),
        lambda links: links[0]["State"] == "available",
    )


def test_a_new_route_server_answers_as_amazons_does(ec2: Any) -> None:
    made = ec2.create_route_server(AmazonSideAsn=4200000001)["RouteServer"]
    assert made["State"] == "pending"
    assert made["PersistRoutesState"] == "disabled"
    assert made["SnsNotificationsEnabled"] is False
    assert not {"Tags", "PersistRoutesDuration", "SnsTopicArn"} & made.keys()
    server_id = made["RouteServerId"]
    eventually("available", lambda: server_state(ec2, server_id), lambda s: s == "available")
    described = ec2.describe_route_servers(RouteServerIds=[server_id])["RouteServers"][0]
    assert described["Tags"] == []
    assert described["AmazonSideAsn"] == 4200000001


def test_a_deleted_route_server_stays_described_with_its_tags_and_refuses_everything(
    ec2: Any, network: Network
) -> None:
    server_id = make_server(
        ec2,
        TagSpecifications=[
            {"ResourceType": "route-server", "Tags": [{"Key": "Name", "Value": "one"}]}
        ],
    )
    assert ec2.delete_route_server(RouteServerId=server_id)["RouteServer"]["State"] == "deleting"
    eventually("deleted", lambda: server_state(ec2, server_id), lambda s: s == "deleted")
    described = ec2.describe_route_servers(RouteServerIds=[server_id])["RouteServers"][0]
    assert described["Tags"] == [{"Key": "Name", "Value": "one"}]
    same = {"RouteServerId": server_id}
    assert code_of(ec2.delete_route_server, **same) == "IncorrectState"
    assert code_of(ec2.modify_route_server, PersistRoutes="enable", **same) == "IncorrectState"
    assert code_of(ec2.associate_route_server, VpcId=network.vpc_id, **same) == "IncorrectState"
    assert code_of(ec2.get_route_server_routing_database, **same) == "IncorrectState"
    assert code_of(ec2.get_route_server_associations, **same) == "IncorrectState"


def test_persistence_is_final_in_the_create_answer_and_settles_after_a_change(ec2: Any) -> None:
    made = ec2.create_route_server(AmazonSideAsn=65000, PersistRoutes="enable")["RouteServer"]
    assert (made["PersistRoutesState"], made["PersistRoutesDuration"]) == ("enabled", 1)
    server_id = made["RouteServerId"]
    eventually("available", lambda: server_state(ec2, server_id), lambda s: s == "available")
    changed = ec2.modify_route_server(
        RouteServerId=server_id, PersistRoutes="enable", PersistRoutesDuration=3
    )["RouteServer"]
    assert (changed["State"], changed["PersistRoutesState"]) == ("modifying", "modifying")
    eventually("available", lambda: server_state(ec2, server_id), lambda s: s == "available")
    settled = ec2.describe_route_servers(RouteServerIds=[server_id])["RouteServers"][0]
    assert (settled["PersistRoutesState"], settled["PersistRoutesDuration"]) == ("enabled", 3)
    ec2.modify_route_server(RouteServerId=server_id, PersistRoutes="disable")
    eventually("available", lambda: server_state(ec2, server_id), lambda s: s == "available")
    settled = ec2.describe_route_servers(RouteServerIds=[server_id])["RouteServers"][0]
    assert settled["PersistRoutesState"] == "disabled"
    assert "PersistRoutesDuration" not in settled


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"AmazonSideAsn": 0}, "InvalidParameterValue"),
        ({"AmazonSideAsn": 2**32}, "InvalidParameterValue"),
        ({"AmazonSideAsn": 65000, "PersistRoutes": "reset"}, "InvalidParameterValue"),
        ({"AmazonSideAsn": 65000, "PersistRoutes": "maybe"}, "InvalidParameterValue"),
        ({"AmazonSideAsn": 65000, "PersistRoutesDuration": 2}, "InvalidParameterCombination"),
        (
            {"AmazonSideAsn": 65000, "PersistRoutes": "enable", "PersistRoutesDuration": 6},
            "InvalidParameterValue",
        ),
    ],
)
def test_bad_parameters_of_a_route_server_are_refused(
    ec2: Any, params: dict[str, Any], code: str
) -> None:
    assert code_of(ec2.create_route_server, **params) == code


def test_the_same_client_token_makes_one_route_server(ec2: Any) -> None:
    first = ec2.create_route_server(AmazonSideAsn=65000, ClientToken="once")["RouteServer"]
    again = ec2.create_route_server(AmazonSideAsn=65000, ClientToken="once")["RouteServer"]
    assert again["RouteServerId"] == first["RouteServerId"]
    other = {"AmazonSideAsn": 65001, "ClientToken": "once"}
    assert code_of(ec2.create_route_server, **other) == "IdempotentParameterMismatch"


def test_every_call_that_names_an_unknown_id_says_which_kind_it_was(
    ec2: Any, network: Network
) -> None:
    rs = {"RouteServerId": "rs-00000000000000000"}
    rse = {"RouteServerEndpointId": "rse-00000000000000000"}
    rsp = {"RouteServerPeerId": "rsp-00000000000000000"}
    vpc, table = {"VpcId": network.vpc_id}, {"RouteTableId": network.table_id}
    peer_params = {**rse, "PeerAddress": "10.0.0.1", "BgpOptions": {"PeerAsn": 1}}
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (ec2.modify_route_server, rs, "InvalidRouteServerId.NotFound"),
        (ec2.delete_route_server, rs, "InvalidRouteServerId.NotFound"),
        (ec2.associate_route_server, rs | vpc, "InvalidRouteServerId.NotFound"),
        (ec2.disassociate_route_server, rs | vpc, "InvalidRouteServerId.NotFound"),
        (ec2.get_route_server_associations, rs, "InvalidRouteServerId.NotFound"),
        (ec2.enable_route_server_propagation, rs | table, "InvalidRouteServerId.NotFound"),
        (ec2.disable_route_server_propagation, rs | table, "InvalidRouteServerId.NotFound"),
        (ec2.get_route_server_propagations, rs, "InvalidRouteServerId.NotFound"),
        (ec2.get_route_server_routing_database, rs, "InvalidRouteServerId.NotFound"),
        (
            ec2.create_route_server_endpoint,
            rs | {"SubnetId": network.subnet_id},
            "InvalidRouteServerId.NotFound",
        ),
        (ec2.delete_route_server_endpoint, rse, "InvalidRouteServerEndpointId.NotFound"),
        (ec2.create_route_server_peer, peer_params, "InvalidRouteServerEndpointId.NotFound"),
        (ec2.delete_route_server_peer, rsp, "InvalidRouteServerPeerId.NotFound"),
        (ec2.delete_route_server, {"RouteServerId": "rs-no"}, "InvalidRouteServerId.Malformed"),
        (
            ec2.describe_route_servers,
            {"RouteServerIds": [rs["RouteServerId"]]},
            "InvalidRouteServerId.NotFound",
        ),
        (
            ec2.describe_route_server_peers,
            {"RouteServerPeerIds": [rsp["RouteServerPeerId"]]},
            "InvalidRouteServerPeerId.NotFound",
        ),
    ]
    for call, params, code in cases:
        assert code_of(call, **params) == code, (call.__name__, params)


def test_nothing_may_be_done_out_of_order(ec2: Any, network: Network) -> None:
    server_id = make_server(ec2)
    rs, vpc = {"RouteServerId": server_id}, {"VpcId": network.vpc_id}
    subnet, table = {"SubnetId": network.subnet_id}, {"RouteTableId": network.table_id}

    assert code_of(ec2.get_route_server_associations, **rs) == "InvalidRouteServerId.NotAssociated"
    assert (
        code_of(ec2.disassociate_route_server, **rs, **vpc) == "InvalidRouteServerId.NotAssociated"
    )
    assert code_of(ec2.create_route_server_endpoint, **rs, **subnet) == "IncorrectState"
    assert code_of(ec2.enable_route_server_propagation, **rs, **table) == "IncorrectState"
    assert code_of(ec2.get_route_server_propagations, **rs) == "InvalidRouteServerId.NotPropagated"

    associate(ec2, server_id, network.vpc_id)
    again = ec2.associate_route_server(**rs, **vpc)["RouteServerAssociation"]
    assert again["State"] == "associated"
    other = ec2.create_vpc(CidrBlock="127.31.0.0/16")["Vpc"]["VpcId"]
    assert code_of(ec2.associate_route_server, VpcId=other, **rs) == "IncorrectState"
    assert code_of(ec2.delete_route_server, **rs) == "IncorrectState"

    enable(ec2, server_id, network.table_id)
    endpoint_id = make_endpoint(ec2, server_id, network.subnet_id)
    rse = {"RouteServerEndpointId": endpoint_id}
    peer_id = make_peer(ec2, endpoint_id, "127.30.1.200", PeerLivenessDetection="bfd")
    assert peer(ec2, peer_id)["BgpStatus"] == {"Status": "down"}
    assert peer(ec2, peer_id)["BfdStatus"] == {"Status": "down"}
    twice = {**rse, "PeerAddress": "127.30.1.200", "BgpOptions": {"PeerAsn": 65001}}
    assert code_of(ec2.create_route_server_peer, **twice) == "InvalidParameterValue"

    assert code_of(ec2.delete_subnet, **subnet) == "DependencyViolation"
    assert code_of(ec2.delete_vpc, **vpc) == "DependencyViolation"
    assert code_of(ec2.delete_route_server_endpoint, **rse) == "IncorrectState"
    assert code_of(ec2.disassociate_route_server, **rs, **vpc) == "IncorrectState"

    ec2.delete_route_server_peer(RouteServerPeerId=peer_id)
    eventually("peer", lambda: peer(ec2, peer_id), lambda p: p["State"] == "deleted")
    assert code_of(ec2.delete_route_server_peer, RouteServerPeerId=peer_id) == "IncorrectState"
    assert code_of(ec2.disassociate_route_server, **rs, **vpc) == "IncorrectState"
    assert ec2.delete_route_server_endpoint(**rse)["RouteServerEndpoint"]["State"] == "deleting"
    eventually("endpoint", lambda: endpoint(ec2, endpoint_id), lambda e: e["State"] == "deleted")
    assert code_of(ec2.delete_route_server_endpoint, **rse) == "IncorrectState"
    assert code_of(ec2.disassociate_route_server, **rs, **vpc) == "IncorrectState"

    answer = ec2.disable_route_server_propagation(**rs, **table)["RouteServerPropagation"]
    assert answer["State"] == "deleting"
    eventually(
        "no propagation",
        lambda: error_of(ec2.get_route_server_propagations, **rs),
        lambda code: code == "InvalidRouteServerId.NotPropagated",
    )
    assert (
        code_of(ec2.disable_route_server_propagation, **rs, **table)
        == "InvalidRouteServerId.NotPropagated"
    )

    assert code_of(ec2.disassociate_route_server, DryRun=True, **rs, **vpc) == "DryRunOperation"
    answer = ec2.disassociate_route_server(**rs, **vpc)["RouteServerAssociation"]
    assert answer == {
        "RouteServerId": server_id,
        "VpcId": network.vpc_id,
        "State": "disassociating",
    }
    eventually(
        "no association",
        lambda: error_of(ec2.get_route_server_associations, **rs),
        lambda code: code == "InvalidRouteServerId.NotAssociated",
    )
    assert ec2.delete_route_server(**rs)["RouteServer"]["State"] == "deleting"
    ec2.delete_subnet(**subnet)


def test_the_caps_of_amazon_hold_in_its_profile(ec2: Any, network: Network) -> None:
    server_id = make_server(ec2)
    associate(ec2, server_id, network.vpc_id)
    for _ in range(2):
        make_endpoint(ec2, server_id, network.subnet_id)
    third = {"RouteServerId": server_id, "SubnetId": network.subnet_id}
    assert code_of(ec2.create_route_server_endpoint, **third) == "RouteServerEndpointLimitExceeded"


def test_lists_page_and_filter(ec2: Any) -> None:
    made = {
        ec2.create_route_server(
            AmazonSideAsn=65000,
            TagSpecifications=[
                {"ResourceType": "route-server", "Tags": [{"Key": "set", "Value": f"page-{n}"}]}
            ],
        )["RouteServer"]["RouteServerId"]
        for n in range(7)
    }
    mine = [{"Name": "tag:set", "Values": ["page-*"]}]
    pages = ec2.get_paginator("describe_route_servers").paginate(
        Filters=mine, PaginationConfig={"PageSize": 5}
    )
    found = [[server["RouteServerId"] for server in page["RouteServers"]] for page in pages]
    assert [len(page) for page in found] == [5, 2]
    assert {server for page in found for server in page} == made
    bad = [{"Name": "colour", "Values": ["red"]}]
    assert code_of(ec2.describe_route_servers, Filters=bad) == "InvalidParameterValue"


@pytest.mark.parametrize(
    "name",
    [
        "describe_route_servers",
        "describe_route_server_endpoints",
        "describe_route_server_peers",
        "get_route_server_routing_database",
    ],
)
def test_a_page_holds_five_to_a_thousand(ec2: Any, name: str) -> None:
    params = {"RouteServerId": make_server(ec2)} if name.startswith("get_") else {}
    call = getattr(ec2, name)
    for size in (5, 1000):
        call(**params, MaxResults=size)
    for size in (4, 0, -1, 1001):
        assert code_of(call, **params, MaxResults=size) == "InvalidParameterValue"
    assert code_of(call, **params, NextToken="made-up") == "InvalidPaginationToken"
    bad = [{"Name": "colour", "Values": ["red"]}]
    assert code_of(call, **params, Filters=bad) == "InvalidParameterValue"


def test_pages_of_route_servers_survive_a_restart_and_what_comes_and_goes(
    ec2: Any, server: Server
) -> None:
    def make(number: int) -> str:
        tags = [{"Key": "lasting", "Value": f"page-{number}"}]
        specification = [{"ResourceType": "route-server", "Tags": tags}]
        made = ec2.create_route_server(AmazonSideAsn=65000, TagSpecifications=specification)
        return str(made["RouteServer"]["RouteServerId"])

    made = [make(number) for number in range(11)]
    mine = [{"Name": "tag:lasting", "Values": ["page-*"]}]
    first = ec2.describe_route_servers(Filters=mine, MaxResults=5)
    assert [each["RouteServerId"] for each in first["RouteServers"]] == made[:5]
    # The last one of the page loses its tag, and so does one that has not been shown; one comes.
    ec2.delete_tags(Resources=[made[4], made[7]], Tags=[{"Key": "lasting"}])
    server.stop()
    server.start()
    ec2 = server.client()
    made.append(make(11))
    second = ec2.describe_route_servers(Filters=mine, MaxResults=5, NextToken=first["NextToken"])
    third = ec2.describe_route_servers(Filters=mine, MaxResults=5, NextToken=second["NextToken"])
    rest = [each["RouteServerId"] for page in (second, third) for each in page["RouteServers"]]
    assert rest == [*made[5:7], *made[8:]]
    assert "NextToken" not in third
