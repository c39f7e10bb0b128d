"""BIRD 2: one process for BGP and BFD, its routes from the configuration file.

Each interface's announcements are a table of their own, so that one prefix may be announced by
several interfaces. `blackhole` is what a static route needs to be somewhere; without a kernel
protocol nothing of it reaches the kernel, where the appliance forwards by its default route.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from routeserver.lab.daemons.base import Neighbour, Program, Setup, Speaker

PACKAGE: Final = "bird2"


def setup(speaker: Speaker, folder: Path) -> Setup:
    path = {name: folder / f"bird.{name}" for name in ("conf", "ctl", "pid")}
    program = Program(
        "bird",
        "bird",
        PACKAGE,
        ("-f", "-c", str(path["conf"]), "-s", str(path["ctl"]), "-P", str(path["pid"])),
        path["ctl"],
        speaks_bgp=True,
        speaks_bfd=speaker.bfd,
        greets=True,  # it listens already while it reads its configuration
    )
    return Setup({"bird.conf": "\n".join(_lines(speaker)) + "\n"}, (program,))


def _lines(speaker: Speaker) -> Iterator[str]:
    timers = speaker.timers
    yield "log stderr all;"
    yield f"router id {speaker.router_id};"
    # The scan also bounds how long BIRD sleeps.
    yield "protocol device { scan time 1; }"
    if speaker.bfd:
        yield "protocol bfd {"
        yield "  accept ipv4 direct;"
        yield "  strict bind;"
        yield (
            f'  interface "*" {{ interval {timers.bfd_interval_ms} ms; '
            f"multiplier {timers.bfd_multiplier}; }};"
        )
        yield "}"
    for number, prefixes in enumerate(speaker.groups):
        yield f"ipv4 table announced{number};"
        yield f"protocol static routes{number} {{"
        yield f"  ipv4 {{ table announced{number}; }};"
        yield from (f"  route {prefix} blackhole;" for prefix in prefixes)
        yield "}"
    for number, neighbour in enumerate(speaker.neighbours):
        yield from _bgp(speaker, neighbour, number)


def _bgp(speaker: Speaker, neighbour: Neighbour, number: int) -> Iterator[str]:
    yield f"protocol bgp endpoint{number} {{"
    yield f"  local {neighbour.local} as {speaker.asn};"
    yield f"  neighbor {neighbour.endpoint} as {neighbour.asn};"
    yield "  direct;"
    yield "  strict bind;"
    if speaker.bfd:
        yield "  bfd;"
    yield "  connect delay time 1;"
    yield "  connect retry time 1;"
    yield "  error wait time 1, 2;"
    yield "  ipv4 {"
    yield f"    table announced{neighbour.group};"
    yield "    import none;"
    yield "    export filter {"
    yield f"      bgp_med = {speaker.med};"
    yield from [f"      bgp_path.prepend({speaker.asn});"] * speaker.prepend
    yield "      accept;"
    yield "    };"
    yield "  };"
    yield "}"
