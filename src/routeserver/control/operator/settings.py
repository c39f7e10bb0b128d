"""`peer set`, `unset`, `show`, `reload`: what is set for single peers.

Setting writes the store and nothing else; the reconciler, woken by the commit, brings it to the
session like any other intent. What is refused leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

from routeserver.control.operator.book import PeersFileError, base_of, layered
from routeserver.control.operator.desk import (
    Answer,
    Desk,
    Params,
    all_peers,
    peer_named,
    required,
    texts_of,
)
from routeserver.domain.peer_settings import MASK, SettingRefused, settings_mapping
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import PeerState, RouteServerPeer
from routeserver.net.peering import PeerSettings
from routeserver.store import Transaction

_log: Final = structlog.get_logger()


async def peer_settings(desk: Desk, params: Params) -> Answer:
    """``{"peer"}``: every setting in force and where it comes from, secrets masked."""
    peer = await peer_named(desk, required(params, "peer"))
    async with desk.store.read() as tx:
        stored = await tx.settings_of_peer(peer.id)
    return _shown(desk, peer, stored)


async def peer_set(desk: Desk, params: Params) -> Answer:
    """``{"peer", "settings": {…}}``: set some, leave the others."""
    peer_id, given = required(params, "peer"), params.get("settings")
    if not isinstance(given, dict) or not given:
        raise Refusal("MissingParameter", "Give at least one setting as key=value.")
    async with desk.store.write() as tx:
        peer = await _peer_in(tx, peer_id)
        stored = dict(await tx.settings_of_peer(peer.id))
        before = _checked(desk, peer, stored, lenient=True)
        # A mask stands for the secret that is there: it must not overwrite it.
        new = {key: _unmasked(key, value, before) for key, value in given.items()}
        _checked(desk, peer, {**stored, **new})
        stored |= new
        await tx.put_peer_settings(peer.id, stored)
    _log.info("peer_settings_changed", peer_id=peer.id, set=sorted(new), unset=[])
    return _shown(desk, peer, stored)


async def peer_unset(desk: Desk, params: Params) -> Answer:
    """``{"peer", "keys": […]}``: back to what file and profile say; no keys means all."""
    peer_id, keys = required(params, "peer"), texts_of(params, "keys")
    async with desk.store.write() as tx:
        peer = await _peer_in(tx, peer_id)
        stored = dict(await tx.settings_of_peer(peer.id))
        for key in keys:
            if key not in stored:
                raise Refusal("NotFound", f"{key} is not set for {peer.id}.", 404)
        left = {key: value for key, value in stored.items() if keys and key not in keys}
        _checked(desk, peer, left)
        await tx.put_peer_settings(peer.id, left)
    gone = sorted(stored.keys() - left.keys())
    _log.info("peer_settings_changed", peer_id=peer.id, set=[], unset=gone)
    return _shown(desk, peer, left)


async def peer_reload(desk: Desk, params: Params) -> Answer:  # noqa: ARG001 - a question's form
    """Read the peers' file again; what is wrong in it leaves the settings as they were."""
    try:
        desk.book.reload()
    except PeersFileError as error:
        raise Refusal("InvalidPeersFile", f"{error}. Nothing has changed.") from error
    desk.wake()
    peers = await all_peers(desk)
    names = {name for peer in peers for name in (peer.id, peer.peer_address)}
    file = desk.book.file
    return {
        "file": file.path or None,
        "sections": len(file.sections) + bool(file.default),
        "unmatched": sorted(file.sections.keys() - names),
    }


async def _peer_in(tx: Transaction, peer_id: str) -> RouteServerPeer:
    """Read in the transaction that writes: a peer being deleted takes no settings."""
    peer = await tx.get(RouteServerPeer, peer_id)
    if peer is None or peer.state in (PeerState.DELETING, PeerState.DELETED):
        raise Refusal(
            "NotFound", f"There is no peer {peer_id}; routeserver show peers lists them.", 404
        )
    return peer


def _checked(
    desk: Desk, peer: RouteServerPeer, stored: Mapping[str, object], *, lenient: bool = False
) -> PeerSettings:
    """The settings that would be in force. Raises Refusal."""
    settings = base_of(desk.book.profile)
    for origin, layer in [*desk.book.file.layers(peer), ("", stored)]:
        try:
            settings = layered(settings, layer, desk.book.profile)
        except SettingRefused as refused:
            if not lenient:
                said = f"{origin}: {refused}" if origin else str(refused)
                raise Refusal("InvalidPeerSetting", f"{said}.") from refused
    return settings


def _unmasked(key: str, value: Any, before: PeerSettings) -> object:
    """The value to keep: what reads as it, with the secret that a mask stands for."""
    masked, plain = settings_mapping(before), settings_mapping(before, secrets=True)
    if value is not None and key in plain and value == masked[key]:
        return plain[key]
    inner, secret = masked.get(key), plain.get(key)
    if isinstance(value, dict) and isinstance(inner, dict) and isinstance(secret, dict):
        return {
            name: secret.get(name) if member == inner.get(name) else member
            for name, member in value.items()
        }
    if value == MASK:
        raise Refusal("InvalidPeerSetting", f"{key}: there is none yet that the mask could mean.")
    return value


def _shown(desk: Desk, peer: RouteServerPeer, stored: Mapping[str, object]) -> Answer:
    effective = desk.book.effective(peer, stored)
    return {
        "peer": peer.id,
        "address": peer.peer_address,
        "profile": desk.book.profile,
        "problem": effective.problem,
        "settings": {
            key: {"value": value, "from": effective.origins[key]}
            for key, value in settings_mapping(effective.settings).items()
        },
    }
