"""What requests on network interfaces have in common: the addresses they name, the interface they
may change."""

from __future__ import annotations

from typing import Final

from routeserver.control.call import Call, Params
from routeserver.control.interfaces import Wanted
from routeserver.control.lookup import find
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface

MAX_DESCRIPTION_LENGTH: Final = 255


def wanted_addresses(params: Params) -> Wanted:
    """The addresses a request names, in the two ways it can name a primary one."""
    primary = [params["PrivateIpAddress"]] if "PrivateIpAddress" in params else []
    secondary: list[str] = []
    for item in params.get("PrivateIpAddresses", ()):
        if "PrivateIpAddress" not in item:
            raise Refusal(
                "MissingParameter",
                "Each of PrivateIpAddresses must contain the parameter PrivateIpAddress",
            )
        (primary if item.get("Primary") else secondary).append(item["PrivateIpAddress"])
    if len(primary) > 1:
        raise Refusal(
            "InvalidParameterCombination",
            f"An interface has one primary private IP address, not several: {', '.join(primary)}.",
        )
    secondary_count = params.get("SecondaryPrivateIpAddressCount", 0)
    if secondary and secondary_count:
        raise Refusal(
            "InvalidParameterCombination",
            "SecondaryPrivateIpAddressCount cannot be given with secondary PrivateIpAddresses.",
        )
    ipv6 = []
    for item in params.get("Ipv6Addresses", ()):
        if "Ipv6Address" not in item:
            raise Refusal(
                "MissingParameter", "Each of Ipv6Addresses must contain the parameter Ipv6Address"
            )
        ipv6.append(item["Ipv6Address"])
    ipv6_count = params.get("Ipv6AddressCount", 0)
    if ipv6 and ipv6_count:
        raise Refusal(
            "InvalidParameterCombination", "Ipv6AddressCount cannot be given with Ipv6Addresses."
        )
    for name, count in (
        ("SecondaryPrivateIpAddressCount", secondary_count),
        ("Ipv6AddressCount", ipv6_count),
    ):
        if count < 0:
            raise Refusal(
                "InvalidParameterValue",
                f"Value ({count}) for parameter {name} is invalid. It cannot be negative.",
            )
    return Wanted(
        primary=primary[0] if primary else None,
        secondary=tuple(secondary),
        secondary_count=secondary_count,
        ipv6=tuple(ipv6),
        ipv6_count=ipv6_count,
    )


def checked_description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION_LENGTH:
        raise Refusal(
            "InvalidParameterValue",
            f"The description is longer than {MAX_DESCRIPTION_LENGTH} characters.",
        )
    return text


def no_attachment(attachment_id: str) -> Refusal:
    return Refusal(
        "InvalidAttachmentID.NotFound", f"The attachment ID '{attachment_id}' does not exist"
    )


async def find_own(call: Call, interface_id: str) -> NetworkInterface:
    """The interface, unless it is one the service keeps for itself."""
    row = await find(call, NetworkInterface, interface_id)
    if row.requester_managed:
        raise Refusal(
            "OperationNotPermitted",
            f"The network interface '{row.id}' is managed by the service ({row.description}) and "
            "cannot be changed or deleted; it goes when what it belongs to is deleted.",
        )
    return row
