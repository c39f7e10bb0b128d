"""Assign and unassign addresses of network interfaces (EC2 API 2016-11-15).

An address that moves is a next hop that moves: the interface that owns it is the target of the
routes that lead to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

from routeserver.control.call import Answer, Call, Params
from routeserver.control.interface_requests import find_own
from routeserver.control.interfaces import (
    MAX_ADDRESSES,
    Wanted,
    add_ipv4_addresses,
    add_ipv6_addresses,
)
from routeserver.control.lookup import find
from routeserver.control.operations.network_interface import NO_PREFIXES
from routeserver.control.unsupported import refuse_unsupported
from routeserver.domain import vpc_rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet

IP = TypeVar("IP", IPv4Address, IPv6Address)

NO_IPV4_PREFIXES: Final = {"Ipv4PrefixCount": NO_PREFIXES, "Ipv4Prefixes": NO_PREFIXES}
NO_IPV6_PREFIXES: Final = {"Ipv6PrefixCount": NO_PREFIXES, "Ipv6Prefixes": NO_PREFIXES}


async def assign_private_ip_addresses(call: Call, params: Params) -> Answer:
    row = await find_own(call, params["NetworkInterfaceId"])
    refuse_unsupported(params, NO_IPV4_PREFIXES)
    named: Sequence[str] = params.get("PrivateIpAddresses", ())
    count = _count(params, "SecondaryPrivateIpAddressCount", named, "PrivateIpAddresses")
    subnet = await find(call, Subnet, row.subnet_id)
    if params.get("AllowReassignment"):
        row = await _take_over(call, row, named)
    wanted = Wanted(secondary=tuple(named), secondary_count=count)
    assigned = await add_ipv4_addresses(call.tx, row, subnet, wanted)
    return {
        "NetworkInterfaceId": row.id,
        "AssignedPrivateIpAddresses": [{"PrivateIpAddress": address} for address in assigned],
        "AssignedIpv4Prefixes": [],
    }


def _count(params: Params, count_name: str, named: Sequence[str], list_name: str) -> int:
    count: int = params.get(count_name, 0)
    if named and count_name in params:
        raise Refusal(
            "InvalidParameterCombination", f"{count_name} cannot be given with {list_name}."
        )
    if not named and count_name not in params:
        raise Refusal(
            "MissingParameter",
            f"The request must contain the parameter {list_name} or {count_name}",
        )
    if not named and count < 1:
        raise vpc_rules.invalid_value(count_name, count, "Expecting at least 1.")
    if max(count, len(named)) > MAX_ADDRESSES:
        raise Refusal(
            "PrivateIpAddressLimitExceeded",
            f"Number of addresses will exceed limit: {max(count, len(named))} of {MAX_ADDRESSES}.",
        )
    return count


async def _take_over(call: Call, row: NetworkInterface, named: Sequence[str]) -> NetworkInterface:
    """Take secondary addresses away from the other interfaces of the subnet that have them."""
    wanted = {str(_parsed("privateIpAddress", text, IPv4Address)) for text in named}
    for other in await call.tx.list(NetworkInterface, subnet_id=row.subnet_id):
        secondary = other.private_ips[1:]
        if other.id != row.id and not other.requester_managed and wanted.intersection(secondary):
            kept = tuple(address for address in secondary if address not in wanted)
            await call.tx.update(other, private_ips=(other.private_ips[0], *kept))
    return row


async def unassign_private_ip_addresses(call: Call, params: Params) -> Answer:
    row = await find_own(call, params["NetworkInterfaceId"])
    refuse_unsupported(params, NO_IPV4_PREFIXES)
    gone = [
        str(_parsed("privateIpAddress", text, IPv4Address))
        for text in _named(params, "PrivateIpAddresses")
    ]
    for address in gone:
        if address == row.private_ips[0]:
            raise Refusal(
                "InvalidParameterValue",
                f"Address {address} is the primary address of '{row.id}' and cannot be unassigned.",
            )
    _require_assigned(row, gone, row.private_ips)
    kept = tuple(address for address in row.private_ips if address not in gone)
    await call.tx.update(row, private_ips=kept)
    return {}


async def assign_ipv6_addresses(call: Call, params: Params) -> Answer:
    row = await find_own(call, params["NetworkInterfaceId"])
    refuse_unsupported(params, NO_IPV6_PREFIXES)
    named: Sequence[str] = params.get("Ipv6Addresses", ())
    count = _count(params, "Ipv6AddressCount", named, "Ipv6Addresses")
    subnet = await find(call, Subnet, row.subnet_id)
    wanted = Wanted(ipv6=tuple(named), ipv6_count=count)
    assigned = await add_ipv6_addresses(call.tx, row, subnet, wanted)
    return {
        "NetworkInterfaceId": row.id,
        "AssignedIpv6Addresses": list(assigned),
        "AssignedIpv6Prefixes": [],
    }


async def unassign_ipv6_addresses(call: Call, params: Params) -> Answer:
    row = await find_own(call, params["NetworkInterfaceId"])
    refuse_unsupported(params, NO_IPV6_PREFIXES)
    gone = [
        str(_parsed("ipv6Address", text, IPv6Address)) for text in _named(params, "Ipv6Addresses")
    ]
    _require_assigned(row, gone, row.ipv6_addresses)
    kept = tuple(address for address in row.ipv6_addresses if address not in gone)
    await call.tx.update(row, ipv6_addresses=kept)
    return {
        "NetworkInterfaceId": row.id,
        "UnassignedIpv6Addresses": gone,
        "UnassignedIpv6Prefixes": [],
    }


def _named(params: Params, name: str) -> Sequence[str]:
    named: Sequence[str] = params.get(name, ())
    if not named:
        raise Refusal("MissingParameter", f"The request must contain the parameter {name}")
    return named


def _parsed(name: str, text: str, type_: type[IP]) -> IP:
    try:
        return type_(text)
    except ValueError:
        raise vpc_rules.invalid_value(name, text, "This is not a valid address.") from None


def _require_assigned(row: NetworkInterface, gone: Sequence[str], present: Sequence[str]) -> None:
    for address in gone:
        if address not in present:
            raise Refusal(
                "InvalidParameterValue",
                f"Some of the specified addresses are not assigned to interface {row.id}: "
                f"{address}.",
            )
