"""FRR: zebra, bfdd and bgpd, which speak to each other through zebra.

zebra insists on its package's user, so all three run as that one, and the folder is its. bgpd is
told to leave the kernel alone: the endpoints announce nothing, and the appliance forwards by its
default route.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from routeserver.lab.daemons.base import Neighbour, Program, Setup, Speaker

PACKAGE: Final = "frr"
USER: Final = "frr"
FOLDER: Final = "/usr/lib/frr"
"""Named in full: OpenBGPD's daemon is called bgpd too."""


def setup(speaker: Speaker, folder: Path) -> Setup:
    bgp = _program("bgpd", folder, ("--bgp_port=0", "--no_kernel"), bgp=True)
    files = {"bgpd.conf": _text(_bgpd(speaker))}
    more_files, more = bfd_alone((), folder)
    programs = (*more, bgp) if speaker.bfd else (more[0], bgp)
    return Setup({**more_files, **files}, programs, owner=USER)


def bfd_alone(peers: Sequence[str], folder: Path) -> tuple[dict[str, str], tuple[Program, Program]]:
    """zebra and bfdd, with lines of bfdd's configuration."""
    control = f"--bfdctl={folder / 'bfdd.sock'}"
    files = {"zebra.conf": _text(()), "bfdd.conf": _text(peers)}
    return files, (_program("zebra", folder), _program("bfdd", folder, (control,), bfd=True))


def bfd_peer(speaker: Speaker, neighbour: Neighbour) -> Iterator[str]:
    """For a BGP speaker that knows no BFD."""
    timers = speaker.timers
    yield f" peer {neighbour.endpoint} local-address {neighbour.local}"
    yield f"  detect-multiplier {timers.bfd_multiplier}"
    yield f"  receive-interval {timers.bfd_interval_ms}"
    yield f"  transmit-interval {timers.bfd_interval_ms}"
    yield " exit"


def _program(
    name: str, folder: Path, more: Sequence[str] = (), *, bgp: bool = False, bfd: bool = False
) -> Program:
    arguments = (
        "--vty_port=0",
        f"--config_file={folder / name}.conf",
        f"--pid_file={folder / name}.pid",
        f"--vty_socket={folder}",
        f"--socket={folder / 'zserv.api'}",
        *more,
    )
    ready = folder / f"{name}.vty"
    return Program(name, f"{FOLDER}/{name}", PACKAGE, arguments, ready, bgp, bfd)


def _text(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(("log stdout informational", *lines)) + "\n"


def _bgpd(speaker: Speaker) -> Iterator[str]:
    timers = speaker.timers
    for number, prefixes in enumerate(speaker.groups):
        for place, prefix in enumerate(prefixes, 1):
            yield f"ip prefix-list interface{number} seq {place} permit {prefix}"
    yield "bgp route-map delay-timer 1"
    yield f"router bgp {speaker.asn}"
    yield f" bgp router-id {speaker.router_id}"
    yield " no bgp ebgp-requires-policy"
    yield " no bgp network import-check"
    yield " bgp log-neighbor-changes"
    yield " coalesce-time 0"
    for neighbour in speaker.neighbours:
        peer = f" neighbor {neighbour.endpoint}"
        yield f"{peer} remote-as {neighbour.asn}"
        yield f"{peer} update-source {neighbour.local}"
        yield f"{peer} timers connect 1"
        if speaker.bfd:
            interval = timers.bfd_interval_ms
            yield f"{peer} bfd {timers.bfd_multiplier} {interval} {interval}"
    yield " address-family ipv4 unicast"
    said = dict.fromkeys(prefix for prefixes in speaker.groups for prefix in prefixes)
    yield from (f"  network {prefix}" for prefix in said)
    for neighbour in speaker.neighbours:
        yield f"  neighbor {neighbour.endpoint} route-map interface{neighbour.group} out"
    yield " exit-address-family"
    yield "exit"
    for number in range(len(speaker.groups)):
        yield f"route-map interface{number} permit 10"
        yield f" match ip address prefix-list interface{number}"
        yield f" set metric {speaker.med}"
        if speaker.prepend:
            yield f" set as-path prepend {' '.join([str(speaker.asn)] * speaker.prepend)}"
        yield "exit"
