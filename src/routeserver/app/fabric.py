"""Which fabric the server has, and what this machine must have for it: refused here, before
anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from routeserver.app import data_dir
from routeserver.app.errors import StartError
from routeserver.dataplane.kernel.place import InNamespaces, OnThisHost, Place
from routeserver.domain.addressing import Network
from routeserver.fabric import Fabric
from routeserver.fabric.base import FabricError
from routeserver.fabric.host import HostFabric
from routeserver.fabric.loopback import BGP_PORT, PROBE_ADDRESS, LoopbackFabric
from routeserver.fabric.netns import NetnsFabric
from routeserver.fabric.plan import Terms
from routeserver.netd.interface import Netd, NetdError
from routeserver.netd.orders import FEATURES, HERE, Probe
from routeserver.settings.model import Fabric as Kind
from routeserver.settings.model import Outside, Settings

_log = structlog.get_logger()

NAMESPACES, BRIDGES, PAIRS, NEXTHOPS, GUARDS = FEATURES
_NEEDED: Final = {
    NAMESPACES: "network namespaces (CONFIG_NET_NS)",
    BRIDGES: "bridges (CONFIG_BRIDGE)",
    PAIRS: "veth pairs (CONFIG_VETH)",
}


@dataclass(frozen=True, slots=True)
class MadeFabric:
    """`place` is where the data plane finds the tables of a VPC, None where there are none."""

    fabric: Fabric
    bgp_port: int
    place: Place | None = None
    has_nexthops: bool = True

    def shadows(self, block: Network) -> str | None:
        """What of this machine's own a VPC with this block would hide, in words."""
        return self.fabric.shadows(block) if isinstance(self.fabric, HostFabric) else None


async def make_fabric(settings: Settings, netd: Netd | None) -> MadeFabric:
    """Raises StartError."""
    if settings.fabric is Kind.LOOPBACK:
        loopback = LoopbackFabric(netd)
        return MadeFabric(loopback, await _bgp_port(loopback, settings.bgp_port))
    if netd is None:
        raise StartError(lacks_privilege(settings.fabric))
    try:
        features = frozenset((await netd.do(Probe())).names)
        has_nexthops = _must_do(settings, features)
        if settings.fabric is Kind.NETNS:
            return MadeFabric(
                _netns(settings, netd),
                settings.bgp_port or BGP_PORT,
                InNamespaces(),
                has_nexthops,
            )
        return await _host(settings, netd, has_nexthops)
    except NetdError as error:
        raise StartError(f"fabric {settings.fabric} cannot be had; {error}") from error


def lacks_privilege(kind: Kind) -> str:
    return (
        f"fabric {kind} needs CAP_NET_ADMIN and CAP_SYS_ADMIN; start the server as root or with "
        "unshare -Urn, or use fabric loopback"
    )


def _must_do(settings: Settings, features: frozenset[str]) -> bool:
    """Whether there are next-hop objects. Raises StartError for what cannot be done without."""
    if settings.fabric is Kind.NETNS:
        for name, what in _NEEDED.items():
            if name not in features:
                raise StartError(f"this kernel has no {what}, which fabric netns is made of")
        if settings.eni_checks and GUARDS not in features:
            raise StartError(
                "this kernel has no nf_tables for the family netdev with hooks for both ways "
                "(CONFIG_NF_TABLES_NETDEV, Linux 5.16), by which spoofed addresses are kept out; "
                "set eni_checks = off to go without"
            )
    if NEXTHOPS not in features:
        _log.warning(
            "kernel_feature_missing",
            feature="next-hop objects (Linux 5.3)",
            consequence="a lost appliance is repaired route by route",
        )
    return NEXTHOPS in features


def _netns(settings: Settings, netd: Netd) -> NetnsFabric:
    own = None
    if settings.outside.kind == "own":
        own = f"rs-outside-{data_dir.ensure_instance(settings.data_dir)[:8]}"
    return NetnsFabric(
        netd,
        Terms(
            mtu=settings.fabric_mtu,
            outside=_outside_path(settings.outside, own),
            checks=settings.eni_checks,
        ),
        own_outside=own,
    )


def _outside_path(outside: Outside, own: str | None) -> str:
    return f"/run/netns/{own}" if own is not None else outside.path


async def _host(settings: Settings, netd: Netd, has_nexthops: bool) -> MadeFabric:
    interface = settings.host_interface
    if interface is None:
        raise StartError(
            "fabric host puts endpoint addresses on an interface of this machine; "
            "name it in host_interface"
        )
    fabric = HostFabric(netd, interface, settings.host_table)
    try:
        await fabric.open()
    except FabricError as error:
        raise StartError(str(error)) from error
    port = settings.bgp_port or BGP_PORT
    await _must_be_free(fabric, port)
    return MadeFabric(fabric, port, OnThisHost(interface, settings.host_table), has_nexthops)


async def _bgp_port(fabric: LoopbackFabric, wanted: int | None) -> int:
    """The port to use, tried before anything is changed. Raises StartError."""
    port = await fabric.choose_bgp_port() if wanted is None else wanted
    await _must_be_free(fabric, port)
    return port


async def _must_be_free(fabric: Fabric, port: int) -> None:
    try:
        (await fabric.listen(HERE, PROBE_ADDRESS, port)).close()
    except FabricError as error:
        reason = str(error).partition(": ")[2]
        raise StartError(f"cannot use port {port} for BGP; {reason}") from error
