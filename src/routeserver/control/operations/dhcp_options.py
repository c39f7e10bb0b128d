"""Create, Describe, Delete and AssociateDhcpOptions (EC2 API 2016-11-15).

Options are kept and shown; nothing here speaks DHCP. An account's default set is made with its
first VPC of a region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find
from routeserver.control.ownership import owned
from routeserver.domain import vpc_rules
from routeserver.domain.network import DhcpOptions
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Vpc

DEFAULT_OPTIONS: Final = "default DHCP options"
"""What a call's memory keeps them by."""

NONE: Final = "default"
"""The id that stands for no options at all."""

AMAZON_DNS: Final = "AmazonProvidedDNS"
MOST_VALUES: Final = {
    "domain-name": 1,
    "domain-name-servers": 4,
    "ipv6-address-preferred-lease-time": 1,
    "netbios-name-servers": 4,
    "netbios-node-type": 1,
    "ntp-servers": 4,
}
ADDRESSES: Final = frozenset({"domain-name-servers", "netbios-name-servers", "ntp-servers"})
NODE_TYPES: Final = ("1", "2", "4", "8")
LEASE_TIMES: Final = range(140, 2_147_483_648)
MAX_VALUE_LENGTH: Final = 255


def _values_of(row: DhcpOptions, position: int) -> list[str]:
    return [text.partition("=")[::2][position] for text in row.configurations]


FILTERS: Final[dict[str, Column[DhcpOptions]]] = {
    "dhcp-options-id": lambda row: row.id,
    "key": lambda row: _values_of(row, 0),
    "owner-id": lambda row: row.account_id,
    "value": lambda row: _values_of(row, 1),
}


async def default_options_id(call: Call) -> str:
    """The id of the account's default set in the region, which is made when it is first needed.

    From memory when it is known; whether that is still true is seen when the call is committed.
    """
    known = call.memory.get(DEFAULT_OPTIONS, call)
    if known is not None:
        call.tx.require(DhcpOptions, known)
        return known
    row = await _default_options(call)
    call.memory.put(DEFAULT_OPTIONS, call, row.id)
    return row.id


async def _default_options(call: Call) -> DhcpOptions:
    found = await call.tx.list(DhcpOptions, is_default=True)
    if found:
        return found[0]
    domain = "ec2.internal" if call.region == "us-east-1" else f"{call.region}.compute.internal"
    row = DhcpOptions(
        id=call.new_id("dopt"),
        configurations=(f"domain-name={domain}", f"domain-name-servers={AMAZON_DNS}"),
        is_default=True,
        **owned(call),
    )
    await call.tx.insert(row)
    return row


async def create_dhcp_options(call: Call, params: Params) -> Answer:
    configurations: dict[str, list[str]] = {}
    for item in params["DhcpConfigurations"]:
        key, values = item.get("Key", ""), item.get("Values", [])
        if key in configurations:
            raise Refusal("InvalidParameterValue", f"The DHCP option {key} is specified twice.")
        configurations[key] = _checked(key, values)
    row = DhcpOptions(
        id=call.new_id("dopt"),
        configurations=tuple(
            f"{key}={value}" for key, values in configurations.items() for value in values
        ),
        **owned(call),
    )
    await call.tx.insert(row)
    tags = await tagging.tag_on_create(call, params, row)
    return {"DhcpOptions": _view(row, tags)}


def _checked(key: str, given: Iterable[str]) -> list[str]:
    """The values of an option; EC2 also takes them in one text between commas."""
    if key not in MOST_VALUES:
        raise vpc_rules.invalid_value("key", key, f"Valid values: {', '.join(MOST_VALUES)}.")
    values = [value.strip() for text in given for value in text.split(",")]
    if not values or not all(values) or any(len(text) > MAX_VALUE_LENGTH for text in values):
        raise vpc_rules.invalid_value("value", ",".join(values), f"{key} needs a value.")
    if len(values) > MOST_VALUES[key]:
        raise vpc_rules.invalid_value(
            "value", ",".join(values), f"{key} has at most {MOST_VALUES[key]}."
        )
    for value in values:
        if key in ADDRESSES and value != AMAZON_DNS and not _is_address(value):
            raise vpc_rules.invalid_value("value", value, f"{key} needs IP addresses.")
        if key == "netbios-node-type" and value not in NODE_TYPES:
            raise vpc_rules.invalid_value("value", value, "A node type is 1, 2, 4 or 8.")
        if key == "ipv6-address-preferred-lease-time" and not _is_lease_time(value):
            raise vpc_rules.invalid_value(
                "value", value, f"A lease time is at least {LEASE_TIMES.start} seconds."
            )
    return values


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_lease_time(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) in LEASE_TIMES


def _view(row: DhcpOptions, tags: Mapping[str, str]) -> Answer:
    values: dict[str, list[Answer]] = {}
    for text in row.configurations:
        key, _, value = text.partition("=")
        values.setdefault(key, []).append({"Value": value})
    return {
        "DhcpOptionsId": row.id,
        "OwnerId": row.account_id,
        "DhcpConfigurations": [{"Key": key, "Values": values[key]} for key in values],
        "Tags": tagging.tag_list(tags),
    }


async def describe_dhcp_options(call: Call, params: Params) -> Answer:
    page = await describe(call, params, DhcpOptions, "DhcpOptionsIds", FILTERS)
    return page.answer("DhcpOptions", _view)


async def delete_dhcp_options(call: Call, params: Params) -> Answer:
    row = await find(call, DhcpOptions, params["DhcpOptionsId"])
    for vpc in await call.tx.list(Vpc, dhcp_options_id=row.id):
        raise vpc_rules.in_use("dhcpOptions", row.id, f"it is associated with {vpc.id}")
    await call.tx.delete(row)
    return {}


async def associate_dhcp_options(call: Call, params: Params) -> Answer:
    vpc = await find(call, Vpc, params["VpcId"])
    options_id = params["DhcpOptionsId"]
    if options_id != NONE:
        options_id = (await find(call, DhcpOptions, options_id)).id
    await call.tx.update(vpc, dhcp_options_id=options_id)
    return {}
