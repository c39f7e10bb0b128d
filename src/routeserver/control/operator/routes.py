"""`show route` and `show fib`: what there is for a prefix and why, and lists of routes.

Everything is read from the live RIB at the moment of the question; nothing is kept for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from routeserver.control.operator import views
from routeserver.control.operator.desk import (
    Answer,
    Desk,
    Params,
    number_of,
    prefix_of,
    required,
    route_server_ids,
    shown,
    text_of,
)
from routeserver.control.operator.slices import in_turns
from routeserver.domain.refusal import Refusal
from routeserver.net.prefix import (
    Family,
    Prefix,
    address_of,
    family_of,
    length_of,
    make_prefix,
)
from routeserver.rib.path import Path
from routeserver.rib.rib import Rib

PAGE: Final = 100
LONGEST_PAGE: Final = 10_000

_WIDTH: Final = {Family.IPV4: 32, Family.IPV6: 128}


# --- one prefix -----------------------------------------------------------------------------------


async def show_route(desk: Desk, params: Params) -> Answer:
    """``{"prefix", "route_server"?}``: everything known of a prefix in each route server.

    A bare address finds the longest prefix in the FIB that holds it, and the longer ones that are
    not in the FIB, which is often what the question is about.
    """
    text = required(params, "prefix")
    prefixes = [prefix_of(text)] if "/" in text else None
    covering = _covering(text) if prefixes is None else []
    found = []
    for server_id in await route_server_ids(desk, text_of(params, "route_server")):
        rib = desk.world.speaker.rib(server_id)
        if rib is None:
            continue
        wanted = prefixes if prefixes is not None else list(_longest(rib, covering))
        found += [
            _explained(desk, rib, server_id, prefix)
            for prefix in wanted
            if rib.candidates(prefix) or rib.rejected(prefix)
        ]
    return {"asked": text, "now": desk.wall_clock(), "routes": found}


def _covering(text: str) -> list[Prefix]:
    """Every prefix that holds the address, the longest first."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise Refusal(
            "InvalidParameter",
            f"{text!r} is no prefix and no address; write it like 10.0.0.0/8 or 10.1.2.3.",
        ) from error
    family = Family.IPV4 if address.version == 4 else Family.IPV6
    return [make_prefix(int(address), length, family) for length in range(_WIDTH[family], -1, -1)]


def _longest(rib: Rib, covering: Sequence[Prefix]) -> Iterator[Prefix]:
    """What is known of an address, as far as the prefix that decides where it goes."""
    for prefix in covering:
        yield prefix
        if prefix in rib.fib:
            return


def _explained(desk: Desk, rib: Rib, server_id: str, prefix: Prefix) -> Answer:
    best = rib.fib.get(prefix)
    paths = []
    for path in rib.candidates(prefix):
        shown_path = views.path(path)
        if best is None:
            shown_path["state"] = "waiting"
        elif path.source.peer_id == best.source.peer_id:
            shown_path["state"] = "best"
        else:
            shown_path |= {"state": "lost", "lost_at": views.loss(best, path)}
        paths.append(shown_path)
    paths += [
        {**views.path(path), "state": "rejected", "reason": path.rejected}
        for path in rib.rejected(prefix)
    ]
    tables = desk.world.tables
    table_ids = tables.tables_of(server_id)
    places = {
        place.route_table_id: {"installed": place.installed, "reason": place.reason}
        for place in tables.installations(server_id, prefix, table_ids)
    }
    missing = {
        "installed": False,
        "reason": "It is being written." if best is not None else "There is no best path.",
    }
    return {
        "route_server": server_id,
        "prefix": shown(prefix),
        "in_fib": best is not None,
        "refused": None if best is not None else rib.refused.get(prefix),
        "changed_at": desk.wall_time(rib.changed_at(prefix)),
        "paths": paths,
        "route_tables": [
            {"route_table": table_id, **places.get(table_id, missing)} for table_id in table_ids
        ],
    }


# --- many prefixes --------------------------------------------------------------------------------


async def list_routes(desk: Desk, params: Params) -> Answer:
    """``{"route_server"?, "peer"?, "within"?, "fib"?, "limit"?, "after"?}``: a page of routes.

    `within` keeps to a prefix and the longer ones inside it, `fib` to best paths; `after` is the
    `next` of the page before.
    """
    peer_id = text_of(params, "peer")
    within = text_of(params, "within")
    inside = None if within is None else prefix_of(within)
    fib_only = bool(params.get("fib"))
    limit = number_of(params, "limit", PAGE, LONGEST_PAGE)
    server_ids = await route_server_ids(desk, text_of(params, "route_server"))
    from_server, after = _position(text_of(params, "after"))
    rows: list[Answer] = []
    for server_id in sorted(server_ids):
        rib = desk.world.speaker.rib(server_id)
        if rib is None or (from_server is not None and server_id < from_server):
            continue
        begin = after if server_id == from_server else None
        if begin is None and inside is not None:
            begin = (inside, "")
        async for slice_ in in_turns(_rows(rib, begin, inside), desk.clock):
            for prefix, path, in_fib in slice_:
                if (fib_only and not in_fib) or (peer_id and path.source.peer_id != peer_id):
                    continue
                if len(rows) == limit:
                    return {"routes": rows, "next": _next(rows)}
                rows.append(_row(server_id, prefix, path, in_fib))
    return {"routes": rows, "next": None}


def _rows(
    rib: Rib, begin: tuple[Prefix, str] | None, inside: Prefix | None
) -> Iterator[tuple[Prefix, Path, bool]]:
    """From `begin` on, as far as `inside` reaches: what it holds lies behind it in one stretch."""
    last = None if inside is None else _end_of(inside)
    for row in rib.routes(begin):
        if last is not None and row[0] > last:
            return
        if inside is None or (row[0] >= inside and length_of(row[0]) >= length_of(inside)):
            yield row


def _end_of(prefix: Prefix) -> Prefix:
    """The greatest prefix inside `prefix`: its last address in full length."""
    family = family_of(prefix)
    width = _WIDTH[family]
    last = address_of(prefix) | (1 << (width - length_of(prefix))) - 1
    return make_prefix(last, width, family)


def _row(server_id: str, prefix: Prefix, path: Path, in_fib: bool) -> Answer:
    attributes = path.attributes
    row = views.attributes(attributes)
    return {
        "route_server": server_id,
        "prefix": shown(prefix),
        "peer": path.source.peer_id,
        "in_fib": in_fib,
        "stale": path.is_stale,
        **{name: row[name] for name in ("next_hop", "as_path", "origin", "med")},
    }


def _next(rows: Sequence[Answer]) -> str | None:
    if not rows:
        return None
    last = rows[-1]
    return f"{last['route_server']} {last['prefix']} {last['peer']}"


def _position(after: str | None) -> tuple[str | None, tuple[Prefix, str] | None]:
    if after is None:
        return None, None
    words = after.split()
    if len(words) != 3:
        raise Refusal("InvalidParameter", "after must be what the page before gave as next.")
    return words[0], (prefix_of(words[1]), words[2])
