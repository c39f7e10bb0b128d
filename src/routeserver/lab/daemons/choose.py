"""From an appliance of the lab to the configuration of its daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from routeserver.lab.cloud_plan import endpoint_ref
from routeserver.lab.daemons import bird, frr, gobgp
from routeserver.lab.daemons.base import Neighbour, Setup, Speaker
from routeserver.lab.model import Appliance, DaemonKind, Lab

_SETUPS: Final[Mapping[DaemonKind, Callable[[Speaker, Path], Setup]]] = {
    DaemonKind.BIRD: bird.setup,
    DaemonKind.FRR: frr.setup,
    DaemonKind.GOBGP: gobgp.setup,
}


def setup_of(lab: Lab, appliance: Appliance, folder: Path, ids: Mapping[str, str]) -> Setup:
    """`ids` is what the calls of the plan kept, with the endpoints' addresses."""
    neighbours = tuple(
        Neighbour(
            eni.address,
            ids[f"{endpoint_ref(server, place)}.address"],
            server.asn,
            appliance.enis.index(eni),
        )
        for eni, server, place in lab.peerings(appliance)
    )
    speaker = Speaker(
        appliance.asn,
        appliance.enis[0].address,
        appliance.med,
        appliance.prepend,
        appliance.bfd,
        lab.timers,
        tuple(lab.announced(appliance, eni) for eni in appliance.enis),
        neighbours,
    )
    return _SETUPS[appliance.daemon](speaker, folder)
