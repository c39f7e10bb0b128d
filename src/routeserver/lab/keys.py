"""Every key that a lab's file may have: how its value is read, its default, its meaning.

`reading` checks files by these tables, and docs/lab.md is made from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any, Final

from routeserver.lab.model import INTERNET_GATEWAY, DaemonKind, Flow

REQUIRED: Final = object()
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,29}")
NAME_RULE: Final = "lower-case letters, digits and hyphens, at most 30, beginning with a letter"
MOST_ROUTES: Final = 1_000_000


class NotThatError(ValueError):
    """What a value must be, to be put behind ``must be``."""


Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    read: Read
    default: Any
    wanted: str
    """In words, for the reference."""
    meaning: str


def _whole(least: int, most: int) -> Read:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise NotThatError(f"a whole number from {least} to {most}")
        return value

    return read


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotThatError("true or false")
    return value


def _choice(*known: str) -> Read:
    def read(value: Any) -> str:
        if value not in known:
            raise NotThatError(f"one of {', '.join(known)}")
        return str(value)

    return read


def _name(value: Any) -> str:
    if not isinstance(value, str) or NAME.fullmatch(value) is None:
        raise NotThatError(f"a name: {NAME_RULE}")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise NotThatError('a list of names, such as ["a", "b"]')
    return tuple(map(_name, value))


def _address(value: Any) -> IPv4Address:
    try:
        if isinstance(value, str):
            return IPv4Address(value)
    except AddressValueError:
        pass
    raise NotThatError('an IPv4 address, such as "10.0.1.10"')


def _network(value: Any) -> IPv4Network:
    try:
        if isinstance(value, str) and "/" in value:
            return IPv4Network(value)
    except (AddressValueError, NetmaskValueError, ValueError):
        pass
    raise NotThatError('an IPv4 prefix without host bits, such as "10.0.0.0/16"')


def _networks(value: Any) -> tuple[IPv4Network, ...]:
    if not isinstance(value, list):
        raise NotThatError('a list of IPv4 prefixes, such as ["0.0.0.0/0"]')
    return tuple(map(_network, value))


def _routes(value: Any) -> Mapping[IPv4Network, str]:
    if not isinstance(value, dict):
        raise NotThatError(
            f'prefixes and their targets, such as {{"0.0.0.0/0" = "{INTERNET_GATEWAY}"}}'
        )
    return {_network(prefix): _name(target) for prefix, target in value.items()}


def _flows(value: Any) -> tuple[Flow, ...]:
    wanted = 'a list of lines such as ["client -> target"]'
    if not isinstance(value, list):
        raise NotThatError(wanted)
    found = []
    for line in value:
        client, arrow, target = line.partition("->") if isinstance(line, str) else ("", "", "")
        if not arrow:
            raise NotThatError(wanted)
        found.append(Flow(_name(client.strip()), _name(target.strip())))
    return tuple(found)


_ASN: Final = _whole(1, 4294967294)
_IN_VPC: Final = Key("vpc", _name, None, "name", "the VPC; may be left out where there is one only")
_SUBNET: Final = Key("subnet", _name, REQUIRED, "name", "the subnet it stands in")
_ADDRESS: Final = Key("address", _address, REQUIRED, "address", "its address there")
_ANNOUNCE: Final = Key(
    "announce", _networks, (), "prefixes", "what it announces, with this interface as next hop"
)

TOP: Final = (
    Key("name", _name, None, "name", "the lab's name; by default that of the file"),
    Key(
        "profile",
        _choice("aws", "open"),
        "aws",
        "aws or open",
        "the server's profile: Amazon's quotas, or no caps",
    ),
    Key(
        "bfd_interval_ms",
        _whole(10, 60_000),
        300,
        "number",
        "BFD interval of the endpoints and the appliances",
    ),
    Key(
        "bfd_multiplier",
        _whole(1, 255),
        3,
        "number",
        "BFD packets missed before the other side is down",
    ),
    Key("hold_time_s", _whole(3, 65535), 30, "number", "BGP hold time that the endpoints offer"),
    Key(
        "traffic",
        _flows,
        (),
        "lines",
        "who sends to whom: `show` follows such packets, `up` waits for them",
    ),
)

SECTIONS: Final[Mapping[str, Sequence[Key]]] = {
    "vpc": (
        Key("cidr", _network, REQUIRED, "prefix", "its addresses"),
        Key(
            "internet_gateway",
            _truth,
            False,
            "true or false",
            "whether it has one; the outside is behind it",
        ),
        Key(
            "gateway_table",
            _name,
            None,
            "name",
            "the table for what comes in there (edge association)",
        ),
    ),
    "table": (
        _IN_VPC,
        Key(
            "routes",
            _routes,
            {},
            "prefixes with targets",
            f"static ones: to an appliance or `{INTERNET_GATEWAY}`",
        ),
    ),
    "subnet": (
        _IN_VPC,
        Key("cidr", _network, REQUIRED, "prefix", "its part of the VPC"),
        Key("table", _name, None, "name", "its route table; by default the VPC's main table"),
    ),
    "route_server": (
        _IN_VPC,
        Key("asn", _ASN, 65000, "number", "its AS number (the Amazon side)"),
        Key(
            "endpoints",
            _names,
            REQUIRED,
            "names",
            "the subnets with an endpoint; one named twice has two",
        ),
        Key("propagate", _names, REQUIRED, "names", "the route tables that get its best paths"),
    ),
    "appliance": (
        Key(
            "daemon",
            _choice(*DaemonKind),
            REQUIRED,
            "bird, frr or gobgp",
            "what speaks BGP and BFD there",
        ),
        Key("asn", _ASN, REQUIRED, "number", "its AS number"),
        _SUBNET,
        _ADDRESS,
        _ANNOUNCE,
        Key(
            "med",
            _whole(0, 2**31 - 1),
            0,
            "number",
            "the MED of what it announces; the lower one wins",
        ),
        Key(
            "prepend",
            _whole(0, 10),
            0,
            "number",
            "how often it puts its AS number in front once more",
        ),
        Key("bfd", _truth, True, "true or false", "whether BFD watches its sessions"),
        Key(
            "extra_routes",
            _whole(0, MOST_ROUTES),
            0,
            "number",
            "so many made-up prefixes more, for a large table",
        ),
    ),
    "appliance.NAME.eni": (
        _SUBNET,
        _ADDRESS,
        _ANNOUNCE,
        Key(
            "routes",
            _networks,
            (),
            "prefixes",
            "what leaves by this interface, not by the first one",
        ),
    ),
    "host": (
        Key(
            "subnet", _name, None, "name", "the subnet it stands in; without one it stands outside"
        ),
        _ADDRESS,
    ),
    "floating": (
        Key("address", _address, REQUIRED, "address", "an address in no subnet"),
        Key("appliances", _names, REQUIRED, "names", "who has it, announces it and answers at it"),
    ),
}

ABOUT: Final[Mapping[str, str]] = {
    "vpc": "A VPC: a network namespace of the server's.",
    "table": "A route table.",
    "subnet": "A subnet: a bridge in the VPC.",
    "route_server": "A route server, associated with the VPC.",
    "appliance": "A namespace that forwards, and peers with every endpoint in its subnets.",
    "appliance.NAME.eni": "One more interface of an appliance.",
    "host": "A client or a target: a namespace of its own, or an address outside.",
    "floating": "An address that moves: routes lead it to whichever of its appliances is best.",
}
