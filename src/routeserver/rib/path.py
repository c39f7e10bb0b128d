"""A path: one attribute set as one peer sent it, ranked once and shared by every prefix that
carries it.

It is not a route: a route is a prefix's slot in a table that points here. A peer that sends a
million prefixes with fifty thousand attribute sets makes fifty thousand paths. Paths are compared
by identity; `key` is the whole decision (`decision.STEPS`) folded into one tuple when the path is
made, so that choosing the best never reads an attribute.

Cost of a path with its key and its place in the peer's intern table: about 400 bytes per attribute
set and peer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from routeserver.net.path import PathAttributes

PathKey: TypeAlias = tuple[int, int, int, str]
"""Rank of the attributes, router id, peer address, peer id; the lower key is the better path."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where paths come from: one object for each session of a peer. `router_id` and `address` are
    unsigned integers.
    """

    peer_id: str
    endpoint_id: str
    router_id: int
    address: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Path:
    source: Source
    attributes: PathAttributes
    key: PathKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = self.source
        key = (self.attributes.rank, source.router_id, source.address, source.peer_id)
        object.__setattr__(self, "key", key)
