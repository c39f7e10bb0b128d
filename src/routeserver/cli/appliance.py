"""`routeserver appliance`: a small router that dials an endpoint and announces prefixes, for trying
things out.

It speaks real BGP and, with ``--bfd``, real BFD in the same process. It says what happens as JSON
lines on standard error and ends in order on SIGTERM: Cease to the BGP peer, AdminDown to the BFD
peer, exit status 0. With ``--graceful-restart`` SIGHUP makes it do as a router does whose BGP
process restarts: it drops the session without a word, comes back and says that it has forwarded all
the while.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Final, TypeVar

import structlog
import typer

from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BFD_PORT, BfdChange, BfdSpec
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.session import SessionConfig
from routeserver.net.communities import CommunityKind, parse_community
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.observe import log
from routeserver.speaker.announcement import (
    MAX_SYNTHETIC,
    announcements,
    mapped,
    synthetic_prefixes,
)
from routeserver.speaker.dialler import Dial, Dialler

BGP_PORT: Final = 179
FULL_MASK: Final = 0xFFFF_FFFF
_BFD_SESSION: Final = "appliance"

_log: Final = structlog.get_logger()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Peer:
    address: IPv4Address
    port: int


def _parse_peer(text: str) -> Peer:
    address, colon, port = text.partition(":")
    if colon and not (port.isdecimal() and 0 < int(port) < 65_536):
        raise typer.BadParameter(f"'{text}' needs a port between 1 and 65535 after the colon")
    return Peer(_parse_ipv4(address), int(port) if colon else BGP_PORT)


def _parsed(text: str, parse: Callable[[str], _T], example: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write it like {example}") from error


def _parse_ipv4(text: str) -> IPv4Address:
    return _parsed(text, IPv4Address, "127.10.1.10")


def _parse_ipv6(text: str) -> IPv6Address:
    return _parsed(text, IPv6Address, "2001:db8::10")


def _parse_community(text: str) -> int:
    found = _parsed(text, parse_community, "65001:100")
    if found.kind is not CommunityKind.STANDARD or found.mask != FULL_MASK:
        raise typer.BadParameter(f"'{text}' is no standard community; write it like 65001:100")
    return found.value


def _parse_prefixes(text: str) -> Prefix:
    return _parsed(text, parse_prefix, "192.0.2.0/24")


def app_command(  # noqa: PLR0917 - one for each option
    local: Annotated[
        IPv4Address,
        typer.Option(parser=_parse_ipv4, metavar="ADDRESS", help="Own address to connect from."),
    ],
    peer: Annotated[
        Peer,
        typer.Option(
            parser=_parse_peer,
            metavar="ADDRESS[:PORT]",
            help="The endpoint; port 179 if not given.",
        ),
    ],
    asn: Annotated[int, typer.Option(min=1, max=0xFFFF_FFFF, help="Own AS number.")],
    peer_asn: Annotated[
        int, typer.Option(min=1, max=0xFFFF_FFFF, help="The route server's AS number.")
    ],
    announce: Annotated[
        list[int] | None,
        typer.Option(
            parser=_parse_prefixes, metavar="PREFIX", help="IPv4 or IPv6; may be given repeatedly."
        ),
    ] = None,
    announce_count: Annotated[
        int, typer.Option(min=0, max=MAX_SYNTHETIC, help="Announce N made-up IPv4 prefixes too.")
    ] = 0,
    next_hop6: Annotated[
        IPv6Address | None,
        typer.Option(
            parser=_parse_ipv6,
            metavar="ADDRESS",
            help="Next hop of IPv6 prefixes; the IPv4-mapped own address if not given.",
        ),
    ] = None,
    med: Annotated[
        int | None, typer.Option(min=0, max=0xFFFF_FFFF, help="Multi-exit discriminator.")
    ] = None,
    as_path_prepend: Annotated[
        int, typer.Option(min=0, max=200, help="How often more the own AS stands in the path.")
    ] = 0,
    router_id: Annotated[
        IPv4Address | None,
        typer.Option(
            parser=_parse_ipv4,
            metavar="ADDRESS",
            help="BGP Identifier; the own address if not given.",
        ),
    ] = None,
    community: Annotated[
        list[int] | None,
        typer.Option(
            parser=_parse_community,
            metavar="COMMUNITY",
            help="Such as 65001:100 or graceful-shutdown; may be given repeatedly.",
        ),
    ] = None,
    hold_time: Annotated[int, typer.Option(min=3, max=65_535, help="Seconds to offer.")] = 30,
    md5_password: Annotated[
        str | None,
        typer.Option(
            envvar="ROUTESERVER_MD5_PASSWORD",
            show_envvar=True,
            help="TCP MD5 signatures; on the command line other users can see it.",
        ),
    ] = None,
    ttl_security: Annotated[
        int | None, typer.Option(min=1, max=254, metavar="HOPS", help="GTSM; 1 for a neighbour.")
    ] = None,
    graceful_restart: Annotated[
        int | None,
        typer.Option(
            min=0, max=4095, metavar="SECONDS", help="Offer it, with this Restart Time; see SIGHUP."
        ),
    ] = None,
    long_lived: Annotated[
        int, typer.Option(min=0, max=0xFF_FFFF, help="Long-lived stale time; 0: not offered.")
    ] = 0,
    restarted: Annotated[
        bool, typer.Option("--restarted", help="Say so in the first OPEN (flags R and F).")
    ] = False,
    bfd: Annotated[bool, typer.Option("--bfd", help="Run a BFD session beside BGP.")] = False,
    bfd_interval_ms: Annotated[
        int, typer.Option(min=10, max=60_000, help="Transmit and receive interval.")
    ] = 300,
    bfd_multiplier: Annotated[
        int, typer.Option(min=1, max=255, help="Intervals without a packet that mean down.")
    ] = 3,
    bfd_port: Annotated[int, typer.Option(min=1, max=65_535, hidden=True)] = BFD_PORT,
) -> None:
    """Dial a route server endpoint as an appliance and announce prefixes until told to stop."""
    if graceful_restart is None and (long_lived or restarted):
        raise typer.BadParameter("--long-lived and --restarted need --graceful-restart")
    log.configure(sys.stderr, level="info", json=True)
    dial = Dial(
        local=local,
        peer=peer.address,
        port=peer.port,
        config=SessionConfig(
            local_asn=asn,
            local_router_id=router_id or local,
            peer_asn=peer_asn,
            hold_time_s=hold_time,
            graceful_restart=_offer(graceful_restart),
            long_lived=_long_lived_offer(long_lived),
        ),
        announcements=announcements(
            [*(announce or ()), *synthetic_prefixes(announce_count)],
            asn=asn,
            peer_asn=peer_asn,
            next_hop=local,
            next_hop6=next_hop6 or mapped(local),
            med=med,
            prepend=as_path_prepend,
            communities=tuple(community or ()),
        ),
        md5_password=md5_password,
        ttl_security_hops=ttl_security,
        restarted=restarted,
    )
    interval_us = bfd_interval_ms * 1000
    liveness = BfdSpec(
        session_id=_BFD_SESSION,
        local=str(local),
        remote=str(peer.address),
        config=BfdConfig(
            desired_min_tx_us=interval_us,
            required_min_rx_us=interval_us,
            detect_mult=bfd_multiplier,
        ),
    )
    raise typer.Exit(asyncio.run(run(dial, liveness if bfd else None, bfd_port)))


def _offer(restart_time_s: int | None) -> GracefulRestartOffer | None:
    if restart_time_s is None:
        return None
    return GracefulRestartOffer(
        restart_time_s=restart_time_s, notification=True, families=tuple(Family)
    )


def _long_lived_offer(time_s: int) -> LongLivedOffer | None:
    return LongLivedOffer(tuple((family, time_s) for family in Family)) if time_s else None


async def run(dial: Dial, liveness: BfdSpec | None, bfd_port: int = BFD_PORT) -> int:
    """Until SIGTERM or SIGINT; answers the exit status."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _log.info("appliance_started", local=str(dial.local), peer=f"{dial.peer}:{dial.port}")
    dialler = Dialler(dial, clock=time.monotonic, jitter=random.random)
    engine = BfdEngine(lambda change: _follow(change, dialler, dial), port=bfd_port)
    if liveness is not None:
        refused = engine.converge({_BFD_SESSION: liveness}).get(_BFD_SESSION)
        if refused is not None:
            _log.error("bfd_failed", local=str(dial.local), reason=refused)
            return 1
    if dial.config.graceful_restart is not None:
        loop.add_signal_handler(signal.SIGHUP, dialler.restart)
    dialler.start()
    await stopping.wait()
    # BFD stays up until BGP has said goodbye: the end is no failure.
    await dialler.close()
    engine.close()
    _log.info("appliance_stopped", local=str(dial.local))
    return 0


def _follow(change: BfdChange, dialler: Dialler, dial: Dial) -> None:
    """BGP follows a failure that BFD has seen, but not an orderly end of BFD (RFC 5882 §3.2)."""
    if change.already_down:
        return
    _log.info(
        "bfd_up" if change.up else "bfd_down",
        local=str(dial.local),
        peer=str(dial.peer),
        reason=change.reason,
    )
    if change.failure and not change.up:
        dialler.bfd_down()
