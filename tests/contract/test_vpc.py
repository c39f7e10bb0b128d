"""The VPC around a route server with unmodified boto3: Amazon's tutorial from its first call to its
last, paginators that lose nothing, what Terraform reads, accounts and regions apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.running import Server, code_of, eventually

IMAGE = "ami-0123456789abcdef0"


def states(answer: Any, member: str) -> list[str]:
    return [item["State"] for item in answer[member]]


def test_the_tutorial_in_amazon_s_own_order(ec2: Any) -> None:
    """VPC, subnets, appliances; then create, associate, endpoints, propagation, peers; then the
    clean-up in the opposite order."""
    vpc_id = ec2.create_vpc(
        CidrBlock="127.50.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "tutorial"}]}],
    )["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc_id], WaiterConfig={"Delay": 0})
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="127.50.1.0/24")["Subnet"]["SubnetId"]
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    group = {"GroupName": "appliance", "Description": "BGP and BFD", "VpcId": vpc_id}
    group_id = ec2.create_security_group(**group)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 179,
                "ToPort": 179,
                "IpRanges": [{"CidrIp": "127.50.0.0/16"}],
            }
        ],
    )
    instance = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet_id,
        SecurityGroupIds=[group_id],
    )["Instances"][0]
    instance_id = instance["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 0})
    ec2.modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": False})
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    link_id = ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)["AssociationId"]

    rs_id = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    rs = {"RouteServerId": rs_id}
    eventually(
        "route server",
        lambda: states(ec2.describe_route_servers(RouteServerIds=[rs_id]), "RouteServers"),
        lambda found: found == ["available"],
    )
    ec2.associate_route_server(**rs, VpcId=vpc_id)
    eventually(
        "association",
        lambda: states(ec2.get_route_server_associations(**rs), "RouteServerAssociations"),
        lambda found: found == ["associated"],
    )
    ends = [
        ec2.create_route_server_endpoint(**rs, SubnetId=subnet_id)["RouteServerEndpoint"][
            "RouteServerEndpointId"
        ]
        for _ in range(2)
    ]
    eventually(
        "endpoints",
        lambda: states(
            ec2.describe_route_server_endpoints(RouteServerEndpointIds=ends),
            "RouteServerEndpoints",
        ),
        lambda found: found == ["available"] * 2,
    )
    ec2.enable_route_server_propagation(**rs, RouteTableId=table_id)
    eventually(
        "propagation",
        lambda: states(ec2.get_route_server_propagations(**rs), "RouteServerPropagations"),
        lambda found: found == ["available"],
    )
    peers = [
        ec2.create_route_server_peer(
            RouteServerEndpointId=end,
            PeerAddress=instance["PrivateIpAddress"],
            BgpOptions={"PeerAsn": 65001, "PeerLivenessDetection": "bfd"},
        )["RouteServerPeer"]["RouteServerPeerId"]
        for end in ends
    ]
    eventually(
        "peers",
        lambda: states(
            ec2.describe_route_server_peers(RouteServerPeerIds=peers), "RouteServerPeers"
        ),
        lambda found: found == ["available"] * 2,
    )

    managed = ec2.describe_network_interfaces(
        Filters=[
            {"Name": "requester-managed", "Values": ["true"]},
            {"Name": "vpc-id", "Values": [vpc_id]},
        ]
    )["NetworkInterfaces"]
    assert len(managed) == 2
    groups = [eni["Groups"][0]["GroupId"] for eni in managed]
    described = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    assert [{p["FromPort"] for p in each["IpPermissions"]} for each in described] == [
        {179, 3784},
        {179, 3784},
    ]
    assert code_of(ec2.delete_subnet, SubnetId=subnet_id) == "DependencyViolation"

    ec2.disable_route_server_propagation(**rs, RouteTableId=table_id)
    take_away(ec2, rs, vpc_id, ends, peers)
    assert code_of(ec2.describe_security_groups, GroupIds=groups) == "InvalidGroup.NotFound"

    ec2.terminate_instances(InstanceIds=[instance_id])
    waiter = ec2.get_waiter("instance_terminated")
    waiter.wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 0})
    ec2.disassociate_route_table(AssociationId=link_id)
    ec2.delete_route_table(RouteTableId=table_id)
    ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    ec2.delete_internet_gateway(InternetGatewayId=gateway_id)
    ec2.delete_security_group(GroupId=group_id)
    ec2.delete_subnet(SubnetId=subnet_id)
    ec2.delete_vpc(VpcId=vpc_id)
    assert code_of(ec2.describe_vpcs, VpcIds=[vpc_id]) == "InvalidVpcID.NotFound"


def take_away(ec2: Any, rs: dict[str, str], vpc_id: str, ends: list[str], peers: list[str]) -> None:
    """Peers, endpoints, association and route server, each when what hangs on it is gone."""
    for peer_id in peers:
        ec2.delete_route_server_peer(RouteServerPeerId=peer_id)
    eventually(
        "peers gone",
        lambda: states(
            ec2.describe_route_server_peers(RouteServerPeerIds=peers), "RouteServerPeers"
        ),
        lambda found: found == ["deleted"] * 2,
    )
    for end in ends:
        ec2.delete_route_server_endpoint(RouteServerEndpointId=end)
    eventually(
        "endpoints gone",
        lambda: states(
            ec2.describe_route_server_endpoints(RouteServerEndpointIds=ends),
            "RouteServerEndpoints",
        ),
        lambda found: found == ["deleted"] * 2,
    )
    ec2.disassociate_route_server(**rs, VpcId=vpc_id)
    eventually(
        "no association",
        lambda: code_or_none(ec2.get_route_server_associations, **rs),
        lambda code: code == "InvalidRouteServerId.NotAssociated",
    )
    assert ec2.delete_route_server(**rs)["RouteServer"]["State"] == "deleting"


def code_or_none(call: Any, **params: Any) -> str | None:
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_what_terraform_reads_of_a_new_vpc(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    default = [{"Name": "default", "Values": ["true"]}]
    (acl,) = ec2.describe_network_acls(Filters=[*here, *default])["NetworkAcls"]
    assert acl["IsDefault"] is True
    main = [{"Name": "association.main", "Values": ["true"]}]
    (table,) = ec2.describe_route_tables(Filters=[*here, *main])["RouteTables"]
    assert table["Routes"][0]["Origin"] == "CreateRouteTable"
    named = [{"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=[*here, *named])["SecurityGroups"]
    assert group["Description"] == "default VPC security group"
    (options,) = ec2.describe_dhcp_options(DhcpOptionsIds=[vpc["DhcpOptionsId"]])["DhcpOptions"]
    assert options["DhcpConfigurations"]
    for attribute in (
        "enableDnsHostnames",
        "enableDnsSupport",
        "enableNetworkAddressUsageMetrics",
    ):
        ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
    ec2.revoke_security_group_egress(
        GroupId=group["GroupId"],
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def tagged(kind: str, mark: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "mark", "Value": mark}]}]


def test_boto3_s_paginators_lose_and_repeat_nothing(ec2: Any, server: Server) -> None:
    """Also when objects come and go between two pages, and the server is started anew."""
    vpc_id = ec2.create_vpc(CidrBlock="10.91.0.0/16")["Vpc"]["VpcId"]
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.91.1.0/24")["Subnet"]["SubnetId"]
    makers: dict[str, tuple[str, str, Any]] = {
        "describe_route_tables": (
            "RouteTables",
            "RouteTableId",
            lambda number: ec2.create_route_table(
                VpcId=vpc_id, TagSpecifications=tagged("route-table", f"p{number}")
            )["RouteTable"],
        ),
        "describe_security_groups": (
            "SecurityGroups",
            "GroupId",
            lambda number: ec2.create_security_group(
                VpcId=vpc_id,
                GroupName=f"p{number}",
                Description="x",
                TagSpecifications=tagged("security-group", f"p{number}"),
            ),
        ),
        "describe_network_interfaces": (
            "NetworkInterfaces",
            "NetworkInterfaceId",
            lambda number: ec2.create_network_interface(
                SubnetId=subnet_id, TagSpecifications=tagged("network-interface", f"p{number}")
            )["NetworkInterface"],
        ),
        "describe_network_acls": (
            "NetworkAcls",
            "NetworkAclId",
            lambda number: ec2.create_network_acl(
                VpcId=vpc_id, TagSpecifications=tagged("network-acl", f"p{number}")
            )["NetworkAcl"],
        ),
        "describe_managed_prefix_lists": (
            "PrefixLists",
            "PrefixListId",
            lambda number: ec2.create_managed_prefix_list(
                PrefixListName=f"p{number}",
                AddressFamily="IPv4",
                MaxEntries=1,
                TagSpecifications=tagged("prefix-list", f"p{number}"),
            )["PrefixList"],
        ),
    }
    mine = [{"Name": "tag:mark", "Values": ["p*"]}]
    for name, (member, id_name, make) in makers.items():
        ids = [make(number)[id_name] for number in range(12)]
        pages = ec2.get_paginator(name).paginate(Filters=mine, PaginationConfig={"PageSize": 5})
        found = [[item[id_name] for item in page[member]] for page in pages]
        assert [len(page) for page in found] == [5, 5, 2], name
        assert [each for page in found for each in page] == ids
    first = ec2.describe_route_tables(Filters=mine, MaxResults=5)
    gone = first["RouteTables"][4]["RouteTableId"]
    ec2.delete_route_table(RouteTableId=gone)
    late = makers["describe_route_tables"][2](99)["RouteTableId"]
    server.stop()
    server.start()
    again = server.client()
    rest = again.describe_route_tables(Filters=mine, NextToken=first["NextToken"])["RouteTables"]
    assert len(rest) == 8
    assert rest[-1]["RouteTableId"] == late


def test_every_operation_s_errors_are_botocore_s(ec2: Any) -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (ec2.describe_security_groups, {"GroupIds": ["sg-1"]}, "InvalidGroupId.Malformed"),
        (ec2.describe_instances, {"MaxResults": 1}, "InvalidParameterValue"),
        (ec2.describe_security_groups, {"MaxResults": 4}, "InvalidParameterValue"),
        (ec2.describe_tags, {"MaxResults": 1001}, "InvalidParameterValue"),
        (ec2.create_security_group, {"GroupName": "x"}, "MissingParameter"),
        (ec2.authorize_security_group_ingress, {}, "MissingParameter"),
        (ec2.describe_network_acls, {"NextToken": "zzz"}, "InvalidPaginationToken"),
        (ec2.run_instances, {"MinCount": 1, "MaxCount": 1}, "MissingParameter"),
        (
            ec2.enable_vgw_route_propagation,
            {"GatewayId": "vgw-1", "RouteTableId": "rtb-0123456789abcdef0"},
            "InvalidRouteTableID.NotFound",
        ),
    ]
    for call, params, code in cases:
        assert code_of(call, **params) == code, (call, params)


def test_regions_are_separate(tmp_path_factory: pytest.TempPathFactory) -> None:
    running = Server(tmp_path_factory.mktemp("regions"), bgp_port=20479, bfd_port=24084)
    settings = running.data_dir / "routeserver.toml"
    settings.write_text('regions = ["us-east-1", "eu-west-1"]\n')
    running.start()
    try:
        here, there = running.client(), running.client(region_name="eu-west-1")
        vpc_id = here.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        assert there.describe_vpcs()["Vpcs"] == []
        assert there.describe_security_groups()["SecurityGroups"] == []
        assert there.describe_tags()["Tags"] == []
        assert code_of(there.delete_vpc, VpcId=vpc_id) == "InvalidVpcID.NotFound"
        tags = {"Resources": [vpc_id], "Tags": [{"Key": "a", "Value": "b"}]}
        assert code_of(there.create_tags, **tags) == "InvalidVpcID.NotFound"
        other = there.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
        assert other["DhcpOptionsId"] != here.describe_vpcs()["Vpcs"][0]["DhcpOptionsId"]
    finally:
        running.stop()


def test_a_retrying_client_is_not_needed(server: Server) -> None:
    """Tokens that SDKs put into every request make one instance of two sendings."""
    client = server.client(config=Config(parameter_validation=True))
    vpc_id = client.create_vpc(CidrBlock="10.92.0.0/16")["Vpc"]["VpcId"]
    subnet_id = client.create_subnet(VpcId=vpc_id, CidrBlock="10.92.1.0/24")["Subnet"]["SubnetId"]
    params = {
        "ImageId": IMAGE,
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": subnet_id,
        "ClientToken": json.dumps({"try": 1}),
    }
    one, two = (client.run_instances(**params) for _ in range(2))
    assert one["Instances"][0]["InstanceId"] == two["Instances"][0]["InstanceId"]
    changed = {**params, "KeyName": "other"}
    assert code_of(client.run_instances, **changed) == "IdempotentParameterMismatch"
