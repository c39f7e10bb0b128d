"""`what-if`: what would move, and where to, if peers or endpoints went; nothing is touched.

The RIB answers which best paths the loss would take and what comes behind them; each route table
that holds such a route is asked what it would hold then. A million prefixes are looked at in short
turns, and the answer is counted totals and a bounded sample.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from routeserver.control.operator import views
from routeserver.control.operator.desk import (
    Answer,
    Desk,
    Params,
    all_peers,
    number_of,
    shown,
    texts_of,
)
from routeserver.control.operator.slices import in_turns
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    PersistState,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
)
from routeserver.net.prefix import Prefix
from routeserver.rib.path import Path

SAMPLE: Final = 100
LONGEST_SAMPLE: Final = 100_000

Lost = tuple[Prefix, Path, Path | None]
"""A prefix, its best path, and the one that would be."""


@dataclass(slots=True)
class TableEffect:
    """What would become of the routes that a table now has from the route server."""

    moved: int = 0
    kept: int = 0
    """Another path to the same network interface."""
    lost: int = 0
    sample: list[tuple[Prefix, Answer]] = field(default_factory=list)


@dataclass(slots=True)
class Effect:
    """What would become of one route server."""

    moved: int = 0
    lost: int = 0
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    sample: list[tuple[Prefix, Answer]] = field(default_factory=list)
    tables: defaultdict[str, TableEffect] = field(default_factory=lambda: defaultdict(TableEffect))


async def what_if(desk: Desk, params: Params) -> Answer:
    """``{"peers_down", "endpoints_down", "limit"?}``."""
    limit = number_of(params, "limit", SAMPLE, LONGEST_SAMPLE)
    peers = await all_peers(desk)
    down = await _down(desk, params, peers)
    by_server: defaultdict[str, set[str]] = defaultdict(set)
    for peer in down:
        by_server[peer.route_server_id].add(peer.id)
    servers = []
    for server_id, peer_ids in sorted(by_server.items()):
        effect = await _effect(desk, server_id, by_server, limit)
        rest = [
            peer.id
            for peer in peers
            if peer.route_server_id == server_id and peer.id not in peer_ids
        ]
        servers.append(await _shown(desk, server_id, peer_ids, rest, effect))
    return {
        "down": sorted(peer.id for peer in down),
        "moved": sum(server["moved"] for server in servers),
        "lost": sum(server["lost"] for server in servers),
        "limit": limit,
        "route_servers": servers,
    }


async def _down(
    desk: Desk, params: Params, peers: Sequence[RouteServerPeer]
) -> list[RouteServerPeer]:
    """The peers that would be gone. Raises Refusal for names that nothing has."""
    peer_ids, endpoint_ids = texts_of(params, "peers_down"), texts_of(params, "endpoints_down")
    if not peer_ids and not endpoint_ids:
        raise Refusal("MissingParameter", "Name at least one peer or endpoint that would be down.")
    known = {peer.id for peer in peers}
    async with desk.store.read() as tx:
        endpoints = {end.id for end in await tx.list(RouteServerEndpoint, id=endpoint_ids)}
    for name in (*peer_ids, *endpoint_ids):
        if name not in known | endpoints:
            raise Refusal("NotFound", f"There is no peer or endpoint {name}.", 404)
    return [
        peer
        for peer in peers
        if peer.id in peer_ids or peer.route_server_endpoint_id in endpoint_ids
    ]


async def _effect(
    desk: Desk, server_id: str, down: Mapping[str, Collection[str]], limit: int
) -> Effect:
    effect = Effect()
    rib = desk.world.speaker.rib(server_id)
    if rib is None:
        return effect
    async for lost in in_turns(rib.losing(down[server_id]), desk.clock):
        for prefix, before, after in lost:
            to_peer = "" if after is None else after.source.peer_id
            effect.pairs[before.source.peer_id, to_peer] += 1
            if len(effect.sample) < limit:
                effect.sample.append((prefix, _moved(prefix, before, after)))
        gone = sum(after is None for _, _, after in lost)
        effect.lost += gone
        effect.moved += len(lost) - gone
        for table_id in desk.world.tables.tables_of(server_id):
            _look_at_table(
                desk,
                effect.tables[table_id],
                table_id=table_id,
                server_id=server_id,
                lost=lost,
                down=down,
                limit=limit,
            )
    return effect


def _moved(prefix: Prefix, before: Path, after: Path | None) -> Answer:
    if after is None:
        return {"prefix": shown(prefix), "from": before.source.peer_id, "to": None}
    return {
        "prefix": shown(prefix),
        "from": before.source.peer_id,
        "to": after.source.peer_id,
        "next_hop": views.attributes(after.attributes)["next_hop"],
        "was_behind_at": views.loss(before, after),
    }


def _look_at_table(
    desk: Desk,
    effect: TableEffect,
    *,
    table_id: str,
    server_id: str,
    lost: Sequence[Lost],
    down: Mapping[str, Collection[str]],
    limit: int,
) -> None:
    """Only routes that the table has from this route server are at stake: with its loss its offers
    only get worse, so those of others stay what they are."""
    tables = desk.world.tables
    installed = tables.read(table_id)
    concerned = {
        prefix: after
        for prefix, _, after in lost
        if (entry := installed.get(prefix)) is not None and entry.route_server_id == server_id
    }
    if not concerned:
        return
    fibs = {
        other: _fib_then(desk, other, server_id, concerned, down)
        for other in tables.servers_of(table_id)
    }
    verdicts = tables.verdicts(table_id, concerned, fibs)
    for prefix in concerned:
        old, new = installed[prefix], verdicts.entries.get(prefix)
        if new is None:
            effect.lost += 1
        elif new.network_interface_id == old.network_interface_id:
            effect.kept += 1
            continue
        else:
            effect.moved += 1
        if len(effect.sample) < limit:
            moved = {
                "prefix": shown(prefix),
                "from": old.network_interface_id,
                "to": None if new is None else new.network_interface_id,
                "reason": verdicts.rejected.get((server_id, prefix)),
            }
            effect.sample.append((prefix, moved))


def _fib_then(
    desk: Desk,
    other: str,
    server_id: str,
    concerned: Mapping[Prefix, Path | None],
    down: Mapping[str, Collection[str]],
) -> dict[Prefix, Path]:
    """The part of a route server's FIB that the concerned prefixes would have."""
    if other == server_id:
        return {prefix: after for prefix, after in concerned.items() if after is not None}
    rib = desk.world.speaker.rib(other)
    if rib is None:
        return {}
    gone = down.get(other, ())
    then = {}
    for prefix in concerned:
        path = rib.fib.get(prefix)
        if path is not None and path.source.peer_id in gone:
            left = (each for each in rib.candidates(prefix) if each.source.peer_id not in gone)
            path = next(left, None)
        if path is not None:
            then[prefix] = path
    return then


async def _shown(
    desk: Desk, server_id: str, peer_ids: Collection[str], rest: Sequence[str], effect: Effect
) -> Answer:
    rib = desk.world.speaker.rib(server_id)
    return {
        "route_server": server_id,
        "moved": effect.moved,
        "lost": effect.lost,
        "unaffected": 0 if rib is None else max(0, len(rib.fib) - effect.moved - effect.lost),
        "notes": await _notes(desk, server_id, peer_ids, rest, effect),
        "moves": [
            {"from": before, "to": after or None, "prefixes": count}
            for (before, after), count in effect.pairs.most_common()
        ],
        "prefixes": _in_order(effect.sample),
        "route_tables": [
            {
                "route_table": table_id,
                "moved": table.moved,
                "kept": table.kept,
                "lost": table.lost,
                "prefixes": _in_order(table.sample),
            }
            for table_id, table in sorted(effect.tables.items())
        ],
    }


def _in_order(sample: Sequence[tuple[Prefix, Answer]]) -> list[Answer]:
    return [answer for _, answer in sorted(sample, key=itemgetter(0))]


async def _notes(
    desk: Desk, server_id: str, peer_ids: Collection[str], rest: Sequence[str], effect: Effect
) -> list[str]:
    """What the counts do not say."""
    world = desk.world
    rib = world.speaker.rib(server_id)
    counts = {} if rib is None else rib.counts.per_peer
    notes = [
        f"{peer_id} has no routes now."
        for peer_id in sorted(peer_ids)
        if peer_id not in counts or not counts[peer_id].routes
    ]
    async with desk.store.read() as tx:
        server = await tx.get(RouteServer, server_id)
    persists = server is not None and server.persist_routes_state is PersistState.ENABLED
    if persists and server is not None and not any(map(world.speaker.is_established, rest)):
        notes.append(
            "Routes are persisted and no other session would be left: the routes would be held "
            f"for {server.persist_routes_duration_min} min first, then go as counted here."
        )
    if rib is not None and rib.refused and effect.lost:
        room = min(effect.lost, len(rib.refused))
        notes.append(f"The room in the FIB would let in {room} of the prefixes refused now.")
    return notes
