"""What instances are made of elsewhere (EC2 API 2016-11-15): types, images, volumes, CPU credits.

Instances run nothing here, so a type and an image are names, and there are no disks; clients that
look them up on their way are answered with that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import check_max_results
from routeserver.control.images import AMAZON, AMAZON_ID, PUBLIC_IMAGES, is_of
from routeserver.control.instances import find_instances
from routeserver.control.valueless_filters import without_values
from routeserver.control.views import instance as views
from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.refusal import Refusal
from routeserver.ec2 import model
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import page as page_of
from routeserver.net.ids import is_well_formed

IMAGES_MADE: Final = "2016-11-15T00:00:00.000Z"
"""Nobody made them; clients sort by it."""


async def describe_instance_types(call: Call, params: Params) -> Answer:  # noqa: ARG001 - the same for every account
    """Every type that the service model names."""
    asked = params.get("InstanceTypes")
    if asked and "MaxResults" in params:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter InstanceTypes cannot be used with the parameter MaxResults",
        )
    names = sorted(set(asked or model.service("ec2").shape("InstanceType").enum))
    return _page(
        params,
        "InstanceTypes",
        [(name, _type(name)) for name in names],
        {
            "bare-metal": lambda item: str(item["BareMetal"]).lower(),
            "burstable-performance-supported": lambda item: str(
                item["BurstablePerformanceSupported"]
            ).lower(),
            "current-generation": lambda item: str(item["CurrentGeneration"]).lower(),
            "dedicated-hosts-supported": lambda item: str(item["DedicatedHostsSupported"]).lower(),
            "hibernation-supported": lambda item: str(item["HibernationSupported"]).lower(),
            "instance-storage-supported": lambda item: str(
                item["InstanceStorageSupported"]
            ).lower(),
            "instance-type": lambda item: item["InstanceType"],
            "supported-root-device-type": lambda item: item["SupportedRootDeviceTypes"],
            "supported-usage-class": lambda item: item["SupportedUsageClasses"],
            "supported-virtualization-type": lambda item: item["SupportedVirtualizationTypes"],
            "processor-info.supported-architecture": lambda item: item["ProcessorInfo"][
                "SupportedArchitectures"
            ],
            **without_values("DescribeInstanceTypes"),
        },
    )


def _type(name: str) -> Answer:
    return {
        "InstanceType": name,
        "CurrentGeneration": True,
        "SupportedUsageClasses": ["on-demand"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": ".metal" in name,
        "ProcessorInfo": {"SupportedArchitectures": [views.architecture(name)]},
        "InstanceStorageSupported": False,
        "BurstablePerformanceSupported": _bursts(name),
        "DedicatedHostsSupported": False,
        "HibernationSupported": False,
    }


async def describe_images(call: Call, params: Params) -> Answer:
    """The images asked for, or those that the account's instances were made from and a fixed few
    of Amazon's: any id is an image, and the account's own if it is not one of those few."""
    check_max_results(params, "ImageIds")
    asked = params.get("ImageIds")
    if asked:
        for image_id in asked:
            if not is_well_formed(image_id, "ami"):
                raise Refusal(
                    "InvalidAMIID.Malformed", f"Invalid id: '{image_id}' (expecting 'ami-...')"
                )
    if not asked:
        asked = [*PUBLIC_IMAGES, *(row.image_id for row in await call.tx.list(Instance))]
    owners = params.get("Owners", ())
    ids = sorted({each for each in asked if is_of(owners, each, call.account_id)})
    return _page(
        params,
        "Images",
        [(image_id, _image(image_id, call.account_id)) for image_id in ids],
        {
            "architecture": lambda item: item["Architecture"],
            "creation-date": lambda item: item["CreationDate"],
            "ena-support": lambda item: str(item["EnaSupport"]).lower(),
            "hypervisor": lambda item: item["Hypervisor"],
            "image-id": lambda item: item["ImageId"],
            "image-type": lambda item: item["ImageType"],
            "is-public": lambda item: str(item["Public"]).lower(),
            "name": lambda item: item["Name"],
            "owner-alias": lambda item: item.get("ImageOwnerAlias"),
            "owner-id": lambda item: item["OwnerId"],
            "root-device-name": lambda item: item["RootDeviceName"],
            "root-device-type": lambda item: item["RootDeviceType"],
            "state": lambda item: item["State"],
            "virtualization-type": lambda item: item["VirtualizationType"],
            **without_values("DescribeImages"),
        },
    )


def _image(image_id: str, account_id: str) -> Answer:
    public = PUBLIC_IMAGES.get(image_id)
    own = {
        "Name": image_id,
        "OwnerId": account_id,
        "CreationDate": IMAGES_MADE,
        "Architecture": "x86_64",
    }
    amazons = public and {
        "Name": public.name,
        "OwnerId": AMAZON_ID,
        "ImageOwnerAlias": AMAZON,
        "CreationDate": public.created_at,
        "Architecture": public.architecture,
    }
    return {
        "ImageId": image_id,
        **(amazons or own),
        "PlatformDetails": views.PLATFORM,
        "UsageOperation": views.USAGE,
        "EnaSupport": True,
        "State": "available",
        "ImageType": "machine",
        "Public": True,
        "RootDeviceName": views.ROOT_DEVICE,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": [],
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "Tags": [],
    }


async def describe_volumes(call: Call, params: Params) -> Answer:  # noqa: ARG001 - there are none
    check_max_results(params, "VolumeIds")
    compile_filters(params.get("Filters", ()), without_values("DescribeVolumes"))
    for volume_id in params.get("VolumeIds", ()):
        if not is_well_formed(volume_id, "vol"):
            raise Refusal(
                "InvalidVolumeID.Malformed", f"Invalid id: '{volume_id}' (expecting 'vol-...')"
            )
        raise Refusal("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
    return {"Volumes": []}


async def describe_instance_credit_specifications(call: Call, params: Params) -> Answer:
    """Only types that burst have credits; without ids, EC2 shows those that are unlimited."""
    check_max_results(params, "InstanceIds")
    asked = params.get("InstanceIds")
    rows = await find_instances(call, asked) if asked else await call.tx.list(Instance)
    for row in rows if asked else ():
        if not _bursts(row.instance_type):
            raise Refusal(
                "InvalidParameterValue",
                f"The instance '{row.id}' is a {row.instance_type}, which has no CPU credits.",
            )
    credits_of = {
        row.id: row.cpu_credits or _usual_credits(row)
        for row in rows
        if row.state is not InstanceState.TERMINATED and _bursts(row.instance_type)
    }
    return _page(
        params,
        "InstanceCreditSpecifications",
        [
            (instance_id, {"InstanceId": instance_id, "CpuCredits": how})
            for instance_id, how in sorted(credits_of.items())
            if asked or how == "unlimited"
        ],
        {"instance-id": lambda item: item["InstanceId"]},
    )


def _bursts(instance_type: str) -> bool:
    return instance_type.startswith("t")


def _usual_credits(row: Instance) -> str:
    """Every family that bursts is born unlimited, save the first."""
    return "standard" if row.instance_type.startswith("t2.") else "unlimited"


def _page(
    params: Params,
    member: str,
    items: list[tuple[str, Answer]],
    columns: Mapping[str, Any],
) -> Answer:
    """One page of (sort key, item) pairs that pass the filters."""
    passes = compile_filters(params.get("Filters", ()), columns)
    wanted = [
        (key, item)
        for key, item in items
        if passes({name: partial(column, item) for name, column in columns.items()}, {})
    ]
    shown, token = page_of(
        wanted,
        key=lambda pair: (pair[0],),
        max_results=params.get("MaxResults"),
        next_token=params.get("NextToken"),
    )
    answer: Answer = {member: [item for _, item in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer
