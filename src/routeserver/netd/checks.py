"""What the words in an order may be: names without a path in them, addresses, numbers in range.

The kernel and the file system see nothing that has not been looked at here.
"""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Final, TypeAlias

from routeserver.net.prefix import Prefix, from_network
from routeserver.netd.errors import OrderError
from routeserver.netlink.link import ALIAS_OCTETS
from routeserver.netlink.values import mac_octets

Address: TypeAlias = IPv4Address | IPv6Address
WithLength: TypeAlias = IPv4Interface | IPv6Interface

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_LONGEST_PATH: Final = 1024
_MTU: Final = range(1280, 65536)


def namespace_name(name: str) -> str:
    if not _NAMESPACE.fullmatch(name):
        raise OrderError(
            f"{name!r} is no name of a namespace; it has letters, digits, '_', '-' and '.', "
            "63 at most"
        )
    return name


def device_name(name: str) -> str:
    if not _DEVICE.fullmatch(name):
        raise OrderError(
            f"{name!r} is no name of an interface; it has letters, digits, '_', '-' and '.', "
            "15 at most"
        )
    return name


def alias(text: str) -> str:
    if not text.isprintable() or not 0 < len(text.encode()) <= ALIAS_OCTETS:
        raise OrderError(f"an alias has from 1 to {ALIAS_OCTETS} printable octets")
    return text


def target_path(path: str) -> str:
    if not path.startswith("/") or "\0" in path or len(path) > _LONGEST_PATH:
        raise OrderError(f"{path!r} is no absolute path; name a namespace as /run/netns/NAME")
    return path


def mac(text: str) -> str:
    """Of a single interface: no group address, not all zeros."""
    try:
        octets = mac_octets(text)
    except ValueError as error:
        raise OrderError(f"{error}; it is written as 02:00:00:00:00:01") from error
    if octets[0] & 1 or not any(octets):
        raise OrderError(f"{text} is the hardware address of no interface")
    return octets.hex(":")


def mtu(number: int) -> int:
    if number not in _MTU:
        raise OrderError(f"an MTU of {number}; it is from {_MTU.start} to {_MTU.stop - 1}")
    return number


def port(number: int) -> int:
    if not 0 <= number <= 0xFFFF:
        raise OrderError(f"port {number}; it is from 0 to 65535")
    return number


def address(text: str) -> Address:
    try:
        found = ip_address(text)
    except ValueError as error:
        raise OrderError(f"{text!r} is no address") from error
    if "%" in text:
        raise OrderError(f"{text!r} names a zone; it may not")
    return found


def with_length(text: str) -> WithLength:
    try:
        found = ip_interface(text)
    except ValueError as error:
        raise OrderError(f"{text!r} is no address with a prefix length") from error
    if "/" not in text or "%" in text:
        raise OrderError(f"{text!r} must be an address with a prefix length")
    return found


def destination(text: str) -> Prefix:
    try:
        return from_network(ip_network(text))
    except ValueError as error:
        raise OrderError(f"{text!r} is no prefix") from error
