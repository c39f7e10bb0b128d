"""Everything that may be asked of the privileged helper. What is not here cannot be had from it.

A `namespace` is the id of a VPC, whose network namespace has that name under /run/netns, or
`HERE`: the namespace that the helper was started in. Only what the helper itself has made is ever
entered, changed or removed (it is marked from the inside before it gets its name), with two
exceptions that it checks more narrowly: `HERE`, where it writes nothing but routes and next hops of
this project's protocol number in the tables it was started for and addresses of the interface it
was started for; and the namespace that a `Plug` names, where it puts one interface.

Names of devices are at most 15 octets. Addresses are text, with a prefix length where that is
said. Every order is answered by one `Done`, or by `Failed`; those that open something carry its
descriptor beside the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

HERE: Final = ""

ROUTE_PROTOCOL: Final = 179
"""The protocol number (rtm_protocol, nh_protocol) of every route, rule and next hop that is ours;
nothing else in the kernel is ever touched. Not assigned in iproute2's rt_protos."""

HERE_PRIORITIES: Final = range(178, 180)
HERE_NEXTHOPS: Final = range(1_790_000_000, 1_800_000_000)
"""See `Write`."""


# --- sockets --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenListener:
    """A non-blocking TCP socket that listens; the address may be bound before it exists."""

    namespace: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class OpenBfdReceiver:
    """As `netd.sockets.open_bfd_receiver` makes it: UDP, bound, tells the TTL of what comes."""

    namespace: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class OpenBfdSender:
    """As `netd.sockets.open_bfd_sender` makes it: UDP on a source port of its own, TTL 255."""

    namespace: str
    address: str


@dataclass(frozen=True, slots=True)
class OpenNetlink:
    """A NETLINK_ROUTE socket in the namespace. Whoever holds it may look (dumps, notifications) but
    not write: the kernel asks for the writer's own privilege, too."""

    namespace: str


# --- what can be had ----------------------------------------------------------------------------

FEATURES: Final = ("namespaces", "bridges", "pairs", "next hops", "guards")
"""Network namespaces, bridges, veth pairs, next-hop objects, and nf_tables in the family netdev
with hooks for both ways."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Tries each of FEATURES in a namespace of its own; those that there are, are the names of the
    answer."""


# --- the shape of a VPC ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MakeNamespace:
    """Forwarding on, loopback up, no redirects, no reverse-path filter, strict ARP. Making one that
    is there already, and ours, does nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveNamespace:
    """With all that is in it, and what was plugged elsewhere. Removing none does nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class ListNamespaces:
    """Those that this server has made, in this life of it or an earlier one."""


@dataclass(frozen=True, slots=True)
class MakeBridge:
    """Up, without spanning tree, with these addresses (with prefix lengths) and no others."""

    namespace: str
    name: str
    alias: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plug:
    """A veth pair between a bridge of a VPC and another namespace.

    `port` is the end on the bridge, `device` the end in the namespace at `target`, an absolute path
    of a network namespace (/run/netns/fw-a, /proc/1234/ns/net). There it gets its hardware address,
    addresses with prefix lengths, MTU and, where `routers` are given and no default route is
    there, a default route by each. A pair that is there already and differs is made anew. One that
    is made has with `guarded` every check from the first packet on, until a `Guard` says otherwise.
    """

    namespace: str
    bridge: str
    port: str
    alias: str
    target: str
    device: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    routers: tuple[str, ...]
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """What a port lets through. Always: only frames from this hardware address, and ARP that says
    no other. With `check` (source/destination check): only packets from these addresses, and to
    them."""

    namespace: str
    port: str
    mac: str
    addresses: tuple[str, ...]
    check: bool


@dataclass(frozen=True, slots=True)
class MakeOutside:
    """The internet gateway: a veth pair from the VPC to what stands for the outside.

    The end in the VPC is `port` with `addresses`; the other is `device` with `outside_addresses`
    in the namespace at `target`, or in `HERE` when that is empty. All have prefix lengths, one of
    each family at most (IPv6: link-local). There, routes to `destinations` lead back into the VPC.
    A pair that is there already and differs is made anew. `HERE` has to be what the helper was
    started for, the addresses there link-local, and no destination anything that the machine has.
    """

    namespace: str
    port: str
    alias: str
    target: str
    device: str
    mtu: int
    addresses: tuple[str, ...]
    outside_addresses: tuple[str, ...]
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveLink:
    """A bridge, or the end in the VPC of a pair, whose other end goes with it."""

    namespace: str
    name: str


# --- routes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Write:
    """Rtnetlink messages back to back, in order: routes, rules, next hops, neighbours, addresses
    (RTM_NEW… and RTM_DEL…), bridge forwarding entries; nothing that makes or moves a link.

    Their sequence numbers are their places from 1; no message asks for an answer (NLM_F_ACK), the
    kernel reports what it refuses. The answer comes when all of them have been carried out. Orders
    behind it wait for that long: what may be urgent is not put behind many routes.

    In `HERE`: routes of ROUTE_PROTOCOL in the tables that the helper was started for (in `main`
    with a priority of HERE_PRIORITIES, so that one never replaces somebody else's), next hops of
    ROUTE_PROTOCOL with numbers in HERE_NEXTHOPS, and addresses with the prefix length of a host,
    of ROUTE_PROTOCOL (IFA_PROTO) and with NLM_F_EXCL, on the interface that it was started for.
    """

    namespace: str
    messages: bytes


Order: TypeAlias = (
    OpenListener
    | OpenBfdReceiver
    | OpenBfdSender
    | OpenNetlink
    | Probe
    | MakeNamespace
    | RemoveNamespace
    | ListNamespaces
    | MakeBridge
    | Plug
    | Guard
    | MakeOutside
    | RemoveLink
    | Write
)


# --- answers --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message of a `Write` that the kernel refused: its place from 1, and the errno."""

    place: int
    errno: int


@dataclass(frozen=True, slots=True)
class Done:
    """`names` answers ListNamespaces and Probe, `refused` answers Write."""

    names: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was done, or what was begun was undone; one line with the remedy."""

    reason: str
    errno: int = 0


Answer: TypeAlias = Done | Failed
