"""Network interfaces and their addresses: one way to make one, for a client's call and for an
endpoint's own interface.

What a client asks for is checked against the subnet and what is taken; the rest is filled with the
lowest free addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from typing import Final

from routeserver.domain import addressing, vpc_rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface, Subnet
from routeserver.store import Transaction

MAX_ADDRESSES: Final = 256
"""Of each family on one interface: more than Amazon's instances have; it bounds one request."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The addresses asked for; counts come on top of what is named. No `primary`: the next free."""

    primary: str | None = None
    secondary: tuple[str, ...] = ()
    secondary_count: int = 0
    ipv6: tuple[str, ...] = ()
    ipv6_count: int = 0


ANY_ADDRESS: Final = Wanted()


async def allocate_interface(
    tx: Transaction,
    *,
    subnet: Subnet,
    description: str,
    requester_managed: bool,
    new_id: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
    now: float,
    group_ids: tuple[str, ...] = (),
    wanted: Wanted = ANY_ADDRESS,
) -> NetworkInterface:
    """Make a network interface in the subnet and insert its row; it belongs to the subnet's account
    and region.

    Raises Refusal InvalidParameterValue (an address outside the subnet, kept, or named twice),
    InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet, PrivateIpAddressLimitExceeded.
    """
    _check_number(1 + len(wanted.secondary) + wanted.secondary_count)
    _check_number(len(wanted.ipv6) + wanted.ipv6_count)
    neighbours = await tx.list(NetworkInterface, subnet_id=subnet.id)
    interface = NetworkInterface(
        id=new_id("eni"),
        account_id=subnet.account_id,
        region=subnet.region,
        created_at=now,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        mac_address=addressing.mac_address(random_bytes(5)),
        private_ips=_ipv4_addresses(wanted, subnet, neighbours),
        ipv6_addresses=_ipv6_addresses(wanted, subnet, neighbours),
        description=description,
        group_ids=group_ids,
        requester_managed=requester_managed,
        # The service itself holds the other end of an interface it manages.
        status="in-use" if requester_managed else "available",
    )
    await tx.insert(interface)
    return interface


async def add_ipv4_addresses(
    tx: Transaction, interface: NetworkInterface, subnet: Subnet, wanted: Wanted
) -> tuple[str, ...]:
    """Give an interface the secondary addresses of `wanted`; those it has already stay and are no
    error. Answers what was assigned. Refuses as `allocate_interface`."""
    neighbours = await tx.list(NetworkInterface, subnet_id=subnet.id)
    named = [
        str(vpc_rules.check_ipv4_address("privateIpAddress", text, subnet))
        for text in wanted.secondary
    ]
    _check_unused(named, _taken(neighbours, but=interface))
    taken = {address for each in neighbours for address in each.private_ips}.union(named)
    filled = _fill(IPv4Network(subnet.cidr), taken, wanted.secondary_count, subnet)
    added = tuple(address for address in (*named, *filled) if address not in interface.private_ips)
    _check_number(len(interface.private_ips) + len(added))
    if added:
        await tx.update(interface, private_ips=(*interface.private_ips, *added))
    return (*named, *filled)


def _taken(neighbours: Iterable[NetworkInterface], *, but: NetworkInterface) -> set[str]:
    """The addresses of either family that other interfaces have."""
    return {
        address
        for neighbour in neighbours
        if neighbour.id != but.id
        for address in (*neighbour.private_ips, *neighbour.ipv6_addresses)
    }


async def add_ipv6_addresses(
    tx: Transaction, interface: NetworkInterface, subnet: Subnet, wanted: Wanted
) -> tuple[str, ...]:
    """As `add_ipv4_addresses`, for IPv6."""
    if subnet.ipv6_cidr is None:
        raise vpc_rules.no_ipv6(subnet)
    neighbours = await tx.list(NetworkInterface, subnet_id=subnet.id)
    named = [str(vpc_rules.check_ipv6_address("ipv6Address", text, subnet)) for text in wanted.ipv6]
    _check_unused(named, _taken(neighbours, but=interface))
    taken = {address for each in neighbours for address in each.ipv6_addresses}.union(named)
    filled = _fill(IPv6Network(subnet.ipv6_cidr), taken, wanted.ipv6_count, subnet)
    present = interface.ipv6_addresses
    added = tuple(address for address in (*named, *filled) if address not in present)
    _check_number(len(present) + len(added))
    if added:
        await tx.update(interface, ipv6_addresses=(*present, *added))
    return (*named, *filled)


def _check_number(count: int) -> None:
    if count > MAX_ADDRESSES:
        raise Refusal(
            "PrivateIpAddressLimitExceeded",
            f"Number of private addresses will exceed limit: {count} of {MAX_ADDRESSES}.",
        )


def _ipv4_addresses(
    wanted: Wanted, subnet: Subnet, neighbours: Iterable[NetworkInterface]
) -> tuple[str, ...]:
    taken = {address for neighbour in neighbours for address in neighbour.private_ips}
    primary = [] if wanted.primary is None else [wanted.primary]
    named = [
        str(vpc_rules.check_ipv4_address("privateIpAddress", text, subnet))
        for text in (*primary, *wanted.secondary)
    ]
    _check_unused(named, taken)
    missing = wanted.secondary_count + (0 if primary else 1)
    filled = _fill(IPv4Network(subnet.cidr), taken.union(named), missing, subnet)
    if primary:
        return (*named, *filled)
    return (filled[0], *named, *filled[1:])


def _ipv6_addresses(
    wanted: Wanted, subnet: Subnet, neighbours: Iterable[NetworkInterface]
) -> tuple[str, ...]:
    count = wanted.ipv6_count
    if not wanted.ipv6 and not count and subnet.assign_ipv6_address_on_creation:
        count = 1
    if not wanted.ipv6 and not count:
        return ()
    if subnet.ipv6_cidr is None:
        raise vpc_rules.no_ipv6(subnet)
    taken = {address for neighbour in neighbours for address in neighbour.ipv6_addresses}
    named = [str(vpc_rules.check_ipv6_address("ipv6Address", text, subnet)) for text in wanted.ipv6]
    _check_unused(named, taken)
    return (*named, *_fill(IPv6Network(subnet.ipv6_cidr), taken.union(named), count, subnet))


def _check_unused(named: list[str], taken: Collection[str]) -> None:
    for number, address in enumerate(named):
        if address in named[:number]:
            raise Refusal("InvalidParameterValue", f"Address {address} is specified twice.")
        if address in taken:
            raise Refusal("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _fill(
    network: addressing.Network, taken: Collection[str], count: int, subnet: Subnet
) -> list[str]:
    found = [str(address) for address in islice(addressing.free_addresses(network, taken), count)]
    if len(found) < count:
        raise Refusal(
            "InsufficientFreeAddressesInSubnet",
            f"The specified subnet does not have enough free addresses to satisfy the request: "
            f"{subnet.id} ({network}) has {len(found)} of {count}.",
        )
    return found
