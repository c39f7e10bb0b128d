"""ModifyInstanceAttribute and DescribeInstanceAttribute (EC2 API 2016-11-15).

What concerns packets (groups, source/destination check) is kept with the primary network
interface.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.instances import find_instances, interfaces_of
from routeserver.control.lookup import find
from routeserver.control.operations.attributes import the_only_attribute
from routeserver.control.security_groups import groups_for, names_of_groups
from routeserver.control.unsupported import refuse_unsupported
from routeserver.control.views import instance as views
from routeserver.control.views import network_interface as interface_views
from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet
from routeserver.ec2 import model

FLAGS: Final = {
    "DisableApiStop": "disable_api_stop",
    "DisableApiTermination": "disable_api_termination",
    "EbsOptimized": "ebs_optimized",
}
WHEN_STOPPED: Final = {"EbsOptimized", "InstanceType", "UserData"}
MEMBERS: Final = (
    *FLAGS,
    "Groups",
    "InstanceInitiatedShutdownBehavior",
    "InstanceType",
    "SourceDestCheck",
    "UserData",
)

BY_NAME: Final = {
    "disableApiStop": "DisableApiStop",
    "disableApiTermination": "DisableApiTermination",
    "ebsOptimized": "EbsOptimized",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "instanceType": "InstanceType",
    "sourceDestCheck": "SourceDestCheck",
    "userData": "UserData",
}
"""The older way names an attribute and gives its value as a text."""

NO_DISKS: Final = "instances have no disks here"
UNSUPPORTED: Final = {
    "BlockDeviceMappings": NO_DISKS,
    "EnaSupport": "instances run nothing here",
    "EnclaveOptions": "instances run nothing here",
    "Kernel": "instances run nothing here",
    "Ramdisk": "instances run nothing here",
    "SriovNetSupport": "instances run nothing here",
}


async def modify_instance_attribute(call: Call, params: Params) -> Answer:
    (row,) = await find_instances(call, [params["InstanceId"]])
    refuse_unsupported(params, UNSUPPORTED)
    if "Attribute" in params:
        params = {**params, **_named(params)}
    member = the_only_attribute(params, MEMBERS)
    value = params[member]
    if row.state is InstanceState.TERMINATED or (
        member in WHEN_STOPPED and row.state is not InstanceState.STOPPED
    ):
        raise Refusal(
            "IncorrectInstanceState",
            f"The instance '{row.id}' is {row.state}; {member} cannot be modified in this state.",
        )
    if member in FLAGS:
        await call.tx.update(row, **{FLAGS[member]: value.get("Value", False)})
    elif member in ("Groups", "SourceDestCheck"):
        await _modify_interface(call, row, member, value)
    else:
        await call.tx.update(row, **_text_change(member, value.get("Value", "")))
    return {}


def _named(params: Params) -> dict[str, Any]:
    member = BY_NAME.get(params["Attribute"])
    if member is None:
        raise Refusal(
            "UnsupportedOperation", f"The attribute {params['Attribute']} cannot be modified here."
        )
    text = params.get("Value", "")
    if member not in FLAGS and member != "SourceDestCheck":
        return {member: {"Value": text}}
    if text.lower() not in ("true", "false"):
        raise Refusal("InvalidParameterValue", f"Value ({text}) for {member} is not true or false.")
    return {member: {"Value": text.lower() == "true"}}


def _text_change(member: str, text: Any) -> dict[str, Any]:
    match member:
        case "InstanceType":
            if text not in model.service("ec2").shape("InstanceType").enum:
                raise _invalid(member, text)
            return {"instance_type": text}
        case "InstanceInitiatedShutdownBehavior":
            if text not in ("stop", "terminate"):
                raise _invalid(member, text)
            return {"shutdown_behavior": text}
        case _:
            data = b64encode(text).decode("ascii") if isinstance(text, bytes) else text
            return {"user_data": data or None}


def _invalid(member: str, text: object) -> Refusal:
    return Refusal("InvalidParameterValue", f"Value ({text}) for parameter {member} is invalid.")


async def _primary(call: Call, row: Instance) -> NetworkInterface | None:
    interfaces = (await interfaces_of(call, [row])).get(row.id, ())
    return interfaces[0] if interfaces else None


async def _modify_interface(call: Call, row: Instance, member: str, value: Any) -> None:
    interfaces = (await interfaces_of(call, [row])).get(row.id, ())
    if len(interfaces) != 1:
        raise Refusal(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{row.id}'. Please specify an "
            "interface ID for the operation instead.",
        )
    if member == "Groups":
        subnet = await find(call, Subnet, interfaces[0].subnet_id)
        await call.tx.update(interfaces[0], group_ids=await groups_for(call, value, subnet))
    else:
        await call.tx.update(interfaces[0], source_dest_check=value.get("Value", False))


async def describe_instance_attribute(call: Call, params: Params) -> Answer:
    (row,) = await find_instances(call, [params["InstanceId"]])
    primary = await _primary(call, row)
    checked = primary is None or primary.source_dest_check
    names = await names_of_groups(call.tx)
    groups = [] if primary is None else interface_views.groups(primary, names)
    user_data = {} if row.user_data is None else {"Value": row.user_data}
    attributes: dict[str, Answer] = {
        "instanceType": {"InstanceType": {"Value": row.instance_type}},
        "kernel": {"KernelId": {}},
        "ramdisk": {"RamdiskId": {}},
        "userData": {"UserData": user_data},
        "disableApiTermination": {"DisableApiTermination": {"Value": row.disable_api_termination}},
        "disableApiStop": {"DisableApiStop": {"Value": row.disable_api_stop}},
        "instanceInitiatedShutdownBehavior": {
            "InstanceInitiatedShutdownBehavior": {"Value": row.shutdown_behavior}
        },
        "rootDeviceName": {"RootDeviceName": {"Value": views.ROOT_DEVICE}},
        "blockDeviceMapping": {"BlockDeviceMappings": []},
        "productCodes": {"ProductCodes": []},
        "sourceDestCheck": {"SourceDestCheck": {"Value": checked}},
        "groupSet": {"Groups": groups},
        "ebsOptimized": {"EbsOptimized": {"Value": row.ebs_optimized}},
        "sriovNetSupport": {"SriovNetSupport": {}},
        "enaSupport": {"EnaSupport": {"Value": True}},
        "enclaveOptions": {"EnclaveOptions": {"Enabled": False}},
    }
    return {"InstanceId": row.id, **attributes[params["Attribute"]]}
