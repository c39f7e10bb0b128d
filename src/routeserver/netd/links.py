"""Bridges and pairs: what a subnet, a network interface and an internet gateway are in a kernel.

Everything here may be repeated, and is completed by that: what is there already is left as it is
or set right. The alias of a pair's far end is set last, and so says that the pair is whole.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from routeserver.net.prefix import Family, Prefix, family_of, make_prefix, to_network
from routeserver.netd import checks
from routeserver.netd.checks import Address, WithLength
from routeserver.netd.errors import OrderError
from routeserver.netd.guard import remove_guard, set_guard
from routeserver.netd.netns import Namespaces
from routeserver.netd.orders import (
    HERE,
    ROUTE_PROTOCOL,
    Guard,
    MakeBridge,
    MakeOutside,
    Plug,
    RemoveLink,
)
from routeserver.netd.rtnetlink import Netlink, RefusedError
from routeserver.netd.writing import Scope
from routeserver.netlink.address import (
    AddressFlag,
    InterfaceAddress,
    delete_address,
    list_addresses,
    new_address,
)
from routeserver.netlink.framing import MAKE
from routeserver.netlink.link import (
    End,
    Link,
    ask_with_own_address,
    delete_link,
    new_bridge,
    new_pair,
    set_link,
)
from routeserver.netlink.route import (
    RTM_NEWROUTE,
    TABLE_MAIN,
    Route,
    RouteType,
    delete_route,
    list_routes,
    new_route,
)
from routeserver.netlink.values import AF_INET, AF_INET6

_DEFAULT: Final = {
    AF_INET: make_prefix(0, 0, Family.IPV4),
    AF_INET6: make_prefix(0, 0, Family.IPV6),
}


class Links:
    def __init__(self, namespaces: Namespaces, scope: Scope) -> None:
        self._namespaces = namespaces
        self._scope = scope

    def make_bridge(self, order: MakeBridge) -> None:
        """Raises OrderError, OSError."""
        netlink = self._of_vpc(order.namespace)
        name, alias = checks.device_name(order.name), checks.alias(order.alias)
        mac, mtu = checks.mac(order.mac), checks.mtu(order.mtu)
        addresses = [checks.with_length(text) for text in order.addresses]
        bridge = netlink.link(name)
        if bridge is not None and bridge.kind != "bridge":
            raise _is_other(name, "bridge")
        if bridge is None:
            netlink.do(new_bridge(name, mac, mtu))
            bridge = _there(netlink, name)
        _set_right(netlink, bridge, alias=alias, mac=mac, mtu=mtu)
        _address(netlink, bridge, addresses, exactly=True)

    def plug(self, order: Plug) -> None:
        """Raises OrderError, OSError."""
        netlink = self._of_vpc(order.namespace)
        bridge = netlink.link(checks.device_name(order.bridge))
        if bridge is None or bridge.kind != "bridge":
            raise OrderError(f"there is no bridge {order.bridge}; make it first", errno.ENOENT)
        addresses = [checks.with_length(text) for text in order.addresses]
        routers = [checks.address(text) for text in order.routers]
        mac, alias = checks.mac(order.mac), checks.alias(order.alias)
        pair = _Pair(
            order.port,
            order.device,
            alias,
            checks.mtu(order.mtu),
            mac,
            _strictest(order, addresses),
        )
        with (
            self._namespaces.target(checks.target_path(order.target)) as target,
            self._pair(netlink, pair, target) as (port, far, device),
        ):
            _set_right(netlink, port, alias=alias, mtu=order.mtu, bridge=bridge.index)
            _address(far, device, addresses)
            _set_right(far, device, mac=mac, mtu=order.mtu)
            # An appliance that answers from a floating address has to be able to ask for its
            # router: the guard lets no ARP pass that speaks for an address of nobody's.
            far.do(ask_with_own_address(device.index))
            for router in routers:
                family = AF_INET if router.version == 4 else AF_INET6
                if not _has_default_route(far, family):
                    route = Route(
                        _DEFAULT[family],
                        protocol=ROUTE_PROTOCOL,
                        gateway=router,
                        interface=device.index,
                    )
                    far.do(new_route(route, flags=MAKE))

    def make_outside(self, order: MakeOutside) -> None:
        """Raises OrderError, OSError."""
        netlink = self._of_vpc(order.namespace)
        alias, mtu = checks.alias(order.alias), checks.mtu(order.mtu)
        here = [checks.with_length(text) for text in order.addresses]
        there = [checks.with_length(text) for text in order.outside_addresses]
        destinations = {checks.destination(text) for text in order.destinations}
        pair = _Pair(order.port, order.device, alias, mtu)
        with (
            self._outside(order.target) as target,
            self._pair(netlink, pair, target) as (port, far, device),
        ):
            if order.target == HERE:
                _must_not_shadow(far, device, there, destinations)
            _set_right(netlink, port, alias=alias, mtu=mtu)
            _address(netlink, port, here, exactly=True)
            _set_right(far, device, mtu=mtu)
            _address(far, device, there, exactly=True)
            _route_back(far, device, here, destinations)

    def remove(self, order: RemoveLink) -> None:
        """Raises OrderError, OSError."""
        netlink = self._of_vpc(order.namespace)
        link = netlink.link(checks.device_name(order.name))
        if link is not None:
            if link.kind not in {"bridge", "veth"}:
                raise _is_other(order.name, "bridge or pair")
            with suppress(RefusedError):  # the other end of one that goes by itself
                netlink.do(delete_link(link.index))
            if netlink.link(order.name) is not None:
                raise OrderError(f"{order.name} does not go; ask again", errno.EBUSY)
        with self._namespaces.inside(order.namespace):
            remove_guard(order.name)

    def _of_vpc(self, namespace: str) -> Netlink:
        if namespace == HERE:
            raise OrderError(
                "no link is made or removed in the server's own namespace; name a VPC's",
                errno.EPERM,
            )
        return self._namespaces.netlink(namespace)

    @contextmanager
    def _outside(self, target: str) -> Iterator[int]:
        if target == HERE:
            if not self._scope.is_outside:
                raise OrderError(
                    "internet gateways do not lead to the server's own namespace; set outside",
                    errno.EPERM,
                )
            yield self._namespaces.descriptor(HERE)
            return
        path = checks.target_path(target)
        with self._namespaces.target(path, may_be_ours=True) as descriptor:
            yield descriptor

    @contextmanager
    def _pair(
        self, netlink: Netlink, wanted: _Pair, target: int
    ) -> Iterator[tuple[Link, Netlink, Link]]:
        """The end in the VPC, a socket where the other one is, and that one. A pair that was made
        for a block that fails is gone again."""
        checks.device_name(wanted.port)
        checks.device_name(wanted.device)
        with self._namespaces.entered(target):
            far = Netlink()
        try:
            made = _find_or_make(netlink, far, wanted, target)
            port, device = _there(netlink, wanted.port), _there(far, wanted.device)
            try:
                if made and wanted.guard is not None:
                    set_guard(self._namespaces, wanted.guard)
                yield port, far, device
                far.do(set_link(device.index, alias=wanted.alias))
            except BaseException:
                if made:
                    with suppress(OSError):
                        netlink.do(delete_link(port.index))
                raise
        finally:
            far.close()


@dataclass(frozen=True, slots=True)
class _Pair:
    port: str
    device: str
    alias: str
    mtu: int
    mac: str | None = None
    guard: Guard | None = None


def _strictest(order: Plug, addresses: Sequence[WithLength]) -> Guard | None:
    if not order.guarded:
        return None
    bare = tuple(str(address.ip) for address in addresses)
    return Guard(order.namespace, order.port, order.mac, bare, check=True)


def _find_or_make(netlink: Netlink, far: Netlink, wanted: _Pair, target: int) -> bool:
    """Whether the pair had to be made."""
    port, device = netlink.link(wanted.port), far.link(wanted.device)
    if port is not None:
        if port.kind != "veth":
            raise _is_other(wanted.port, "pair")
        if (
            device is not None
            and device.kind == "veth"
            and device.alias == wanted.alias
            and (device.peer, port.peer) == (port.index, device.index)
        ):
            return False
        netlink.do(delete_link(port.index))
        device = far.link(wanted.device)
    if device is not None:
        raise OrderError(
            f"an interface {wanted.device} is there already; remove it or choose another name",
            errno.EEXIST,
        )
    near_end = End(wanted.port, mtu=wanted.mtu)
    netlink.do(new_pair(near_end, End(wanted.device, wanted.mac, wanted.mtu, target)))
    return True


def _there(netlink: Netlink, name: str) -> Link:
    link = netlink.link(name)
    if link is None:
        raise OrderError(f"the interface {name} has gone while it was made; try again")
    return link


def _is_other(name: str, what: str) -> OrderError:
    return OrderError(f"the interface {name} is no {what}; remove it", errno.EEXIST)


def _set_right(
    netlink: Netlink,
    link: Link,
    *,
    alias: str | None = None,
    mac: str | None = None,
    mtu: int | None = None,
    bridge: int | None = None,
) -> None:
    """Up, and as given; only what differs is touched."""
    changes = {
        "alias": alias if alias != link.alias else None,
        "mac": mac if mac != link.mac else None,
        "mtu": mtu if mtu != link.mtu else None,
        "bridge": bridge if bridge != link.bridge else None,
    }
    if link.is_up and not any(value is not None for value in changes.values()):
        return
    netlink.do(
        set_link(
            link.index,
            up=True,
            no_link_local=bridge is not None,
            **changes,  # type: ignore[arg-type]
        )
    )


def _address(
    netlink: Netlink, link: Link, wanted: Sequence[WithLength], *, exactly: bool = False
) -> None:
    """The addresses wanted are there, and none that we have put there before; `exactly`: no others,
    but what IPv6 makes by itself."""
    there = {
        one.address: one
        for one in netlink.all(list_addresses(link.index), InterfaceAddress)
        if one.interface == link.index
    }
    for address, known in there.items():
        is_kept = address.version == 6 and address.is_link_local
        is_unwanted = not is_kept if exactly else known.protocol == ROUTE_PROTOCOL
        if is_unwanted and address not in wanted:
            netlink.do(delete_address(known))
    for address in wanted:
        if address not in there:
            flags = AddressFlag.NODAD if address.version == 6 else 0
            new = InterfaceAddress(link.index, address, flags=flags, protocol=ROUTE_PROTOCOL)
            # An address that went with one of its subnet that was primary is there no more, and
            # one that did not, is.
            with suppress(FileExistsError):
                netlink.do(new_address(new, flags=MAKE))


def _has_default_route(netlink: Netlink, family: int) -> bool:
    question = list_routes(family, TABLE_MAIN)
    return any(
        # There may be a great many routes: only the first octets of each are looked at.
        message.type == RTM_NEWROUTE
        and len(message.body) >= 8
        and message.body[0] == family
        and message.body[1] == 0
        and message.body[4] == TABLE_MAIN
        and message.body[7] == RouteType.UNICAST
        for message in list(netlink.raw(question))
    )


def _route_back(
    netlink: Netlink, device: Link, gateways: Sequence[WithLength], destinations: set[Prefix]
) -> None:
    """Exactly these destinations lead through the device to the VPC, of those that are ours."""
    there = {
        route.destination: route
        for family in (AF_INET, AF_INET6)
        for route in netlink.all(list_routes(family, TABLE_MAIN, ROUTE_PROTOCOL), Route)
        if route.protocol == ROUTE_PROTOCOL and route.interface == device.index
    }
    by_version: dict[int, Address] = {gateway.version: gateway.ip for gateway in gateways}
    for destination, route in there.items():
        gateway = by_version.get(_version(destination))
        if destination not in destinations or route.gateway != gateway:
            netlink.do(delete_route(route))
    for destination in destinations:
        gateway = by_version.get(_version(destination))
        if gateway is None:
            raise OrderError(
                f"there is no address of IPv{_version(destination)} to lead routes back to"
            )
        if destination not in there or there[destination].gateway != gateway:
            wanted = Route(
                destination, protocol=ROUTE_PROTOCOL, interface=device.index, gateway=gateway
            )
            netlink.do(new_route(wanted, flags=MAKE))


def _version(prefix: Prefix) -> int:
    return 4 if family_of(prefix) is Family.IPV4 else 6


def _must_not_shadow(
    netlink: Netlink, device: Link, own: Sequence[WithLength], destinations: set[Prefix]
) -> None:
    """Nothing that this machine has, or can reach by itself, is to be led into a VPC. Raises
    OrderError."""
    if not all(address.is_link_local for address in own):
        raise OrderError("in the server's own namespace a gateway's addresses are link-local")
    for known in netlink.all(list_addresses(), InterfaceAddress):
        if known.interface == device.index or known.address.is_link_local:
            continue
        for destination in destinations:
            block = to_network(destination)
            if block.version == known.address.version and block.overlaps(known.address.network):
                raise OrderError(
                    f"{block} and {known.address.network}, where this machine is, overlap; use "
                    "another block, or another namespace for the outside",
                    errno.EADDRINUSE,
                )
    if any(not destination & 0xFF for destination in destinations):
        raise OrderError("all addresses are no block of a VPC", errno.EINVAL)
