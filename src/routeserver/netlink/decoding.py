"""Whatever the kernel says on a NETLINK_ROUTE socket, as values: answers to a list request, the
notifications of the multicast groups, acknowledgements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from routeserver.netlink import address, link, neighbour, nexthop, route, rule
from routeserver.netlink.address import InterfaceAddress
from routeserver.netlink.framing import (
    FIRST_TYPE,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_OVERRUN,
    Acknowledgement,
    Flag,
    Message,
    UnknownKindError,
    acknowledgement,
    messages,
)
from routeserver.netlink.link import Link
from routeserver.netlink.neighbour import Forwarding, Neighbour
from routeserver.netlink.nexthop import NextHop
from routeserver.netlink.route import Route
from routeserver.netlink.rule import Rule

Thing: TypeAlias = Route | Rule | NextHop | Neighbour | Forwarding | InterfaceAddress | Link


class Group(IntEnum):
    """Multicast groups of NETLINK_ROUTE, as NETLINK_ADD_MEMBERSHIP takes them."""

    LINK = 1
    NEIGHBOUR = 3
    IPV4_ADDRESS = 5
    IPV4_ROUTE = 7
    IPV4_RULE = 8
    IPV6_ADDRESS = 9
    IPV6_ROUTE = 11
    IPV6_RULE = 19
    NEXTHOP = 32


@dataclass(frozen=True, slots=True)
class Said:
    """That something is there (made, changed, listed), or that it is gone.

    `replaces`: it took the place of what was there before (a route's NLM_F_REPLACE).
    """

    value: Thing
    gone: bool = False
    sequence: int = 0
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """A message that is not one of ours to understand: its type, and why where it should be."""

    type: int
    reason: str = ""


Heard: TypeAlias = Said | Acknowledgement | Other

_DECODERS: Final[dict[int, tuple[Callable[[Message], Thing], bool]]] = {
    route.RTM_NEWROUTE: (route.decode_route, False),
    route.RTM_DELROUTE: (route.decode_route, True),
    rule.RTM_NEWRULE: (rule.decode_rule, False),
    rule.RTM_DELRULE: (rule.decode_rule, True),
    nexthop.RTM_NEWNEXTHOP: (nexthop.decode_nexthop, False),
    nexthop.RTM_DELNEXTHOP: (nexthop.decode_nexthop, True),
    neighbour.RTM_NEWNEIGH: (neighbour.decode_neighbour, False),
    neighbour.RTM_DELNEIGH: (neighbour.decode_neighbour, True),
    address.RTM_NEWADDR: (address.decode_address, False),
    address.RTM_DELADDR: (address.decode_address, True),
    link.RTM_NEWLINK: (link.decode_link, False),
    link.RTM_DELLINK: (link.decode_link, True),
}


def decode(octets: bytes) -> Iterator[Heard]:
    """Raises NetlinkError for octets that are no messages of their types."""
    for message in messages(octets):
        yield decode_message(message)


def decode_message(message: Message) -> Heard:
    """Raises NetlinkError for a message that is not what its type says.

    What is of a kind that we have no value for (another address family, a route that depends on
    the source) is `Other`.
    """
    if message.type in {NLMSG_ERROR, NLMSG_DONE}:
        return acknowledgement(message)
    if message.type < FIRST_TYPE:
        return Other(message.type, "overrun" if message.type == NLMSG_OVERRUN else "")
    known = _DECODERS.get(message.type)
    if known is None:
        return Other(message.type)
    decoder, gone = known
    try:
        value = decoder(message)
    except UnknownKindError as error:
        return Other(message.type, str(error))
    return Said(value, gone, message.sequence, not gone and bool(message.flags & Flag.REPLACE))
