"""Routes for a RIB, written as withdrawn prefixes and attributes with prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from routeserver.net.attribute_set import AttributeSet, set_of
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.counts import Applied
from routeserver.rib.rib import Rib

_SETS: dict[int, tuple[PathAttributes, AttributeSet]] = {}


def interned(attributes: PathAttributes) -> AttributeSet:
    """As a session does it: the same attributes are the same set."""
    kept = _SETS.setdefault(id(attributes), (attributes, set_of(attributes)))
    return kept[1]


def apply(
    rib: Rib,
    peer_id: str,
    withdrawn: Sequence[Prefix],
    announced: Iterable[tuple[PathAttributes, Sequence[Prefix]]] = (),
) -> Applied:
    """Withdrawals first; a family after the other."""
    runs: list[tuple[AttributeSet | None, Sequence[Prefix]]] = [(None, withdrawn)]
    runs += [(interned(attributes), prefixes) for attributes, prefixes in announced]
    total = Applied()
    for family in Family:
        batch = RouteBatch(family, RouteBatch.of(family, ()).words, [], [])
        for attribute_set, prefixes in runs:
            mine = [prefix for prefix in prefixes if family_of(prefix) is family]
            if mine:
                batch.append(attribute_set, mine)
        one = rib.apply(peer_id, batch)
        total = Applied(
            total.announced + one.announced,
            total.updated + one.updated,
            total.withdrawn + one.withdrawn,
            total.over_limit + one.over_limit,
        )
    return total
