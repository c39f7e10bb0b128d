"""An instance as the EC2 answer shows it, with the network interfaces that make it an instance
here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.control.views import network_interface as interface_views
from routeserver.domain.network import Instance, InstanceState, ProfileAssociation
from routeserver.domain.resources import AssociationState, NetworkInterface

CODES: Final = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}
"""The low byte of EC2's state code."""

ROOT_DEVICE: Final = "/dev/xvda"
PLATFORM: Final = "Linux/UNIX"
USAGE: Final = "RunInstances"
_ARM: Final = re.compile(r"[a-z]+[0-9]+[a-z]*g[a-z]*\..*")


def state(of: InstanceState) -> Answer:
    return {"Code": CODES[of], "Name": of.value}


def architecture(instance_type: str) -> str:
    """The families with a g behind their number are Graviton's."""
    is_arm = _ARM.fullmatch(instance_type) is not None or instance_type.startswith("a1.")
    return "arm64" if is_arm else "x86_64"


METADATA_DEFAULTS: Final[dict[str, Any]] = {
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": 1,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}


def metadata_options(row: Instance) -> dict[str, Any]:
    """Of a metadata service that is not there."""
    return {**METADATA_DEFAULTS, **json.loads(row.metadata_options or "{}")}


def state_reason(row: Instance) -> Answer:
    """Why it is terminated, when somebody did it."""
    if row.state is not InstanceState.TERMINATED or not row.state_reason:
        return {}
    code = "Client.UserInitiatedShutdown"
    return {"Code": code, "Message": f"{code}: User initiated shutdown"}


def private_dns_name(region: str, address: str) -> str:
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def instance(
    row: Instance,
    interfaces: Sequence[NetworkInterface],
    group_names: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    association: ProfileAssociation | None = None,
    shown_state: InstanceState | None = None,
) -> Answer:
    """`interfaces` in order of their device index; `association` is with its profile; `shown_state`
    is what the call that changes the state answers."""
    now = shown_state or row.state
    shown: Answer = {
        "InstanceId": row.id,
        "ImageId": row.image_id,
        "InstanceType": row.instance_type,
        "State": state(now),
        "StateTransitionReason": row.state_reason or "",
        "AmiLaunchIndex": row.launch_index,
        "LaunchTime": row.launched_at,
        "Placement": {
            "AvailabilityZone": row.availability_zone,
            "GroupName": "",
            "Tenancy": "default",
        },
        "Monitoring": {"State": "enabled" if row.monitoring else "disabled"},
        "Architecture": architecture(row.instance_type),
        "RootDeviceType": "ebs",
        "RootDeviceName": ROOT_DEVICE,
        "BlockDeviceMappings": [],
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EbsOptimized": row.ebs_optimized,
        "EnaSupport": True,
        "ProductCodes": [],
        "PublicDnsName": "",
        "PrivateDnsName": "",
        "SecurityGroups": [],
        "NetworkInterfaces": [interface(each, group_names) for each in interfaces],
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "MetadataOptions": {"State": "applied", **metadata_options(row)},
        "EnclaveOptions": {"Enabled": False},
        "HibernationOptions": {"Configured": False},
        "MaintenanceOptions": {"AutoRecovery": "default"},
        "Operator": {"Managed": False},
        "PlatformDetails": PLATFORM,
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "UsageOperation": USAGE,
        "UsageOperationUpdateTime": row.launched_at,
        "Tags": tag_list(tags),
    }
    if row.key_name is not None:
        shown["KeyName"] = row.key_name
    if association is not None:
        shown["IamInstanceProfile"] = profile(association)
    if row.client_token is not None:
        shown["ClientToken"] = row.client_token
    if row.state is InstanceState.TERMINATED:
        reason = state_reason(row)
        return {**shown, "StateReason": reason} if reason else shown
    # A terminated instance is nowhere any more.
    shown |= {"VpcId": row.vpc_id, "SubnetId": row.subnet_id}
    for primary in interfaces[:1]:
        shown |= {
            "PrivateIpAddress": primary.private_ips[0],
            "PrivateDnsName": private_dns_name(row.region, primary.private_ips[0]),
            "SourceDestCheck": primary.source_dest_check,
            "SecurityGroups": interface_views.groups(primary, group_names),
        }
        if primary.ipv6_addresses:
            shown["Ipv6Address"] = primary.ipv6_addresses[0]
    return shown


def profile(association: ProfileAssociation) -> Answer:
    return {"Arn": association.profile_arn, "Id": association.profile_id}


def profile_association(row: ProfileAssociation, state: AssociationState) -> Answer:
    return {
        "AssociationId": row.id,
        "InstanceId": row.instance_id,
        "IamInstanceProfile": profile(row),
        "State": state,
    }


def interface(row: NetworkInterface, group_names: Mapping[str, str]) -> Answer:
    return {
        "NetworkInterfaceId": row.id,
        "VpcId": row.vpc_id,
        "SubnetId": row.subnet_id,
        "OwnerId": row.account_id,
        "Description": row.description,
        "MacAddress": row.mac_address,
        "PrivateDnsName": private_dns_name(row.region, row.private_ips[0]),
        "PrivateIpAddress": row.private_ips[0],
        "PrivateIpAddresses": [
            {
                "PrivateIpAddress": address,
                "PrivateDnsName": private_dns_name(row.region, address),
                "Primary": position == 0,
            }
            for position, address in enumerate(row.private_ips)
        ],
        "Ipv6Addresses": [{"Ipv6Address": address} for address in row.ipv6_addresses],
        "Groups": interface_views.groups(row, group_names),
        "SourceDestCheck": row.source_dest_check,
        "Status": row.status,
        "InterfaceType": "interface",
        "Attachment": interface_views.attachment(row),
    }
