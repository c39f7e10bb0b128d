"""What a port lets through, as rules of nf_tables on the port itself (`orders.Guard`).

On the way in, always: only frames of the interface's own hardware address, and of them ARP, IPv4
and IPv6, without a VLAN; ARP and neighbour advertisements that speak for its own addresses, and no
router advertisements. With the source/destination check, only packets from its addresses, and on
the way out to them (and, as IPv6 needs it, to link-local groups).

A port has a table of its own, which is replaced by a single batch: at no moment is it without.
"""

from __future__ import annotations

import errno
from typing import Final

from routeserver.net.address import link_local_address
from routeserver.netd import checks
from routeserver.netd.errors import OrderError
from routeserver.netd.netns import Namespaces
from routeserver.netd.orders import HERE, Guard
from routeserver.netd.rtnetlink import RefusedError, open_rules
from routeserver.netlink.nftables import (
    Base,
    Hook,
    batch,
    delete_table,
    differs,
    drop,
    equals,
    is_not_in,
    load,
    load_protocol,
    new_chain,
    new_elements,
    new_rule,
    new_set,
    new_table,
)
from routeserver.netlink.values import mac_octets

_SOURCE_MAC: Final = load(Base.LINK, 6, 6)
_TYPE: Final = load(Base.LINK, 12, 2)
_ARP: Final = b"\x08\x06"
_IPV4: Final = b"\x08\x00"
_IPV6: Final = b"\x86\xdd"

_ARP_SENDER_MAC: Final = load(Base.NETWORK, 8, 6)
_ARP_SENDER: Final = load(Base.NETWORK, 14, 4)
_IPV4_SOURCE: Final = load(Base.NETWORK, 12, 4)
_IPV4_DESTINATION: Final = load(Base.NETWORK, 16, 4)
_IPV6_SOURCE: Final = load(Base.NETWORK, 8, 16)
_IPV6_DESTINATION: Final = load(Base.NETWORK, 24, 16)
_IPV6_GROUP: Final = load(Base.NETWORK, 24, 2)
_ICMPV6: Final = b"\x3a"
_ICMPV6_TYPE: Final = load(Base.TRANSPORT, 0, 1)
_ND_TARGET: Final = load(Base.TRANSPORT, 8, 16)
_ROUTER_ADVERTISEMENT: Final = b"\x86"
_NEIGHBOUR_ADVERTISEMENT: Final = b"\x88"
_REDIRECT: Final = b"\x89"
_LINK_LOCAL_GROUPS: Final = b"\xff\x02"

_IN: Final = "in"
_OUT: Final = "out"
_ADDRESSES_4: Final = "ip4"
_ADDRESSES_6: Final = "ip6"


def set_guard(namespaces: Namespaces, order: Guard) -> None:
    """Raises OrderError, OSError."""
    if order.namespace == HERE:
        raise OrderError(
            "no port is guarded in the server's own namespace; name a VPC's", errno.EPERM
        )
    port = checks.device_name(order.port)
    octets = guard(
        port,
        checks.mac(order.mac),
        [checks.address(text) for text in order.addresses],
        check=order.check,
    )
    with namespaces.inside(order.namespace):
        netlink = open_rules()
    try:
        netlink.batch(octets)
    except RefusedError as error:
        if error.errno == errno.ENOENT:
            raise OrderError(
                f"there is no port {port}, or this kernel has no nf_tables for the family netdev",
                errno.ENOENT,
            ) from error
        raise
    finally:
        netlink.close()


def remove_guard(port: str) -> None:
    """In the namespace that this thread is in; that of a port which had none is none."""
    try:
        netlink = open_rules()
    except OSError:  # a kernel without nf_tables
        return
    try:
        netlink.batch(batch([delete_table(_table(port))]))
    except RefusedError as error:
        if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTO, errno.EINVAL}:
            raise
    finally:
        netlink.close()


def guard(port: str, mac: str, addresses: list[checks.Address], *, check: bool) -> bytes:
    """The batch."""
    own = mac_octets(mac)
    table = _table(port)
    v4 = [address.packed for address in addresses if address.version == 4]
    v6 = [address.packed for address in addresses if address.version == 6]
    v6.append(link_local_address(mac).packed)
    is_arp, is_v4, is_v6 = (
        _TYPE + equals(_ARP),
        _TYPE + equals(_IPV4),
        _TYPE + equals(_IPV6),
    )
    is_icmpv6 = is_v6 + load_protocol() + equals(_ICMPV6) + _ICMPV6_TYPE
    rules_in = [
        _SOURCE_MAC + differs(own),
        _TYPE + differs(_ARP) + differs(_IPV4) + differs(_IPV6),
        is_arp + _ARP_SENDER_MAC + differs(own),
        # Whoever looks whether an address is free asks as nobody.
        is_arp + _ARP_SENDER + differs(bytes(4)) + is_not_in(_ADDRESSES_4),
        is_icmpv6 + equals(_ROUTER_ADVERTISEMENT),
        is_icmpv6 + equals(_REDIRECT),
        is_icmpv6 + equals(_NEIGHBOUR_ADVERTISEMENT) + _ND_TARGET + is_not_in(_ADDRESSES_6),
    ]
    rules_out = []
    if check:
        rules_in += [
            is_v4 + _IPV4_SOURCE + is_not_in(_ADDRESSES_4),
            is_v6 + _IPV6_SOURCE + differs(bytes(16)) + is_not_in(_ADDRESSES_6),
        ]
        to_group = _IPV6_GROUP + differs(_LINK_LOCAL_GROUPS)
        rules_out = [
            is_v4 + _IPV4_DESTINATION + is_not_in(_ADDRESSES_4),
            is_v6 + to_group + _IPV6_DESTINATION + is_not_in(_ADDRESSES_6),
        ]
    commands = [
        # So that there is one to delete.
        new_table(table),
        delete_table(table),
        new_table(table),
        new_set(table, _ADDRESSES_4, 4, 1),
        new_set(table, _ADDRESSES_6, 16, 2),
        new_elements(table, _ADDRESSES_6, sorted(set(v6))),
        new_chain(table, _IN, Hook.INGRESS, port),
        new_chain(table, _OUT, Hook.EGRESS, port),
    ]
    if v4:
        commands.append(new_elements(table, _ADDRESSES_4, sorted(set(v4))))
    commands += [new_rule(table, _IN, rule, drop()) for rule in rules_in]
    commands += [new_rule(table, _OUT, rule, drop()) for rule in rules_out]
    return batch(commands)


def _table(port: str) -> str:
    return f"routeserver-{port}"
