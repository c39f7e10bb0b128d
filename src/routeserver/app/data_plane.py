"""Which data plane the server has: by its fabric, or as the settings say."""

from __future__ import annotations

from typing import Final

from routeserver.app.errors import StartError
from routeserver.dataplane import DataPlane
from routeserver.dataplane.kernel.place import Place
from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.netd.interface import Netd
from routeserver.settings.model import DataPlaneKind, Settings

_NO_HELPER: Final = (
    "data_plane = kernel needs the privileged helper: start as root or with unshare -Urn, or set "
    "data_plane = memory"
)
_NO_NETWORK: Final = (
    "data_plane = kernel needs a fabric with networks in it: set fabric = netns or fabric = host"
)


def make_data_plane(
    settings: Settings, netd: Netd | None, place: Place | None, *, has_nexthops: bool
) -> DataPlane:
    """`place` is where the fabric has the tables of a VPC, None where it has no networks. Raises
    StartError."""
    kind = settings.data_plane
    if kind is DataPlaneKind.MEMORY or (kind is DataPlaneKind.AUTO and place is None):
        return MemoryDataPlane()
    if netd is None:
        raise StartError(_NO_HELPER)
    if place is None:
        raise StartError(_NO_NETWORK)
    return KernelDataPlane(
        netd, place, has_nexthops=has_nexthops, audit_interval_s=float(settings.kernel_look_s)
    )
