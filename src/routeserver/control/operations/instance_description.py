"""DescribeInstances and DescribeInstanceStatus (EC2 API 2016-11-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, Page, check_max_results, describe
from routeserver.control.instance_profiles import associations_of
from routeserver.control.instances import interfaces_of, is_shown
from routeserver.control.security_groups import names_of_groups
from routeserver.control.valueless_filters import without_values
from routeserver.control.views import instance as views
from routeserver.control.views.moments import timestamp
from routeserver.control.views.network_interface import ATTACHED
from routeserver.domain.network import Instance, InstanceState, ProfileAssociation
from routeserver.domain.resources import NetworkInterface
from routeserver.domain.zones import zone_id_of

InterfaceColumn = Callable[[NetworkInterface], "str | Sequence[str] | None"]


def _metadata(name: str) -> Column[Instance]:
    return lambda row: str(views.metadata_options(row)[name])


OF_ROW: Final[dict[str, Column[Instance]]] = {
    "architecture": lambda row: views.architecture(row.instance_type),
    "availability-zone": lambda row: row.availability_zone,
    "client-token": lambda row: row.client_token,
    "ebs-optimized": lambda row: str(row.ebs_optimized).lower(),
    "hypervisor": lambda _: "xen",
    "image-id": lambda row: row.image_id,
    "instance-id": lambda row: row.id,
    "instance-state-code": lambda row: str(views.CODES[row.state]),
    "instance-state-name": lambda row: row.state,
    "instance-type": lambda row: row.instance_type,
    "key-name": lambda row: row.key_name,
    "launch-index": lambda row: str(row.launch_index),
    "launch-time": lambda row: timestamp(row.launched_at),
    "metadata-options.http-endpoint": _metadata("HttpEndpoint"),
    "metadata-options.http-protocol-ipv6": _metadata("HttpProtocolIpv6"),
    "metadata-options.http-put-response-hop-limit": _metadata("HttpPutResponseHopLimit"),
    "metadata-options.http-tokens": _metadata("HttpTokens"),
    "metadata-options.instance-metadata-tags": _metadata("InstanceMetadataTags"),
    "monitoring-state": lambda row: "enabled" if row.monitoring else "disabled",
    "owner-id": lambda row: row.account_id,
    "reason": lambda row: row.state_reason,
    "reservation-id": lambda row: row.reservation_id,
    "root-device-name": lambda _: views.ROOT_DEVICE,
    "root-device-type": lambda _: "ebs",
    "state-reason-code": lambda row: views.state_reason(row).get("Code"),
    "state-reason-message": lambda row: views.state_reason(row).get("Message"),
    "subnet-id": lambda row: _while_there(row, row.subnet_id),
    "tenancy": lambda _: "default",
    "usage-operation-update-time": lambda row: timestamp(row.launched_at),
    "virtualization-type": lambda _: "hvm",
    "vpc-id": lambda row: _while_there(row, row.vpc_id),
}

SAME_FOR_ALL: Final = {
    "capacity-reservation-specification.capacity-reservation-preference": "open",
    "ena-support": "true",
    "enclave-options.enabled": "false",
    "hibernation-options.configured": "false",
    "maintenance-options.auto-recovery": "default",
    "metadata-options.http-protocol-ipv4": "enabled",
    "metadata-options.state": "applied",
    "operator.managed": "false",
    "platform-details": views.PLATFORM,
    "private-dns-name-options.enable-resource-name-dns-a-record": "false",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": "false",
    "private-dns-name-options.hostname-type": "ip-name",
    "usage-operation": views.USAGE,
}

OF_INTERFACES: Final[dict[str, InterfaceColumn]] = {
    "network-interface.addresses.primary": lambda each: ["true", "false"][
        : min(2, len(each.private_ips))
    ],
    "network-interface.addresses.private-dns-name": lambda each: [
        views.private_dns_name(each.region, address) for address in each.private_ips
    ],
    "network-interface.addresses.private-ip-address": lambda each: each.private_ips,
    "network-interface.attachment.attach-time": lambda each: (
        None if each.attached_at is None else timestamp(each.attached_at)
    ),
    "network-interface.attachment.attachment-id": lambda each: each.attachment_id,
    "network-interface.attachment.delete-on-termination": lambda each: str(
        each.delete_on_termination
    ).lower(),
    "network-interface.attachment.device-index": lambda each: str(each.device_index),
    "network-interface.attachment.instance-id": lambda each: each.instance_id,
    "network-interface.attachment.instance-owner-id": lambda each: each.account_id,
    "network-interface.attachment.status": lambda _: ATTACHED,
    "network-interface.description": lambda each: each.description,
    "network-interface.group-id": lambda each: each.group_ids,
    "network-interface.ipv6-address": lambda each: each.ipv6_addresses,
    "network-interface.ipv6-addresses.ipv6-address": lambda each: each.ipv6_addresses,
    "network-interface.mac-address": lambda each: each.mac_address,
    "network-interface.network-interface-id": lambda each: each.id,
    "network-interface.owner-id": lambda each: each.account_id,
    "network-interface.operator.managed": lambda _: "false",
    "network-interface.private-dns-name": lambda each: views.private_dns_name(
        each.region, each.private_ips[0]
    ),
    "network-interface.private-ip-address": lambda each: each.private_ips[0],
    "network-interface.requester-managed": lambda each: str(each.requester_managed).lower(),
    "network-interface.source-dest-check": lambda each: str(each.source_dest_check).lower(),
    "network-interface.status": lambda each: each.status,
    "network-interface.subnet-id": lambda each: each.subnet_id,
    "network-interface.vpc-id": lambda each: each.vpc_id,
}

OF_PRIMARY: Final[dict[str, InterfaceColumn]] = {
    "instance.group-id": lambda each: each.group_ids,
    "ipv6-address": lambda each: each.ipv6_addresses,
    "private-dns-name": lambda each: views.private_dns_name(each.region, each.private_ips[0]),
    "private-ip-address": lambda each: each.private_ips[0],
    "source-dest-check": lambda each: str(each.source_dest_check).lower(),
}


def _while_there(row: Instance, value: str) -> str | None:
    return None if row.state is InstanceState.TERMINATED else value


async def describe_instances(call: Call, params: Params) -> Answer:
    """By reservation; one whose instances are on two pages is in both."""
    check_max_results(params, "InstanceIds")
    names = await names_of_groups(call.tx)
    interfaces = await interfaces_of(call, await call.tx.list(Instance))
    profiles = await associations_of(call)
    all_ids = [each.id for some in interfaces.values() for each in some]
    filters = {
        **_filters(interfaces, names, await call.tx.tags_of(all_ids)),
        **_profile_filters(profiles),
        "availability-zone-id": _zone_id(call),
    }
    page = await describe(call, params, Instance, "InstanceIds", filters, is_shown=is_shown(call))
    reservations: dict[str, list[Answer]] = {}
    for row in page.rows:
        shown = views.instance(
            row,
            interfaces.get(row.id, ()),
            names,
            page.tags.get(row.id, {}),
            association=profiles.get(row.id),
        )
        reservations.setdefault(row.reservation_id, []).append(shown)
    return _with_token(
        page,
        {
            "Reservations": [
                {
                    "ReservationId": reservation_id,
                    "OwnerId": call.account_id,
                    "Groups": [],
                    "Instances": instances,
                }
                for reservation_id, instances in reservations.items()
            ]
        },
    )


def _with_token(page: Page[Instance], answer: Answer) -> Answer:
    if page.next_token is not None:
        answer["NextToken"] = page.next_token
    return answer


def _zone_id(call: Call) -> Column[Instance]:
    return lambda row: zone_id_of(call.region, call.policy.zones, row.availability_zone)


def _filters(
    interfaces: Mapping[str, Sequence[NetworkInterface]],
    names: Mapping[str, str],
    tags: Mapping[str, Mapping[str, str]],
) -> dict[str, Column[Instance]]:
    def of(column: InterfaceColumn, most: int | None) -> Column[Instance]:
        return lambda row: [
            text for each in interfaces.get(row.id, ())[:most] for text in _texts(column(each))
        ]

    of_groups: InterfaceColumn = lambda each: [  # noqa: E731 - beside its siblings above
        names[group_id] for group_id in each.group_ids if group_id in names
    ]
    return {
        **OF_ROW,
        **{name: of(column, None) for name, column in OF_INTERFACES.items()},
        **{name: of(column, 1) for name, column in OF_PRIMARY.items()},
        "instance.group-name": of(of_groups, 1),
        "network-interface.availability-zone": lambda row: row.availability_zone,
        "network-interface.group-name": of(of_groups, None),
        "network-interface.tag-key": of(lambda each: list(tags.get(each.id, ())), None),
        "network-interface.tag-value": of(lambda each: list(tags.get(each.id, {}).values()), None),
        **{name: _always(value) for name, value in SAME_FOR_ALL.items()},
        **without_values("DescribeInstances"),
    }


def _profile_filters(profiles: Mapping[str, ProfileAssociation]) -> dict[str, Column[Instance]]:
    def of(field: str) -> Column[Instance]:
        return lambda row: getattr(profiles.get(row.id), field, None)

    return {
        "iam-instance-profile.arn": of("profile_arn"),
        "iam-instance-profile.id": of("profile_id"),
    }


def _texts(value: str | Sequence[str] | None) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _always(value: str) -> Column[Instance]:
    return lambda _: value


async def describe_instance_status(call: Call, params: Params) -> Answer:
    """Of the running ones, unless all are asked for."""
    check_max_results(params, "InstanceIds")
    everything = params.get("IncludeAllInstances", False)
    described = is_shown(call)
    filters: dict[str, Column[Instance]] = {
        name: OF_ROW[name]
        for name in ("availability-zone", "instance-state-code", "instance-state-name")
    }
    filters["availability-zone-id"] = _zone_id(call)
    filters["operator.managed"] = _always("false")
    filters |= without_values("DescribeInstanceStatus")
    for name in ("instance-status", "system-status"):
        filters[f"{name}.status"] = _status_word
        filters[f"{name}.reachability"] = lambda row: (
            "passed" if row.state is InstanceState.RUNNING else None
        )
    page = await describe(
        call,
        params,
        Instance,
        "InstanceIds",
        filters,
        is_shown=lambda row: described(row) and (everything or row.state is InstanceState.RUNNING),
    )
    return _with_token(page, {"InstanceStatuses": [_status(call, row) for row in page.rows]})


def _status_word(row: Instance) -> str:
    return "ok" if row.state is InstanceState.RUNNING else "not-applicable"


def _status(call: Call, row: Instance) -> Answer:
    running = row.state is InstanceState.RUNNING
    summary: Answer = {"Status": _status_word(row)}
    if running:
        summary["Details"] = [{"Name": "reachability", "Status": "passed"}]
    shown: Answer = {
        "InstanceId": row.id,
        "AvailabilityZone": row.availability_zone,
        "InstanceState": views.state(row.state),
        "InstanceStatus": summary,
        "SystemStatus": summary,
    }
    zone_id = zone_id_of(call.region, call.policy.zones, row.availability_zone)
    if zone_id is not None:
        shown["AvailabilityZoneId"] = zone_id
    return shown
