"""A path as the rest of the program sees it: one attribute set as one peer sent it.

The RIB keeps paths as numbers (`paths`) and makes one of these when somebody asks; the same path
gives the same object for as long as anybody holds it, so paths are compared by identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from routeserver.net.attribute_set import AttributeSet
from routeserver.net.path import PathAttributes

PathKey: TypeAlias = tuple[bool, int, int, int, str]
"""Long-lived stale, rank of the attributes, router id, peer address, peer id; the lower key is the
better path."""


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
    """`is_stale`: its session is gone and the route stays. `is_demoted`: it has been stale for so
    long that any other path is better (RFC 9494 §4.2). `rejected` says why the path may not be
    used, whatever else there is.
    """

    source: Source
    attribute_set: AttributeSet
    is_stale: bool = False
    is_demoted: bool = False
    rejected: str | None = None

    @property
    def attributes(self) -> PathAttributes:
        return self.attribute_set.attributes

    @property
    def next_hop(self) -> IPv4Address | IPv6Address:
        return self.attribute_set.next_hop

    @property
    def key(self) -> PathKey:
        source, attributes = self.source, self.attribute_set
        rank = attributes.rank_high << 32 | attributes.rank_low
        return self.is_demoted, rank, source.router_id, source.address, source.peer_id
