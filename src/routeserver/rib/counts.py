"""What a RIB says in numbers: of one batch that it took in, and of all it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """What one `apply` did: prefixes new to the peer, advertised again, withdrawn, and discarded
    over the limit.
    """

    announced: int = 0
    updated: int = 0
    withdrawn: int = 0
    over_limit: int = 0


@dataclass(frozen=True, slots=True)
class PeerCounts:
    """`routes` includes the `held`, which a session that has ended left behind; `discarded` counts
    advertisements over the limit since the session came up; `attribute_octets` is the size of the
    distinct attribute sets.
    """

    routes: int
    held: int
    discarded: int
    attribute_octets: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    rib_routes: int
    fib_routes: int
    refused_prefixes: int
    per_peer: Mapping[str, PeerCounts]
