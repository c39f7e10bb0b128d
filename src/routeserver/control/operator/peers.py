"""`show peers`, `show peer`: sessions as they are, beside what is asked of them."""

from __future__ import annotations

from typing import Final

import structlog

from routeserver.control.operator import views
from routeserver.control.operator.desk import (
    Answer,
    Desk,
    Params,
    all_peers,
    peer_named,
    required,
    text_of,
)
from routeserver.domain.peer_settings import settings_mapping
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Liveness, RouteServerPeer

MOST_WORDS_OCTETS: Final = 255  # RFC 9003 §2

_log: Final = structlog.get_logger()


async def show_peers(desk: Desk, params: Params) -> Answer:
    """``{"route_server"?}``: one line for each peer."""
    wanted = text_of(params, "route_server")
    peers = [
        _summary(desk, peer)
        for peer in await all_peers(desk)
        if wanted is None or peer.route_server_id == wanted
    ]
    return {"now": desk.wall_clock(), "peers": peers}


async def peer_refresh(desk: Desk, params: Params) -> Answer:
    """``{"peer"}``: have the peer send its routes again. It may take its time."""
    peer = await peer_named(desk, required(params, "peer"))
    _done(peer, desk.world.speaker.refresh(peer.id))
    _log.info("peer_refresh_asked", peer_id=peer.id)
    return {"peer": peer.id}


async def peer_reset(desk: Desk, params: Params) -> Answer:
    """``{"peer", "message"?, "hard"?}``: end its session, for the peer to begin a new one."""
    peer = await peer_named(desk, required(params, "peer"))
    message, hard = text_of(params, "message") or "", params.get("hard") is True
    if len(message.encode()) > MOST_WORDS_OCTETS:
        raise Refusal(
            "InvalidParameter", f"A message has {MOST_WORDS_OCTETS} octets of UTF-8 at most."
        )
    _done(peer, desk.world.speaker.reset(peer.id, message, hard=hard))
    _log.info("peer_reset", peer_id=peer.id, message=message, hard=hard)
    return {"peer": peer.id}


def _done(peer: RouteServerPeer, refused: str | None) -> None:
    if refused is not None:
        raise Refusal("IncorrectState", f"{peer.id}: {refused}.")


async def show_peer(desk: Desk, params: Params) -> Answer:
    """``{"peer"}``: all there is, with the settings in force, secrets masked."""
    peer = await peer_named(desk, required(params, "peer"))
    async with desk.store.read() as tx:
        stored = await tx.settings_of_peer(peer.id)
    effective = desk.book.effective(peer, stored)
    settings = settings_mapping(effective.settings)
    return {
        "now": desk.wall_clock(),
        "peer": {
            **_summary(desk, peer),
            "endpoint": peer.route_server_endpoint_id,
            "endpoint_address": peer.endpoint_eni_address,
            "vpc": peer.vpc_id,
            "subnet": peer.subnet_id,
            "failure_reason": peer.failure_reason,
            "import_pending": desk.world.speaker.is_reimporting(peer.id),
            "refresh_asked_at": desk.wall_time(desk.world.speaker.refresh_asked_at(peer.id)),
            "recorded": desk.recorder.is_recording(peer.id),
            "negotiated": views.negotiated(desk.world.negotiated(peer.id)),
            "settings": {
                key: {"value": value, "from": effective.origins[key]}
                for key, value in settings.items()
            },
            "settings_problem": effective.problem,
            "settings_in_force": desk.world.speaker.settings(peer.id) == effective.settings,
        },
    }


def _summary(desk: Desk, peer: RouteServerPeer) -> Answer:
    world = desk.world
    status = world.peer_status(peer.id)
    history = world.sessions.get(peer.id)
    rib = world.speaker.rib(peer.route_server_id)
    counts = None if rib is None else rib.counts.per_peer.get(peer.id)
    return {
        "id": peer.id,
        "route_server": peer.route_server_id,
        "address": peer.peer_address,
        "asn": peer.peer_asn,
        "resource_state": peer.state.value,
        "bgp": "up" if status.bgp_up else "down",
        "bfd": ("up" if status.bfd_up else "down") if peer.liveness is Liveness.BFD else None,
        "agreed": views.agreed(world.negotiated(peer.id)),
        "since": None if history is None else history.since,
        "times_down": 0 if history is None else history.times_down,
        "last_error": None if history is None else history.last_error,
        "last_error_at": None if history is None else history.last_error_at,
        "routes": 0 if counts is None else counts.routes,
        "held": 0 if counts is None else counts.held,
        "rejected": 0 if rib is None or counts is None else rib.rejected_routes(peer.id),
        "discarded": 0 if counts is None else counts.discarded,
    }
