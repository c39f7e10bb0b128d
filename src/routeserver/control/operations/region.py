"""DescribeRegions, DescribeAvailabilityZones and DescribeAccountAttributes (EC2 API 2016-11-15).

Regions and zones are names that the settings give; all of them are this one server.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.valueless_filters import VALUELESS
from routeserver.domain.refusal import Refusal
from routeserver.domain.zones import zones_of
from routeserver.ec2.filters import compile_filters

OPT_IN: Final = "opt-in-not-required"

ACCOUNT_ATTRIBUTES: Final = {
    "supported-platforms": ("VPC",),
    "default-vpc": ("none",),
    "max-instances": ("20",),
    "vpc-max-security-groups-per-interface": ("5",),
    "max-elastic-ips": ("0",),
    "vpc-max-elastic-ips": ("0",),
}


async def describe_regions(call: Call, params: Params) -> Answer:
    names = _only(call.policy.regions, params.get("RegionNames"), "Invalid region names: [{}]")
    regions = [
        {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": OPT_IN}
        for name in names
    ]
    return {
        "Regions": _filtered(
            params,
            regions,
            {"region-name": "RegionName", "endpoint": "Endpoint", "opt-in-status": "OptInStatus"},
        )
    }


async def describe_availability_zones(call: Call, params: Params) -> Answer:
    zones = zones_of(call.region, call.policy.zones)
    names = _only(
        [zone.name for zone in zones],
        params.get("ZoneNames"),
        "Invalid availability zones: [{}]",
    )
    ids = _only(
        [zone.id for zone in zones], params.get("ZoneIds"), "Invalid availability zone-ids: [{}]"
    )
    shown = [
        {
            "ZoneName": zone.name,
            "ZoneId": zone.id,
            "RegionName": call.region,
            "GroupName": call.region,
            "GroupLongName": call.region,
            "NetworkBorderGroup": call.region,
            "ZoneType": "availability-zone",
            "State": "available",
            "OptInStatus": OPT_IN,
            "Messages": [],
        }
        for zone in zones
        if zone.name in names and zone.id in ids
    ]
    return {
        "AvailabilityZones": _filtered(
            params,
            shown,
            {
                "group-name": "GroupName",
                "opt-in-status": "OptInStatus",
                "region-name": "RegionName",
                "state": "State",
                "zone-id": "ZoneId",
                "zone-name": "ZoneName",
                "zone-type": "ZoneType",
                "group-long-name": "GroupLongName",
            },
            VALUELESS["DescribeAvailabilityZones"],
        )
    }


async def describe_account_attributes(call: Call, params: Params) -> Answer:  # noqa: ARG001 - the same for every account
    names = _only(
        ACCOUNT_ATTRIBUTES, params.get("AttributeNames"), "Invalid account attribute names: [{}]"
    )
    return {
        "AccountAttributes": [
            {
                "AttributeName": name,
                "AttributeValues": [
                    {"AttributeValue": value} for value in ACCOUNT_ATTRIBUTES[name]
                ],
            }
            for name in names
        ]
    }


def _only(known: Iterable[str], asked: Iterable[str] | None, refusal: str) -> list[str]:
    """The known names, or those asked for; a name that is not known is refused."""
    names = list(known)
    if not asked:
        return names
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise Refusal("InvalidParameterValue", refusal.format(", ".join(unknown)))
    wanted = set(asked)
    return [name for name in names if name in wanted]


def _filtered(
    params: Params,
    shown: list[dict[str, Any]],
    filters: dict[str, str],
    valueless: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """`filters` maps a filter's name to the member it looks at; `valueless` ones match nothing."""
    passes = compile_filters(params.get("Filters", ()), (*filters, *valueless))
    return [
        item
        for item in shown
        if passes(
            {
                **{name: item[member] for name, member in filters.items()},
                **dict.fromkeys(valueless),
            },
            {},
        )
    ]
