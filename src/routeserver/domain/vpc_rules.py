"""What may happen in a VPC: which CIDR blocks it and its subnets may have, and which routes a table
accepts.

Each function raises Refusal or returns; none looks anything up. Codes and first words of the
sentences are EC2's; what follows the colon says what to do. `amazon` is True in the profile that
keeps Amazon's block sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from routeserver.domain import addressing
from routeserver.domain.addressing import Address, Network
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Subnet, Vpc

LOOPBACK: Final = IPv4Network("127.0.0.0/8")
LONGEST: Final = 28
SHORTEST_AMAZON: Final = 16
SHORTEST_OPEN: Final = 8

UNUSABLE: Final[tuple[tuple[IPv4Network, str], ...]] = (
    (IPv4Network("0.0.0.0/8"), "0.0.0.0/8 means this network (RFC 1122)"),
    (IPv4Network("169.254.0.0/16"), "169.254.0.0/16 is link-local (RFC 3927)"),
    (IPv4Network("224.0.0.0/4"), "224.0.0.0/4 is multicast (RFC 5771)"),
    (IPv4Network("240.0.0.0/4"), "240.0.0.0/4 is reserved (RFC 1112)"),
)


def invalid_value(name: str, value: object, why: str) -> Refusal:
    """EC2's usual wording for a parameter whose value is of no use."""
    return Refusal(
        "InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid. {why}"
    )


def in_use(noun: str, resource_id: str, dependency: str) -> Refusal:
    """EC2's DependencyViolation, naming one thing that has to go first."""
    return Refusal(
        "DependencyViolation",
        f"The {noun} '{resource_id}' has dependencies and cannot be deleted: {dependency}.",
    )


# --- blocks ---------------------------------------------------------------------------------------


def check_ipv4_block(name: str, text: str) -> IPv4Network:
    """The canonical block a parameter names; Refusal InvalidParameterValue when it names none."""
    try:
        return addressing.parse_ipv4_network(text)
    except ValueError:
        raise invalid_value(name, text, "This is not a valid CIDR block.") from None


def check_ipv6_block(name: str, text: str) -> IPv6Network:
    try:
        return addressing.parse_ipv6_network(text)
    except ValueError:
        raise invalid_value(name, text, "This is not a valid IPv6 CIDR block.") from None


Shadows = Callable[[IPv4Network], str | None]
"""What of the machine's own a block would hide, in words, such as ``holds addresses of …``."""


def check_vpc_block(
    text: str, *, amazon: bool, accept_loopback: bool, shadows: Shadows | None = None
) -> IPv4Network:
    """The VPC's block in canonical form; Refusal InvalidVpc.Range for what no VPC can have."""
    network = check_ipv4_block("cidrBlock", text)
    shortest = SHORTEST_AMAZON if amazon else SHORTEST_OPEN
    if not shortest <= network.prefixlen <= LONGEST:
        raise _vpc_range(text, f"a VPC's block is between /{shortest} and /{LONGEST}")
    for block, reason in UNUSABLE:
        if _meet(network, block):
            raise _vpc_range(text, reason)
    if _meet(network, LOOPBACK) and not (accept_loopback and network.subnet_of(LOOPBACK)):
        raise _vpc_range(text, "127.0.0.0/8 is usable only inside a fabric on loopback addresses")
    if shadows is not None and (hidden := shadows(network)) is not None:
        raise _vpc_range(text, f"it {hidden}")
    return network


def _meet(one: IPv4Network, other: IPv4Network) -> bool:
    """`IPv4Network.overlaps` in a fraction of its time: two blocks that meet begin alike, as far as
    the shorter of their masks goes."""
    first, second = int(one.network_address), int(other.network_address)
    mask = int(one.netmask) & int(other.netmask)
    return first & mask == second & mask


PRIVATE: Final = tuple(
    IPv4Network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16", "127.0.0.0/8")
)
"""Ranges that a VPC in one of them, or in none, cannot have beside its own (VPC user guide, "IPv4
CIDR block association restrictions"); the loopback range is this service's own addition."""


def check_secondary_block(
    text: str,
    vpc: Vpc,
    destinations: Iterable[str],
    *,
    amazon: bool,
    accept_loopback: bool,
    shadows: Shadows | None = None,
) -> IPv4Network:
    """Another block for the VPC, apart from those it has; `destinations` are those of the static
    routes of its tables. Raises Refusal InvalidVpc.Range."""
    network = check_vpc_block(text, amazon=amazon, accept_loopback=accept_loopback, shadows=shadows)
    for block in (vpc.cidr, *vpc.secondary_cidrs):
        if network.overlaps(IPv4Network(block)):
            raise _vpc_range(text, f"it overlaps the VPC's block {block}")
    primary = IPv4Network(vpc.cidr)
    for private in PRIVATE if amazon else ():
        if network.overlaps(private) and not primary.subnet_of(private):
            raise _vpc_range(text, f"a VPC with the primary block {vpc.cidr} has none in {private}")
    for destination in destinations:
        if addressing.contains(network, addressing.parse_network(destination)):
            raise _vpc_range(
                text, f"a route table of the VPC has a route to {destination}, which lies in it"
            )
    return network


def _vpc_range(text: str, why: str) -> Refusal:
    return Refusal("InvalidVpc.Range", f"The CIDR '{text}' is invalid: {why}.")


def check_subnet_block(text: str, vpc: Vpc, subnets: Iterable[Subnet]) -> IPv4Network:
    """The subnet's block in canonical form: inside the VPC's (InvalidSubnet.Range), apart from the
    other subnets' (InvalidSubnet.Conflict).
    """
    network = check_ipv4_block("cidrBlock", text)
    if network.prefixlen > LONGEST:
        raise _subnet_range(text, f"a subnet's block is /{LONGEST} or larger")
    blocks = (vpc.cidr, *vpc.secondary_cidrs)
    if not any(addressing.contains(IPv4Network(block), network) for block in blocks):
        noun = "block" if len(blocks) == 1 else "blocks"
        raise _subnet_range(text, f"it does not lie in the VPC's {noun} {', '.join(blocks)}")
    others = ((subnet.id, IPv4Network(subnet.cidr)) for subnet in subnets)
    _check_apart(text, network, others)
    return network


def check_subnet_ipv6_block(text: str, vpc: Vpc, subnets: Iterable[Subnet]) -> IPv6Network:
    """As `check_subnet_block`, for the /64 of the VPC's IPv6 block."""
    network = check_ipv6_block("ipv6CidrBlock", text)
    if vpc.ipv6_cidr is None:
        raise _subnet_range(text, "the VPC has no IPv6 block")
    if network.prefixlen != addressing.SUBNET_IPV6_LENGTH:
        raise _subnet_range(text, f"a subnet's IPv6 block is a /{addressing.SUBNET_IPV6_LENGTH}")
    if not addressing.contains(IPv6Network(vpc.ipv6_cidr), network):
        raise _subnet_range(text, f"it does not lie in the VPC's IPv6 block {vpc.ipv6_cidr}")
    others = ((subnet.id, IPv6Network(subnet.ipv6_cidr)) for subnet in subnets if subnet.ipv6_cidr)
    _check_apart(text, network, others)
    return network


def _subnet_range(text: str, why: str) -> Refusal:
    return Refusal("InvalidSubnet.Range", f"The CIDR '{text}' is invalid: {why}.")


def _check_apart(text: str, network: Network, others: Iterable[tuple[str, Network]]) -> None:
    other = addressing.first_overlap(network, others)
    if other is not None:
        raise Refusal(
            "InvalidSubnet.Conflict", f"The CIDR '{text}' conflicts with another subnet: {other}."
        )


# --- addresses ------------------------------------------------------------------------------------


def check_ipv4_address(name: str, text: str, subnet: Subnet) -> IPv4Address:
    """An address a client asked for, canonical: in the subnet, none of the five EC2 keeps."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise invalid_value(name, text, "This is not a valid IPv4 address.") from None
    _check_inside(text, address, IPv4Network(subnet.cidr))
    return address


def check_ipv6_address(name: str, text: str, subnet: Subnet) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise invalid_value(name, text, "This is not a valid IPv6 address.") from None
    if address.scope_id is not None:
        raise invalid_value(name, text, "An address in a subnet has no scope.")
    if subnet.ipv6_cidr is None:
        raise no_ipv6(subnet)
    _check_inside(text, address, IPv6Network(subnet.ipv6_cidr))
    return address


def no_ipv6(subnet: Subnet) -> Refusal:
    return Refusal(
        "InvalidParameterValue",
        f"Subnet {subnet.id} has no IPv6 CIDR block; an IPv6 address cannot be assigned in it.",
    )


def _check_inside(text: str, address: Address, network: Network) -> None:
    if address not in network:
        raise Refusal(
            "InvalidParameterValue",
            f"Address {text} does not fall within the subnet's address range {network}.",
        )
    if addressing.is_reserved(network, address):
        raise Refusal(
            "InvalidParameterValue",
            f"Address {text} is in subnet's reserved address range: the first four and the last "
            f"address of {network} are kept.",
        )


# --- routes ---------------------------------------------------------------------------------------


def local_destinations(vpc: Vpc) -> tuple[str, ...]:
    """The destinations of the local routes that every table of the VPC has."""
    ipv6 = () if vpc.ipv6_cidr is None else (vpc.ipv6_cidr,)
    return (vpc.cidr, *vpc.secondary_cidrs, *ipv6)


def check_inside_route(
    destination: Network, vpc: Vpc, subnets: Sequence[Subnet], *, to_interface: bool
) -> None:
    """A route inside the VPC's own block leads to an interface and covers exactly one subnet
    (middlebox routing).
    """
    if not any(
        addressing.contains(block, destination)
        for block in map(addressing.parse_network, local_destinations(vpc))
    ):
        return
    if not to_interface:
        raise Refusal(
            "InvalidParameterValue",
            f"The destination CIDR block {destination} is equal to or more specific than one of "
            "this VPC's CIDR blocks. This route can target only an interface or an instance.",
        )
    blocks = {block for subnet in subnets for block in (subnet.cidr, subnet.ipv6_cidr)}
    if str(destination) not in blocks:
        raise Refusal(
            "InvalidParameterValue",
            f"The destination CIDR block {destination} lies in this VPC but is not the CIDR block "
            "of one of its subnets.",
        )


def different_networks(table_id: str, other: str) -> Refusal:
    """The table and what it should lead to or serve are not in the same VPC."""
    return Refusal(
        "InvalidParameterValue",
        f"route table {table_id} and {other} belong to different networks",
    )


def gateway_behind_gateway(table_id: str, gateway_id: str) -> Refusal:
    """A gateway's table says where in the VPC packets go; another gateway is no such place."""
    return Refusal(
        "InvalidParameterValue",
        f"route table {table_id} cannot be associated with a gateway and have a route to gateway "
        f"{gateway_id}",
    )
