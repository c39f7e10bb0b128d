"""Instances: records with interfaces, their states, and what may be attached to them."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.images import AMAZON_ID, PUBLIC_IMAGES
from routeserver.control.policy import Policy
from tests.control.cloud import ACCOUNT, Cloud

IMAGE = "ami-0123456789abcdef0"


async def run(cloud: Cloud, subnet_id: str, **params: Any) -> dict[str, Any]:
    wanted = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_id, **params}
    answer = await cloud("RunInstances", **wanted)
    return dict(answer["Instances"][0])


async def shown(cloud: Cloud, instance_id: str) -> dict[str, Any]:
    answer = await cloud("DescribeInstances", InstanceIds=[instance_id])
    ((instance,),) = [reservation["Instances"] for reservation in answer["Reservations"]]
    return dict(instance)


@pytest.fixture
async def subnet_id(cloud: Cloud) -> str:
    return await cloud.subnet(await cloud.vpc())


async def test_an_instance_is_born_with_an_interface_and_runs_at_once(
    cloud: Cloud, subnet_id: str
) -> None:
    answer = await cloud(
        "RunInstances",
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=2,
        MaxCount=2,
        SubnetId=subnet_id,
        ClientToken="once",
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "fw"}]},
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "eth0"}]},
        ],
    )
    again = await cloud(
        "RunInstances",
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=2,
        MaxCount=2,
        SubnetId=subnet_id,
        ClientToken="once",
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "fw"}]},
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "eth0"}]},
        ],
    )
    assert again == answer
    assert answer["OwnerId"] == ACCOUNT
    first, second = answer["Instances"]
    assert first["State"] == {"Code": 0, "Name": "pending"}
    assert (first["AmiLaunchIndex"], second["AmiLaunchIndex"]) == (0, 1)
    assert first["PrivateIpAddress"] != second["PrivateIpAddress"]
    assert first["PrivateDnsName"] == "ip-10-0-1-4.ec2.internal"
    assert first["Tags"] == [{"Key": "Name", "Value": "fw"}]
    described = await cloud("DescribeInstances")
    (reservation,) = described["Reservations"]
    assert reservation["ReservationId"] == answer["ReservationId"]
    running = {"Code": 16, "Name": "running"}
    assert {**first, "State": running} in reservation["Instances"]
    (interface,) = first["NetworkInterfaces"]
    assert interface["Attachment"]["DeviceIndex"] == 0
    assert interface["Attachment"]["DeleteOnTermination"] is True
    ask: dict[str, Any] = {"NetworkInterfaceIds": [interface["NetworkInterfaceId"]]}
    (eni,) = (await cloud("DescribeNetworkInterfaces", **ask))["NetworkInterfaces"]
    assert eni["Status"] == "in-use"
    assert eni["Attachment"]["InstanceId"] == first["InstanceId"]
    assert eni["TagSet"] == [{"Key": "Name", "Value": "eth0"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": None}, "MissingParameter"),
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"SubnetId": None}, "MissingInput"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"MinCount": 0}, "InvalidParameterValue"),
        ({"MinCount": 2}, "InvalidParameterValue"),
        ({"MinCount": 101, "MaxCount": 101}, "InstanceLimitExceeded"),
        ({"MaxCount": 2, "PrivateIpAddress": "10.0.1.9"}, "InvalidParameterCombination"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroupID.NotFound"),
        ({"SecurityGroups": ["default"]}, "UnsupportedOperation"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "UnsupportedOperation"),
        ({"Placement": {"AvailabilityZone": "us-east-1b"}}, "InvalidParameterValue"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "InvalidParameterCombination"),
        ({"SubnetId": None, "NetworkInterfaces": [{"DeviceIndex": 0}]}, "MissingParameter"),
        ({"SubnetId": None, "NetworkInterfaces": [{"DeviceIndex": 1}]}, "InvalidParameterValue"),
        ({"SubnetId": None, "NetworkInterfaces": [{}]}, "MissingParameter"),
        (
            {"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a"}]}]},
            "InvalidParameterValue",
        ),
        ({"UserData": "x" * 25_601}, "InvalidParameterValue"),
    ],
)
async def test_an_instance_that_cannot_be_is_refused(
    cloud: Cloud, subnet_id: str, changes: dict[str, Any], code: str
) -> None:
    params = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_id, **changes}
    given = {name: value for name, value in params.items() if value is not None}
    assert (await cloud.refused("RunInstances", **given)).code == code
    assert (await cloud("DescribeInstances"))["Reservations"] == []
    assert (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"] == []


async def test_interfaces_are_named_or_described_one_by_one(cloud: Cloud, subnet_id: str) -> None:
    kept = await cloud.interface(subnet_id, PrivateIpAddress="10.0.1.10")
    answer = await cloud(
        "RunInstances",
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[
            {"DeviceIndex": 1, "SubnetId": subnet_id, "PrivateIpAddress": "10.0.1.11"},
            {"DeviceIndex": 0, "NetworkInterfaceId": kept},
        ],
    )
    (instance,) = answer["Instances"]
    first, second = instance["NetworkInterfaces"]
    assert first["NetworkInterfaceId"] == kept
    assert first["Attachment"]["DeleteOnTermination"] is False
    assert second["PrivateIpAddress"] == "10.0.1.11"
    assert instance["PrivateIpAddress"] == "10.0.1.10"
    refusal = await cloud.refused("DeleteNetworkInterface", NetworkInterfaceId=kept)
    assert refusal.code == "InvalidNetworkInterface.InUse"
    ids: dict[str, Any] = {"InstanceIds": [instance["InstanceId"]]}
    (change,) = (await cloud("TerminateInstances", **ids))["TerminatingInstances"]
    assert change["PreviousState"]["Name"] == "running"
    assert change["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    (left,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert (left["NetworkInterfaceId"], left["Status"]) == (kept, "available")
    assert "Attachment" not in left


async def test_a_terminated_instance_stays_described_for_a_while(
    cloud: Cloud, subnet_id: str
) -> None:
    this: dict[str, Any] = {"InstanceIds": [(await run(cloud, subnet_id))["InstanceId"]]}
    await cloud("TerminateInstances", **this)
    instance = await shown(cloud, this["InstanceIds"][0])
    assert instance["State"]["Name"] == "terminated"
    assert "SubnetId" not in instance
    assert instance["NetworkInterfaces"] == []
    (change,) = (await cloud("TerminateInstances", **this))["TerminatingInstances"]
    assert change["CurrentState"] == change["PreviousState"]
    assert (await cloud.refused("StartInstances", **this)).code == "IncorrectInstanceState"
    await cloud("DeleteSubnet", SubnetId=subnet_id)
    cloud.now += Policy().tombstone_s
    assert (await cloud("DescribeInstances"))["Reservations"] == []
    assert (await cloud.refused("TerminateInstances", **this)).code == "InvalidInstanceID.NotFound"


async def test_instances_stop_and_start(cloud: Cloud, subnet_id: str) -> None:
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    this: dict[str, Any] = {"InstanceIds": [instance_id]}
    (change,) = (await cloud("StopInstances", **this))["StoppingInstances"]
    assert change["CurrentState"] == {"Code": 64, "Name": "stopping"}
    assert (await shown(cloud, instance_id))["State"] == {"Code": 80, "Name": "stopped"}
    (change,) = (await cloud("StopInstances", **this))["StoppingInstances"]
    assert change["CurrentState"]["Name"] == "stopped"
    (change,) = (await cloud("StartInstances", **this))["StartingInstances"]
    assert change["CurrentState"]["Name"] == "pending"
    assert (await shown(cloud, instance_id))["State"]["Name"] == "running"
    assert await cloud("RebootInstances", **this) == {}
    (status,) = (await cloud("DescribeInstanceStatus"))["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == "ok"
    reachable = [{"Name": "system-status.reachability", "Values": ["passed"]}]
    assert (await cloud("DescribeInstanceStatus", Filters=reachable))["InstanceStatuses"]


async def test_attributes_are_changed_and_shown_one_by_one(cloud: Cloud, subnet_id: str) -> None:
    instance_id = (await run(cloud, subnet_id, UserData="aGVsbG8="))["InstanceId"]
    this = {"InstanceId": instance_id}

    async def attribute(name: str) -> dict[str, Any]:
        answer = await cloud("DescribeInstanceAttribute", **this, Attribute=name)
        del answer["InstanceId"]
        return answer

    assert await attribute("userData") == {"UserData": {"Value": "aGVsbG8="}}
    assert await attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": True}}
    await cloud("ModifyInstanceAttribute", **this, SourceDestCheck={"Value": False})
    assert await attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": False}}
    await cloud("ModifyInstanceAttribute", **this, Attribute="disableApiTermination", Value="true")
    ids: dict[str, Any] = {"InstanceIds": [instance_id]}
    refusal = await cloud.refused("TerminateInstances", **ids)
    assert refusal.code == "OperationNotPermitted"
    bigger: dict[str, Any] = {"InstanceType": {"Value": "t3.large"}}
    refusal = await cloud.refused("ModifyInstanceAttribute", **this, **bigger)
    assert refusal.code == "IncorrectInstanceState"
    await cloud("StopInstances", **ids)
    await cloud("ModifyInstanceAttribute", **this, **bigger)
    await cloud("ModifyInstanceAttribute", **this, UserData={"Value": b"bye"})
    assert await attribute("instanceType") == {"InstanceType": {"Value": "t3.large"}}
    assert await attribute("userData") == {"UserData": {"Value": "Ynll"}}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"InstanceType": {"Value": "z9.huge"}}, "InvalidParameterValue"),
        ({"Groups": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroupID.NotFound"),
        ({"Attribute": "kernel", "Value": "x"}, "UnsupportedOperation"),
        ({"Kernel": {"Value": "x"}}, "UnsupportedOperation"),
        ({}, "MissingParameter"),
    ]
    for params, code in cases:
        assert (await cloud.refused("ModifyInstanceAttribute", **this, **params)).code == code
    for name in ("kernel", "groupSet", "blockDeviceMapping", "disableApiStop", "productCodes"):
        await attribute(name)


async def test_interfaces_are_attached_and_detached(cloud: Cloud, subnet_id: str) -> None:
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    interface_id = await cloud.interface(subnet_id)
    this = {"InstanceId": instance_id, "NetworkInterfaceId": interface_id}
    for index, code in [(0, "InvalidParameterValue"), (-1, "InvalidParameterValue")]:
        refusal = await cloud.refused("AttachNetworkInterface", **this, DeviceIndex=index)
        assert refusal.code == code
    made = await cloud("AttachNetworkInterface", **this, DeviceIndex=1)
    refusal = await cloud.refused("AttachNetworkInterface", **this, DeviceIndex=2)
    assert refusal.code == "InvalidNetworkInterface.InUse"
    attachment = {"AttachmentId": made["AttachmentId"]}
    await cloud(
        "ModifyNetworkInterfaceAttribute",
        NetworkInterfaceId=interface_id,
        Attachment={**attachment, "DeleteOnTermination": True},
    )
    answer = await cloud(
        "DescribeNetworkInterfaceAttribute", NetworkInterfaceId=interface_id, Attribute="attachment"
    )
    assert answer["Attachment"]["DeleteOnTermination"] is True
    by_instance = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    found = await cloud("DescribeNetworkInterfaces", Filters=by_instance)
    assert len(found["NetworkInterfaces"]) == 2
    await cloud("DetachNetworkInterface", **attachment)
    refusal = await cloud.refused("DetachNetworkInterface", **attachment)
    assert refusal.code == "InvalidAttachmentID.NotFound"
    refusal = await cloud.refused("DetachNetworkInterface", AttachmentId="x")
    assert refusal.code == "InvalidAttachmentID.Malformed"
    (primary,) = (await shown(cloud, instance_id))["NetworkInterfaces"]
    first = {"AttachmentId": primary["Attachment"]["AttachmentId"]}
    refusal = await cloud.refused("DetachNetworkInterface", **first)
    assert refusal.code == "OperationNotPermitted"
    (vpc,) = (await cloud("DescribeVpcs"))["Vpcs"]
    elsewhere = await cloud.subnet(vpc["VpcId"], "10.0.2.0/24", AvailabilityZone="us-east-1b")
    far = {"InstanceId": instance_id, "NetworkInterfaceId": await cloud.interface(elsewhere)}
    refusal = await cloud.refused("AttachNetworkInterface", **far, DeviceIndex=1)
    assert refusal.code == "InvalidParameterCombination"


async def test_an_instance_is_a_target_by_its_one_interface(cloud: Cloud, subnet_id: str) -> None:
    instance = await run(cloud, subnet_id)
    table = (await cloud("DescribeRouteTables"))["RouteTables"][0]["RouteTableId"]
    this = {"RouteTableId": table, "DestinationCidrBlock": "192.0.2.0/24"}
    await cloud("CreateRoute", **this, InstanceId=instance["InstanceId"])
    route = (await cloud.routes(table))["192.0.2.0/24"]
    assert route["InstanceId"] == instance["InstanceId"]
    assert route["InstanceOwnerId"] == ACCOUNT
    assert route["NetworkInterfaceId"] == instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    second = await cloud.interface(subnet_id)
    attach = {"InstanceId": instance["InstanceId"], "NetworkInterfaceId": second}
    await cloud("AttachNetworkInterface", **attach, DeviceIndex=1)
    refusal = await cloud.refused("ReplaceRoute", **this, InstanceId=instance["InstanceId"])
    assert refusal.code == "InvalidInstanceID"


async def test_instances_are_found_by_their_facts_and_paged(cloud: Cloud, subnet_id: str) -> None:
    made = [
        (await run(cloud, subnet_id, KeyName=f"key{number}"))["InstanceId"] for number in range(7)
    ]

    async def found(**params: Any) -> list[str]:
        answer = await cloud("DescribeInstances", **params)
        return [
            instance["InstanceId"]
            for reservation in answer["Reservations"]
            for instance in reservation["Instances"]
        ]

    for name, value, expected in [
        ("private-ip-address", "10.0.1.5", made[1:2]),
        ("network-interface.addresses.private-ip-address", "10.0.1.6", made[2:3]),
        ("key-name", "key?", made),
        ("instance-state-name", "running", made),
        ("instance-state-code", "80", []),
        ("instance.group-name", "default", made),
        ("subnet-id", subnet_id, made),
        ("ip-address", "*", []),
    ]:
        assert await found(Filters=[{"Name": name, "Values": [value]}]) == expected, name
    first = await cloud("DescribeInstances", MaxResults=5)
    await cloud("TerminateInstances", InstanceIds=made[:1])
    rest = await found(MaxResults=5, NextToken=first["NextToken"])
    assert rest == made[5:]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"MaxResults": 5, "InstanceIds": made}, "InvalidParameterCombination"),
    ]
    for params, code in cases:
        assert (await cloud.refused("DescribeInstances", **params)).code == code


async def test_what_instances_are_made_of_is_a_list_of_names(cloud: Cloud, subnet_id: str) -> None:
    instance_id = (await run(cloud, subnet_id, InstanceType="t3.micro"))["InstanceId"]
    answer = await cloud("DescribeInstanceTypes", InstanceTypes=["t4g.nano", "m5.large"])
    burst = {item["InstanceType"]: item for item in answer["InstanceTypes"]}
    assert burst["t4g.nano"]["BurstablePerformanceSupported"] is True
    assert burst["t4g.nano"]["ProcessorInfo"] == {"SupportedArchitectures": ["arm64"]}
    assert burst["m5.large"]["ProcessorInfo"] == {"SupportedArchitectures": ["x86_64"]}
    page = await cloud("DescribeInstanceTypes", MaxResults=5)
    assert len(page["InstanceTypes"]) == 5
    (image,) = (await cloud("DescribeImages", Owners=["self"]))["Images"]
    assert (image["ImageId"], image["OwnerId"]) == (IMAGE, ACCOUNT)
    assert (await cloud("DescribeVolumes"))["Volumes"] == []
    refusal = await cloud.refused("DescribeVolumes", VolumeIds=["vol-0123456789abcdef0"])
    assert refusal.code == "InvalidVolume.NotFound"
    answer = await cloud("DescribeInstanceCreditSpecifications", InstanceIds=[instance_id])
    assert answer["InstanceCreditSpecifications"] == [
        {"InstanceId": instance_id, "CpuCredits": "unlimited"}
    ]


async def test_a_search_for_amazons_images_finds_the_fixed_few(
    cloud: Cloud, subnet_id: str
) -> None:
    await run(cloud, subnet_id)

    async def found(*filters: tuple[str, str], **params: Any) -> list[str]:
        wanted = [{"Name": name, "Values": [value]} for name, value in filters]
        answer = await cloud("DescribeImages", Filters=wanted, **params)
        return [image["ImageId"] for image in answer["Images"]]

    amazons = sorted(PUBLIC_IMAGES)
    assert len(amazons) == 4
    assert await found() == sorted([*amazons, IMAGE])
    for owners, expected in (
        (["amazon"], amazons),
        ([AMAZON_ID], amazons),
        ([ACCOUNT], [IMAGE]),
        (["self", "amazon"], sorted([*amazons, IMAGE])),
        (["099720109477"], []),
    ):
        assert await found(Owners=owners) == expected, owners
    assert await found(("owner-alias", "amazon")) == amazons
    (latest,) = await found(("name", "al2023-ami-2023*-arm64"), Owners=["amazon"])
    (image,) = (await cloud("DescribeImages", ImageIds=[latest]))["Images"]
    assert (image["Architecture"], image["OwnerId"]) == ("arm64", AMAZON_ID)
    assert image["ImageOwnerAlias"] == "amazon"
    assert await found(ImageIds=[latest], Owners=["self"]) == []
    await run(cloud, subnet_id, ImageId=latest)
    assert await found(Owners=["self"]) == [IMAGE]
    assert await found(Owners=["amazon"]) == amazons


async def test_cpu_credits_are_paged_and_only_the_unlimited_are_shown_unasked(
    cloud: Cloud, subnet_id: str
) -> None:
    made = [
        (await run(cloud, subnet_id, InstanceType=type_))["InstanceId"]
        for type_ in ["t3.micro"] * 7 + ["t2.micro", "m5.large"]
    ]
    unlimited = sorted(made[:7])

    async def found(**params: Any) -> tuple[list[str], str | None]:
        answer = await cloud("DescribeInstanceCreditSpecifications", **params)
        shown = [each["InstanceId"] for each in answer["InstanceCreditSpecifications"]]
        return shown, answer.get("NextToken")

    assert await found() == (unlimited, None)
    first, token = await found(MaxResults=5)
    assert first == unlimited[:5]
    await cloud("TerminateInstances", InstanceIds=unlimited[:1])
    assert await found(MaxResults=5, NextToken=token) == (unlimited[5:], None)
    this = [{"Name": "instance-id", "Values": unlimited[1:2]}]
    assert await found(Filters=this) == (unlimited[1:2], None)
    assert await found(InstanceIds=made[7:8]) == (made[7:8], None)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"MaxResults": 5, "InstanceIds": made[7:8]}, "InvalidParameterCombination"),
        ({"InstanceIds": made[8:]}, "InvalidParameterValue"),
    ]
    for params, code in cases:
        refusal = await cloud.refused("DescribeInstanceCreditSpecifications", **params)
        assert refusal.code == code, params


# --- what nothing here uses -----------------------------------------------------------------------


async def test_what_an_instance_is_launched_with_is_read_back(cloud: Cloud, subnet_id: str) -> None:
    made = await run(
        cloud,
        subnet_id,
        InstanceType="t3.micro",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        CreditSpecification={"CpuCredits": "standard"},
    )
    this = {"InstanceId": made["InstanceId"]}
    instance = await shown(cloud, made["InstanceId"])
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)
    assert (options["HttpEndpoint"], options["State"]) == ("enabled", "applied")
    action = "DescribeInstanceCreditSpecifications"
    answer = await cloud(action, InstanceIds=[made["InstanceId"]])
    assert answer["InstanceCreditSpecifications"][0]["CpuCredits"] == "standard"
    for name, value, found in (
        ("metadata-options.http-tokens", "required", 1),
        ("metadata-options.http-tokens", "optional", 0),
    ):
        answer = await cloud("DescribeInstances", Filters=[{"Name": name, "Values": [value]}])
        assert len(answer["Reservations"]) == found, name
    changed = await cloud("ModifyInstanceMetadataOptions", **this, HttpEndpoint="disabled")
    assert changed["InstanceMetadataOptions"]["State"] == "pending"
    options = (await shown(cloud, made["InstanceId"]))["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpEndpoint"]) == ("required", "disabled")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue"),
        ({"CreditSpecification": {"CpuCredits": "many"}}, "InvalidParameterValue"),
    ],
)
async def test_options_that_ec2_does_not_take(
    cloud: Cloud, subnet_id: str, params: dict[str, Any], code: str
) -> None:
    base = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_id}
    assert (await cloud.refused("RunInstances", **base, **params)).code == code


async def test_metadata_options_that_are_not_changed(cloud: Cloud, subnet_id: str) -> None:
    this = {"InstanceId": (await run(cloud, subnet_id))["InstanceId"]}
    action = "ModifyInstanceMetadataOptions"
    assert (await cloud.refused(action, **this)).code == "MissingParameter"
    await cloud("TerminateInstances", InstanceIds=[this["InstanceId"]])
    refusal = await cloud.refused(action, **this, HttpTokens="required")
    assert refusal.code == "IncorrectInstanceState"
