"""What this kernel can do, found out by doing it in a namespace that nobody else sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routeserver.netd.guard import guard
from routeserver.netd.netns import Namespaces
from routeserver.netd.orders import FEATURES
from routeserver.netd.rtnetlink import Netlink, open_rules
from routeserver.netlink.link import End, new_bridge, new_pair, set_link
from routeserver.netlink.nexthop import NextHop, new_nexthop

_LOOPBACK: Final = 1
"""The index of lo, in every namespace."""

_MAC: Final = "02:00:00:00:00:01"


def probe(namespaces: Namespaces) -> tuple[str, ...]:
    """Those of FEATURES that there are."""
    try:
        with namespaces.unnamed():
            return _within()
    except OSError:
        return ()


def _within() -> tuple[str, ...]:
    namespaces, bridges, pairs, nexthops, guards = FEATURES
    netlink = Netlink()
    tries: dict[str, Callable[[], None]] = {
        bridges: lambda: netlink.do(new_bridge("probe0", _MAC, 1500)),
        pairs: lambda: netlink.do(new_pair(End("probe1"), End("probe2"))),
        nexthops: lambda: netlink.do(
            set_link(_LOOPBACK, up=True), new_nexthop(NextHop(1, blackhole=True))
        ),
        guards: _guard,
    }
    found = [namespaces]
    try:
        for name, attempt in tries.items():
            try:
                attempt()
            except OSError:
                continue
            found.append(name)
    finally:
        netlink.close()
    return tuple(found)


def _guard() -> None:
    rules = open_rules()
    try:
        rules.batch(guard("lo", _MAC, [], check=True))
    finally:
        rules.close()
