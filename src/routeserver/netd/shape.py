"""What the namespace of a VPC is beside its contents, and how it is emptied."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import Final

from routeserver.netd.errors import OrderError
from routeserver.netd.rtnetlink import Netlink
from routeserver.netlink.link import Link, delete_group, list_links, set_group, set_link

_LEAVING: Final = 179
"""The group of links that are to go."""

SYSCTLS: Final[tuple[tuple[str, str], ...]] = (
    # Forwarding first: it sets others to what a router has.
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    *(
        (f"ipv4/conf/{which}/{name}", value)
        for which in ("all", "default")
        for name, value in (
            ("send_redirects", "0"),
            ("accept_redirects", "0"),
            ("accept_source_route", "0"),
            ("rp_filter", "0"),
            ("arp_ignore", "1"),
            ("arp_announce", "2"),
        )
    ),
    *(
        (f"ipv6/conf/{which}/{name}", value)
        for which in ("all", "default")
        for name, value in (
            ("forwarding", "1"),
            ("accept_ra", "0"),
            ("accept_redirects", "0"),
            ("accept_dad", "0"),
            ("dad_transmits", "0"),
        )
    ),
    # A route by a next-hop object is listed without a copy of the way out, and a changed object
    # is told as that alone.
    ("ipv4/nexthop_compat_mode", "0"),
    ("bridge/bridge-nf-call-iptables", "0"),
    ("bridge/bridge-nf-call-ip6tables", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
)
_NEEDED: Final = "ipv4/ip_forward"


def mark(words: str) -> None:
    """Say on `lo` whose the namespace is that this thread is in. Raises OrderError, OSError."""
    netlink = Netlink()
    try:
        loopback = netlink.link("lo")
        if loopback is None:
            raise OrderError("a new network namespace has no lo")
        netlink.do(set_link(loopback.index, alias=words, up=True))
    finally:
        netlink.close()


def is_marked(words: str) -> bool:
    """Whether the namespace that this thread is in says so."""
    netlink = Netlink()
    try:
        loopback = netlink.link("lo")
    finally:
        netlink.close()
    return loopback is not None and loopback.alias == words


def shape() -> None:
    """What a VPC is beside its contents, for the namespace that this thread is in."""
    for name, value in SYSCTLS:
        try:
            Path("/proc/sys/net", name).write_text(value)
        except FileNotFoundError as error:  # a kernel without IPv6, or without that feature
            if name == _NEEDED:
                raise OrderError("/proc/sys is not there; mount /proc", errno.ENOENT) from error


def empty(netlink: Netlink) -> None:
    """Without its bridges and pairs, all of which go at once."""
    made = [link for link in netlink.all(list_links(), Link) if link.kind in {"veth", "bridge"}]
    for link in made:
        with suppress(OSError):  # the other end went meanwhile
            netlink.do(set_group(link.index, _LEAVING))
    if made:
        with suppress(OSError):  # as above
            netlink.do(delete_group(_LEAVING))
