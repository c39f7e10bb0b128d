"""GoBGP: the session from a file, the routes by its own command. It knows no BFD, so FRR's zebra
and bfdd stand beside it; a session of theirs that fails ends nothing in GoBGP."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from routeserver.lab.daemons import frr
from routeserver.lab.daemons.base import Program, Setup, Speaker

PACKAGE: Final = "gobgpd"
API: Final = "127.0.0.1:50051"
"""In the appliance's own namespace."""


def setup(speaker: Speaker, folder: Path) -> Setup:
    arguments = (
        f"--config-file={folder / 'gobgpd.toml'}",
        f"--api-hosts={API}",
        "--log-plain",
        "--pprof-disable",
    )
    bgp = Program("gobgpd", "gobgpd", PACKAGE, arguments, None, speaks_bgp=True)
    files = {"gobgpd.toml": "\n".join(_lines(speaker)) + "\n"}
    afterwards = tuple(_add(speaker, prefix) for prefix in speaker.groups[0])
    if not speaker.bfd:
        return Setup(files, (bgp,), afterwards)
    peers = [line for each in speaker.neighbours for line in frr.bfd_peer(speaker, each)]
    more_files, more = frr.bfd_alone(("bfd", *peers, "exit"), folder)
    return Setup({**files, **more_files}, (*more, bgp), afterwards, owner=frr.USER)


def _add(speaker: Speaker, prefix: IPv4Network) -> tuple[str, ...]:
    path = ("aspath", ",".join([str(speaker.asn)] * speaker.prepend)) if speaker.prepend else ()
    added = ("gobgp", "global", "rib", "add", "-a", "ipv4", str(prefix))
    return (*added, "origin", "igp", "med", str(speaker.med), *path)


def _lines(speaker: Speaker) -> Iterator[str]:
    yield "[global.config]"
    yield f"  as = {speaker.asn}"
    yield f'  router-id = "{speaker.router_id}"'
    yield "  port = -1  # it calls and is not called"
    for neighbour in speaker.neighbours:
        yield "[[neighbors]]"
        yield "  [neighbors.config]"
        yield f'    neighbor-address = "{neighbour.endpoint}"'
        yield f"    peer-as = {neighbour.asn}"
        yield "  [neighbors.transport.config]"
        yield f'    local-address = "{neighbour.local}"'
        yield "  [neighbors.timers.config]"
        yield "    connect-retry = 5"
        yield "    idle-hold-time-after-reset = 1"
        yield "  [[neighbors.afi-safis]]"
        yield "    [neighbors.afi-safis.config]"
        yield '      afi-safi-name = "ipv4-unicast"'
