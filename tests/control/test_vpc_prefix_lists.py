"""Managed prefix lists: their versions, their limits, and the routes and rules that refer to
them."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy, Quotas
from routeserver.control.reconcile.intent import read_intent
from routeserver.domain.resources import (
    AssociationState,
    PropagationState,
    RouteServerAssociation,
    RouteServerPropagation,
)
from tests.control.cloud import REGION, Cloud


async def create(cloud: Cloud, *blocks: str, **params: Any) -> dict[str, Any]:
    defaults = {"PrefixListName": "branches", "AddressFamily": "IPv4", "MaxEntries": 3}
    entries = [{"Cidr": block, "Description": f"about {block}"} for block in blocks]
    answer = await cloud("CreateManagedPrefixList", **{**defaults, "Entries": entries, **params})
    return dict(answer["PrefixList"])


async def entries(cloud: Cloud, list_id: str, **params: Any) -> list[str]:
    answer = await cloud("GetManagedPrefixListEntries", PrefixListId=list_id, **params)
    return [entry["Cidr"] for entry in answer["Entries"]]


async def test_a_list_has_versions(cloud: Cloud) -> None:
    made = await create(cloud, "10.0.1.7/24", "10.0.2.0/24")
    assert (made["State"], made["Version"], made["MaxEntries"]) == ("create-in-progress", 1, 3)
    this = {"PrefixListId": made["PrefixListId"]}
    answer = await cloud("GetManagedPrefixListEntries", **this)
    assert answer["Entries"][0] == {"Cidr": "10.0.1.0/24", "Description": "about 10.0.1.7/24"}
    (shown,) = (await cloud("DescribeManagedPrefixLists"))["PrefixLists"]
    assert shown == {**made, "State": "create-complete"}
    changed = await cloud(
        "ModifyManagedPrefixList",
        **this,
        CurrentVersion=1,
        AddEntries=[{"Cidr": "10.0.3.0/24"}],
        RemoveEntries=[{"Cidr": "10.0.1.0/24"}],
    )
    assert changed["PrefixList"]["Version"] == 2
    list_id = made["PrefixListId"]
    assert await entries(cloud, list_id) == ["10.0.2.0/24", "10.0.3.0/24"]
    assert await entries(cloud, list_id, TargetVersion=1) == ["10.0.1.0/24", "10.0.2.0/24"]
    stale = await cloud.refused(
        "ModifyManagedPrefixList", **this, CurrentVersion=1, AddEntries=[{"Cidr": "10.0.9.0/24"}]
    )
    assert stale.code == "PrefixListVersionMismatch"
    restored = await cloud(
        "RestoreManagedPrefixListVersion", **this, PreviousVersion=1, CurrentVersion=2
    )
    assert restored["PrefixList"]["Version"] == 3
    assert await entries(cloud, list_id) == ["10.0.1.0/24", "10.0.2.0/24"]
    refusal = await cloud.refused("GetManagedPrefixListEntries", **this, TargetVersion=9)
    assert refusal.code == "InvalidPrefixListVersion.NotFound"
    gone = await cloud("DeleteManagedPrefixList", **this)
    assert gone["PrefixList"]["State"] == "delete-in-progress"
    refusal = await cloud.refused("DescribeManagedPrefixLists", PrefixListIds=[list_id])
    assert refusal.code == "InvalidPrefixListID.NotFound"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"AddressFamily": "ipv4"}, "InvalidParameterValue"),
        ({"PrefixListName": ""}, "InvalidParameterValue"),
        ({"PrefixListName": "com.amazonaws.mine"}, "InvalidParameterValue"),
        ({"MaxEntries": 0}, "InvalidParameterValue"),
        ({"MaxEntries": 1001}, "InvalidParameterValue"),
        (
            {"MaxEntries": 1, "Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "11.0.0.0/8"}]},
            "PrefixListMaxEntriesExceeded",
        ),
        ({"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "10.1.0.0/8"}]}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "fd00::/8"}]}, "InvalidParameterValue"),
        ({"Entries": [{"Description": "x"}]}, "MissingParameter"),
        ({"Entries": [{"Cidr": "10.0.0.0/8", "Description": "d" * 256}]}, "InvalidParameterValue"),
    ],
)
async def test_a_list_against_the_rules_is_refused(
    cloud: Cloud, params: dict[str, Any], code: str
) -> None:
    defaults = {"PrefixListName": "branches", "AddressFamily": "IPv4", "MaxEntries": 3}
    assert (await cloud.refused("CreateManagedPrefixList", **{**defaults, **params})).code == code
    assert (await cloud("DescribeManagedPrefixLists"))["PrefixLists"] == []


async def test_name_and_size_change_without_a_version(cloud: Cloud) -> None:
    this = {"PrefixListId": (await create(cloud, "10.0.1.0/24", "10.0.2.0/24"))["PrefixListId"]}
    await cloud("ModifyManagedPrefixList", **this, PrefixListName="new", MaxEntries=2)
    (shown,) = (await cloud("DescribeManagedPrefixLists"))["PrefixLists"]
    assert (shown["PrefixListName"], shown["MaxEntries"], shown["Version"]) == ("new", 2, 1)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"MaxEntries": 1}, "PrefixListMaxEntriesExceeded"),
        (
            {"MaxEntries": 5, "AddEntries": [{"Cidr": "10.0.3.0/24"}], "CurrentVersion": 1},
            "InvalidParameterCombination",
        ),
        ({"AddEntries": [{"Cidr": "10.0.3.0/24"}]}, "MissingParameter"),
        (
            {"RemoveEntries": [{"Cidr": "10.0.3.0/24"}], "CurrentVersion": 1},
            "InvalidParameterValue",
        ),
    ]
    for params, code in cases:
        refusal = await cloud.refused("ModifyManagedPrefixList", **this, **params)
        assert refusal.code == code


async def test_entries_are_paged(cloud: Cloud) -> None:
    blocks = [f"10.0.{number}.0/24" for number in range(7)]
    list_id = (await create(cloud, *blocks, MaxEntries=10))["PrefixListId"]
    first = await cloud("GetManagedPrefixListEntries", PrefixListId=list_id, MaxResults=4)
    token = first["NextToken"]
    rest = await cloud("GetManagedPrefixListEntries", PrefixListId=list_id, NextToken=token)
    assert [entry["Cidr"] for entry in first["Entries"] + rest["Entries"]] == blocks


async def test_a_list_that_something_refers_to_stays(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    interface_id = await cloud.interface(await cloud.subnet(vpc_id))
    table_id = await cloud.table(vpc_id)
    list_id = (await create(cloud, "10.9.0.0/24"))["PrefixListId"]
    made = {"RouteTableId": table_id, "DestinationPrefixListId": list_id}
    await cloud("CreateRoute", **made, NetworkInterfaceId=interface_id)
    refusal = await cloud.refused("CreateRoute", **made, NetworkInterfaceId=interface_id)
    assert refusal.code == "RouteAlreadyExists"
    (group,) = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    permission = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list_id}]}
    rule = {"GroupId": group["GroupId"], "IpPermissions": [permission]}
    await cloud("AuthorizeSecurityGroupIngress", **rule)
    answer = await cloud("GetManagedPrefixListAssociations", PrefixListId=list_id)
    assert [link["ResourceId"] for link in answer["PrefixListAssociations"]] == [
        table_id,
        group["GroupId"],
    ]
    this = {"PrefixListId": list_id}
    assert (await cloud.refused("DeleteManagedPrefixList", **this)).code == "DependencyViolation"
    by_list = [{"Name": "route.destination-prefix-list-id", "Values": [list_id]}]
    (table,) = (await cloud("DescribeRouteTables", Filters=by_list))["RouteTables"]
    assert table["Routes"][-1] == {
        "DestinationPrefixListId": list_id,
        "NetworkInterfaceId": interface_id,
        "State": "active",
        "Origin": "CreateRoute",
    }
    await cloud("RevokeSecurityGroupIngress", **rule)
    await cloud("DeleteRoute", **made)
    await cloud("DeleteManagedPrefixList", **this)


async def test_a_list_takes_its_entries_destinations_from_propagated_routes(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    interface_id = await cloud.interface(await cloud.subnet(vpc_id))
    table_id = await cloud.table(vpc_id)
    list_id = (await create(cloud, "10.9.0.0/24", "10.9.1.0/24"))["PrefixListId"]
    target = {"RouteTableId": table_id, "NetworkInterfaceId": interface_id}
    await cloud("CreateRoute", **target, DestinationPrefixListId=list_id)
    await cloud("CreateRoute", **target, DestinationCidrBlock="10.8.0.0/24")
    owner: dict[str, Any] = {"account_id": cloud.account, "region": REGION, "created_at": 1.0}
    async with cloud.store.write() as tx:
        await tx.insert(
            RouteServerPropagation(
                id="rs-1|t",
                route_server_id="rs-1",
                route_table_id=table_id,
                state=PropagationState.AVAILABLE,
                **owner,
            ),
            RouteServerAssociation(
                id="rs-1|v",
                route_server_id="rs-1",
                vpc_id=vpc_id,
                state=AssociationState.ASSOCIATED,
                **owner,
            ),
        )
    async with cloud.store.read() as tx:
        static = (await read_intent(tx)).static_routes
    assert {route.destination for route in static} == {
        "10.8.0.0/24",
        "10.9.0.0/24",
        "10.9.1.0/24",
    }
    cloud.world.propagate(table_id, "10.9.1.0/24", interface_id, "10.0.1.4")
    answer = await cloud("DescribeRouteTables", RouteTableIds=[table_id])
    origins = [route["Origin"] for route in answer["RouteTables"][0]["Routes"]]
    assert origins == ["CreateRouteTable", "CreateRoute", "CreateRoute"]


async def test_routes_are_counted_by_family_and_lists_by_their_size(cloud: Cloud) -> None:
    small = Cloud(cloud.store, Policy(quotas=Quotas(static_routes_per_table=3)))
    vpc_id = await small.vpc(AmazonProvidedIpv6CidrBlock=True)
    gateway_id = await small.attached_gateway(vpc_id)
    table_id = await small.table(vpc_id)
    target = {"RouteTableId": table_id, "GatewayId": gateway_id}
    for destination in ("0.0.0.0/0", "198.51.100.0/24"):
        await small("CreateRoute", **target, DestinationCidrBlock=destination)
    await small("CreateRoute", **target, DestinationIpv6CidrBlock="::/0")
    list_id = (await create(small, MaxEntries=2))["PrefixListId"]
    refusal = await small.refused("CreateRoute", **target, DestinationPrefixListId=list_id)
    assert refusal.code == "RouteLimitExceeded"
    await small("DeleteRoute", RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    await small("CreateRoute", **target, DestinationPrefixListId=list_id)
